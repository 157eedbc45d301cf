"""Which phases run: chosen by Locust's --tags and --exclude-tags."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from mcstress.errors import UsageError
from mcstress.metrics.phase import MIX_NAMES, PHASES, Phase


def choose_phases(tags: Iterable[str], exclude_tags: Iterable[str]) -> list[str]:
    """The chosen phases in their order, with those that they depend on.

    A phase goes by its name and its trace's tags. What is excluded takes along what depends on it.
    Raises UsageError for a tag that no phase has, and where nothing is left.
    """
    chosen, excluded = set(tags), set(exclude_tags)
    for option, words in (("--tags", chosen), ("--exclude-tags", excluded)):
        for word in sorted(words - known_tags()):
            raise UsageError(_unknown(option, word))
    wanted = {name for name, phase in _of_rounds().items() if not chosen or _names(phase) & chosen}
    wanted |= {need for name in wanted for need in PHASES[name].needs}
    gone = {name for name, phase in PHASES.items() if _names(phase) & excluded}
    left = [name for name in PHASES if name in wanted - gone and not gone & {*PHASES[name].needs}]
    if not left:
        raise UsageError("--tags and --exclude-tags: found no phase left, expected at least one")
    return left


def known_tags() -> set[str]:
    """Every word that chooses a phase."""
    return {word for phase in _of_rounds().values() for word in _names(phase)}


def _of_rounds() -> dict[str, Phase]:
    """All phases but those of ``--mix``."""
    return {name: phase for name, phase in PHASES.items() if name not in MIX_NAMES}


def _names(phase: Phase) -> set[str]:
    return {phase.name, *phase.tags}


def _unknown(option: str, word: str) -> str:
    close = get_close_matches(word, sorted(known_tags()), n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"{option}: found {word!r}, expected one of {', '.join(sorted(known_tags()))}{hint}"
