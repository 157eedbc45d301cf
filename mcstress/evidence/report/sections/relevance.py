"""The section on relevance: whether what is found is what was asked for."""

from __future__ import annotations

from typing import Any

import msgspec

from mcstress.evidence.report import formatting, readings
from mcstress.evidence.report.figure_table import FigureTable, figure_table
from mcstress.evidence.report.readings import reading, worst
from mcstress.evidence.report.section import Headline, Section, Table, Verbatim, figures
from mcstress.evidence.report.sections.load import load_of
from mcstress.evidence.report.sections.misses import called
from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.metric import NOT_MEASURED
from mcstress.metrics.relevance_metric import BY_TRUTH
from mcstress.metrics.results import FigureSection

_BY_RULE = FigureTable(
    "relevance",
    "Relevance",
    "Mean over questions",
    is_split=True,
    counted="Questions",
    counts_questions=True,
)
_BY_TRUTH = msgspec.structs.replace(_BY_RULE, key=BY_TRUTH, head="By truth", has_reading=False)
_WORST = ["Worst questions", "Wording", "Hits that fit", "Mean gain", "Lists"]
_MEANING = (
    "A hit fits where it has what the scenario says that it must have; its gain is "
    "the share of all that was asked for. Mean gain counts early hits most; 1 is a list of K "
    "hits that fit in everything, which a corpus may not hold."
)


def relevance(document: RunDocument) -> Section:
    """Figures by rule, and the questions that found least."""
    figure = figures(document, "relevance")
    section = Section(
        key="relevance", title="Relevance", question="Is what is found what was asked for?"
    )
    section.notes = _never_found(figure)
    if figure.get("graded_lists"):
        section.tables = [figure_table(document, _BY_TRUTH)]
    if reason := figure.get(NOT_MEASURED):
        section.answer = readings.Reading("not measured", "fair")
        section.lead = f"Relevance was not measured by rule: {reason}."
        return section
    if not figure.get("lists"):
        section.answer = readings.Reading("not measured", "none")
        section.lead = "No list was judged by a rule of the scenario."
        return section
    keys = ("precision_at_k", "mean_gain_at_k")
    section.answer = worst(*(reading(document, f"relevance.{key}") for key in keys))
    section.headline = Headline(
        formatting.score(figure.get("precision_at_k")), formatting.interval(figure.get("ci95"))
    )
    section.tables.insert(0, figure_table(document, _BY_RULE))
    if questions := figure.get("worst"):
        section.tables.append(Table(_WORST, [_question(document, one) for one in questions]))
    section.notes = [_MEANING, *_left_out(figure), *section.notes]
    return section


def against_rest(document: RunDocument) -> list[Section]:
    """Overlap with the lists of a run at rest, by band of users; none without such a run."""
    whole = figures(document, "stability.against_rest")
    if not whole.get("lists"):
        return []
    bands = [
        (load_of(band) + ("" if band.offered_to else " users"), _of_rest(band.figures))
        for band in document.bands
    ]
    rows = [
        [
            name,
            formatting.score(figure.get("mean_overlap")),
            formatting.interval(figure.get("ci95")),
            formatting.count(figure.get("questions")),
            formatting.count(figure.get("lists")),
        ]
        for name, figure in [("all", whole), *bands]
        if figure.get("lists")
    ]
    columns = ["Overlap with rest", "Mean over questions", "95 % interval", "Questions", "Lists"]
    lead = (
        "How much of a baseline's list the same question's list at rest has (of the run of --rest, "
        "or of the trio that --reference lets run alone): what falls with more users is lost to "
        "load."
    )
    return [
        Section(
            key="against_rest",
            title="Against rest",
            question="Does load change what is found?",
            headline=Headline(
                formatting.score(whole["mean_overlap"]), formatting.interval(whole["ci95"])
            ),
            lead=lead,
            tables=[Table(columns, rows)],
            notes=_not_at_rest(document, whole["questions"]),
        )
    ]


def _not_at_rest(document: RunDocument, compared: int) -> list[str]:
    """How many of the scenario's questions were compared, where it is not all."""
    there_are = document.asked.questions().get("relevance", 0)
    if compared >= there_are:
        return []
    few = f"{formatting.of(compared, there_are)} questions of the scenario were compared"
    return [f"{few}: the others were not asked at rest, or not again under load."]


def _of_rest(band: FigureSection) -> FigureSection:
    found: FigureSection = (band.get("stability") or {}).get("against_rest") or {}
    return found


def not_measured(document: RunDocument) -> str:
    """What the verdict's line says of what could not be judged; empty where all could."""
    found = {"relevance": "relevance", "inbox": "the rating of hits"}
    names = [name for path, name in found.items() if figures(document, path).get(NOT_MEASURED)]
    if not names:
        return ""
    return f"{formatting.sentence_list(names)} {'was' if len(names) == 1 else 'were'} not measured"


def _never_found(figure: FigureSection) -> list[str]:
    """What ids that no list had mean for recall: a missed hit, or an id that no corpus has."""
    never = figure.get("never_found")
    if not never:
        return []
    ids = formatting.of(never, figure["relevant_ids"])
    said = (
        f"By truth: {ids} relevant ids were in no list of their question. An id that no corpus has "
        "counts as missed: if the file names such ids, recall and nDCG are too low, and cannot "
        "reach 1."
    )
    return [said]


def _question(document: RunDocument, one: dict[str, Any]) -> list[Any]:
    return [
        Verbatim(called(document, one["question"])),
        formatting.count(one["unit"]),
        formatting.score(one["precision_at_k"]),
        formatting.score(one["mean_gain_at_k"]),
        formatting.count(one["lists"]),
    ]


def _left_out(figure: FigureSection) -> list[str]:
    """Lists that say nothing, beside others that do."""
    kinds = {
        "without_fields": "with no field that a rule names: not counted",
        "other_words": "with no value that a demand asks for: counted as hits that do not fit",
    }
    return [
        f"{formatting.plural(figure[key], 'list')} {what}."
        for key, what in kinds.items()
        if figure[key]
    ]
