"""A corpus as a file of JSON lines, one for each item; the file is called after the corpus.

``{"id": "w-00001", "text": "Welder in Gary, IN. …", "metadata": {"role": "welder"}}``: ``id`` and
``text`` are text that says something, ``metadata`` is an object, ``vector`` (numbers) may be there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from math import isfinite
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from xxhash import xxh3_64

from mcstress.errors import UsageError
from mcstress.services.failure_reason import clip
from mcstress.services.regular_file import open_file

ENDING = ".jsonl"
LONGEST_ID = 256

_ITEM = 'an item as {"id": "w-1", "text": "…", "metadata": {…}}'


class CorpusItem(msgspec.Struct, gc=False):
    """One item. ``vector``: what ``text`` was embedded as, where the file says."""

    id: Annotated[str, Meta(pattern=r"\S", max_length=LONGEST_ID)]
    text: Annotated[str, Meta(pattern=r"\S")]
    metadata: dict[str, Any] = {}
    vector: list[float] | None = None


_decoder = msgspec.json.Decoder(CorpusItem)


def name_of(path: Path) -> str:
    """The corpus that the file is called after."""
    return path.name.removesuffix(ENDING)


def read_corpora(paths: Iterable[Path]) -> dict[str, list[CorpusItem]]:
    """The corpora of several files, by name. UsageError where two have one name, as below."""
    corpora: dict[str, list[CorpusItem]] = {}
    for path in paths:
        name = name_of(path)
        if name in corpora:
            raise UsageError(f"{path}: found a second file of the corpus {name}, expected one")
        corpora[name] = list(read_corpus(path))
    return corpora


def read_corpus(path: Path) -> Iterator[CorpusItem]:
    """The items of a file, in its order; empty lines are left out.

    UsageError names the file, the line (from 1), what was found and what was expected: no id twice,
    and at least one item.
    """
    if not path.name.endswith(ENDING) or not name_of(path):
        raise UsageError(f"{path}: found no name of a corpus, expected NAME{ENDING}")
    lines: dict[str, int] = {}
    for number, line in _lines(path):
        where = f"{path}, line {number}"
        item = _item(where, line)
        if (earlier := lines.setdefault(item.id, number)) != number:
            raise UsageError(f'{where}: found id "{clip(item.id)}" of line {earlier} again')
        yield item
    if not lines:
        raise UsageError(f"{path}: found no item, expected a line for each")


def digest_of(corpora: Mapping[str, Sequence[CorpusItem]]) -> int:
    """A number below zero, as no seed has to be, that stands for the ids and texts of all items."""
    found = xxh3_64()
    for name, items in corpora.items():
        found.update(msgspec.json.encode([name, [(item.id, item.text) for item in items]]))
    return -1 - (found.intdigest() >> 1)


def write_corpus(path: Path, items: Iterable[CorpusItem]) -> int:
    """Write the items, all or none of them; how many there were."""
    partial, count = path.with_name(f"{path.name}.part"), 0
    try:
        with partial.open("wb") as file:
            for item in items:
                count += 1
                line = {"id": item.id, "text": item.text, "metadata": item.metadata}
                file.write(msgspec.json.encode(line | _vector(item)) + b"\n")
        partial.replace(path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        with suppress(OSError):  # not there any more, or never
            partial.unlink()
    return count


def _vector(item: CorpusItem) -> dict[str, list[float]]:
    return {} if item.vector is None else {"vector": item.vector}


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines that are not empty, with their numbers, and without a byte order mark."""
    try:
        with open_file(path) as file:
            for number, line in enumerate(file, start=1):
                line = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line  # noqa: PLW2901  (the mark of one line)
                if line.strip():
                    yield number, line
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; expected a file of JSON lines") from None


def _item(where: str, line: bytes) -> CorpusItem:
    try:
        item = _decoder.decode(line)
    except msgspec.ValidationError as error:
        raise UsageError(f"{where}: {error}; expected {_ITEM}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{where}: found no JSON ({error}), expected {_ITEM}") from None
    if item.vector is not None and not (item.vector and all(map(isfinite, item.vector))):
        raise UsageError(f"{where}: vector: found {clip(str(item.vector))}, expected numbers")
    return item
