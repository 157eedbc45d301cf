"""Sections on quality: whether the system is diverse, deterministic, fresh, and learns."""

from __future__ import annotations

from typing import Any

from mcstress.evidence.report import readings, words
from mcstress.evidence.report.readings import badness, healthy, reading, worst
from mcstress.evidence.report.section import Headline, Section, Table, figures, plain_rows
from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.names import METRICS
from mcstress.metrics.results import FigureSection
from mcstress.metrics.wording import Words

_SAME_ROLE = "diversity.same_role_across_contracts"
_DIFFERENT_ROLES = "diversity.different_roles_within_contract"
_PAIR_COLUMNS = ["Pairs", "Mean Jaccard", "95 % interval", "Chance", "Share anyone", "Reading"]
_ONE_SET_OF_TRIOS = "within these trios"


def diversity(document: RunDocument) -> Section:
    """Jaccard of baseline lists, by role across contracts and by contract across roles."""
    same, different = figures(document, _SAME_ROLE), figures(document, _DIFFERENT_ROLES)
    nouns = document.words
    rows = [
        _pairs(document, nouns.fill("same {role} in different {contracts}"), _SAME_ROLE),
        _pairs(document, nouns.fill("different {roles} in the same {contract}"), _DIFFERENT_ROLES),
    ]
    decisive = min(rows, key=lambda row: badness(row[-1]))
    return Section(
        key="diversity",
        title="Diversity",
        question=nouns.fill("Do different needs get different {items}?"),
        answer=decisive[-1],
        headline=Headline(decisive[1], decisive[2]),
        tables=[Table(_PAIR_COLUMNS, rows)],
        notes=[
            *_trio_note(nouns, same),
            *_chance_note(nouns, same, different),
            *_empty_note(same, different),
        ],
    )


def _pairs(document: RunDocument, name: str, path: str) -> list[Any]:
    figure, key = figures(document, path), f"{path}.mean_jaccard"
    return [
        name + healthy(document, key),
        words.score(figure.get("mean_jaccard")),
        words.interval(figure.get("ci95")),
        words.chance(figure.get("chance")),
        words.of(figure.get("sharing_pairs"), figure.get("pairs")),
        _of_hits(figure) or reading(document, key),
    ]


def _of_hits(figure: FigureSection) -> readings.Reading | None:
    """What to say where most pairs hold no hit: two empty lists are alike, and do not cycle."""
    empty, pairs = figure.get("empty_pairs", 0), figure.get("pairs", 0)
    if 2 * empty <= pairs:
        return None
    return readings.Reading(f"nothing found: {words.of(empty, pairs)} pairs are empty lists", "bad")


_POOLS = {"candidates of the role": "{items} of the {role}"}
"""What documents say, and how it is said in the scenario's words."""


def _chance_note(nouns: Words, same: FigureSection, different: FigureSection) -> list[str]:
    pools = {figure.get("chance_pool"): None for figure in (same, different)}
    named = [nouns.fill(_POOLS.get(pool, str(pool))) for pool in pools if pool]
    if not named:
        return []
    return [f"Chance: what random lists would share, drawn from: {words.sentence_list(named)}."]


def _empty_note(same: FigureSection, different: FigureSection) -> list[str]:
    empty = same.get("empty_pairs", 0) + different.get("empty_pairs", 0)
    if not empty:
        return []
    return [f"{words.plural(empty, 'pair')} of two empty lists counted as Jaccard 1."]


def _trio_note(nouns: Words, figure: FigureSection, label_key: str = "ci95_label") -> list[str]:
    """What the intervals speak of."""
    label = figure.get(label_key)
    if label is None:
        return []
    group, groups = nouns.fill("{group}"), nouns.fill("{groups}")
    asked = words.plural(
        figure["trios"], f"differently worded {group}", f"differently worded {groups}"
    )
    if label == _ONE_SET_OF_TRIOS:
        only = f"Intervals (95 %) describe only the {asked} of users that ran"
        return [f"{only}. With 5 or more they also describe {groups} not tested."]
    return [f"Intervals (95 %) are over {asked} of users: they describe {groups} not tested too."]


_ASKED_AGAIN = (
    "Rates are means over questions: what is asked again in the same words refines its question "
    "and adds none."
)


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
        question=document.words.fill("Does the same query get the same {items}?"),
        answer=answer,
        headline=Headline(rows[0][1], rows[0][2]),
        tables=[
            Table(["Reissue against baseline", "Value", "95 % interval", "Pairs", "Reading"], rows)
        ],
        notes=[
            *_trio_note(document.words, figure),
            _ASKED_AGAIN,
            *_adjusted_note(document.words, figure),
            *_changed_note(figure),
        ],
    )


def _share(figure: FigureSection, name: str, key: str) -> list[Any]:
    return [
        name,
        words.score(figure.get(f"{key}_rate")),
        words.interval(figure.get(f"{key}_ci95")),
        words.of(figure.get(key), figure.get("pairs")),
        "",
    ]


def _adjusted_note(nouns: Words, figure: FigureSection) -> list[str]:
    adjusted = figure.get("adjusted_pairs")
    if not adjusted:
        return []
    pairs = words.plural(adjusted, "pair")
    added = nouns.fill("{new_items}")
    return [f"{pairs} judged without the {added} that this run added since the baseline."]


def _changed_note(figure: FigureSection) -> list[str]:
    changed = figure.get("changed_corpora_pairs")
    if not changed:
        return []
    mean = words.score(figure.get("changed_corpora_mean_jaccard"))
    pairs = words.plural(changed, "pair")
    return [f"{pairs} counted apart, for the corpora changed in between: mean Jaccard {mean}."]


_KINDS = {"verbatim": "same wording", "paraphrase": "paraphrased"}
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
    "Lift: hits at top-1 with the memory less those without, on the same questions. By boost: the "
    "control's list held the answer too; by injection: it did not."
)
_MEMORY_COLUMNS = [
    "Records in a namespace",
    "Chance, top-1",
    "Chance, top-K",
    "Searches that leak",
    "Leaks",
    "Reading",
]
_ALONE_NOTE = (
    "The memory is asked by itself: there is no search to compare it with, and no lift. The "
    "control asks in a namespace that was not told. Chance: a random list of what the namespace "
    "was told. A leak is a hit that another namespace was told."
)


def learning(document: RunDocument) -> Section:
    """What a colleague found of what was recorded, with the memory and without."""
    chosen = [kind for kind, phase in _PHASES.items() if phase in document.run.phases] or [*_KINDS]
    arms = {kind: _arms(document, kind) for kind in chosen}
    decisive = min(arms, key=lambda kind: badness(arms[kind][-1]))
    alone = bool(figures(document, "memory").get("asked"))
    lifts = [] if alone else [_lift(document, kind) for kind in chosen]
    harmed = [row[-1] for row in lifts if row[-1].tone == "bad"]
    leaking = [reading(document, "memory.leaks")] * alone
    label = _trio_note(
        document.words, figures(document, f"handover.{chosen[0]}"), "lift_ci95_label"
    )
    return Section(
        key="learning",
        title="Learning",
        question="Does a colleague find what was learnt?",
        answer=worst(arms[decisive][-1], *harmed, *leaking),
        headline=_found(figures(document, f"handover.{decisive}")),
        tables=[
            Table(_ARM_COLUMNS, [*arms.values()]),
            _memory(document) if alone else Table(_LIFT_COLUMNS, lifts),
        ],
        notes=[*label, _ASKED_AGAIN, _ALONE_NOTE if alone else _LIFT_NOTE],
    )


def _memory(document: RunDocument) -> Table:
    """What chance gives of a memory that is asked by itself, and what leaks from it."""
    figure = figures(document, "memory")
    row = [
        words.count(figure.get("records")),
        words.chance(figure.get("chance_top1")),
        words.chance(figure.get("chance_top_k")),
        words.of(figure.get("leaking"), figure.get("asked")),
        words.count(figure.get("leaks")),
        reading(document, "memory.leaks"),
    ]
    return Table(_MEMORY_COLUMNS, [row])


def _found(figure: FigureSection) -> Headline:
    """The rate that the reading beside it is of."""
    return Headline(words.score(figure.get("top1_rate")), words.interval(figure.get("ci95")))


def _arms(document: RunDocument, kind: str) -> list[Any]:
    figure, key = figures(document, f"handover.{kind}"), f"handover.{kind}.top1_rate"
    return [
        _KINDS[kind] + healthy(document, key),
        rate(figure, "top1", "queries", "top1_rate", "ci95"),
        rate(figure, "control_top1", "control_queries", "control_top1_rate", "control_ci95"),
        rate(figure, "top_k", "queries", "top_k_rate", "top_k_ci95"),
        readings.credited(reading(document, key), _credit(figure)),
    ]


def rate(figure: FigureSection, hits: str, queries: str, rate: str, ci95: str) -> str:
    if figure.get(rate) is None:
        return words.NONE
    counted = words.of(figure[hits], figure[queries])
    asked = figure.get(queries.replace("queries", "questions").replace("resumes", "questions"))
    if asked is not None and asked != figure[queries]:
        counted += f", {words.plural(asked, 'question')}"
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
        _credit(figure),
    ]


def _credit(figure: FigureSection) -> readings.Reading:
    questions = figure.get("pair_questions", figure.get("pairs", 0))
    return readings.lift(figure.get("lift"), figure.get("mcnemar_p"), questions)


def freshness(document: RunDocument) -> Section:
    """New resumes, looked for at once and until they are seen."""
    figure = figures(document, "freshness")
    key, nouns = "freshness.visible_rate", document.words
    visible = rate(figure, "visible", "judged", "visible_rate", "visible_ci95")
    rows: list[list[Any]] = [
        ["seen within 10 s" + healthy(document, key), visible, reading(document, key)],
        ["at once, in the top-K", rate(figure, "top_k", "resumes", "top_k_rate", "ci95"), ""],
        ["at once, at top-1", rate(figure, "top1", "resumes", "top1_rate", "top1_ci95"), ""],
    ]
    times = [
        [name, *(_seconds(figure.get(path, {}).get(at)) for at in ("p50", "p95"))]
        for name, path in (("in the top-K", "time_to_top_k_s"), ("at top-1", "time_to_top1_s"))
    ]
    looks = [
        [
            name,
            words.count(part.get("count")),
            words.count(part.get("failed")),
            *(words.milliseconds(part.get(at)) for at in ("p50_ms", "p95_ms")),
        ]
        for name, part in (
            ("at once (freshness.search)", figure.get("search", {})),
            ("again (freshness.poll)", figure.get("poll", {})),
        )
    ]
    return Section(
        key="freshness",
        title="Freshness",
        question=nouns.fill("Are new {new_items} found?"),
        answer=reading(document, key),
        headline=Headline(
            words.score(figure.get("visible_rate")), words.interval(figure.get("visible_ci95"))
        ),
        tables=[
            Table([nouns.fill("New {new_items} found"), "Rate, 95 % interval", "Reading"], rows),
            Table(["Seconds from the add until seen", "p50", "p95"], times),
            Table(["Looks", "Count", "Failed", "p50", "p95"], looks),
        ],
        notes=[_LOOKS_NOTE, *_unseen(nouns, figure)],
    )


_LOOKS_NOTE = (
    "The first look goes over a new connection; what it does not see is looked for again every "
    "0.25 s for 10 s. Looks are in no other figure of latency, pace or errors."
)


def _seconds(value: float | None) -> str:
    return words.NONE if value is None else f"{value:.3f} s"


def _unseen(nouns: Words, figure: FigureSection) -> list[str]:
    never, undecided = figure.get("never", 0), figure.get("undecided", 0)
    new = nouns.fill("new {new_item}"), nouns.fill("new {new_items}")
    said = [f"{words.plural(never, *new)} never seen in 10 s"] * bool(never)
    if undecided:
        waiting = words.plural(undecided, *new)
        said.append(f"{waiting} of which it is not known: the run ended, or too many were waiting")
    return [f"{words.sentence_list(said)}."] if said else []


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
