"""The report's ``run`` section: what was run, against what, with what."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from msgspec import UNSET, UnsetType

from mcstress.evidence.document_parts import (
    CapabilityNote,
    ClockNote,
    CoordinatorNote,
    RunSection,
    Service,
)
from mcstress.metrics.event import utc
from mcstress.services.http.bearer_token import GATEWAY_TOKEN, withheld
from mcstress.services.llm.clients import API_NAMES
from mcstress.users.run import Seat

if TYPE_CHECKING:
    from mcstress.master.run_state import RunState
    from mcstress.services.preflight import ModelFacts
    from mcstress.settings import Settings
    from mcstress.system_under_test import SystemUnderTest

PACKAGES = ("multi-coordinator-stress", "locust", "gevent", "msgspec", "httptools", "numpy")
COORDINATORS_NAMED = 30
"""Of ten thousand coordinators, the first few tell the pattern of all."""


def describe(run: RunState) -> RunSection:
    """Plain data; no secret is in it, for tokens and keys never become settings."""
    shared, held = run.run, run.seats.ever_held()
    return RunSection(
        run_uid=shared.uid,
        run_id=shared.label,
        started=utc(run.started_s),
        ended=utc(run.ended_s) if run.ended_s else None,
        mode=run.mode,
        workers=len(run.registry.parts),
        stopped_by=run.stopped_by,
        k=shared.top_k,
        seed=shared.seed,
        rounds=shared.rounds,
        clock=_clock(run),
        phases=shared.phases,
        left_out=left_out(run),
        capabilities=_capabilities(run),
        coordinators=_coordinators(run),
        seats={name: held.get(name, 0) for name in shared.scenario.personas},
        generator_saturated=run.saturated,
        peak_users=max((users for _, users in run.users_timeline), default=0),
        corpora=run.system.target.corpus_sizes,
        services=services(run.system),
        settings=settings(run),
        versions=versions(),
        evidence=run.settings.evidence,
        evidence_path=str(run.paths.json),
        trace_url=run.traces.url,
        user_errors=sorted({*run.user_errors}),
    )


def _clock(run: RunState) -> ClockNote | UnsetType:
    """The scenario's clock, where one is on."""
    if (clock := run.run.clock) is None:
        return UNSET
    scenario = run.run.scenario
    began_s = None if run.clock is None else run.clock.hour_0_s
    return ClockNote(
        hours=clock.hours,
        time_scale=clock.time_scale,
        start=scenario.start.isoformat(),
        zone=scenario.zone,
        hour_0=None if began_s is None else utc(began_s),
        busy=run.system.busy.shares(clock.time_scale),
    )


def services(system: SystemUnderTest) -> list[Service]:
    """Each service: where it is, and whether it is the real thing."""
    given = system.settings
    return [
        Service(
            name=system.target.title if given.target else "gateway",
            url=given.gateway_url or given.target,
            embedded=not given.keeps_what_is_written,
            note=_faults(given)
            if not given.keeps_what_is_written
            else "; ".join(
                filter(
                    None,
                    (*system.target.notes, _without_token(GATEWAY_TOKEN, given.gateway_url, given)),
                )
            ),
        ),
        *([] if system.model is None else [_llm(given, system.model)]),
    ]


def _llm(given: Settings, model: ModelFacts) -> Service:
    answers = f"built-in rules, no language model; they answer to the name {model.name}"
    note = answers if model.rule_based else f"model {model.name}, {API_NAMES[model.api]}"
    not_sent = _without_token(given.llm.token, given.llm.url, given)
    return Service(
        name="LLM",
        url=given.llm.url,
        embedded=not given.llm.url,
        note=", ".join(filter(None, (note, not_sent))),
    )


def left_out(run: RunState) -> dict[str, str]:
    """The chosen phases that the target cannot take part in, each with the reason."""
    skipped = run.system.skipped_phases()
    return {phase: skipped[phase] for phase in run.settings.phases if phase in skipped}


def _capabilities(run: RunState) -> list[CapabilityNote]:
    """Of a target of the user's own; the gateway has all of them."""
    if not run.settings.target:
        return []
    nouns = run.run.scenario.words
    return [
        CapabilityNote(name=name, there=there, effect="" if there else nouns.fill(effect))
        for name, there, effect in run.system.target.capabilities.table()
    ]


def _faults(given: Settings) -> str:
    """What the embedded stack was told to do wrong."""
    return f"with faults: {given.stack_faults.text}" if given.stack_faults else ""


def _without_token(variable: str, url: str, given: Settings) -> str:
    """Where the service is not the one that the token is for."""
    held_back = url and withheld(variable, url, given.token_hosts)
    return f"{variable} not sent" if held_back else ""


def settings(run: RunState) -> dict[str, Any]:
    """The options in force that are not elsewhere in the section."""
    given = run.settings
    return {
        "scenario": given.scenario_source,
        "record_rank": run.run.scenario.record_rank,
        "variants": len(run.run.scenario.variants),
        "think_time_s": [given.think_from_s, given.think_to_s],
        "arrivals": "" if given.arrivals is None else str(given.arrivals),
        "mix": given.mix,
        "max_wait_s": _max_wait_s(given),
        "reference_s": given.reference_s,
        "timeout_s": given.timeout_s,
        "llm_timeout_s": given.llm.timeout_s,
        "max_answer_bytes": given.max_answer_bytes,
        "wait_deadline_s": given.wait_deadline_s,
        "llm_parallel": given.llm_parallel,
        "playbook_prefix": run.run.playbook_prefix,
        "trace_sample": given.trace_sample,
        "mask": given.mask,
        "stack_faults": given.stack_faults.text,
        "truth": given.truth.path,
        "rest": given.rest_path,
        "inbox": "" if given.mail is None else given.mail.source,
        "memory_size": given.memory_size,
        "set": {one.key: one.value for one in given.target_name.numbers},
    }


def _max_wait_s(given: Settings) -> float | None:
    """How long an arrival or an appointment waits at most; None without a schedule."""
    schedule = given.arrivals or given.clock
    return None if schedule is None else schedule.max_wait_s


@cache
def versions() -> dict[str, str]:
    """What it ran on."""
    packages = {name: version(name) for name in PACKAGES}
    return {"python": platform.python_version(), "platform": platform.platform(), **packages}


def _coordinators(run: RunState) -> list[CoordinatorNote]:
    prefix, seats = run.run.playbook_prefix, run.seats.ever_held()
    named = [
        Seat(persona, trio)
        for trio in range(1, max(seats.values(), default=0) + 1)
        for persona in run.run.scenario.personas
        if trio <= seats.get(persona, 0)
    ]
    return [
        CoordinatorNote(name=seat.name, namespace=seat.namespace(prefix))
        for seat in named[:COORDINATORS_NAMED]
    ]
