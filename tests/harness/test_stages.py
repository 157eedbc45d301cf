"""The life of a run and of its workers, whatever happens in whatever order."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import Phase
from hypothesis import settings as how
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from locust.env import Environment
from locust.event import Events
from locust.runners import (
    STATE_MISSING,
    STATE_RUNNING,
    MasterRunner,
    WorkerNode,
    WorkerNodes,
)

from mcstress.cluster import messages
from mcstress.cluster.channel import Channel
from mcstress.cluster.handshake import hello
from mcstress.commands.check import parse
from mcstress.master import controller as controller_module
from mcstress.master import drain as drain_module
from mcstress.master.controller import RunController
from mcstress.master.drain import drain
from mcstress.master.evidence_transfer import collect, gather
from mcstress.master.progress import Progress
from mcstress.master.run_start import begin_run
from mcstress.master.stages import (
    RUN_CHANGES,
    WORKER_CHANGES,
    RunStage,
    WorkerStage,
    WrongChangeError,
    changed,
)
from mcstress.metrics.figures import Figures
from mcstress.services.preflight import ModelFacts
from mcstress.settings import read_settings
from mcstress.system_under_test import SystemUnderTest, TargetFacts

TABLES = [(RunStage, RUN_CHANGES), (WorkerStage, WORKER_CHANGES)]
WORKERS = ("one", "two", "three")
PERSONAS = ("alice", "bob", "carol")


@pytest.mark.parametrize(("stages", "table"), TABLES)
def test_a_change_that_is_not_in_the_table_raises(stages, table):
    assert set(table) == set(stages)
    refused = 0
    for now in stages:
        for to in stages:
            if to in table[now]:
                assert changed("run 1", now, to, table) is to
            else:
                refused += 1
                with pytest.raises(WrongChangeError, match=f"run 1 is {now.name}: found {to.name}"):
                    changed("run 1", now, to, table)
    assert refused >= len(stages), "at least to itself"


def test_a_run_that_is_made_refuses_a_wrong_change(made_run):
    made_run.go(RunStage.RUNNING)
    made_run.go(RunStage.SPAWNING)
    with pytest.raises(WrongChangeError, match="expected RUNNING, STOPPING, DRAINING, OVER"):
        made_run.go(RunStage.REPORTING)
    assert made_run.stage is RunStage.SPAWNING


class NoPort(MasterRunner):
    """A master without a port: what it sends goes nowhere, and its workers are named here."""

    def __init__(self, environment):
        self.environment = environment
        self.clients = WorkerNodes()
        self.worker_indexes = {}
        self.custom_messages = {}
        self.state = STATE_RUNNING
        self.target_user_count = len(PERSONAS)
        self.target_user_classes_count = {}
        self.cpu_warning_emitted = self.worker_cpu_warning_emitted = False
        self.stops = 0

    def send_message(self, *_):
        """Nobody hears it."""

    def get_worker_index(self, client_id):
        return WORKERS.index(client_id)

    def stop(self, *_):
        self.stops += 1


class Life(RuleBasedStateMachine):
    """Workers join, fall silent, come back, leave and hand over, while the run goes on and ends.

    Each rule is something that reaches the master: a message, a look, a signal.
    """

    @initialize(rounds=st.integers(0, 1), there=st.sets(st.sampled_from(WORKERS)))
    def start(self, rounds, there):
        self.folder = tempfile.TemporaryDirectory()
        options = ["--report-dir", self.folder.name, "--rounds", str(rounds)]
        given = read_settings(parse([*options, "--langfuse-env", "none"]), None)
        nowhere = "http://127.0.0.1:9"
        system = SystemUnderTest(
            given, nowhere, nowhere, TargetFacts(), ModelFacts("m", rule_based=True)
        )
        self.run = begin_run(given, system, "distributed")
        environment = Environment(events=Events())
        self.runner = NoPort(environment)
        self.controller = RunController(environment, self.runner, Channel(self.runner))
        self.controller.on_early_leave = lambda *_: None
        self.controller.conduct(self.run, Progress(None, None))
        self.seen = self.run.stage
        self.told = {}
        self.tickets = 0
        for worker in sorted(there):
            self.joins(worker)

    def parts(self):
        return self.run.registry.parts.values()

    def uid(self):
        return self.run.run.uid

    @rule(worker=st.sampled_from(WORKERS))
    def joins(self, worker):
        before = len(self.run.registry.parts)
        self.runner.clients[worker] = WorkerNode(worker, state=STATE_RUNNING)
        self.controller._on_hello(hello(f"boot-{worker}"), worker)
        if self.run.stage >= RunStage.STOPPING:
            assert len(self.run.registry.parts) == before

    @rule(worker=st.sampled_from(WORKERS))
    def falls_silent(self, worker):
        if worker in self.runner.clients:
            self.runner.clients[worker].state = STATE_MISSING

    @rule(worker=st.sampled_from(WORKERS))
    def is_heard_again(self, worker):
        if worker in self.runner.clients:
            self.runner.clients[worker].state = STATE_RUNNING

    @rule(worker=st.sampled_from(WORKERS), persona=st.sampled_from(PERSONAS))
    def asks_for_a_seat(self, worker, persona):
        seats = len(self.run.seats)
        self.tickets += 1
        self.controller._seating._on_lease(
            messages.SeatRequest(self.uid(), persona, self.tickets), worker
        )
        if self.run.stage >= RunStage.STOPPING:
            assert len(self.run.seats) == seats

    @rule(worker=st.sampled_from(WORKERS))
    def is_done(self, worker):
        part = self.run.registry.of_client(worker)
        for seat in self.run.seats.of_worker(part.name) if part else ():
            self.controller._seating._on_done(messages.RoundsDone(self.uid(), seat), worker)

    @rule()
    def all_are_spawned(self):
        self.runner.target_user_count = len(self.run.seats)
        self.controller._on_spawning_complete()

    @rule(worker=st.sampled_from(WORKERS))
    def sends_a_delta(self, worker):
        if part := self.run.registry.of_client(worker):
            state = Figures(self.run.run.top_k, folds=False).state()
            delta = messages.Delta(
                self.uid(), part.name, part.boot, part.deltas + 1, 0, [], {}, state
            )  # fmt: skip
            before = part.deltas
            self.controller._on_delta(delta, worker)
            assert part.deltas == before + (self.run.stage < RunStage.REPORTING)

    @rule(worker=st.sampled_from(WORKERS))
    def hands_over(self, worker):
        if part := self.run.registry.of_client(worker):
            in_time = self.run.stage < RunStage.REPORTING
            before = part.drained
            totals = messages.Drained(self.uid(), part.name, part.boot, part.deltas, 0)
            self.controller._on_drained(totals, worker)
            assert part.drained is (before or (totals if in_time else None))

    @rule()
    def all_leave(self):
        for worker in WORKERS:
            self.hands_over(worker)
        self.a_second_passes()

    @rule(worker=st.sampled_from(WORKERS))
    def is_collected(self, worker):
        """As one that leaves before the end."""
        if part := self.run.registry.of_client(worker):
            collect(self.controller, self.run, part)

    @rule(worker=st.sampled_from(WORKERS))
    def says_that_it_traced(self, worker):
        if part := self.run.registry.of_client(worker):
            was = part.stage
            self.controller._on_traced(messages.Traced(self.uid(), part.name, {}), worker)
            assert part.traced == (was in (WorkerStage.COLLECTED, WorkerStage.TRACED))

    @rule()
    def a_second_passes(self):
        if self.run.stage < RunStage.REPORTING:
            self.controller._tick(self.run)

    @precondition(lambda self: self.run.stage < RunStage.DRAINING)
    @rule(now=st.integers(0, 3))
    def somebody_quits(self, now):
        if not now:  # not too soon, so that other things happen before
            self.run.go(RunStage.DRAINING)

    @precondition(lambda self: self.run.stage is RunStage.DRAINING)
    @rule()
    def is_drained(self):
        drain(self.controller, self.run, -1.0)
        assert self.run.stage is RunStage.REPORTING

    @precondition(lambda self: self.run.stage is RunStage.REPORTING)
    @rule()
    def is_reported(self):
        gather(self.controller, self.run)
        assert {part.stage for part in self.parts()} <= {
            WorkerStage.LOST, WorkerStage.COLLECTED, WorkerStage.TRACED
        }  # fmt: skip

    @invariant()
    def nobody_goes_back(self):
        if self.seen >= RunStage.STOPPING:
            assert self.run.stage >= self.seen
        self.seen = self.run.stage
        for part in self.parts():
            before = self.told.get(part.name, WorkerStage.HERE)
            assert part.stage >= before or before is WorkerStage.LOST
            self.told[part.name] = part.stage
            assert (part.drained is None) == (part.stage <= WorkerStage.LOST)
            if self.run.stage >= RunStage.REPORTING:
                assert part.stage is not WorkerStage.HERE

    def teardown(self):
        if hasattr(self, "run"):
            if self.run.stage < RunStage.DRAINING:
                self.run.go(RunStage.DRAINING)
            if self.run.stage is RunStage.DRAINING:
                self.is_drained()
            self.is_reported()
            self.nobody_goes_back()
            self.controller.rest()
            assert self.run.stage is RunStage.OVER
            self.controller.rest()
            self.run.segment.close()
            self.folder.cleanup()


@pytest.fixture
def _nobody_is_waited_for(monkeypatch):
    monkeypatch.setattr(controller_module, "SILENT_S", -1.0)
    monkeypatch.setattr(drain_module, "GRACE_S", 0.0)
    monkeypatch.setattr(drain_module, "RETURN_S", 0.0)


@pytest.mark.usefixtures("_nobody_is_waited_for")
def test_no_order_of_what_happens_is_a_wrong_change():
    run_state_machine_as_test(
        Life,
        settings=how(max_examples=80, stateful_step_count=30, phases=[Phase.generate]),
    )


def test_the_end_that_came_first_is_the_only_one(made_run):
    """Rounds that are done, a signal and the run time may each want to end it."""
    made_run.go(RunStage.STOPPING)
    made_run.go(RunStage.DRAINING)
    with pytest.raises(WrongChangeError):
        made_run.go(RunStage.DRAINING)
    with pytest.raises(WrongChangeError):
        made_run.go(RunStage.STOPPING)
    assert Path(made_run.paths.events).is_file()
