"""Sections on quality: whether the system is diverse, deterministic, fresh, and learns."""

from __future__ import annotations

from mcstress.evidence.report import formatting, readings
from mcstress.evidence.report.figure_table import FigureTable, figure_table
from mcstress.evidence.report.readings import badness, reading, scale, worst
from mcstress.evidence.report.section import Headline, Section, figures
from mcstress.evidence.report.sections.misses import missed_handovers, missed_resumes
from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.handover import LABELS
from mcstress.metrics.metric import FURTHER
from mcstress.metrics.results import FigureSection
from mcstress.metrics.wording import Words

_SAME_ROLE = "diversity.same_role_across_contracts"
_DIFFERENT_ROLES = "diversity.different_roles_within_contract"
_ONE_SET_OF_TRIOS = "within these trios"
_PAIRS = FigureTable("diversity", "Pairs", is_split=True)


def diversity(document: RunDocument) -> Section:
    """Jaccard of baseline lists, by role across contracts and by contract across roles."""
    both = {path: figures(document, path) for path in (_SAME_ROLE, _DIFFERENT_ROLES)}
    same, different = both.values()
    nouns = document.words
    said = {
        path: _of_hits(figure) or reading(document, f"{path}.mean_jaccard")
        for path, figure in both.items()
    }
    decisive = min(said, key=lambda path: badness(said[path]))
    return Section(
        key="diversity",
        title="Diversity",
        question=nouns.fill("Do different needs get different {items}?"),
        answer=said[decisive],
        headline=_headline(both[decisive], "mean_jaccard", "ci95"),
        tables=[
            figure_table(
                document, _PAIRS, {f"{path}.mean_jaccard": one for path, one in said.items()}
            )
        ],
        notes=[
            *_trio_note(nouns, same),
            *_chance_note(nouns, same, different),
            *_empty_note(same, different),
            scale(document, f"{_SAME_ROLE}.mean_jaccard", "Same {role}"),
            scale(document, f"{_DIFFERENT_ROLES}.mean_jaccard", "Different {roles}"),
        ],
    )


def _headline(figure: FigureSection, name: str, ci95: str) -> Headline:
    return Headline(formatting.score(figure.get(name)), formatting.interval(figure.get(ci95)))


def _of_hits(figure: FigureSection) -> readings.Reading | None:
    """What to say where most pairs hold no hit: two empty lists are alike, and do not cycle."""
    empty, pairs = figure.get("empty_pairs", 0), figure.get("pairs", 0)
    if 2 * empty <= pairs:
        return None
    return readings.Reading(
        f"nothing found: {formatting.of(empty, pairs)} pairs are empty lists", "bad"
    )


_POOLS = {"candidates of the role": "{items} of the {role}"}
"""What documents say, and how it is said in the scenario's words."""


def _chance_note(nouns: Words, same: FigureSection, different: FigureSection) -> list[str]:
    pools = {figure.get("chance_pool"): None for figure in (same, different)}
    named = [nouns.fill(_POOLS.get(pool, str(pool))) for pool in pools if pool]
    if not named:
        return []
    pool = formatting.sentence_list(named)
    return [f"Expected by chance: mean Jaccard of two random lists, drawn from: {pool}."]


def _empty_note(same: FigureSection, different: FigureSection) -> list[str]:
    empty = same.get("empty_pairs", 0) + different.get("empty_pairs", 0)
    if not empty:
        return []
    return [f"{formatting.plural(empty, 'pair')} of two empty lists counted as Jaccard 1."]


def _trio_note(nouns: Words, figure: FigureSection, label_key: str = "ci95_label") -> list[str]:
    """What the intervals speak of."""
    label = figure.get(label_key)
    if label is None:
        return []
    group, groups = nouns.fill("{group}"), nouns.fill("{groups}")
    asked = formatting.plural(figure["trios"], group, groups)
    if label == _ONE_SET_OF_TRIOS:
        its = "its" if figure["trios"] == 1 else "their"
        only = f"Intervals (95 %) hold only for the {asked} of users that ran, and {its} words"
        return [f"{only}. From 5 on they hold for {groups} and wordings not tested too."]
    over = f"Intervals (95 %) are over the {asked} of users that ran, each with words of its own"
    return [f"{over}: they hold for {groups} and wordings not tested too."]


_ASKED_AGAIN = (
    "Rates are means over questions: what is asked again in the same words refines its question "
    "and adds none."
)


_REISSUES = FigureTable("determinism", "Reissue against baseline", is_split=True, counted="Pairs")


def determinism(document: RunDocument) -> Section:
    """Each reissued query against its own baseline."""
    figure, name = figures(document, "determinism"), "determinism.mean_jaccard"
    said = reading(document, name)
    if _of_hits(figures(document, _SAME_ROLE)) is not None and said.tone != "bad":
        said = readings.Reading("nothing found: empty lists are alike", "none")
    return Section(
        key="determinism",
        title="Determinism",
        question=document.words.fill("Does the same query get the same {items}?"),
        answer=said,
        headline=_headline(figure, "mean_jaccard", "ci95"),
        tables=[figure_table(document, _REISSUES, {name: said})],
        notes=[
            *_trio_note(document.words, figure),
            _ASKED_AGAIN,
            *_adjusted_note(document.words, figure),
            *_changed_note(figure),
            scale(document, "determinism.mean_jaccard", "Mean Jaccard"),
        ],
    )


def _adjusted_note(nouns: Words, figure: FigureSection) -> list[str]:
    adjusted = figure.get("adjusted_pairs")
    if not adjusted:
        return []
    pairs = formatting.plural(adjusted, "pair")
    added = nouns.fill("{new_items}")
    return [f"{pairs} judged without the {added} that this run added since the baseline."]


def _changed_note(figure: FigureSection) -> list[str]:
    changed = figure.get("changed_corpora_pairs")
    if not changed:
        return []
    mean = formatting.score(figure.get("changed_corpora_mean_jaccard"))
    pairs = formatting.plural(changed, "pair")
    return [f"{pairs} counted apart, for the corpora changed in between: mean Jaccard {mean}."]


_KINDS = {"verbatim": "handover", "paraphrase": "handover_paraphrase"}
_ARMS = FigureTable("handover", "Handover")
_LIFT = FigureTable("lift", "Handover", is_split=True)
_LIFT_NOTE = (
    "Lift: hits at top-1 with the memory less those without, on the same questions. Hits at "
    "top-1 with the memory are in the control's list too, at whatever rank, or the memory added "
    "them."
)


_MEMORY = FigureTable("memory", "Memory asked by itself")
_ALONE_NOTE = (
    "The memory is asked by itself: there is no search to compare it with, and no lift. The "
    "control asks in a namespace that was not told. Chance: a random list of what the namespace "
    "was told. A leak is a hit that another namespace was told."
)


def learning(document: RunDocument) -> Section:
    """What a colleague found of what was recorded, with the memory and without."""
    chosen = [kind for kind, phase in _KINDS.items() if phase in document.run.phases] or [*_KINDS]
    by_kind = {kind: figures(document, f"handover.{kind}") for kind in chosen}
    credit = {kind: _credit(figure) for kind, figure in by_kind.items()}
    found = {
        kind: readings.credited(reading(document, f"handover.{kind}.top1_rate"), credit[kind])
        for kind in chosen
    }
    decisive = min(found, key=lambda kind: badness(found[kind]))
    alone = bool(figures(document, "memory").get("asked"))
    harmed = [] if alone else [one for one in credit.values() if one.tone == "bad"]
    leaking = [reading(document, "memory.leaks")] * alone
    lifts = {f"handover.{kind}.lift": one for kind, one in credit.items()}
    label = _trio_note(document.words, by_kind[chosen[0]], "lift_ci95_label")
    missed, missed_notes = missed_handovers(document, chosen)
    return Section(
        key="learning",
        title="Learning",
        question="Does a colleague find what was learnt?",
        answer=worst(found[decisive], *harmed, *leaking),
        headline=_headline(by_kind[decisive], "top1_rate", "ci95"),
        tables=[
            figure_table(
                document, _ARMS, {f"handover.{kind}.top1_rate": one for kind, one in found.items()}
            ),
            figure_table(document, _MEMORY) if alone else figure_table(document, _LIFT, lifts),
            *missed,
        ],
        notes=[
            *missed_notes,
            *label,
            _ASKED_AGAIN,
            _ALONE_NOTE if alone else _LIFT_NOTE,
            *_scales(document, chosen),
        ],
    )


def _scales(document: RunDocument, kinds: list[str]) -> list[str]:
    """What a rate at top-1 with the memory lets one think of."""
    return [
        scale(document, f"handover.{kind}.top1_rate", LABELS[kind].capitalize()) for kind in kinds
    ]


def _credit(figure: FigureSection) -> readings.Reading:
    questions = figure.get("pair_questions", figure.get("pairs", 0))
    return readings.lift(figure.get("lift"), figure.get("mcnemar_p"), questions)


_FOUND = FigureTable("freshness", "New {new_items} found", "Rate, 95 % interval")
_AT_ONCE = 0.5
"""Fewer new items than this share at the first look are late: it is not chance any more."""
_TIMES = FigureTable("freshness_times", "Seconds from the add until seen", has_reading=False)
_CHANGES = FigureTable("changes", "Changed {new_items}", "Still as before")
_LOOKS = FigureTable("freshness_looks", "Looks", has_reading=False)


def freshness(document: RunDocument) -> Section:
    """New resumes, looked for at once and until they are seen."""
    figure, nouns = figures(document, "freshness"), document.words
    changed = figure_table(document, _CHANGES, only_measured=True)
    changes = [changed] if changed.rows else []
    missed, missed_notes = missed_resumes(document)
    return Section(
        key="freshness",
        title="Freshness",
        question=nouns.fill("Are new {new_items} found?"),
        answer=worst(
            _late(figure, reading(document, "freshness.visible_rate")), *_changed(document)
        ),
        headline=_headline(figure, "visible_rate", "visible_ci95"),
        tables=[
            *(figure_table(document, table) for table in (_FOUND, _TIMES, _LOOKS)),
            *missed,
            *changes,
        ],
        notes=[_LOOKS_NOTE, *_unseen(nouns, figure), *missed_notes],
    )


def _late(figure: FigureSection, found: readings.Reading) -> readings.Reading:
    """``found``, with how late new items come where most are not there at once: never green."""
    at_once, after_s = figure.get("top_k_rate"), (figure.get("time_to_top_k_s") or {}).get("p50")
    if at_once is None or after_s is None or at_once >= _AT_ONCE:
        return found
    share = formatting.of(figure["top_k"], figure["resumes"])
    told = f"{found.words}; late: {share} were there at once, half after {after_s:.1f} s"
    return readings.Reading(told, worst(found, readings.Reading("", "fair")).tone)


def _changed(document: RunDocument) -> list[readings.Reading]:
    """The readings of the changes that the target can make."""
    return [
        reading(document, name)
        for name in ("changes.stale", "changes.returned", "changes.remembered")
        if document.figure(name) is not None
    ]


_LOOKS_NOTE = (
    "The first look goes over a new connection; what it does not see is looked for again every "
    "0.25 s for 10 s. Looks are in no other figure of latency, pace or errors."
)


def _unseen(nouns: Words, figure: FigureSection) -> list[str]:
    never, undecided = figure.get("never", 0), figure.get("undecided", 0)
    new = nouns.fill("new {new_item}"), nouns.fill("new {new_items}")
    said = [f"{formatting.plural(never, *new)} never seen in 10 s"] * bool(never)
    if undecided:
        waiting = formatting.plural(undecided, *new)
        said.append(f"{waiting} of which it is not known: the run ended, or too many were waiting")
    return [f"{formatting.sentence_list(said)}."] if said else []


_FURTHER = FigureTable(FURTHER, "Figure", is_split=True, counted="Samples", has_reading=False)


def further(document: RunDocument) -> list[Section]:
    """The figures that name no table of another section; none where there are none.

    A document that was made without a metric of a user's own lacks its figures.
    """
    table = figure_table(document, _FURTHER, only_measured=True)
    return [Section(key="further", title="Further figures", tables=[table])] if table.rows else []
