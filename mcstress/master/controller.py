"""The master of a run: it hears all workers, and knows when the run is over."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import gevent
import msgspec
from gevent.event import Event as Signal
from locust.env import Environment
from locust.runners import (
    STATE_CLEANUP,
    STATE_STOPPED,
    STATE_STOPPING,
    MasterRunner,
    Runner,
)

from mcstress.cluster import messages
from mcstress.cluster.channel import Channel
from mcstress.cluster.dropped import quoted
from mcstress.evidence.store.segment import refused
from mcstress.load.schedule import GrantedSecond
from mcstress.locust_compat import is_saturated
from mcstress.master.admission import Admission
from mcstress.master.mail_blocks import MailByClock
from mcstress.master.offered_load import LOOK_S as OFFER_S
from mcstress.master.offered_load import Offering, shares_of
from mcstress.master.progress import Progress
from mcstress.master.run_session import RunSession, Speaker
from mcstress.master.run_state import ENDED_BY_CLOCK, ImpossibleError, RunState
from mcstress.master.scenario_clock import TICK_S as CLOCK_S
from mcstress.master.scenario_clock import ScenarioClock
from mcstress.master.seat_assignment import SeatAssignment
from mcstress.master.spawn_tracker import SpawnTracker
from mcstress.master.stages import RunStage, WorkerStage
from mcstress.master.worker_registry import WorkerState
from mcstress.options import option
from mcstress.services.steady_clock import CLOCK
from mcstress.tracing.delivery_counts import counts_of

TICK_S = 1.0
OVER = (STATE_CLEANUP, STATE_STOPPING, STATE_STOPPED)
SILENT_S = 3.0
"""Locust may still miss a worker that we have heard since: it looks at heartbeats alone."""

logger = logging.getLogger(__name__)


class RunController(RunSession):
    """Answers messages for the run that is on. None of its listeners ever waits."""

    def __init__(self, environment: Environment, runner: Runner, channel: Channel) -> None:
        super().__init__(runner, channel)
        self.environment = environment
        self.progress: Progress | None = None
        self._ticker: gevent.Greenlet[..., None] | None = None
        self._offerer: gevent.Greenlet[..., None] | None = None
        self.admission: Admission | None = None
        if isinstance(runner, MasterRunner):
            self.admission = Admission(runner, channel, self.dropped)
            self.admission.on_refused = self._on_refused
        self.on_piece: dict[str, Callable[[messages.Piece], None]] = {}
        self.on_early_leave: Callable[[RunState, WorkerState], None] | None = None
        self._spawn_tracker = SpawnTracker(runner)
        self._over = Signal()
        self._over.set()
        self._seating = SeatAssignment(self, self._on_arrival, self._end_where_done)
        channel.listen(messages.Hello, self._on_hello)
        channel.listen(messages.Delta, self._on_delta)
        channel.listen(messages.Drained, self._on_drained)
        channel.listen(messages.Traced, self._on_traced)
        channel.listen(messages.Piece, self._on_piece)
        environment.events.spawning_complete.add_listener(self._on_spawning_complete)

    def conduct(self, run: RunState, progress: Progress) -> None:
        """From now on this run is on."""
        self.open(run)
        self.progress = progress
        run.notices = self._notices
        self._spawn_tracker.begin()
        self._over.clear()
        self._ticker = gevent.spawn(self._tick_forever)
        self._offerer = None
        if run.offering is not None:
            self._offerer = gevent.spawn(self._offer_forever, run, run.offering)
        elif run.clock is not None:
            self._offerer = gevent.spawn(self._run_clock, run, run.clock)

    def dismiss(self, run: RunState) -> None:
        """Let all workers go that have a part in the run; twice is once."""
        for part in run.registry.parts.values():
            self.notify(run, part.name, messages.Dismissed(run.run.uid, part.copied))

    def rest(self) -> None:
        """The run is over; twice is once."""
        if self.current is not None:
            self.current.go(RunStage.OVER)
        for greenlet in (self._ticker, self._offerer):
            if greenlet is not None:
                greenlet.kill()
        if self.progress is not None:
            if self.current is not None:
                # The last figures, and all of a short run's.
                self._best_effort(self.current, self.progress.finish)
            self.progress.close()
        self.current = None
        if self.admission is not None:
            self.admission.refused.clear()
        self.dropped.clear()
        self._over.set()

    def _notices(self) -> list[str]:
        refused = self.admission.refused.values() if self.admission is not None else ()
        return [*refused, *self.dropped.notices()]

    def _on_refused(self, client_id: str) -> None:
        if self.current is not None:
            self.current.registry.strike(client_id)

    def _best_effort(self, run: RunState, look: Callable[[RunState], None]) -> None:
        """The border of what the master does beside: one look that goes wrong is not the last.

        It is logged, and counted in ``own_errors``, which the report has as a fault.
        """
        try:
            look(run)
        except Exception as fault:
            logger.exception("a look at the run failed")
            run.own_errors.add(f"{type(fault).__name__}: {fault}")

    def wait_until_over(self) -> None:
        """Block while a run is on."""
        self._over.wait()

    def _on_hello(self, hello: messages.Hello, sender: str) -> None:
        run, got_s = self.current, CLOCK.now_s()
        admitted = self.admission is None or self.admission.admits(hello, sender)
        if run is None or run.stage >= RunStage.STOPPING or not admitted:
            return
        part = run.registry.enter(self.name_of(sender), sender, hello.boot, quoted(hello.machine))
        welcome = run.welcome(part)
        if not part.local:
            trip = messages.RoundTrip(hello.sent_s, got_s, CLOCK.now_s())
            welcome = msgspec.structs.replace(welcome, trip=trip)
        self.channel.send(welcome, self.address_of(part))
        if run.stage is RunStage.RUNNING:
            self.notify(run, part.name, messages.Spawned(complete=True))

    def _heard_in_time(
        self, message: messages.Delta | messages.Drained, sender: str
    ) -> Speaker | None:
        """Who hands over, for itself and before the drain was over."""
        speaker = self.part_of(message.run_uid, sender)
        if speaker is None or speaker.run.stage >= RunStage.REPORTING:
            return None
        return speaker if self.is_own(message, speaker.part) else None

    def _on_delta(self, delta: messages.Delta, sender: str) -> None:
        got_s = CLOCK.now_s()
        speaker = self._heard_in_time(delta, sender)
        if speaker is None:
            return
        if not speaker.part.local:
            speaker.part.last_delta = delta.sent_s, got_s
        try:
            speaker.run.take(delta, speaker.part)
        except ImpossibleError as fault:
            self.dropped.note("whose figures cannot be a worker's", sender, fault)

    def _on_drained(self, drained: messages.Drained, sender: str) -> None:
        speaker = self._heard_in_time(drained, sender)
        if speaker is None or speaker.part.drained is not None:  # it may be told again
            return
        run, part = speaker
        if drained.deltas < part.deltas or drained.events_made < part.events_told:
            self.dropped.note("that takes back what was told", sender, drained.events_made)
            return
        part.hand_over(drained)
        part.left_early = run.stage < RunStage.STOPPING
        if run.stage < RunStage.STOPPING and self.on_early_leave is not None:
            gevent.spawn(self.on_early_leave, run, part)

    def _on_traced(self, traced: messages.Traced, sender: str) -> None:
        speaker = self.part_of(traced.run_uid, sender)
        if speaker is None:
            return
        part = speaker.part
        if part.stage is WorkerStage.COLLECTED:
            part.go(WorkerStage.TRACED)
        elif not part.traced:  # it was asked twice where it took long
            self.dropped.note("of traces that were not asked for", sender)
            return
        try:
            part.tracing = counts_of(traced.counts)
        except msgspec.ValidationError as fault:
            self.dropped.note("whose counts cannot be a worker's", sender, fault)

    def _on_piece(self, piece: messages.Piece, sender: str) -> None:
        speaker = self.part_of(piece.run_uid, sender)
        if speaker is not None and speaker.part.name in self.on_piece:
            self.on_piece[speaker.part.name](piece)

    def _on_arrival(self, run: RunState) -> None:
        self._spawn_tracker.arrived()
        self._tell_spawned(run)

    def _on_spawning_complete(self, **_: object) -> None:
        self._spawn_tracker.spawned()
        if self.current is not None:
            self._tell_spawned(self.current)

    def _tell_spawned(self, run: RunState) -> None:
        """Say whether everybody is there: a partner that is still on its way must be waited for.

        While users are being stopped they are there no more, and were.
        """
        if run.stage >= RunStage.STOPPING or self.runner.state in OVER:
            return
        there = len(run.seats) + run.solo_phase.waiting
        self._spawn_tracker.look(there)
        complete = self._spawn_tracker.are_complete(there)
        if complete == (run.stage is RunStage.RUNNING):
            return
        run.go(RunStage.RUNNING if complete else RunStage.SPAWNING)
        self.channel.send(messages.Spawned(complete))
        if complete:
            self._note_absent(run, self._spawn_tracker.never_came(there))
        self._end_where_done(run)

    def look_for_absent(self, run: RunState) -> None:
        """Note who never came, before the users of a run are stopped."""
        self._best_effort(run, self._note_absent_at_the_end)

    def _note_absent_at_the_end(self, run: RunState) -> None:
        there = len(run.seats) + run.solo_phase.waiting
        self._note_absent(run, self._spawn_tracker.absent_at_the_end(there))

    def _note_absent(self, run: RunState, absent: int) -> None:
        """Those of a worker that is gone are missed with it."""
        if not any(part.lost or part.drained for part in run.registry.parts.values()):
            run.absent_users = max(run.absent_users, absent)

    def _offer_forever(self, run: RunState, offering: Offering) -> None:
        """Grant the schedule's seconds from when everybody has a seat until the end is decided."""
        while run.stage < RunStage.STOPPING and self.runner.state not in OVER:
            self._best_effort(run, self._offer)
            gevent.sleep(OFFER_S)
        offering.end()

    def _offer(self, run: RunState) -> None:
        offering = run.offering
        if offering is None:
            return
        if offering.begin_s is None and run.stage is RunStage.RUNNING and _all_sit(run):
            offering.begin()
        trios = max((lease.seat.trio for lease in run.seats.leases()), default=0)

        def send(worker: str, seconds: list[GrantedSecond], in_s: float) -> None:
            self.notify(run, worker, messages.Grant(run.run.uid, seconds, in_s, trios))

        if run.capacity is not None:
            run.capacity.look(run, offering)
        offering.grant(shares_of(run), send)
        run.write_offered()
        self._end_where_done(run)

    def _run_clock(self, run: RunState, clock: ScenarioClock) -> None:
        """Let appointments begin from when everybody has a seat until the end is decided."""
        while run.stage < RunStage.STOPPING and self.runner.state not in OVER:
            self._best_effort(run, self._grant_clock)
            gevent.sleep(CLOCK_S)
        clock.end()

    def _grant_clock(self, run: RunState) -> None:
        clock = run.clock
        if clock is None:
            return
        if clock.hour_0_s is None and run.stage is RunStage.RUNNING and _all_sit(run):
            clock.begin()
            run.write_hour_0()
            if isinstance(run.mail, MailByClock):
                run.mail.deal(run.seats.places(run.run.scenario.personas))
        if (grant := clock.grant()) is None:
            return
        mail = clock.hand_out(run.mail, run.seats) if isinstance(run.mail, MailByClock) else {}
        for part in run.registry.parts.values():
            if part.drained is None and not part.lost:
                its = mail.get(part.name, [])
                self.notify(run, part.name, messages.ClockGrant(run.run.uid, *grant, its))
        if clock.is_over:
            self._end(run, ENDED_BY_CLOCK)

    def _tick_forever(self) -> None:
        while True:
            run = self.current
            if run is not None and run.stage < RunStage.REPORTING:
                self._best_effort(run, self._tick)
            gevent.sleep(TICK_S)

    def _tick(self, run: RunState) -> None:
        self.look_for_lost()
        if self.admission is not None:
            self.admission.refuse_silent()
        run.record_user_count(self.living(run))
        run.saturated = run.saturated or is_saturated(self.runner)
        run.segment.flush()
        run.clock_watch.look()
        self._tell_refused(run)
        self._tell_users(run)
        self._seating.admit(run)
        self._tell_spawned(run)
        self._seating.compact_trios(run)
        self._end_where_done(run)
        if self.progress is not None:
            self.progress.tick(run)

    def _tell_users(self, run: RunState) -> None:
        """Tell each worker how many users there are and how often to hand over, where it is news.

        Its clock it learns from the answer to each delta.
        """
        there = [p for p in run.registry.parts.values() if p.drained is None and self.is_there(p)]
        news = self.living(run), messages.delta_every_s(len(there))
        for part in there:
            trip = part.trip(CLOCK.now_s())
            if trip is not None or part.told != news:
                part.told = news
                self.notify(run, part.name, messages.UserCount(news[0], trip, news[1]))

    def _tell_refused(self, run: RunState) -> None:
        """Say once, and at once, that a disk takes no more evidence."""
        refusing = {part.name: part.evidence_fault for part in run.registry.parts.values()}
        refusing.setdefault(messages.LOCAL, run.segment.error)
        for name, fault in refusing.items():
            if fault and name not in run.refused:
                run.refused.add(name)
                logger.error(
                    "%s", refused("the master" if name not in run.registry.parts else name, fault)
                )

    def look_for_lost(self) -> None:
        """Note who is missing, and give their seats to others."""
        run, runner = self.current, self.runner
        if run is None or not isinstance(runner, MasterRunner):
            return
        for part in run.registry.parts.values():
            if part.drained is not None:
                self._seating.free_all(run, part)
        for part in run.registry.waiting():
            silent = time.monotonic() - part.heard_s > SILENT_S
            if silent and not self.is_there(part):
                part.lose()
                logger.error("%s is lost: %d events known of it", part.name, part.events_told)
                self._seating.free_all(run, part)

    def _end_where_done(self, run: RunState) -> None:
        """End the test where nothing is left to do, or nobody to do it."""
        if why := run.why_over(everyone_left=self._everyone_left(run)):
            self._end(run, why)

    def _end(self, run: RunState, why: str) -> None:
        """Stop the test, which ends the process where it is headless."""
        run.go(RunStage.STOPPING)
        for schedule in (run.offering, run.clock):
            if schedule is not None:
                schedule.end()
        run.stopped_by = why
        is_headless = option(self.environment, "headless")
        # Not on a user's greenlet nor in the receive loop: both are stopped by what follows.
        gevent.spawn(self.runner.quit if is_headless else self.runner.stop)

    def _everyone_left(self, run: RunState) -> bool:
        """Whether no worker takes part any more, nor is there one who has yet to say so."""
        connected = self.runner.worker_count if isinstance(self.runner, MasterRunner) else 0
        return run.registry.everyone_left() and len(run.registry.parts) >= connected


def _all_sit(run: RunState) -> bool:
    """Whether the reference is over, and nobody waits in line for it any more."""
    return run.solo_phase.is_over and not run.solo_phase.waiting
