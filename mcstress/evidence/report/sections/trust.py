"""Sections on what the figures rest on: checks, completeness, faults, and what was not covered."""

from __future__ import annotations

from typing import Any

from mcstress.evidence.document_parts import (
    Completeness,
    ProcessTraces,
    RunSection,
    TraceCount,
    Tracing,
    WorkerPart,
    lost_by_reason,
)
from mcstress.evidence.report import readings, words
from mcstress.evidence.report.section import Section, Table, Verbatim, figures
from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.checks import CheckOutcome, value_of
from mcstress.metrics.faults import UNSENT_STEPS
from mcstress.metrics.phase import PHASES

_CHECK_COLUMNS = ["Check", "Value", "95 % interval", "Questions", "Verdict", "Why"]
_TRACED_BY = ["Traced by", "Made", "Sampled out", "Delivered", "Spooled", "Dropped"]
_MASKS = {
    "off": "Traces: bodies are sent as they are (--mask off).",
    "on": "Traces: phone numbers, email addresses and numbers shaped like SSN or cards are masked "
    "in what is sent (--mask on); names are not.",
    "strict": "Traces: no bodies are sent (--mask strict).",
}
RULE_BASED = "no language model"
NOT_SENT = "not sent"
_FEWEST_TRIOS = 5
_NO_SCHEDULE = "Latency from an intended start: there was no schedule."


def checks(document: RunDocument) -> Section:
    """Every check with its verdict and the reason."""
    return Section(
        key="checks",
        title="Checks",
        tables=[Table(_CHECK_COLUMNS, [_check(check) for check in document.checks])],
    )


def _check(check: CheckOutcome) -> list[Any]:
    value = check.value
    return [
        Verbatim(check.check),
        words.NONE if value is None else value_of(check.metric, value, check.threshold),
        words.interval(check.ci95, limits=(check.threshold,)),
        words.count(check.samples if check.questions is None else check.questions),
        readings.verdict(check.verdict),
        check.reason,
    ]


def completeness(document: RunDocument) -> Section:
    """Events made and merged, workers, observations traced, and counted faults."""
    figure = document.completeness
    tables = [Table(["Events", "Count"], _events(figure))]
    workers = figure.workers
    if len(workers) > 1 or any(worker.lost for worker in workers):
        tables.append(Table(["Worker", "Events", "State"], [_worker(part) for part in workers]))
    tracing = figure.tracing
    tables.append(Table(["Trace observations", "Count"], _tracing(tracing)))
    traced = [worker for worker in workers if worker.tracing]
    if traced and len(workers) > 1:
        tables.append(Table(_TRACED_BY, [_traced(worker) for worker in workers]))
    if spools := tracing.waiting:
        waiting = [[Verbatim(path)] for path in spools]
        tables.append(Table(["Not delivered; mcstress replay sends it"], waiting))
    faults = {kind: n for kind, n in document.faults.items() if n}
    if faults:
        rows = [[words.spaced(kind), words.count(n)] for kind, n in faults.items()]
        tables.append(Table(["Counted faults", "Count"], rows))
    return Section(
        key="completeness",
        title="Completeness",
        question="Is everything in it?",
        answer=_complete(figure),
        tables=tables,
        notes=[
            *figure.faults,
            *_mask_note(tracing),
            *figure.notices,
            *(tracing.faults or ()),
            *_sum_note(tracing),
            *_score_note(tracing.scores or TraceCount()),
            *document.run.user_errors,
        ],
    )


def _complete(figure: Completeness) -> readings.Reading:
    if figure.complete:
        return readings.Reading("complete: every event made is in the figures", "good")
    return readings.Reading("incomplete: something is missing, so that no check can pass", "bad")


def _events(figure: Completeness) -> list[list[Any]]:
    named = {
        "events_made": "made by the coordinators",
        "events_merged": "in the figures",
        "events_kept": "kept as evidence",
    }
    return [[named[key], words.count(count)] for key, count in figure.counts.items()]


def _worker(worker: WorkerPart) -> list[Any]:
    missing = worker.reports_missing
    state = readings.Reading("complete", "good")
    if missing:
        state = readings.Reading(f"{words.plural(missing, 'report')} never arrived", "bad")
    if worker.lost:
        state = readings.Reading("lost", "bad")
    return [Verbatim(worker.name), words.count(worker.events), state]


def _tracing(tracing: Tracing) -> list[list[Any]]:
    told, delivered = tracing.visible, tracing.delivered
    shown = words.count(told)
    if told is not None and delivered is not None and told < delivered:
        shown = words.visible(told, delivered, tracing.visible_within_s)
    rows = [
        ["made", words.count(tracing.made)],
        ["sampled out", words.count(tracing.sampled_out)],
        ["delivered", words.count(delivered)],
        ["read back", shown],
        ["spooled", words.count(tracing.spooled)],
    ]
    dropped = lost_by_reason(tracing)
    by_reason = ", ".join(f"{reason}: {n:,}" for reason, n in dropped.items() if n)
    total = words.count(sum(dropped.values()))
    return [*rows, ["dropped", f"{total} ({by_reason})" if by_reason else total]]


def _traced(worker: WorkerPart) -> list[Any]:
    """What became of a worker's observations; a dash where it traced nothing."""
    tracing = worker.tracing or ProcessTraces()
    counts = [tracing.made, tracing.sampled_out, tracing.delivered, tracing.spooled]
    counts.append(sum(lost_by_reason(tracing).values()) if worker.tracing else None)
    return [Verbatim(worker.name), *map(words.count, counts)]


def _mask_note(tracing: Tracing) -> list[str]:
    """A sentence that says what left the machine in traces, where any did."""
    said = _MASKS.get(tracing.mask or "") if tracing.on else None
    return [said] if said else []


def _score_note(scores: TraceCount) -> list[str]:
    """A sentence where scores are not in Langfuse that should be."""
    made, spooled = scores.made or 0, scores.spooled or 0
    dropped = [f"{n:,} dropped ({reason})" for reason, n in lost_by_reason(scores).items() if n]
    missing = [f"{spooled:,} spooled"] * bool(spooled) + dropped
    return [f"Of {made:,} scores on traces: {words.sentence_list(missing)}."] if missing else []


def _sum_note(tracing: Tracing) -> list[str]:
    """A sentence where the observations do not add up."""
    parts = (tracing.sampled_out, tracing.delivered, tracing.spooled)
    accounted = sum(part or 0 for part in parts) + sum(lost_by_reason(tracing).values())
    made = tracing.made or 0
    if made == accounted:
        return []
    return [f"{made:,} trace observations were made and {accounted:,} are accounted for."]


def not_covered(document: RunDocument) -> Section:
    """What a reader might take for tested and was not."""
    run = document.run
    return Section(
        key="not_covered",
        title="What this run did not cover",
        notes=[
            *_phases(document),
            *_services(run),
            *_outcomes(document),
            *_understood(document),
            *_reach(document),
            *_generator(run),
            *_kept(run),
            _NO_SCHEDULE,
        ],
    )


def _phases(document: RunDocument) -> list[str]:
    run = document.run
    left_out = [words.spaced(name) for name in PHASES if run.phases and name not in run.phases]
    ran = figures(document, "events.by_phase")
    idle = [words.spaced(name) for name in run.phases if not ran.get(name)]
    notes = [f"Phases not chosen: {words.sentence_list(left_out)}."] if left_out else []
    return notes + ([f"Chosen and never ran: {words.sentence_list(idle)}."] if idle else [])


def _services(run: RunSection) -> list[str]:
    return (
        [
            f"No real {service.name} was tested: these figures describe the built-in test server"
            + (f" ({service.note})." if service.note else ".")
            for service in run.services
            if service.embedded
        ]
        + [
            f"No real {service.name} was tested: it says that it is none ({service.note})."
            for service in run.services
            if not service.embedded and RULE_BASED in service.note
        ]
        + [
            f"The {service.name} with its token: {service.note} to {service.url}, another service."
            for service in run.services
            if NOT_SENT in service.note
        ]
    )


def _outcomes(document: RunDocument) -> list[str]:
    reasons = {
        "failed": "failed (a list that was found before counts)",
        "skipped": "skipped for want of a partner",
        "unmet": "whose partner stayed silent",
        "cut": "cut off by the end of the run",
    }
    counted = figures(document, "events.by_outcome")
    said = [f"{counted[key]:,} {text}" for key, text in reasons.items() if counted.get(key)]
    if unsent := document.faults.get(UNSENT_STEPS):
        steps = words.plural(unsent, "step")
        said.append(f"{steps} of them that the load generator could not send, which is no failure")
    return [f"Events that were not whole: {words.sentence_list(said)}."] if said else []


def _understood(document: RunDocument) -> list[str]:
    """What the LLM wrote that nobody could read, where no check asks for it."""
    inbox = figures(document, "inbox")
    asked = any(check.metric.startswith("inbox.") for check in document.checks)
    # A rating was answered where it could be used, and where it could not.
    ratings = inbox.get("rated", 0) + inbox.get("unparseable_ratings", 0)
    asked_of = {
        "unparseable": ("demands", inbox.get("accepted")),
        "unparseable_ratings": ("ratings", ratings),
    }
    said = [
        f"{words.of(inbox[key], of)} {what}"
        for key, (what, of) in asked_of.items()
        if inbox.get(key)
    ]
    if asked or not said:
        return []
    return [f"Answers of the LLM that are none: {words.sentence_list(said)} were unparseable."]


def _reach(document: RunDocument) -> list[str]:
    notes = []
    trios = figures(document, "diversity.same_role_across_contracts").get("trios", 0)
    if 0 < trios < _FEWEST_TRIOS:
        asked = "one wording was" if trios == 1 else f"{trios} wordings were"
        notes.append(f"Other wordings of the demands: only {asked} asked.")
    if len(document.load_curve) == 1:
        notes.append(_one_band(document))
    return notes


def _one_band(document: RunDocument) -> str:
    fewest = min((number for _, number in document.users if number), default=0)
    users = words.plural(document.run.peak_users, "concurrent user")
    if fewest in (0, document.run.peak_users):
        return f"Load: it did not vary, with {users} at most."
    return f"Load: from {fewest} to {users}, too briefly at each number to tell them apart."


def _generator(run: RunSection) -> list[str]:
    if not run.generator_saturated:
        return []
    note = (
        "Latency of the services alone: the generator was saturated. A process of it took over "
        "90 % of its core, so that latencies may hold waits of its own; more workers, or fewer "
        "users, would tell."
    )
    return [note]


def _kept(run: RunSection) -> list[str]:
    notes = []
    if not run.keeps_all:
        notes.append(f"Evidence of every event: kept was {run.evidence}; the figures saw all.")
    if not run.trace_url:
        notes.append("Traces: no Langfuse project is known.")
    return notes
