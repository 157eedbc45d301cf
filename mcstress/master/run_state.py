"""One run as the master (or the local runner) holds it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import Any

import msgspec

from mcstress.cluster.handshake import own_protocol, own_version
from mcstress.cluster.messages import Delta, Welcome
from mcstress.cluster.tracing import SessionTraces
from mcstress.errors import UsageError
from mcstress.evidence.store.paths import ReportPaths
from mcstress.evidence.store.policy import parse_policy
from mcstress.evidence.store.segment import Segment
from mcstress.load.arrivals import Arrivals
from mcstress.load.schedule import TrialPlan
from mcstress.master.capacity_trials import CapacityTrials
from mcstress.master.handover_partners import HandoverPartners
from mcstress.master.mail_blocks import MailBlocks, MailByClock
from mcstress.master.offered_load import Offering
from mcstress.master.run_info import describe
from mcstress.master.scenario_clock import ScenarioClock
from mcstress.master.seat_pool import Headcount, SeatPool
from mcstress.master.solo_phase import SoloPhase
from mcstress.master.stages import RUN_CHANGES, RunStage, changed
from mcstress.master.worker_registry import WorkerRegistry, WorkerState
from mcstress.metrics.arrivals import OfferedSecond, Unserved
from mcstress.metrics.figures import Figures
from mcstress.process.clock_watch import ClockWatch
from mcstress.services.steady_clock import CLOCK
from mcstress.settings import Settings
from mcstress.system_under_test import SystemUnderTest
from mcstress.tracing.delivery_counts import counts_of
from mcstress.truth_check import said_of_truth
from mcstress.users.appointments import Timetable
from mcstress.users.run import Run

CORPORA_POLL_S = 5.0
ENDED_BY_CLOCK = "the clock has ended"
ENDED_BY_LOSS = "no worker was heard of any more"

logger = logging.getLogger(__name__)


class ImpossibleError(Exception):
    """What a worker is said to have seen is nothing that a worker sees."""


class RunState:
    """Settings, seats, workers, merged figures and the main evidence file of one run."""

    def __init__(
        self, settings: Settings, run: Run, system: SystemUnderTest, paths: ReportPaths, mode: str
    ) -> None:
        self.settings = settings
        self.run = run
        self.system = system
        self.paths = paths
        self.mode = mode
        CLOCK.anchor()
        self.started_s = CLOCK.now_s()
        self.ended_s: float | None = None
        self.seats = SeatPool(in_step=run.rounds == 0)
        self.headcount = Headcount()
        self.mail: MailBlocks | None = None
        if settings.mail is not None:
            self.mail = (
                MailBlocks(settings.mail, repeat=settings.inbox_repeat)
                if run.clock is None
                else MailByClock(settings.mail, Timetable.of(run))
            )
        self.partners = HandoverPartners(
            run.scenario.handovers,
            self.seats,
            run.rounds_of(1),
            keeps_all=run.clock is not None,
        )
        self.solo_phase = SoloPhase(settings.reference_s, _questions(run))
        self.offering: Offering | None = None
        self.capacity: CapacityTrials | None = None
        if (asked := settings.arrivals) is not None:
            plan = TrialPlan(asked.rate) if asked.find_capacity else None
            self.offering = Offering(asked.rate, asked.kind, run.seed, plan)
            if plan is not None:
                self.capacity = CapacityTrials(asked.rate.to_per_s, plan)
        self.clock: ScenarioClock | None = None
        if run.clock is not None and settings.clock is not None:
            self.clock = ScenarioClock(run, run.clock, settings.clock.max_wait_s)
        self._offered_written = 0
        self.unserved = Unserved()
        self.registry = WorkerRegistry()
        self.figures = Figures(run.top_k, cells=cells(run))
        self.users_timeline: list[tuple[int, int]] = []
        self._noted: tuple[int, int] | None = None
        self.stage = RunStage.SPAWNING
        self.absent_users = 0
        self.clock_watch = ClockWatch()
        self.saturated = False
        self.stopped_by = ""
        self.last_round = 0
        self.traces = SessionTraces(settings, run, paths, local=mode == "local")
        self.read_back: dict[str, int] = {}
        self.user_errors: list[str] = []
        self.own_errors: set[str] = set()
        self.worker_faults: set[str] = set()
        self.notices: Callable[[], list[str]] = list
        self.said = [*said_of_truth(settings), *system.said]
        self.private = parse_policy(settings.evidence).keeps_bodies
        self.refused: set[str] = set()
        self.read_fault = ""
        self.report_fault = ""
        self.segment = Segment(paths.events, self.first_record(), private=self.private)

    def go(self, to: RunStage) -> None:
        """To another stage of its life; raises WrongChangeError."""
        self.stage = changed(f"run {self.run.label}", self.stage, to, RUN_CHANGES)

    def why_over(self, *, everyone_left: bool) -> str:
        """Why there is nothing left to do, or nobody to do it; empty: it goes on, or ends already.

        A run of rounds is over once spawning is complete and every living seat has done its own.
        """
        if self.stage >= RunStage.STOPPING:
            return ""
        is_complete = self.stage is RunStage.RUNNING and not self.solo_phase.waiting
        if is_complete and self.seats.all_done():
            return "all rounds completed" if self.clock is None else ENDED_BY_CLOCK
        if self.capacity is not None and self.capacity.is_over:
            return "the search for the capacity is over"
        return "all workers left" if everyone_left else ""

    def first_record(self) -> dict[str, Any]:
        """The line that a report can be made from when nothing else is left."""
        return {
            "record": "run",
            "run": msgspec.to_builtins(describe(self)),
            "scenario": msgspec.to_builtins(self.run.scenario),
            "thresholds": [msgspec.to_builtins(check) for check in self.settings.checks],
            "candidates": self.system.target.candidates,
        }

    def welcome(self, part: WorkerState) -> Welcome:
        """What a worker needs to take part."""
        settings = self.settings
        env_file = str(settings.langfuse_env.absolute())
        return Welcome(
            run=self.run,
            worker=part.name,
            segment_path=str(self.paths.segment(part.name).resolve()),
            evidence=settings.evidence,
            llm_parallel=settings.llm_parallel,
            reference_s=settings.reference_s,
            langfuse_env=env_file if self.traces.where("langfuse") else "",
            otlp_traces=self.traces.where("otlp"),
            mask=settings.mask,
            spool_path=str(self.paths.spool(part.name).resolve()),
            corpora_poll_s=CORPORA_POLL_S,
            corpus_sizes=self.system.target.corpus_sizes,
            arrivals=None
            if (asked := settings.arrivals) is None
            else Arrivals(asked.kind, self.run.seed, asked.max_wait_s),
            max_wait_s=settings.clock.max_wait_s if settings.clock else None,
            version=own_version(),
            protocol=own_protocol(),
            at_rest=self.solo_phase.lists if self.solo_phase.is_over else None,
        )

    def take(self, delta: Delta, part: WorkerState) -> None:
        """Merge what a worker saw, once. Raises ImpossibleError where it cannot be."""
        seen = self._figures(delta, part)
        if part.takes(delta):
            self.figures.merge(seen)
            self.user_errors += delta.user_errors
            self.worker_faults.update(delta.own_faults)
            self.unserved.take_in(delta.unserved)
            if self.capacity is not None:
                self.capacity.note(delta.loop)
            if self.clock is not None:
                self.clock.take(part.name, delta.appointments)

    def _figures(self, delta: Delta, part: WorkerState) -> Figures:
        """The figures of a delta, which hold as many events as it says that were made since."""
        if isinstance(delta.state, Figures):
            return delta.state
        try:
            seen = Figures.from_state(delta.state)
            events = seen.events
        except Exception as fault:
            raise ImpossibleError(f"{type(fault).__name__}: {fault}") from fault
        if seen.k != self.run.top_k or seen.folds:
            raise ImpossibleError("figures of another kind than this run's")
        said = delta.events_made - part.events_told
        if delta.number == part.deltas + 1 and events != said:
            raise ImpossibleError(f"{said} events were made and {events} are in the figures")
        try:
            counts_of(delta.tracing)
        except msgspec.ValidationError as fault:
            raise ImpossibleError(f"counts of traces that are none: {fault}") from fault
        return seen

    def ensure_report_dir(self) -> None:
        """Where somebody removed the folder of reports meanwhile, the figures are there yet."""
        if self.paths.events.is_file():
            return
        removed = self.segment
        try:
            self.paths.folder.mkdir(parents=True, exist_ok=True)
            self.segment = Segment(self.paths.events, self.first_record(), private=self.private)
        except (OSError, UsageError) as fault:
            logger.error("the run's folder cannot be made again: %s", fault)  # noqa: TRY400  (no defect)
            return
        self.segment.events, self.segment.error = removed.events, removed.error
        removed.close()

    def record_user_count(self, users: int) -> None:
        """Note the number of living coordinators; a second is told once, by its highest number."""
        second = int(CLOCK.now_s())
        if self._noted is not None and self._noted[0] == second:
            self._noted = (second, max(users, self._noted[1]))
            return
        self.write_user_counts()
        self._noted = (second, users)

    def write_offered(self) -> None:
        """Write down the seconds of the schedule that were granted since it was asked last."""
        if self.offering is None or len(self.offering.seconds) == self._offered_written:
            return
        seconds = self.offering.seconds[self._offered_written :]
        self._offered_written = len(self.offering.seconds)
        self.segment.record({"record": "offered", "seconds": msgspec.to_builtins(seconds)})

    def write_offered_at_the_end(self, seconds: Sequence[OfferedSecond]) -> None:
        """Write down the last ones as they came to be: those granted beyond the end were not."""
        granted = [] if self.offering is None else self.offering.seconds
        pairs = zip_longest(granted, seconds)
        at = next((at for at, (one, other) in enumerate(pairs) if one != other), len(granted))
        if at < len(granted):
            told = {"from": granted[at].time, "seconds": msgspec.to_builtins(seconds[at:])}
            self.segment.record({"record": "offered", **told})

    def write_hour_0(self) -> None:
        """Write down when the clock began: the first line could not know it."""
        if self.clock is not None:
            self.segment.record({"record": "hour_0", "time": self.clock.hour_0_s})
            self.segment.flush()

    def write_user_counts(self) -> None:
        """Write down the second that was noted last."""
        if self._noted is not None:
            second, users = self._noted
            self.users_timeline.append((second, users))
            self.segment.record({"record": "users", "time": second, "users": users})
        self._noted = None
        self.segment.flush()


def _questions(run: Run) -> int:
    """How many questions the reference is to ask; 0 where its lists are of no use."""
    if run.rest or "baseline" not in run.phases:
        return 0
    return cells(run) * len(run.scenario.variants)


def cells(run: Run) -> int:
    """How many (contract, role) cells a trio's round has."""
    return sum(len(contract.demands) for contract in run.scenario.variants[0].contracts)
