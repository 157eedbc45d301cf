"""Hits out of an answer, as columns or as rows; and the hits of several corpora made one list."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import chain, zip_longest
from math import isfinite
from typing import Any, NoReturn

import msgspec

from mcstress.metrics.event import HIT_TWICE, LARGEST_COUNT, Hit
from mcstress.services.failure_reason import clip
from mcstress.services.target import Found, Search
from mcstress.services.toml.operation import document, pointer_of
from mcstress.services.toml.pointer import Pointer, PointerError, kind_of
from mcstress.services.toml.target_file import (
    DistanceMetric,
    FileError,
    HitsTable,
    RecallTable,
)

DistanceOfScore = Callable[[float], float]
Column = list[Any] | None
Columns = tuple[list[Any], Column, Column, Column, Column]
"""Ids, distances or scores, corpora, metadata and roles, by hit; None where nobody says them."""


class HitRow(msgspec.Struct, gc=False):
    """A hit of an answer as it came. ``role``: what was recorded for, where the memory says it."""

    hit: Hit
    metadata: Any = None
    role: Any = None


class HitRows(msgspec.Struct, gc=False):
    """An answer's hits, the nearest first; ``in_order``: they came so."""

    rows: list[HitRow]
    counts: dict[str, int] | None = None
    boosted: int | None = None
    injected: int | None = None
    in_order: bool = True
    has_metadata: bool = False


DECIMAL = re.compile(r"-?\d{1,40}(\.\d{1,40})?([eE][-+]?\d{1,2})?", re.ASCII)
IN_A_HIT = ("id", "distance", "score", "corpus", "answer_id", "answer_corpus", "where_role")
IN_THE_ANSWER = ("ids", "distances", "scores", "corpora")


class HitReader:
    """Reads the answers of a search or a recall, as its table says; FileError where it is wrong.

    As rows, a hit is an object of the list ``rows``, and ``id``, ``corpus`` and others lead into
    it. As columns, ``ids`` and others lead to lists of one length; then ``id`` and others may lead
    into a hit's metadata. Without distances or scores hits come in rank order, and their place is
    their distance.
    """

    def __init__(self, place: str, table: HitsTable) -> None:
        self._place = place
        recall = table if isinstance(table, RecallTable) else RecallTable()
        self._refuse_mixed(table, recall)
        point = self._pointer
        self._rows, self._metadata = point("rows", table.rows), point("metadata", table.metadata)
        self._ids, self._corpora = point("ids", table.ids), point("corpora", table.corpora)
        self._distances = point("distances", table.distances or table.scores)
        self._id = point("id", recall.answer_id or table.id)
        self._corpus = point("corpus", recall.answer_corpus or table.corpus)
        self._distance = point(
            "distance", table.score if table.distance is None else table.distance
        )
        self._role = point("where_role", recall.where_role)
        self._is_score = table.score is not None or table.scores is not None
        self._is_ranked = self._distance is not None or self._distances is not None
        self._inner = any((self._id, self._corpus, self._role))
        self._counts = point("counts", table.counts)
        self._boosted = point("boosted", table.boosted)
        self._injected = point("injected", table.injected)
        self.metric = table.metric
        self.names_role = self._role is not None
        self.names_corpus = self._corpus is not None or self._corpora is not None
        self.has_metadata = self._metadata is not None

    def _pointer(self, key: str, text: str | None) -> Pointer | None:
        return pointer_of(f"{self._place}.{key}", text)

    def _refuse_mixed(self, table: HitsTable, recall: RecallTable) -> None:
        place, is_rows = self._place, table.rows is not None
        inner = [key for key in IN_A_HIT if getattr(table, key, None) is not None]
        outer = [key for key in IN_THE_ANSWER if getattr(table, key) is not None]
        id_ = recall.answer_id or table.id
        if not is_rows and table.ids is None and not (id_ and table.metadata):
            raise FileError(f"{place}: found neither rows nor ids, expected one of them")
        if is_rows and outer:
            raise FileError(
                f"{place}: found {outer[0]} beside rows, expected what leads into a row"
            )
        if is_rows and id_ is None:
            raise FileError(f"{place}: found rows and no id, expected its pointer in a row")
        if not is_rows and {"distance", "score"} & {*inner}:
            raise FileError(f"{place}: found {inner[0]} without rows, expected distances or scores")
        if not is_rows and inner and table.metadata is None:
            raise FileError(
                f"{place}: found {inner[0]} without rows and without metadata, expected one of "
                "them: it leads into a row, or into a hit's metadata"
            )
        if (table.distance is not None and table.score is not None) or (
            table.distances is not None and table.scores is not None
        ):
            raise FileError(f"{place}: found distances and scores, expected one of the two")

    def comparable(self, corpora: Iterable[str]) -> bool:
        """Whether the distances of several ``corpora`` can be compared with one another."""
        if isinstance(self.metric, dict):
            found = {self.metric.get(name, "none") for name in corpora}
            return len(found) == 1 and "none" not in found
        if not self._is_ranked or self.metric == "none":
            return False
        return not self._is_score or self.metric is not None

    def read(self, body: bytes, corpus: str | None, *, metadata: bool) -> HitRows:
        """The hits in ``body``, of ``corpus`` where it does not say.

        Raises PointerError, or one of ``DECODE_ERRORS``.
        """
        answer = document(body)
        ids, distances, corpora, known, roles = (
            self._of_rows(answer, metadata) if self._rows else self._of_columns(answer, metadata)
        )
        if distances is not None:
            distances = _numbers(distances, self._distance or self._distances)
            if self._is_score:
                to_distance = _OF_SCORE[self._metric_of(corpus)]
                distances = [to_distance(one) for one in distances]
        places = [corpus] * len(ids) if corpora is None else corpora
        rows = [
            HitRow(
                Hit(
                    id_ if type(id_) is str else _id_of(id_, self._id or self._ids),
                    one if type(one := places[at]) is str else _no_corpus(one, self._corpus),
                    float(at) if distances is None else distances[at],
                ),
                None if known is None else known[at],
                None if roles is None else roles[at],
            )
            for at, id_ in enumerate(ids)
        ]
        in_order = distances is None or distances == sorted(distances)
        if not in_order:
            rows.sort(key=lambda row: row.hit.distance)
        found = HitRows(rows, in_order=in_order, has_metadata=metadata and self.has_metadata)
        if self._counts:
            found.counts = _counts(self._counts.find(answer), self._counts)
        if self._boosted:
            found.boosted = _count(self._boosted.find(answer), self._boosted)
        if self._injected:
            found.injected = _count(self._injected.find(answer), self._injected)
        return found

    def _metric_of(self, corpus: str | None) -> DistanceMetric:
        metric = self.metric.get(corpus or "") if isinstance(self.metric, dict) else self.metric
        return metric or "none"

    def _of_rows(self, answer: Any, metadata: bool) -> Columns:
        assert self._rows
        assert self._id
        rows = _list(self._rows.find(answer), self._rows, None)
        ids = self._id.each(rows)
        known = self._metadata if metadata else None
        return (
            ids,
            _inner(self._distance, rows),
            _inner(self._corpus, rows),
            _inner(known, rows),
            _inner(self._role, rows),
        )

    def _of_columns(self, answer: Any, metadata: bool) -> Columns:
        pointer, known = self._ids or self._metadata, None
        assert pointer
        ids = _list(pointer.find(answer), pointer, None)

        def outer(pointer: Pointer | None) -> list[Any] | None:
            return None if pointer is None else _list(pointer.find(answer), pointer, len(ids))

        if metadata or self._inner:
            known = outer(self._metadata)
        hits = known or []
        corpora, roles = _inner(self._corpus, hits), _inner(self._role, hits)
        if self._id is not None:
            ids = self._id.each(hits)
        return ids, outer(self._distances), corpora or outer(self._corpora), known, roles


def _inner(pointer: Pointer | None, hits: list[Any]) -> list[Any] | None:
    """What the pointer leads to in each hit."""
    return None if pointer is None else pointer.each(hits)


def _negative(value: float) -> float:
    return -value


def _cosine(score: float) -> float:
    return 1.0 - score


def _l2(score: float) -> float:
    """Of a score that is 1 / (1 + distance)."""
    if score <= 0:
        raise PointerError(f"score: {score} where more than 0 was due, as 1 / (1 + l2) is")
    distance = 1.0 / score - 1.0
    if not isfinite(distance):
        raise PointerError(f"score: {score}, whose distance is beyond all numbers")
    return distance


_OF_SCORE: dict[DistanceMetric, DistanceOfScore] = {
    "cosine": _cosine,
    "l2": _l2,
    "ip": _negative,
    "none": _negative,
}


def _text(pointer: Pointer | None) -> str:
    return (pointer.text or '""') if pointer else "corpus"


def _id_of(raw: Any, pointer: Pointer | None) -> str:
    if type(raw) is int:
        return str(raw)
    raise PointerError(f"{_text(pointer)}: {kind_of(raw)} where an id was due")


def _no_corpus(value: Any, pointer: Pointer | None) -> NoReturn:
    raise PointerError(f"{_text(pointer)}: {kind_of(value)} where a corpus was due")


def _number(raw: Any, pointer: Pointer | None) -> float:
    """A number, or a text that is one: some servers keep their digits so."""
    if type(raw) in (float, int) or (type(raw) is str and DECIMAL.fullmatch(raw)):
        with suppress(OverflowError):  # a whole number beyond all others
            return float(raw)
    raise PointerError(f"{_text(pointer)}: {kind_of(raw)} where a distance or score was due")


def _numbers(raw: list[Any], pointer: Pointer | None) -> list[float]:
    """Nearly always they are what JSON calls numbers, and a sum tells that none is infinite."""
    if {*map(type, raw)} <= {float} and isfinite(sum(raw)):
        return raw
    return [_number(one, pointer) for one in raw]


def _list(value: Any, pointer: Pointer, length: int | None) -> list[Any]:
    if value is None and length in (None, 0):
        return []
    if type(value) is not list:
        raise PointerError(f"{_text(pointer)}: {kind_of(value)} where a list was due")
    if length is not None and len(value) != length:
        raise PointerError(f"{_text(pointer)}: {len(value)} entries for {length} ids")
    return value


def _count(value: Any, pointer: Pointer) -> int | None:
    if value is None or (type(value) is int and 0 <= value <= LARGEST_COUNT):
        return value
    raise PointerError(f"{_text(pointer)}: {kind_of(value)} where a count was due")


def _counts(value: Any, pointer: Pointer) -> dict[str, int] | None:
    if value is None:
        return None
    if type(value) is not dict:
        raise PointerError(f"{_text(pointer)}: {kind_of(value)} where counts by corpus were due")
    return {name: _count(count, pointer) or 0 for name, count in value.items()}


def merged(answers: list[tuple[str, HitRows]], *, by_distance: bool) -> HitRows:
    """The hits of several corpora as one list: by distance, or in turns by their ranks.

    In turns their distances are their places: those of different corpora say nothing together.
    """
    counts = {name: len(rows.rows) for name, rows in answers}
    lists = [rows.rows for _, rows in answers]
    if by_distance:
        rows = sorted(chain.from_iterable(lists), key=lambda row: row.hit.distance)
    else:
        turns = chain.from_iterable(zip_longest(*lists))
        rows = [
            msgspec.structs.replace(row, hit=Hit(row.hit.id, row.hit.corpus, float(place)))
            for place, row in enumerate(one for one in turns if one is not None)
        ]
    in_order = all(one.in_order for _, one in answers)
    has_metadata = any(one.has_metadata for _, one in answers)
    boosted = _summed([one.boosted for _, one in answers])
    injected = _summed([one.injected for _, one in answers])
    return HitRows(rows, counts, boosted, injected, in_order=in_order, has_metadata=has_metadata)


def _summed(counts: Sequence[int | None]) -> int | None:
    """The sum; None where one is not known."""
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def found_of(search: Search, answer: HitRows, *, wants: int, distinct: bool) -> Found | str:
    """What a search found; or what is wrong: more than ``wants`` hits, or one twice.

    ``distinct``: a hit that comes twice is no fault, as a memory may hold an answer for several
    queries; the nearest counts.
    """
    rows = answer.rows
    if len(rows) > wants and not distinct:
        return f"answer: {len(rows)} hits of at most {wants}"
    seen: set[tuple[str, str]] = set()
    kept: list[HitRow] = []
    for row in rows:
        who = (row.hit.corpus, row.hit.id)
        if who in seen:
            if distinct:
                continue
            begin, end = HIT_TWICE
            return f'{begin}"{clip(row.hit.id)}" of corpus "{clip(row.hit.corpus)}"{end}'
        seen.add(who)
        kept.append(row)
    kept = kept[: search.k]
    found = Found([row.hit for row in kept], answer.counts, answer.boosted, answer.injected)
    if search.metadata and answer.has_metadata:
        # What is asked for by its fields is shown as it came, null too.
        of_null: dict[str, Any] | None = None if search.fields else {}
        found.metadata = [of_null if row.metadata is None else row.metadata for row in kept]
    return found
