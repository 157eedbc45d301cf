"""Sections on what the figures rest on: checks, completeness, faults, and what was not covered."""

from __future__ import annotations

from typing import Any

from mcstress.evidence.report import readings, words
from mcstress.evidence.report.run_section import RunSection
from mcstress.evidence.report.section import Document, Section, Table, Verbatim, figures
from mcstress.metrics.faults import UNSENT_STEPS
from mcstress.metrics.phase import PHASES

_CHECK_COLUMNS = ["Check", "Value", "95 % interval", "Samples", "Verdict", "Why"]
_TRACING = ("made", "sampled_out", "delivered", "read_back", "spooled")
_TRACED_BY = ["Traced by", "Made", "Sampled out", "Delivered", "Spooled", "Dropped"]
_SINK_COLUMNS = ["Traces by", "Where", "Made", "Sampled out", "Delivered", "Spooled", "Lost"]
_SINKS = {"langfuse": "Langfuse", "otlp": "OTLP"}
_MASKS = {
    "off": "Traces: bodies are sent as they are (--mask off).",
    "on": "Traces: phone numbers, email addresses and numbers shaped like SSN or cards are masked "
    "in what is sent (--mask on); names are not.",
    "strict": "Traces: no bodies are sent (--mask strict).",
}
RULE_BASED = "no language model"
NOT_SENT = "not sent"
_FEWEST_TRIOS = 5


def checks(document: Document) -> Section:
    """Every check with its verdict and the reason."""
    return Section(
        key="checks",
        title="Checks",
        tables=[Table(_CHECK_COLUMNS, [_check(check) for check in document.get("checks", [])])],
    )


def _check(check: dict[str, Any]) -> list[Any]:
    value = check["value"]
    return [
        Verbatim(check["check"]),
        words.NONE if value is None else f"{value:.4g}",
        words.interval(check["ci95"]),
        words.count(check["samples"]),
        readings.verdict(check["verdict"]),
        check["reason"],
    ]


def verdict_words(document: Document) -> str:
    """The verdict in a sentence: how many checks did what, and the ones that failed."""
    outcomes: list[dict[str, Any]] = document.get("checks", [])
    if not outcomes:
        return "no check was made"
    by_verdict = {
        verdict: [check for check in outcomes if check["verdict"] == verdict]
        for verdict in ("fail", "unknown", "pass", "skipped")
    }
    verbs = {"fail": "failed", "unknown": "unknown", "pass": "passed", "skipped": "skipped"}
    counted = [f"{len(found)} {verbs[verdict]}" for verdict, found in by_verdict.items() if found]
    told = f"{words.plural(len(outcomes), 'check')}: {words.sentence_list(counted)}"
    faults = document.get("completeness", {}).get("faults")
    return f"{told}; incomplete: {faults[0]}" if faults else told


def completeness(document: Document, run: RunSection) -> Section:
    """Events made and merged, workers, observations traced, and counted faults."""
    figure = document.get("completeness", {})
    tables = [Table(["Events", "Count"], _events(figure))]
    workers = figure.get("workers", [])
    if len(workers) > 1 or any(worker.get("lost") for worker in workers):
        tables.append(Table(["Worker", "Events", "State"], [_worker(part) for part in workers]))
    tracing = figure.get("tracing", {})
    tables.append(Table(["Trace observations", "Count"], _tracing(tracing)))
    traced = [worker for worker in workers if worker.get("tracing")]
    if traced and len(workers) > 1:
        tables.append(Table(_TRACED_BY, [_traced(worker) for worker in workers]))
    sinks = tracing.get("sinks", [])
    if sinks:
        tables.append(Table(_SINK_COLUMNS, [_sink(sink) for sink in sinks]))
    further = [sink for sink in sinks if sink["sink"] != "langfuse"]
    if spools := [
        path
        for counts in (tracing, *further)
        for path in (*counts.get("spools", []), *counts.get("spools_elsewhere", []))
    ]:
        waiting = [[Verbatim(path)] for path in spools]
        tables.append(Table(["Not delivered; mcstress replay sends it"], waiting))
    faults = {kind: n for kind, n in document.get("faults", {}).items() if n}
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
            *figure.get("faults", []),
            *_mask_note(tracing),
            *figure.get("notices", []),
            *tracing.get("faults", []),
            *_sum_note(tracing),
            *_score_note(tracing.get("scores") or {}),
            *(note for sink in further for note in _sink_notes(sink)),
            *run.user_errors,
        ],
    )


def _complete(figure: dict[str, Any]) -> readings.Reading:
    if figure.get("complete"):
        return readings.Reading("complete: every event made is in the figures", "good")
    return readings.Reading("incomplete: something is missing, so that no check can pass", "bad")


def _events(figure: dict[str, Any]) -> list[list[Any]]:
    named = {
        "events_made": "made by the coordinators",
        "events_merged": "in the figures",
        "events_kept": "kept as evidence",
    }
    return [[name, words.count(figure.get(key))] for key, name in named.items() if key in figure]


def _worker(worker: dict[str, Any]) -> list[Any]:
    missing = worker.get("reports_missing")
    state = readings.Reading("complete", "good")
    if missing:
        state = readings.Reading(f"{words.plural(missing, 'report')} never arrived", "bad")
    if worker.get("lost"):
        state = readings.Reading("lost", "bad")
    return [Verbatim(worker["name"]), words.count(worker.get("events")), state]


def _tracing(tracing: dict[str, Any]) -> list[list[Any]]:
    rows = [[words.spaced(key), words.count(tracing.get(key))] for key in _TRACING]
    told, delivered = tracing.get("read_back"), tracing.get("delivered")
    if told is not None and delivered is not None and told < delivered:
        rows[_TRACING.index("read_back")][1] = words.visible(
            told, delivered, tracing.get("read_back_within_s")
        )
    dropped = _dropped(tracing)
    by_reason = ", ".join(f"{reason}: {n:,}" for reason, n in dropped.items() if n)
    total = words.count(sum(dropped.values()))
    return [*rows, ["dropped", f"{total} ({by_reason})" if by_reason else total]]


def _traced(worker: dict[str, Any]) -> list[Any]:
    """What became of a worker's observations; a dash where it traced nothing."""
    tracing = worker.get("tracing") or {}
    counts = [tracing.get(key) for key in ("made", "sampled_out", "delivered", "spooled")]
    counts.append(sum(_dropped(tracing).values()) if tracing else None)
    return [Verbatim(worker["name"]), *map(words.count, counts)]


def _sink(sink: dict[str, Any]) -> list[Any]:
    """Where traces went, and what became of the observations; a loss stands with its reasons."""
    dropped = {reason: n for reason, n in _dropped(sink).items() if n}
    by_reason = ", ".join(f"{reason}: {n:,}" for reason, n in dropped.items())
    lost = words.count(sum(dropped.values()))
    return [
        _SINKS.get(sink["sink"], sink["sink"]),
        Verbatim(sink["where"]),
        *(words.count(sink.get(key)) for key in ("made", "sampled_out", "delivered", "spooled")),
        Verbatim(f"{lost} ({by_reason})") if by_reason else lost,
    ]


def _sink_notes(sink: dict[str, Any]) -> list[str]:
    """What the notes say of Langfuse, for another sink."""
    notes = [*_sum_note(sink), *_score_note(sink.get("scores") or {})]
    title = _SINKS.get(sink["sink"], sink["sink"])
    return [f"{title}: {note}" for note in (*sink.get("faults", []), *notes)]


def _mask_note(tracing: dict[str, Any]) -> list[str]:
    """A sentence that says what left the machine in traces, where any did."""
    if not tracing.get("on") and not tracing.get("sinks"):
        return []
    return [_MASKS[level] for level in [tracing.get("mask")] if level in _MASKS]


def _score_note(scores: dict[str, Any]) -> list[str]:
    """A sentence where scores are not in Langfuse that should be."""
    made, spooled = scores.get("made", 0), scores.get("spooled", 0)
    dropped = [f"{n:,} dropped ({reason})" for reason, n in _dropped(scores).items() if n]
    missing = [f"{spooled:,} spooled"] * bool(spooled) + dropped
    return [f"Of {made:,} scores on traces: {words.sentence_list(missing)}."] if missing else []


def _dropped(tracing: dict[str, Any]) -> dict[str, int]:
    dropped = tracing.get("dropped") or {}
    return dropped if isinstance(dropped, dict) else {"any reason": dropped}


def _sum_note(tracing: dict[str, Any]) -> list[str]:
    """A sentence where the observations do not add up."""
    parts = [tracing.get(key) or 0 for key in ("sampled_out", "delivered", "spooled")]
    accounted = sum(parts) + sum(_dropped(tracing).values())
    made = tracing.get("made") or 0
    if made == accounted:
        return []
    return [f"{made:,} trace observations were made and {accounted:,} are accounted for."]


def not_covered(document: Document, run: RunSection) -> Section:
    """What a reader might take for tested and was not."""
    return Section(
        key="not_covered",
        title="What this run did not cover",
        notes=[
            *_phases(document, run),
            *_services(run),
            *_outcomes(document),
            *_understood(document),
            *_reach(document, run),
            *_generator(run),
            *_kept(run),
            *_schedule(run),
        ],
    )


def _phases(document: Document, run: RunSection) -> list[str]:
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


def _outcomes(document: Document) -> list[str]:
    reasons = {
        "failed": "failed (a list that was found before counts)",
        "skipped": "skipped for want of a partner",
        "unmet": "whose partner stayed silent",
        "cut": "cut off by the end of the run",
    }
    counted = figures(document, "events.by_outcome")
    said = [f"{counted[key]:,} {text}" for key, text in reasons.items() if counted.get(key)]
    if unsent := document.get("faults", {}).get(UNSENT_STEPS):
        steps = words.plural(unsent, "step")
        said.append(f"{steps} of them that the load generator could not send, which is no failure")
    return [f"Events that were not whole: {words.sentence_list(said)}."] if said else []


def _understood(document: Document) -> list[str]:
    """What the LLM wrote that nobody could read, where no check asks for it."""
    inbox = figures(document, "inbox")
    asked = any(check["metric"].startswith("inbox.") for check in document.get("checks", []))
    parts = {"unparseable": ("demands", "accepted"), "unparseable_ratings": ("ratings", "accepted")}
    said = [
        f"{words.of(inbox[key], inbox[of])} {what}"
        for key, (what, of) in parts.items()
        if inbox.get(key)
    ]
    if asked or not said:
        return []
    return [f"Answers of the LLM that are none: {words.sentence_list(said)} were unparseable."]


def _reach(document: Document, run: RunSection) -> list[str]:
    notes = []
    trios = figures(document, "diversity.same_role_across_contracts").get("trios", 0)
    if 0 < trios < _FEWEST_TRIOS:
        asked = "one wording was" if trios == 1 else f"{trios} wordings were"
        notes.append(f"Other wordings of the demands: only {asked} asked.")
    if len(document.get("load_curve", [])) == 1:
        notes.append(_one_band(document, run))
    return notes


def _one_band(document: Document, run: RunSection) -> str:
    fewest = min((number for _, number in document.get("users", []) if number), default=0)
    users = words.plural(run.peak_users, "concurrent user")
    if fewest in (0, run.peak_users):
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
    if run.evidence not in ("all", "full"):
        notes.append(f"Evidence of every event: kept was {run.evidence}; the figures saw all.")
    if not run.trace_url:
        notes.append("Traces: no Langfuse project is known.")
    return notes


def _schedule(run: RunSection) -> list[str]:
    scheduled = any(name.startswith("clock") and value for name, value in run.settings.items())
    return [] if scheduled else ["Latency from an intended start: there was no schedule."]
