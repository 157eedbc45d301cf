"""A worker: a process where users live, one of Locust's workers or the local runner."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import gevent
from gevent.event import AsyncResult
from gevent.event import Event as Signal
from locust.env import Environment
from locust.exception import RPCSendError, StopUser
from locust.runners import Runner, WorkerRunner

from mcstress.cluster import handshake, messages
from mcstress.cluster.channel import Channel, kind_of
from mcstress.cluster.dropped import LONGEST_REASON, quoted
from mcstress.cluster.key import KeyFaultError, RepeatedError
from mcstress.cluster.messages import is_delta_due
from mcstress.cluster.tracing import open_sinks, own_sinks
from mcstress.errors import UsageError
from mcstress.evidence.store.policy import parse_policy
from mcstress.evidence.store.segment import Segment
from mcstress.exit_codes import EXIT_CODES, EXIT_USAGE
from mcstress.services.target_class import make_target
from mcstress.services.target_guard import say_unclosed
from mcstress.users.coordinator_session import (
    coordination_hook,
    forget_reasons,
    provide_context,
    withheld_of,
)
from mcstress.worker.master_clock import MasterClock
from mcstress.worker.master_connection import SILENT_S, MasterConnection, MasterHeartbeat
from mcstress.worker.recorder import Recorder
from mcstress.worker.segment_file import open_segment, piece_of, remove
from mcstress.worker.worker_run import WorkerRun

if TYPE_CHECKING:
    from mcstress.tracing.sink import TraceSink

WELCOME_DEADLINE_S = 120.0
LOOK_S, KEEP_LOOKS = 0.1, 10
"""After a second at the latest, what was seen is kept."""
POLL_S = 0.1

logger = logging.getLogger(__name__)


class Worker:
    """Takes part in one run after the other. A run begins with the master's welcome."""

    def __init__(self, environment: Environment, runner: Runner, channel: Channel) -> None:
        self.runner = runner
        self._environment = environment
        self._heartbeat: MasterHeartbeat | None = None
        self._connection: MasterConnection | None = None
        if isinstance(runner, WorkerRunner):
            self._heartbeat = MasterHeartbeat(runner)
            self._connection = MasterConnection(runner, self._on_connection_lost)
        self.boot = uuid4().hex[:12]
        self._own_env, self._own_collector = own_sinks(environment.parsed_options)
        self._refused = ""
        self.local_segment: Segment | None = None
        self.local_sinks: list[TraceSink] = []
        self._channel = channel
        self._run: WorkerRun | None = None
        self._coming: AsyncResult[WorkerRun] = AsyncResult()
        self._greenlets: list[gevent.Greenlet[..., None]] = []
        self._dismissed = Signal()
        self._clock: MasterClock | None = None
        if isinstance(runner, WorkerRunner):
            channel.listen(messages.Refused, self._on_refused)
            channel.on_key_fault = self._on_key_fault
            channel.on_unreadable = self._on_unreadable
            channel.send(handshake.greeting())
        channel.listen(messages.Welcome, self._on_welcome)
        channel.listen(messages.SeatGranted, self._on_granted)
        channel.listen(messages.Grant, self._on_grant)
        channel.listen(messages.ClockGrant, self._on_grant)
        channel.listen(messages.Move, self._on_move)
        channel.listen(messages.Revoked, self._on_revoked)
        channel.listen(messages.Partner, self._on_partner)
        channel.listen(messages.Published, self._on_published)
        channel.listen(messages.MailBlock, self._on_mail_block)
        channel.listen(messages.ReferenceOver, self._on_reference_over)
        channel.listen(messages.Spawned, self._on_spawned)
        channel.listen(messages.UserCount, self._on_users)
        channel.listen(messages.Drain, self._on_drain, concurrent=True)
        channel.listen(messages.SendPiece, self._on_send_piece, concurrent=True)
        channel.listen(messages.FinishTraces, self._on_trace, concurrent=True)
        channel.listen(messages.Dismissed, self._on_dismissed)
        environment.events.user_error.add_listener(self._on_user_error)
        coordination_hook(environment).add_listener(self._on_event)
        provide_context(environment, self.current_run)

    def begin(self) -> None:
        """Ask for the run that has begun (``test_start``)."""
        self._leave()
        if self._refused:
            return
        forget_reasons(self._environment)
        self._coming = AsyncResult()
        self._dismissed.clear()
        if isinstance(self.runner, WorkerRunner):
            self._clock = MasterClock()
        sent_s = 0.0 if self._clock is None else self._clock.unshifted_s()
        self._channel.send(handshake.hello(self.boot, sent_s))

    def current_run(self) -> WorkerRun:
        """What users of this process see; blocks until the master's welcome is there.

        After the drain Locust may send more users, to replace those of a worker that left: what
        they did would be in no report.
        """
        run = self._coming.get(timeout=WELCOME_DEADLINE_S)
        if run is None:
            raise RuntimeError("the master sent no run")
        if run.drained:
            raise StopUser
        return run

    def _on_welcome(self, welcome: messages.Welcome, _: str) -> None:
        if self._run is not None and self._run.run.uid == welcome.run.uid:
            return
        if reason := handshake.mismatch(welcome.version, welcome.protocol, "this worker"):
            self._refuse(f"the master {reason}")
            return
        self._learn(welcome.trip)
        try:
            tokens_withheld = withheld_of(welcome.run)
            target = make_target(welcome.run.target, welcome.run.target_setup)
        except UsageError as fault:
            self._refuse(str(fault))
            return
        try:
            segment = self.local_segment or open_segment(welcome, self.boot)
        except UsageError as fault:
            self._decline(welcome, fault)
            return
        recorder = Recorder(
            welcome.worker,
            welcome.run.top_k,
            segment,
            parse_policy(welcome.evidence),
            self.local_sinks or open_sinks(welcome, self._own_env, self._own_collector),
        )
        for said_of_token in tokens_withheld:
            logger.warning("%s: %s", welcome.worker, said_of_token)
        self._run = WorkerRun(
            welcome, self.boot, self._channel, recorder, target, clock=self._clock
        )
        self._greenlets = [
            gevent.spawn(self._send_deltas),
            gevent.spawn(self._run.sizes.look_every, welcome.corpora_poll_s),
        ]
        self._coming.set(self._run)

    def _on_refused(self, refused: messages.Refused, _: str) -> None:
        self._go(refused.reason)

    def _on_key_fault(self, _: str, fault: KeyFaultError) -> None:
        """The master and this process cannot understand one another; later it may be a stranger."""
        if self._run is None and not isinstance(fault, RepeatedError):
            self._go(f"the master {fault}")
        else:
            logger.warning("dropped a message that seems to be the master's: it %s", fault)

    def _on_unreadable(self, kind: str, _: str, fault: str) -> None:
        if kind == kind_of(messages.Welcome):
            self._refuse(f"the master's {kind} cannot be read: {fault}")
        else:
            logger.warning("dropped a %s of the master that cannot be read: %s", kind, fault)

    def _refuse(self, reason: str) -> None:
        """Tell the master that there is no taking part in its run, and end."""
        with suppress(RPCSendError):
            self._channel.send(messages.Refused(reason))
        self._go(reason)

    def _go(self, reason: str) -> None:
        """End this worker, with one line."""
        if self._refused:
            return
        self._refused = reason
        logger.error("this worker takes no part: %s", quoted(reason, LONGEST_REASON))
        self._environment.process_exit_code = EXIT_USAGE
        self._coming.set_exception(StopUser())
        # Not in the receive loop, which is stopped by it.
        gevent.spawn(self.runner.quit)

    def _decline(self, welcome: messages.Welcome, fault: UsageError) -> None:
        """Without evidence there is no taking part: say so, and let the users go."""
        logger.error("%s takes no part: %s", welcome.worker, fault)
        nothing = messages.Drained(
            welcome.run.uid, welcome.worker, self.boot, evidence_fault=f"takes no part: {fault}"
        )
        self._channel.send(nothing)
        self._coming.set_exception(StopUser())

    def _on_event(self, event: Any, steps: Any, **_: Any) -> None:
        if self._run is not None:
            self._run.recorder.on_event(event, steps)

    def _on_granted(self, granted: messages.SeatGranted, _: str) -> None:
        if self._run is not None:
            self._run.recorder.users = granted.users
            self._run.granted(granted.ticket, granted.seat, granted.from_ms)

    def _on_grant(self, grant: messages.Grant | messages.ClockGrant, _: str) -> None:
        run = self._run
        if run is None or run.run.uid != grant.run_uid:
            return
        if isinstance(grant, messages.ClockGrant) and run.by_clock is not None:
            run.by_clock.grant(grant.hour_0_in_s, grant.up_to_ms, grant.mail)
        elif isinstance(grant, messages.Grant) and run.arrivals is not None:
            run.arrivals.grant(grant.seconds, grant.in_s, grant.trios)

    def stop_offering(self) -> None:
        """The end of the run has come: nothing of a schedule or clock begins any more."""
        for pacer in () if self._run is None else (self._run.arrivals, self._run.by_clock):
            if pacer is not None:
                pacer.end()

    def _on_move(self, move: messages.Move, _: str) -> None:
        if self._run is not None:
            self._run.move(move.seat)

    def _on_revoked(self, _revoked: messages.Revoked, _: str) -> None:
        if self._run is not None:
            self._run.revoke()

    def _on_partner(self, partner: messages.Partner, _: str) -> None:
        if self._run is not None:
            self._run.board.present(
                partner.persona, partner.trio, partner.first_round, partner.last_round
            )

    def _on_published(self, published: messages.Published, _: str) -> None:
        if self._run is not None:
            self._run.board.put(published.recordings)

    def _on_mail_block(self, block: messages.MailBlock, _: str) -> None:
        if self._run is not None:
            self._run.mailbox.put(block)

    def _on_reference_over(self, over: messages.ReferenceOver, _: str) -> None:
        if self._run is not None and self._run.at_rest is not None:
            self._run.at_rest.settle(over.lists)

    def _on_spawned(self, spawned: messages.Spawned, _: str) -> None:
        if self._run is not None:
            self._run.board.spawning_complete(complete=spawned.complete)

    def _learn(self, trip: messages.RoundTrip | None) -> None:
        if trip is not None and self._clock is not None:
            self._clock.learn(trip.sent_s, trip.got_s, trip.answered_s)

    def _on_users(self, users: messages.UserCount, _: str) -> None:
        self._learn(users.trip)
        if self._run is not None:
            self._run.recorder.users, self._run.every_s = users.users, users.every_s

    def _on_user_error(self, exception: BaseException, **_: Any) -> None:
        if self._run is not None:
            self._run.user_errors.append(f"{type(exception).__name__}: {exception}")

    def _send_deltas(self) -> None:
        """Write and send what was seen, every second or sooner; stop where nobody hears it."""
        while (run := self._run) is not None:
            looks = 0
            while not looks or not is_delta_due(looks * LOOK_S, run.events_untold, run.every_s):
                gevent.sleep(LOOK_S)
                looks += 1
                if looks % KEEP_LOOKS == 0:
                    run.write_down()
                if self._heartbeat is not None and self._heartbeat.is_lost(LOOK_S):
                    self._stop_unheard(run, f"nothing was heard of the master for {SILENT_S:g} s")
            try:
                run.hand_over()
            except RPCSendError as fault:
                logger.warning("what was seen could not be sent, and will be: %s", fault)

    def _on_connection_lost(self) -> None:
        if self._run is not None:
            self._stop_unheard(self._run, "the connection to the master is lost")

    def _stop_unheard(self, run: WorkerRun, why: str) -> None:
        """Make no load that nobody asks for; hand over once the master is there again."""
        if run.drained:
            return
        logger.error("%s: users stop; what they did is kept in %s", why, self.evidence)
        self._environment.process_exit_code = EXIT_CODES["unknown"]
        gevent.spawn(self._hand_over_all, run, unheard=True)

    def _on_drain(self, drain: messages.Drain, _: str) -> None:
        """Stop the users, send what is left, and say that this was all.

        Who has said so already was not heard by a master that asks: it is said again.
        """
        run = self._run
        if run is None or run.run.uid != drain.run_uid:
            return
        if run.handed_over:
            run.tell_again()
        else:
            self._hand_over_all(run)

    def _hand_over_all(self, run: WorkerRun, *, unheard: bool = False) -> None:
        if run.drained:
            return
        run.drained = True
        self.stop_offering()
        if isinstance(self.runner, WorkerRunner):
            self.runner.stop()
        run.polls.cut()
        run.hand_over_all(unheard=unheard)
        gevent.killall(self._greenlets)
        run.disconnect()
        say_unclosed(type(run.target))

    def drain_on_signal(self) -> None:
        """Hand over all the same when this process ends by a signal to it alone.

        Ctrl-C in a terminal reaches every worker of ``--processes`` beside the master.
        """
        run = self._run
        if run is None:
            return
        try:
            self._hand_over_all(run)
            while not self._dismissed.wait(POLL_S):
                if self._is_alone():
                    logger.warning("the master is gone; what was seen is in %s", self.evidence)
                    run.finish_tracing()
                    return
        finally:
            # One that nobody asked to finish (it was lost, a report failed, a second Ctrl-C) spools
            # what is left.
            run.finish_tracing(0.0)

    def _is_alone(self) -> bool:
        if self._connection is not None and self._connection.is_lost:
            return True
        return self._heartbeat is None or self._heartbeat.is_lost(POLL_S)

    @property
    def takes_part(self) -> bool:
        """Whether this process has begun a run."""
        return self._run is not None

    @property
    def evidence(self) -> Path | None:
        """The file of what was seen in the run that is on, or was the last."""
        return None if self._run is None else Path(self._run.recorder.segment.path)

    def give_up(self) -> None:
        """Write down all that was seen, and spool what waits of traces, whatever comes."""
        if self._run is not None:
            self._run.write_down()
            self._run.finish_tracing(0.0)

    def _on_dismissed(self, dismissed: messages.Dismissed, _: str) -> None:
        run = self._run
        if run is not None and run.run.uid == dismissed.run_uid:
            if dismissed.copied:
                remove(run.recorder.segment.path)
            if self._connection is not None:
                self._environment.process_exit_code = None  # it was missed, and is there again
            self._dismissed.set()

    def _on_send_piece(self, asked: messages.SendPiece, _: str) -> None:
        run = self._run
        if run is None or run.run.uid != asked.run_uid:
            return
        content = piece_of(run.recorder.segment.path, asked.offset)
        piece = messages.Piece(asked.run_uid, run.recorder.worker, asked.offset, content)
        self._channel.send(piece)

    def _on_trace(self, trace: messages.FinishTraces, _: str) -> None:
        """Finish tracing, by its deadline, and say what became of every observation."""
        run = self._run
        if run is not None and run.run.uid == trace.run_uid:
            counts = run.finish_tracing()
            self._channel.send(messages.Traced(trace.run_uid, run.recorder.worker, counts))

    def _leave(self) -> None:
        """End the run before: its greenlets are stopped, and its file is closed."""
        gevent.killall(self._greenlets)
        if self._run is not None:
            self._run.polls.cut()
        if self._run is not None and self.local_segment is None:
            self.give_up()
            self._run.recorder.segment.close()
        self._run = None
