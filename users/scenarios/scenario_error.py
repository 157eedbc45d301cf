"""The words in which a scenario's faults are told: the place, what was found, what was expected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches

LINE = 60
"""The characters of a found text that fit into a message."""


class FaultError(Exception):
    """Something in the file is wrong; the message has the place, but not the file's name."""


def suggestion(found: str, known: Iterable[str]) -> str:
    """``; did you mean "…"?`` where something known is spelt like ``found``, else nothing."""
    close = get_close_matches(found, list(known), n=1)
    return f'; did you mean "{close[0]}"?' if close else ""


def entry(key: str, name: str | int) -> str:
    """One entry of a list as messages name it: by its name, or by its number counted from 1."""
    return f"{key}[#{name + 1}]" if isinstance(name, int) else f"{key}[{name}]"


def describe(value: object) -> str:
    """``value`` as its author wrote it, shortened, and its kind where that is not plain to see."""
    if isinstance(value, str):
        return f'"{value if len(value) <= LINE else value[: LINE - 1] + "…"}"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return f"a list of {len(value)}" if value else "an empty list"
    return str(value)


def twice(place: str, names: Iterable[str]) -> Iterator[str]:
    """A fault for each name that stands more than once."""
    for name, count in Counter(names).items():
        if count > 1:
            yield f'{place}: found "{name}" {count} times, expected each once'


def unknown(place: str, found: str, known: Collection[str], what: str) -> Iterator[str]:
    """A fault where ``found`` is none of the ``known``, which are ``what``."""
    if found not in known:
        names = ", ".join(known) or "there are none"
        yield f'{place}: found "{found}", expected one of the {what}: {names}' + suggestion(
            found, known
        )


def not_all(place: str, found: Collection[str], known: Collection[str], what: str) -> Iterator[str]:
    """Faults where ``found`` has others than the ``known``, or lacks one."""
    for name in found:
        yield from unknown(place, name, known, what)
    missing = [name for name in known if name not in found]
    if missing:
        yield f"{place}: found nothing for {', '.join(missing)}, expected all {what}"
