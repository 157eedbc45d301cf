"""Whole events as coordinators make them: one search each, counted by the metrics and kept.

Everything is the product's own but the surroundings, which need no master here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import locust
from locust.env import Environment

from mcstress.cluster.messages import EVENTS_A_SECOND
from mcstress.evidence.store.policy import parse_policy
from mcstress.evidence.store.segment import Segment
from mcstress.locust_compat import log_requests_at_once
from mcstress.metrics.event import Event
from mcstress.services.gateway.target import GatewayTarget
from mcstress.services.llm.language_model import ModelSetup
from mcstress.services.step import Step
from mcstress.users.coordinator import Coordinator, WorkerContext
from mcstress.users.coordinator_session import Reporter, coordination_hook, firing
from mcstress.users.event_scope import EventScope
from mcstress.users.phases.registry import Task
from mcstress.users.phases.reissue import reissue
from mcstress.users.phases.surge import surge
from mcstress.users.run import Run, Seat, setup_of
from mcstress.users.scenarios.load import load_scenario
from mcstress.users.scenarios.model import Demand
from mcstress.worker.recorder import Recorder

EVENTS_A_DELTA = EVENTS_A_SECOND
"""What a worker sees between two deltas at full speed."""


def coordinators(
    url: str, environment: Environment, folder: Path, count: int
) -> list[Callable[[], object]]:
    """``count`` coordinators; each call is the next event of one."""
    run = made_run(url)
    sizes = dict.fromkeys(run.scenario.corpora, 5000)
    target = GatewayTarget(run.target_setup)
    made = SimpleNamespace(run=run, corpus_sizes=lambda _: sizes, target=target)
    context = cast("WorkerContext", made)
    log_requests_at_once(environment)
    coordination_hook(environment).add_listener(recorded(run, folder))
    personas = run.scenario.personas
    return [
        coordinator(Seat(personas[number % 3], number // 3 + 1), context, environment)
        for number in range(count)
    ]


def made_run(url: str) -> Run:
    """A run of the default scenario."""
    scenario = load_scenario("three_cities")
    return Run(
        uid="benchmark",
        label="benchmark",
        target_setup=setup_of(scenario, url=url),
        llm_setup=ModelSetup(url, "none"),
        scenario=scenario,
        phases=["baseline", "surge", "reissue"],
        rounds=0,
        seed=42,
        top_k=scenario.top_k,
        playbook_prefix="playbook_",
        fresh_prefix="fresh_",
        wait_deadline_s=60,
        think_from_s=0,
        think_to_s=0,
    )


def recorded(run: Run, folder: Path) -> Callable[..., None]:
    """A worker's listener: metrics and evidence, and now and then a delta."""
    segment = Segment(folder / "events.jsonl", {"record": "segment"})
    recorder = Recorder("benchmark", run.top_k, segment, parse_policy("all"), ())

    def on_event(event: Event, steps: Sequence[Step[Any]]) -> None:
        recorder.on_event(event, steps)
        if recorder.events_made % EVENTS_A_DELTA == 0:
            recorder.settle()
            recorder.figures.take().state()

    return on_event


def coordinator(
    seat: Seat, context: WorkerContext, environment: Environment
) -> Callable[[], object]:
    """The next event, at each call."""
    user = locust.User(environment)
    coordinator = Coordinator(
        seat,
        context,
        context.target.connect(),
        cast("Any", None),
        fire=firing(coordination_hook(environment)),
        report=Reporter(environment, user),
        interruptible=cast("Any", None),
    )
    deeds = rounds(coordinator)

    def next_event() -> None:
        next(deeds)()

    return next_event


def rounds(coordinator: Coordinator) -> Iterator[Task]:
    """Round after round: baseline without its recordings, surge, reissue."""
    while True:
        for demand in coordinator.contract.demands:
            yield partial(search, coordinator, demand)
        yield from surge(coordinator)
        yield from reissue(coordinator)
        coordinator.round += 1


def search(coordinator: Coordinator, demand: Demand) -> None:
    """A baseline event without its recording."""
    with EventScope(
        coordinator, "baseline", contract=coordinator.contract.name, role=demand.role
    ) as scope:
        scope.search(demand.query)
    coordinator.baselines[demand.role] = scope.event.seq
