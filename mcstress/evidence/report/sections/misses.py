"""Which questions missed how often: tables for the sections on learning and freshness."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from mcstress.evidence.report import formatting
from mcstress.evidence.report.section import Table, Verbatim, figures
from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.handover import LABELS

_SHOWN = 12
_BEFORE_NUMBER = 2
"""A key begins with its phase and the number of its wording (metrics/question.py)."""
_IN_HANDOVERS = {"verbatim": "in the same wording", "paraphrase": "that were paraphrased"}


class Asked(NamedTuple):
    """What a question's key names; ``role`` is empty where the scenario does not know it."""

    who: str
    number: str
    role: str


def asked(document: RunDocument, question: str) -> Asked:
    """The contract (or persona), number and role of a question's key.

    That of a paraphrase ends with its wording, a number or a hash.
    """
    parts = question.split("/")
    if parts[0] == "handover_paraphrase":
        parts = parts[:-1]
    who, number = "/".join(parts[_BEFORE_NUMBER:-1]), parts[-1]
    roles = [
        demand.role for one in document.asked.contracts if one.name == who for demand in one.demands
    ]
    is_known = number.isdecimal() and 0 < int(number) <= len(roles)
    return Asked(who, number, roles[int(number) - 1] if is_known else "")


def called(document: RunDocument, question: str) -> str:
    """Contract and role of a question's key; the key where it has none."""
    found = asked(document, question)
    return f"{found.who}: {found.role}" if found.role else question


def missed_handovers(document: RunDocument, kinds: Sequence[str]) -> tuple[list[Table], list[str]]:
    """The questions whose recorded answer was missed most, and a sentence on their roles."""
    rows = [
        (kind, row)
        for kind in kinds
        for row in figures(document, f"handover.{kind}").get("missed", [])
    ]
    if not rows:
        return [], []
    rows.sort(key=lambda one: (-_share(one[1]), -one[1]["missed"]))
    asker = document.words.fill("{Coordinator}")
    columns = ["Questions that missed most", asker, "Wording", "Handover", "Not at top-1"]
    table = Table(
        [*columns, "Of these in top-K"],
        [
            [
                Verbatim(called(document, row["question"])),
                _askers(document, row["question"]),
                formatting.count(row["unit"]),
                LABELS[kind],
                formatting.of(row["missed"], row["asked"]),
                formatting.count(row["in_list"]),
            ]
            for kind, row in rows[:_SHOWN]
        ],
    )
    missed: Counter[str] = Counter()
    for _, row in rows:
        missed[called(document, row["question"])] += row["missed"]
    each = formatting.sentence_list([f"{name} ({n:,})" for name, n in missed.most_common(_SHOWN)])
    said = [told for kind in kinds if (told := _where(document, kind))]
    return [table], [*said, f"Missed, all wordings together: {each}.", *_more(rows)]


def _where(document: RunDocument, kind: str) -> str:
    """Whether what was missed at top-1 is still in the list; empty where nothing was."""
    figure = figures(document, f"handover.{kind}")
    missed, further_down = (
        figure["queries"] - figure["top1"],
        figure["top_k"] - figure["top1"],
    )
    if not missed:
        return ""
    return (
        f"In handovers {_IN_HANDOVERS[kind]}, {formatting.plural(missed, 'answer')} missed top-1: "
        f"{further_down:,} stood further down in the list (the search has them, and the memory did "
        f"not put them first), {missed - further_down:,} not in it at all."
    )


def missed_resumes(document: RunDocument) -> tuple[list[Table], list[str]]:
    """The new resumes that were not seen most often."""
    rows = figures(document, "freshness").get("missed", [])
    if not rows:
        return [], []
    nouns = document.words
    columns = [nouns.fill("New {new_items} not seen most often"), "Wording", "Not seen"]
    table = Table(
        columns,
        [
            [
                nouns.fill(f"number {its.number} of {Verbatim(its.who)}"),
                formatting.count(row["unit"]),
                formatting.of(row["missed"], row["asked"]),
            ]
            for row in rows[:_SHOWN]
            for its in [asked(document, row["question"])]
        ],
    )
    return [table], _more(rows)


def _share(row: Mapping[str, Any]) -> float:
    return float(row["missed"] / row["asked"])


def _more(rows: Sequence[Any]) -> list[str]:
    if len(rows) <= _SHOWN:
        return []
    more = formatting.plural(len(rows) - _SHOWN, "more question")
    return [f"{more} missed too: the JSON has them, the worst 100 of each kind."]


def _askers(document: RunDocument, question: str) -> Any:
    """Who asks, and whose memory."""
    contract = asked(document, question).who
    for one in document.asked.handovers:
        if one.contract == contract and one.to_persona:
            return f"{one.to_persona}, with the memory of {one.from_persona}"
    return formatting.NONE
