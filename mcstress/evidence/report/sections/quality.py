"""Sections on quality: whether the system is diverse, deterministic, fresh, and learns."""

from __future__ import annotations

from typing import Any

from mcstress.evidence.report import readings, words
from mcstress.evidence.report.readings import badness, healthy, reading, worst
from mcstress.evidence.report.section import Headline, Section, Table, figures, plain_rows
from mcstress.evidence.report.sections.speed import reason_table, rest_note
from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.names import METRICS
from mcstress.metrics.results import FigureSection

_SAME_ROLE = "diversity.same_role_across_contracts"
_DIFFERENT_ROLES = "diversity.different_roles_within_contract"
_PAIR_COLUMNS = ["Pairs", "Mean Jaccard", "95 % interval", "Chance", "Share anyone", "Reading"]
_ONE_SET_OF_TRIOS = "within these trios"


def diversity(document: RunDocument) -> Section:
    """Jaccard of baseline lists, by role across contracts and by contract across roles."""
    same, different = figures(document, _SAME_ROLE), figures(document, _DIFFERENT_ROLES)
    rows = [
        _pairs(document, "same role, two contracts", _SAME_ROLE),
        _pairs(document, "two roles, one contract", _DIFFERENT_ROLES),
    ]
    decisive = min(rows, key=lambda row: badness(row[-1]))
    return Section(
        key="diversity",
        title="Diversity",
        question="Do different needs get different people?",
        answer=decisive[-1],
        headline=Headline(decisive[1], decisive[2]),
        tables=[Table(_PAIR_COLUMNS, rows)],
        notes=[*_trio_note(same), *_chance_note(same, different), *_empty_note(same, different)],
    )


def _pairs(document: RunDocument, name: str, path: str) -> list[Any]:
    figure, key = figures(document, path), f"{path}.mean_jaccard"
    return [
        name + healthy(document, key),
        words.score(figure.get("mean_jaccard")),
        words.interval(figure.get("ci95")),
        words.chance(figure.get("chance")),
        words.of(figure.get("sharing_pairs"), figure.get("pairs")),
        reading(document, key),
    ]


def _chance_note(same: FigureSection, different: FigureSection) -> list[str]:
    pools = {figure.get("chance_pool"): None for figure in (same, different)}
    named = [pool for pool in pools if pool]
    if not named:
        return []
    return [f"Chance: what random lists would share, drawn from: {words.sentence_list(named)}."]


def _empty_note(same: FigureSection, different: FigureSection) -> list[str]:
    empty = same.get("empty_pairs", 0) + different.get("empty_pairs", 0)
    if not empty:
        return []
    return [f"{words.plural(empty, 'pair')} of two empty lists counted as Jaccard 1."]


def _trio_note(figure: FigureSection, label_key: str = "ci95_label") -> list[str]:
    """What the interval speaks of."""
    label = figure.get(label_key)
    if label is None:
        return []
    trios = words.plural(figure["trios"], "trio")
    note = f"Intervals: {label} ({trios} with wording of their own)"
    if label == _ONE_SET_OF_TRIOS:
        return [f"{note}; fewer than five say nothing about other trios."]
    return [f"{note}."]


def determinism(document: RunDocument) -> Section:
    """Each reissued query against its own baseline."""
    figure = figures(document, "determinism")
    key, pairs = "determinism.mean_jaccard", figure.get("pairs")
    answer = reading(document, key)
    rows: list[list[Any]] = [
        [
            "mean Jaccard" + healthy(document, key),
            words.score(figure.get("mean_jaccard")),
            words.interval(figure.get("ci95")),
            words.of(pairs, figure.get("planned")),
            answer,
        ],
        _share(figure, "identical lists", "identical"),
        _share(figure, "same top-1", "top1"),
        *([*row, ""] for row in plain_rows(document, "determinism")),
    ]
    return Section(
        key="determinism",
        title="Determinism",
        question="Does the same query get the same people?",
        answer=answer,
        headline=Headline(rows[0][1], rows[0][2]),
        tables=[
            Table(["Reissue against baseline", "Value", "95 % interval", "Pairs", "Reading"], rows)
        ],
        notes=[*_trio_note(figure), *_changed_note(figure)],
    )


def _share(figure: FigureSection, name: str, key: str) -> list[Any]:
    return [
        name,
        words.score(figure.get(f"{key}_rate")),
        words.interval(figure.get(f"{key}_ci95")),
        words.of(figure.get(key), figure.get("pairs")),
        "",
    ]


def _changed_note(figure: FigureSection) -> list[str]:
    changed = figure.get("changed_corpora_pairs")
    if not changed:
        return []
    mean = words.score(figure.get("changed_corpora_mean_jaccard"))
    pairs = words.plural(changed, "pair")
    return [f"{pairs} counted apart, for the corpora changed in between: mean Jaccard {mean}."]


_KINDS = {"verbatim": "her words", "paraphrase": "other words"}
_PHASES = {"verbatim": "handover", "paraphrase": "handover_paraphrase"}
_ARM_COLUMNS = ["Handover", "With memory, top-1", "Control, top-1", "With memory, top-K", "Reading"]
_LIFT_COLUMNS = [
    "Handover",
    "Lift",
    "95 % interval",
    "McNemar p",
    "By boost",
    "By injection",
    "Reading",
]
_LIFT_NOTE = (
    "Lift: hits at top-1 with the memory less those without, on the same queries. By boost: the "
    "control's list held the answer too; by injection: it did not."
)


def learning(document: RunDocument) -> Section:
    """What a colleague found of what was recorded, with the memory and without."""
    arms = [_arms(document, kind) for kind in _KINDS]
    chosen = [kind for kind, phase in _PHASES.items() if phase in document.run.phases]
    answers = {
        kind: row[-1] for kind, row in zip(_KINDS, arms, strict=True) if kind in (chosen or _KINDS)
    }
    decisive = min(answers, key=lambda kind: badness(answers[kind]))
    lifts = [_lift(document, kind) for kind in _KINDS]
    # A lift that is not proven takes nothing from the rates: four queries cannot prove any.
    harmed = [row[-1] for row in lifts if row[-1].tone == "bad"]
    return Section(
        key="learning",
        title="Learning",
        question="Does a colleague find what was learnt?",
        answer=worst(answers[decisive], *harmed),
        headline=_found(figures(document, f"handover.{decisive}")),
        tables=[Table(_ARM_COLUMNS, arms), Table(_LIFT_COLUMNS, lifts)],
        notes=[*_trio_note(figures(document, "handover.verbatim"), "lift_ci95_label"), _LIFT_NOTE],
    )


def _found(figure: FigureSection) -> Headline:
    """The rate that the reading beside it is of."""
    return Headline(words.score(figure.get("top1_rate")), words.interval(figure.get("ci95")))


def _arms(document: RunDocument, kind: str) -> list[Any]:
    figure, key = figures(document, f"handover.{kind}"), f"handover.{kind}.top1_rate"
    return [
        _KINDS[kind] + healthy(document, key),
        _rate(figure, "top1", "queries", "top1_rate", "ci95"),
        _rate(figure, "control_top1", "control_queries", "control_top1_rate", "control_ci95"),
        _rate(figure, "top_k", "queries", "top_k_rate", "top_k_ci95"),
        reading(document, key),
    ]


def _rate(figure: FigureSection, hits: str, queries: str, rate: str, ci95: str) -> str:
    if figure.get(rate) is None:
        return words.NONE
    counted = words.of(figure[hits], figure[queries])
    return f"{words.score(figure[rate])} {words.interval(figure[ci95])}, {counted}"


def _lift(document: RunDocument, kind: str) -> list[Any]:
    figure = figures(document, f"handover.{kind}")
    return [
        _KINDS[kind],
        words.signed(figure.get("lift")),
        words.interval(figure.get("lift_ci95"), signs=True),
        words.p_value(figure.get("mcnemar_p")),
        words.count(figure.get("by_boost")),
        words.count(figure.get("by_injection")),
        readings.lift(figure.get("lift"), figure.get("mcnemar_p")),
    ]


def freshness(document: RunDocument) -> Section:
    """New resumes, searched for at once."""
    figure = figures(document, "freshness")
    key = "freshness.top_k_rate"
    top_k = _rate(figure, "top_k", "resumes", "top_k_rate", "ci95")
    rows: list[list[Any]] = [
        ["in the top-K" + healthy(document, key), top_k, reading(document, key)],
        ["at top-1", _rate(figure, "top1", "resumes", "top1_rate", "top1_ci95"), ""],
    ]
    return Section(
        key="freshness",
        title="Freshness",
        question="Are new resumes found?",
        answer=reading(document, key),
        headline=Headline(
            words.score(figure.get("top_k_rate")), words.interval(figure.get("ci95"))
        ),
        tables=[Table(["New resumes found", "Rate, 95 % interval", "Reading"], rows)],
    )


def swap_and_inbox(document: RunDocument) -> Section:
    """What became of rejected lists and of messages."""
    swap, inbox = figures(document, "swap"), figures(document, "inbox")
    rejected = "rejected ids that returned" + healthy(document, "swap.returned")
    answer = reading(document, "swap.returned")
    rows: list[list[Any]] = [
        [rejected, words.count(swap.get("returned")), answer],
        ["Jaccard with the rejected list", words.score(swap.get("mean_jaccard")), ""],
        ["swaps", words.of(swap.get("swaps"), swap.get("planned")), ""],
        ["messages accepted", words.of(inbox.get("accepted"), inbox.get("planned")), ""],
        [
            "demands parsed",
            words.of(inbox.get("parsed"), inbox.get("accepted")),
            _unparseable(inbox),
        ],
        ["judge's mean rating (1 to 5)", _rating(inbox), _ratings(inbox)],
    ]
    unusable = figures(document, "llm").get("by_reason", [])
    tables = [Table(["Figure", "Value", "Reading"], rows)]
    return Section(
        key="swap_and_inbox",
        title="Swap and inbox",
        tables=[*tables, reason_table(unusable, _UNUSABLE)] if unusable else tables,
        notes=rest_note(unusable, "answer"),
    )


def further(document: RunDocument) -> list[Section]:
    """The figures of metrics of a user's own, in a section of their own; none where there are none.

    Those of a section that the report has are a row there.
    """
    own = {name.partition(".")[0]: "" for name, metric in METRICS.items() if metric.row}
    rows = [
        row for section in own if section != "determinism" for row in plain_rows(document, section)
    ]
    table = Table(["Figure", "Value", "95 % interval", "Samples"], rows)
    return [Section(key="further", title="Further figures", tables=[table])] if rows else []


_UNUSABLE = "Why the LLM's answer could not be used"


def _unparseable(inbox: FigureSection) -> str:
    parts = {"unparseable": "unparseable", "parse_failed": "failed"}
    said = [f"{inbox[key]:,} {word}" for key, word in parts.items() if inbox.get(key)]
    return words.sentence_list(said) if said else ""


def _rating(inbox: FigureSection) -> str:
    mean = inbox.get("mean_rating")
    return words.NONE if mean is None else f"{mean:.2f}"


def _ratings(inbox: FigureSection) -> str:
    if not inbox.get("rated"):
        return ""
    by_rating = ", ".join(f"{rating}: {n:,}" for rating, n in inbox["ratings"].items())
    unrated = f"; {inbox['unrated']:,} unrated" if inbox.get("unrated") else ""
    return f"{by_rating}{unrated}"
