"""The truth: which ids are relevant to which question, from a file of the user's own.

Three forms are read: TREC's qrels (query, anything, id, grade), BEIR's TSV (query-id, corpus-id,
score) with its ``queries.jsonl`` beside or above it, and JSON lines (``query``, ``ids`` and, for
others than 1, ``grades``). A question is named by its words as they are searched for, or by
``question_id``. An id may begin with its corpus, ``workers:w-1``; else it is of any.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from mcstress.errors import UsageError
from mcstress.metrics.event import Event, Graded
from mcstress.services.regular_file import read_text
from mcstress.users.scenarios.model import Scenario
from mcstress.users.scenarios.scenario_error import describe

EXPECTED = (
    "expected TREC qrels (query 0 id grade), BEIR's TSV (query-id, corpus-id, score) or JSON lines "
    "(query, ids, grades)"
)
LARGEST_GRADE = 10**6
_QRELS, _BEIR = 4, 3
_MOST_BEST = 1000
"""Grades of the best list that are kept; no list is longer."""

Judged = tuple[str, str, int]
"""Name of a query, id, grade."""


class QuestionTruth(msgspec.Struct, frozen=True):
    """The grades of a question's ids, how many are relevant, and the highest, descending."""

    grades: dict[str, int]
    relevant: int
    best: list[int]

    def grade(self, event: Event) -> None:
        """Note in ``event`` how its hits are graded."""
        grades = self.grades
        event.truth = Graded(
            [
                grades.get(f"{hit.corpus}:{hit.id}", grades.get(hit.id, 0))
                for hit in event.top_k or ()
            ],
            self.relevant,
            self.best[: event.k],
        )


class Truth(msgspec.Struct, frozen=True):
    """What a file says of a scenario's questions, and how many others it names."""

    path: str = ""
    questions: dict[str, QuestionTruth] = {}
    not_asked: int = 0


class _Line(msgspec.Struct):
    """A line of the JSON form."""

    query: str
    ids: list[str]
    grades: list[int] | None = None


class _Query(msgspec.Struct):
    """A line of BEIR's queries."""

    text: str
    id: str = msgspec.field(name="_id")


def question_id(variant: int, contract: str, role: str) -> str:
    """The name of a demand's question, without spaces, as qrels need it."""
    return "_".join(f"{variant}/{contract}/{role}".split())


def read_truth(path: Path, scenario: Scenario, place: str = "--truth") -> Truth:
    """The truth in the file at ``path``. Raises UsageError where it is none, naming the line."""
    where = f"{place} {path}"
    try:
        text = read_text(path)
    except OSError as error:
        raise UsageError(f"{where}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{where}: is not UTF-8 (byte {error.start}), {EXPECTED}") from None
    names, graded = _names(scenario), dict[str, dict[str, int]]()
    texts, others = _beir_queries(path), set[str]()
    for query, id_, grade in _judged(where, text):
        name = names.get(_spaced(query)) or names.get(_spaced(texts.get(query, "")))
        if name is None:
            others.add(query)
        else:
            graded.setdefault(name, {})[id_] = grade
    if not graded:
        example = next(iter(names.values()))
        raise UsageError(
            f"{where}: found {len(others)} queries, none of which is asked; expected the words of "
            f"a demand's query, or {example}"
        )
    return Truth(str(path), {name: _of(its) for name, its in graded.items()}, len(others))


def _of(grades: dict[str, int]) -> QuestionTruth:
    best = sorted((grade for grade in grades.values() if grade > 0), reverse=True)
    return QuestionTruth(grades, len(best), best[:_MOST_BEST])


def _names(scenario: Scenario) -> dict[str, str]:
    """The id of each question, by its id and by its words."""
    names = {}
    for variant in scenario.variants:
        for contract in variant.contracts:
            for demand in contract.demands:
                its = question_id(variant.number, contract.name, demand.role)
                names[its] = names[_spaced(demand.query)] = its
    return names


def _judged(where: str, text: str) -> Iterator[Judged]:
    """What each line says."""
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or (number == 1 and line.lower().startswith("query-id")):
            continue
        try:
            yield from _of_line(line)
        except (ValueError, msgspec.MsgspecError) as error:
            reason = f" ({error})" if isinstance(error, msgspec.MsgspecError) else ""
            raise UsageError(
                f"{where}: line {number}: found {describe(line)}, {EXPECTED}{reason}"
            ) from None


def _of_line(line: str) -> Iterator[Judged]:
    if line.lstrip().startswith("{"):
        said = msgspec.json.decode(line, type=_Line)
        grades = said.grades if said.grades is not None else [1] * len(said.ids)
        for id_, grade in zip(said.ids, grades, strict=True):
            yield said.query, id_, _grade(grade)
        return
    parts = line.split("\t") if line.count("\t") == _BEIR - 1 else line.split()
    if len(parts) == _BEIR and "\t" in line:
        yield parts[0], parts[1], _grade(parts[2])
    elif len(parts) == _QRELS:
        yield parts[0], parts[2], _grade(parts[3])
    else:
        raise ValueError


def _grade(said: str | int) -> int:
    grade = int(said)
    if abs(grade) > LARGEST_GRADE:
        raise ValueError
    return grade


def _beir_queries(path: Path) -> dict[str, str]:
    """The words of BEIR's queries by their ids, where their file is there."""
    for folder in (path.parent, path.parent.parent):
        file = folder / "queries.jsonl"
        if file.is_file() and file != path:
            try:
                lines = msgspec.json.Decoder(_Query).decode_lines(file.read_bytes())
            except (OSError, msgspec.MsgspecError):
                continue
            return {query.id: query.text for query in lines}
    return {}


def _spaced(text: str) -> str:
    return " ".join(text.split())
