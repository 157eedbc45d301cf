"""A worker's part of one run: the context that its users see, and what it hands over."""

from __future__ import annotations

import logging
import math
from itertools import count
from typing import NamedTuple, NoReturn

import gevent
import gevent.lock
import msgspec
from gevent.event import AsyncResult
from locust.exception import StopUser

from mcstress.cluster.channel import Channel
from mcstress.cluster.messages import (
    EVERY_S,
    LOCAL,
    REFERENCE_MOST_TIMES,
    AtRest,
    BeginRound,
    Delta,
    Drained,
    Publish,
    Release,
    RoundsDone,
    SeatRequest,
    TakeMail,
    Welcome,
)
from mcstress.cluster.tracing import FLUSH_DEADLINE_S, finish_sinks, said_counts, sink_counts
from mcstress.evidence.store.segment import refused
from mcstress.load.arrivals import ArrivalsPacer
from mcstress.load.clock import ClockPacer
from mcstress.load.closed import ClosedPacer
from mcstress.load.pacer import Pacer
from mcstress.metrics.appointments import AppointmentRow
from mcstress.metrics.arrivals import UnservedRow
from mcstress.metrics.phase import add_mix
from mcstress.process.clock_watch import ClockWatch
from mcstress.process.file_limit import A_USER, most_users, open_files
from mcstress.process.loop_lag import LoopLag
from mcstress.services.llm.clients import make_language_model
from mcstress.services.target import Target
from mcstress.tracing.delivery_counts import SaidCounts
from mcstress.users.freshness_poll import FreshnessPolls
from mcstress.users.handover_board import HandoverBoard, Recordings
from mcstress.users.lists_at_rest import ListsAtRest, RestLists
from mcstress.users.mail import Mail
from mcstress.users.relevance import Rules
from mcstress.users.run import Run, Seat
from mcstress.worker.corpus_sizes import CorpusSizes
from mcstress.worker.mailbox import Mailbox
from mcstress.worker.master_clock import MasterClock
from mcstress.worker.recorder import Recorder

LEASE_DEADLINE_S = 60.0

logger = logging.getLogger(__name__)


class SeatAsked(NamedTuple):
    """What a user waits for: a seat of its persona."""

    persona: str
    seat: AsyncResult[Seat]


class WorkerRun:
    """``users.coordinator.WorkerContext`` of one process in one run."""

    def __init__(
        self,
        welcome: Welcome,
        boot: str,
        channel: Channel,
        recorder: Recorder,
        target: Target,
        *,
        clock: MasterClock | None = None,
    ) -> None:
        self.welcome = welcome
        self.boot = boot
        self.recorder = recorder
        self.arrivals: ArrivalsPacer | None = None
        self.by_clock: ClockPacer | None = None
        self.loop_lag = LoopLag()
        if welcome.arrivals is not None:
            self.arrivals = ArrivalsPacer(
                welcome.arrivals, welcome.worker, closed_first=welcome.reference_s > 0
            )
        elif welcome.run.clock is not None:
            self.by_clock = ClockPacer(welcome.run.clock, welcome.max_wait_s or math.inf)
        self.pacer: Pacer = self.arrivals or self.by_clock or ClosedPacer()
        self.loop_lag.start()
        self.board = HandoverBoard()
        self.mailbox = Mailbox(lambda: channel.send(TakeMail(welcome.run.uid)))
        self.polls = FreshnessPolls()
        run = welcome.run
        if run.mix:
            add_mix()
        self.target = target
        self.rules = Rules(run.scenario)
        self.at_rest = self._lists_at_rest()
        slots = gevent.lock.BoundedSemaphore(welcome.llm_parallel)
        self.llm = make_language_model(run.llm_api, run.llm_setup, slots)
        self.user_errors: list[str] = []
        self.clock_watch = ClockWatch()
        self._clock = clock
        self.own_faults: list[str] = []
        self._most_users = most_users()
        self.deltas = 0
        self._events_told = 0
        self._unsent: list[Delta] = []
        self.every_s = EVERY_S
        self.drained = False
        self.handed_over = False
        self._unheard = False
        self._channel = channel
        self._handing_over = gevent.lock.RLock()
        self._tickets = count(1)
        self._asked: dict[int, SeatAsked] = {}
        self._seats: set[Seat] = set()
        self._moving: set[Seat] = set()
        self._done: set[Seat] = set()
        self.sizes = CorpusSizes(target, welcome.corpus_sizes)
        self.corpus_sizes = self.sizes.of

    @property
    def run(self) -> Run:
        """The run that is on."""
        return self.welcome.run

    @property
    def users(self) -> int:
        """How many users there are now, in all processes."""
        return self.recorder.users

    def _lists_at_rest(self) -> ListsAtRest | None:
        """Those of ``--rest``, or of the reference, as far as it is known here."""
        run, over = self.run, self.welcome.at_rest
        if run.rest or not run.reference:
            return ListsAtRest(run.rest) if run.rest else None
        return ListsAtRest({}, self._tell_at_rest) if over is None else ListsAtRest(over)

    def _tell_at_rest(self, lists: RestLists) -> None:
        self._channel.send_soon(AtRest(self.run.uid, lists))

    def lease(self, persona: str) -> Seat:
        """Ask the master for a seat; raises where it does not answer.

        A user beyond those that this process has open files for ends instead.
        """
        if len(self._seats) + len(self._asked) >= self._most_users:
            self._refuse_user()
        ticket = next(self._tickets)
        asked = self._asked[ticket] = SeatAsked(persona, AsyncResult())
        seat: Seat | None = None
        try:
            self._channel.send(SeatRequest(self.run.uid, persona, ticket))
            seat = asked.seat.get(
                timeout=LEASE_DEADLINE_S + REFERENCE_MOST_TIMES * self.welcome.reference_s
            )
        finally:
            self._asked.pop(ticket, None)
            if seat is None and (granted := asked.seat.value) is not None:
                # The user was stopped before it could take it.
                self.give_back(granted)
        if seat is None:
            raise RuntimeError("the master granted no seat")
        return seat

    def _refuse_user(self) -> NoReturn:
        fault = (
            f"{self.recorder.worker} took {self._most_users:,} users and no more: each needs "
            f"{A_USER} open files, and the limit is {open_files():,} (ulimit -n)"
        )
        if fault not in self.own_faults:
            self.own_faults.append(fault)
            logger.error("%s", fault)
        raise StopUser

    def granted(self, ticket: int, seat: Seat, from_ms: int = 0) -> None:
        """Hand the seat to the user that asked; give it back where that is gone."""
        self._seats.add(seat)
        if self.by_clock is not None:
            self.by_clock.seated(seat, from_ms)
        if asked := self._asked.pop(ticket, None):
            asked.seat.set(seat)
        else:
            self.give_back(seat)

    def give_back(self, seat: Seat) -> None:
        """The seat's holder stopped, or moves."""
        self._moving.discard(seat)
        self._done.discard(seat)
        until_ms = 0 if self.by_clock is None else self.by_clock.until_ms(seat)
        if seat in self._seats:
            self._seats.discard(seat)
            self._channel.send(Release(self.run.uid, seat, until_ms))

    def revoke(self) -> None:
        """The master took us for lost; the seats are others' now.

        What was asked for until then it has forgotten. Where it heard that only now it answers
        twice, and the second seat goes back.
        """
        self._seats.clear()
        self._moving.clear()
        self._done.clear()
        self.pacer.revoked()
        self.board.revoke()
        for ticket, asked in list(self._asked.items()):
            self._channel.send(SeatRequest(self.run.uid, asked.persona, ticket))

    def move(self, seat: Seat) -> None:
        """The seat's holder is to take a lower one after its round."""
        if seat in self._seats:
            self._moving.add(seat)

    def moves(self, seat: Seat) -> bool:
        """Whether the seat's holder is to take a lower one."""
        return seat in self._moving

    def holds(self, seat: Seat) -> bool:
        """Whether the seat is still this process's."""
        return seat in self._seats

    def begin_round(self, seat: Seat, round_: int) -> None:
        """Tell the master how far the seat is."""
        self._channel.send_soon(BeginRound(self.run.uid, seat, round_))

    def done(self, seat: Seat) -> None:
        """Tell the master that the seat has done its rounds, and is waiting for no new resume."""
        self._done.add(seat)
        if self.arrivals is not None and self._done >= self._seats:
            self.arrivals.all_done()
        self.polls.after(seat, lambda: self._channel.send(RoundsDone(self.run.uid, seat)))

    def publish(self, recordings: Recordings) -> None:
        """Tell the master, who tells the workers of those that wait for it."""
        self._channel.send_soon(Publish(self.run.uid, recordings))

    def take_mail(self) -> Mail | None:
        """The next message from outside; None where all are used up."""
        return self.mailbox.take()

    def mail_begun(self) -> None:
        """A user begins with the message that it took."""
        self.mailbox.taken += 1

    def disconnect(self) -> None:
        """Close what all coordinators of this process shared."""
        self.loop_lag.stop()
        try:
            self.target.close()
        except Exception as fault:  # noqa: BLE001  (the border: a class of a user's own; all is measured)
            logger.warning("the target could not be closed: %s: %s", type(fault).__name__, fault)

    @property
    def events_untold(self) -> int:
        """Events since the last delta."""
        return self.recorder.events_made - self._events_told

    def write_down(self) -> None:
        """Write out the evidence of all that was seen."""
        self.recorder.settle()
        self._keep()

    def hand_over(self) -> None:
        """Write out the evidence, and send what was seen since the last delta.

        What could not be sent goes first the next time, under its own number.
        """
        with self._handing_over:
            self.clock_watch.look()
            self.write_down()
            self._send_unsent()
            self._unsent.append(self._delta())
            self._send_unsent()

    def _send_unsent(self) -> None:
        while self._unsent:
            delta = self._unsent[0]
            if self._clock is not None:
                delta = msgspec.structs.replace(delta, sent_s=self._clock.unshifted_s())
            self._channel.send(delta)
            del self._unsent[0]

    def _keep(self) -> None:
        """Write out the evidence; say once, and at once, that the disk refuses it."""
        segment, known = self.recorder.segment, self.recorder.segment.error
        segment.flush()
        # The master says it of a local run.
        if segment.error and not known and self.welcome.worker != LOCAL:
            logger.error("%s", refused(self.welcome.worker, segment.error))

    def hand_over_all(self, *, unheard: bool) -> None:
        """The last delta, and what was handed over in all; ``unheard``: the master was silent."""
        self._unheard = unheard
        try:
            self.hand_over()
        finally:
            if self.events_untold:  # one that could not be sent kept the last one back
                self._unsent.append(self._delta())
            if self.welcome.worker != LOCAL:
                self.recorder.segment.end()
                self.recorder.segment.close()
            self.handed_over = True
        self._channel.send(self._totals(unheard=unheard))

    def tell_again(self) -> None:
        """The same once more, for a master that it did not reach; it takes each once."""
        with self._handing_over:
            self._send_unsent()
            self._channel.send(self._totals(unheard=self._unheard))

    def _delta(self) -> Delta:
        recorder = self.recorder
        recorder.settle()
        seen = recorder.figures.take()
        state = seen if self.welcome.worker == LOCAL else seen.state()
        if not recorder.policy.keeps_all:
            recorder.segment.record(
                {
                    "record": "delta",
                    "worker": recorder.worker,
                    "events_made": recorder.events_made,
                    "state": seen.state() if state is seen else state,
                }
            )
        recorder.segment.flush()
        self.deltas += 1
        self._events_told = recorder.events_made
        errors, self.user_errors = self.user_errors, []
        clock = self._clock
        return Delta(
            run_uid=self.run.uid,
            worker=recorder.worker,
            boot=self.boot,
            number=self.deltas,
            events_made=recorder.events_made,
            user_errors=errors,
            own_faults=self.own_faults,
            mail_taken=self.mailbox.taken,
            clock_offset_s=None if clock is None else clock.offset_s,
            clock_error_s=None if clock is None else clock.error_s,
            tracing=said_counts(sink_counts(recorder.sinks)),
            evidence_fault=recorder.segment.error,
            events_unkept=recorder.segment.events - recorder.segment.kept,
            arrivals=None
            if self.arrivals is None
            else msgspec.structs.replace(self.arrivals.counts),
            unserved=self._unserved(),
            appointments=self._appointments(),
            loop=self.loop_lag.take(),
            pauses=self.loop_lag.take_pauses(),
            state=state,
        )

    def _unserved(self) -> list[UnservedRow]:
        """Arrivals that never began since the last delta: kept as evidence, and told."""
        rows = [] if self.arrivals is None else self.arrivals.take_unserved().rows()
        if rows:
            self.recorder.segment.record({"record": "unserved", "rows": rows})
            self.recorder.segment.flush()
        return rows

    def _appointments(self) -> list[AppointmentRow]:
        """Those of the clock that are over since the last delta: kept as evidence, and told."""
        rows = [] if self.by_clock is None else self.by_clock.take_rows()
        if rows:
            told = msgspec.to_builtins(rows)
            self.recorder.segment.record({"record": "appointments", "rows": told})
            self.recorder.segment.flush()
        return rows

    def _totals(self, *, unheard: bool) -> Drained:
        recorder, segment = self.recorder, self.recorder.segment
        return Drained(
            run_uid=self.run.uid,
            worker=recorder.worker,
            boot=self.boot,
            deltas=self.deltas,
            events_made=recorder.events_made,
            events_kept=segment.kept,
            events_lost=segment.events - segment.kept,
            segment_path=str(segment.path.resolve()),
            segment_bytes=segment.bytes_written,
            evidence_fault=segment.error,
            unheard=unheard,
            clock_steps=self.clock_watch.steps,
        )

    def finish_tracing(self, deadline_s: float = FLUSH_DEADLINE_S) -> SaidCounts:
        """Flush; what became of every observation."""
        return said_counts(finish_sinks(self.recorder.sinks, deadline_s))
