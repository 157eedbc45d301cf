"""The section on what a reader might take for tested, and was not."""

from __future__ import annotations

from mcstress.evidence.document_parts import (
    RunSection,
)
from mcstress.evidence.report import formatting
from mcstress.evidence.report.section import Section, Verbatim, figures
from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.metric import UNSENT_STEPS
from mcstress.metrics.phase import MIX_NAMES, PHASES

RULE_BASED = "no language model"
NOT_SENT = "not sent"
_FEWEST_TRIOS = 5
MOST_LATE = 0.05
"""Of its seconds: with fewer in which a process was late itself, no percentile up to p95 tells."""
_NO_SCHEDULE = (
    "Latencies do not include any wait before a request was sent: without a schedule, a user sends "
    "its next request only after the last was answered (coordinated omission)."
)


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
            *_generator(document),
            *_kept(run),
            *([] if document.completeness.has_schedule else [_NO_SCHEDULE]),
        ],
    )


def _phases(document: RunDocument) -> list[str]:
    run, nouns = document.run, document.words
    of_rounds = [name for name in PHASES if name not in MIX_NAMES]
    left_out = [nouns.phase(name) for name in of_rounds if run.phases and name not in run.phases]
    ran = figures(document, "events.by_phase")
    idle = [nouns.phase(name) for name in run.phases if not ran.get(name)]
    notes = [f"Phases not selected: {formatting.sentence_list(left_out)}."] if left_out else []
    return notes + ([f"Selected, but never ran: {formatting.sentence_list(idle)}."] if idle else [])


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
        "failed": "failed (a list returned before the failure is counted)",
        "skipped": "skipped because the partner was absent or no paraphrase could be used",
        "unmet": "whose partner did not answer in time",
        "cut": "cut off at the end of the run",
    }
    counted = figures(document, "events.by_outcome")
    said = [f"{counted[key]:,} {text}" for key, text in reasons.items() if counted.get(key)]
    if unsent := document.faults.get(UNSENT_STEPS):
        steps = formatting.plural(unsent, "step")
        said.append(f"{steps} of them that the load generator could not send (not a failure)")
    return [f"Incomplete events: {formatting.sentence_list(said)}."] if said else []


def _understood(document: RunDocument) -> list[str]:
    """What the LLM wrote that nobody could read, where no check asks for it."""
    inbox = figures(document, "inbox")
    asked = any(check.metric.startswith("inbox.") for check in document.checks)
    # A rating was answered where it could be used, and where it could not; a demand likewise.
    answered = {
        "unparseable": ("demands", inbox.get("parsed", 0) + inbox.get("unparseable", 0)),
        "unparseable_ratings": (
            "ratings",
            inbox.get("rated", 0) + inbox.get("unparseable_ratings", 0),
        ),
    }
    said = [
        f"{formatting.of(inbox[key], of)} {what}"
        for key, (what, of) in answered.items()
        if inbox.get(key)
    ]
    if asked or not said:
        return []
    return [f"Answers of the LLM that could not be read: {formatting.sentence_list(said)}."]


def _reach(document: RunDocument) -> list[str]:
    notes = _incomplete_groups(document)
    trios = figures(document, "diversity.same_role_across_contracts").get("trios", 0)
    if 0 < trios < _FEWEST_TRIOS:
        notes.append(_wordings(document, trios))
    if len(document.load_curve) == 1:
        notes.append(_one_band(document))
    return notes


def _wordings(document: RunDocument, used: int) -> str:
    """Of the demands: each group of users has the next, until all have been used."""
    there_are = len(document.asked.variants)
    verb = "was" if used == 1 else "were"
    if used < there_are:
        return (
            f"Only {used} of {there_are} wordings of the demands {verb} used; each further group "
            "of users has another."
        )
    wordings = formatting.plural(used, "wording")
    return f"Only {wordings} of the demands {verb} used: the scenario has no more."


def _incomplete_groups(document: RunDocument) -> list[str]:
    """Groups that lacked somebody: what is done together was not tested in them."""
    seats, nouns = document.run.seats, document.words
    most, whole = max(seats.values(), default=0), min(seats.values(), default=0)
    if most == whole:
        return []
    there = ", ".join(f"{number:,} {Verbatim(name)}" for name, number in seats.items())
    some = formatting.plural(
        most - whole, *map(nouns.fill, ("incomplete {group}", "incomplete {groups}"))
    )
    whose = "its" if most - whole == 1 else "their"
    return [
        nouns.fill(
            f"{some[:1].upper()}{some[1:]} beside {whole:,} whole: there were {there}. What "
            f"{whose} {{coordinators}} do together was not tested."
        )
    ]


def _one_band(document: RunDocument) -> str:
    fewest = min((number for _, number in document.users if number), default=0)
    users = formatting.plural(document.run.peak_users, "concurrent user")
    if fewest in (0, document.run.peak_users):
        return f"Load: it did not vary, with {users} at most."
    return f"Load: from {fewest} to {users}, too briefly at each number to tell them apart."


def _generator(document: RunDocument) -> list[str]:
    """What a schedule's section says of its waits is not said again."""
    kept = document.completeness
    is_late = kept.saturated_share > MOST_LATE and not kept.has_schedule
    if not document.run.generator_saturated and not is_late:
        return []
    found = "one of its processes used more than 90 % of its core"
    if is_late:
        found = (
            f"in {formatting.of(kept.seconds_saturated, kept.seconds_watched)} seconds of its "
            "processes they did not keep up themselves (a timer of their own was late by more than "
            "5 ms, or they took over 90 % of a core)"
        )
    note = f"Latencies and silences may include waits of the load generator: {found}. "
    return [note + "Use more workers or cores, or fewer users."]


def _kept(run: RunSection) -> list[str]:
    notes = []
    if not run.keeps_all:
        notes.append(
            f"Not every event was kept as evidence ({run.evidence}); the figures are of all events."
        )
    if not run.trace_url:
        notes.append(
            "No links to traces: tracing to Langfuse was off, or its project is not known."
        )
    return notes
