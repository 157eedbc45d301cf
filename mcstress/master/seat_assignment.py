"""Users get seats from the run's pool, partners hear of each other, and mail is dealt out."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from mcstress.cluster import messages
from mcstress.locust_compat import most_of
from mcstress.master.run_session import RunSession
from mcstress.master.run_state import RunState
from mcstress.master.solo_phase import SeatAsked
from mcstress.master.stages import RunStage
from mcstress.master.worker_registry import WorkerState
from mcstress.users.run import Seat

LEAVES_S = 10.0
"""So long somebody new waits for the one that it replaces to leave."""
OnChange = Callable[[RunState], None]

logger = logging.getLogger(__name__)


class SeatAssignment:
    """Leases the seats of the run that is on. ``on_arrival`` and ``on_done`` hear of changes."""

    def __init__(self, session: RunSession, on_arrival: OnChange, on_done: OnChange) -> None:
        self._session = session
        self._on_arrival = on_arrival
        self._on_done_rounds = on_done
        self._line: list[tuple[float, SeatAsked]] = []
        session.channel.listen(messages.SeatRequest, self._on_lease)
        session.channel.listen(messages.Release, self._on_release)
        session.channel.listen(messages.BeginRound, self._on_begin_round)
        session.channel.listen(messages.RoundsDone, self._on_done)
        session.channel.listen(messages.Publish, self._on_publish)
        session.channel.listen(messages.TakeMail, self._on_take_mail)
        session.channel.listen(messages.AtRest, self._on_at_rest)

    def _on_lease(self, lease: messages.SeatRequest, sender: str) -> None:
        speaker = self._session.part_of(lease.run_uid, sender)
        if speaker is None:
            return
        run, asked = speaker.run, (lease, sender)
        self._end_reference(run)
        if lease.persona not in run.run.scenario.personas:
            self._session.dropped.note("of a persona that the run has not", sender, lease.persona)
        elif not run.solo_phase.holds_back(asked, run.seats):
            if all(asked != known for _, known in self._line):
                self._line.append((time.monotonic(), asked))
            self._seat_line(run)

    def _seat_line(self, run: RunState) -> None:
        """Seat who waits, unless all seats of its persona are held yet.

        Where Locust moves users to another worker, the new ones ask before the old ones have left.
        """
        line, self._line = self._line, []
        for since_s, (lease, sender) in line:
            part = run.registry.of_client(sender)
            if part is None or part.lost or lease.run_uid != run.run.uid:
                continue
            most = most_of(self._session.runner, lease.persona)
            is_full = most is not None and run.seats.held(lease.persona) >= max(most, 1)
            if is_full and time.monotonic() - since_s < LEAVES_S:
                self._line.append((since_s, (lease, sender)))
            else:
                self._grant(run, part, lease)

    def _speaks_for(self, run_uid: str, seat: Seat, sender: str) -> RunState | None:
        """The run, where the speaker has the seat, or may have had it until a moment ago."""
        speaker = self._session.part_of(run_uid, sender)
        if speaker is None:
            return None
        run, part = speaker
        holder = run.seats.holder(seat)
        if holder is None:
            may = run.seats.was_leased(seat.persona, seat.trio, seat.generation)
        else:
            may = holder.worker == part.name
        if not may:
            self._session.dropped.note("of a seat that the worker never had", sender, seat.name)
        return run if may else None

    def admit(self, run: RunState) -> None:
        """Seat those whose wait is over, but for users of a worker that is gone meanwhile."""
        self._end_reference(run)
        self._line += [(time.monotonic(), asked) for asked in run.solo_phase.admit()]
        self._seat_line(run)

    def _on_at_rest(self, told: messages.AtRest, sender: str) -> None:
        speaker = self._session.part_of(told.run_uid, sender)
        if speaker is not None:
            speaker.run.solo_phase.note(told.lists)

    def _end_reference(self, run: RunState) -> None:
        """Tell all workers what the reference got, before anybody else gets a seat."""
        if run.solo_phase.ends_now() and not run.run.rest:
            lists = run.solo_phase.lists
            logger.info("the reference is over: %d questions have a list at rest", len(lists))
            self._session.channel.send(messages.ReferenceOver(lists))

    def _grant(self, run: RunState, part: WorkerState, lease: messages.SeatRequest) -> None:
        if run.stage >= RunStage.STOPPING:
            return
        seat = run.seats.lease(lease.persona, part.name)
        from_ms = 0 if run.clock is None else run.clock.seated(seat, part.name)
        users = self._session.living(run)
        run.record_user_count(users)
        self._session.notify(
            run, part.name, messages.SeatGranted(lease.ticket, seat, users, from_ms)
        )
        for giver in run.partners.givers_of(seat):
            self._session.notify(run, part.name, self._partner(run, giver, seat.trio))
        for recordings in run.partners.recordings_for(seat):
            self._session.notify(run, part.name, messages.Published(recordings))
        self._tell_takers(run, seat)
        self._on_arrival(run)

    def _tell_takers(self, run: RunState, seat: Seat) -> None:
        partner = self._partner(run, seat.persona, seat.trio)
        for worker in run.partners.takers_of(seat):
            self._session.notify(run, worker, partner)

    def _partner(self, run: RunState, persona: str, trio: int) -> messages.Partner:
        lease = run.seats.at(persona, trio)
        if lease is None:
            return messages.Partner(persona, trio, None)
        last_round = lease.round if lease.done else None
        return messages.Partner(persona, trio, lease.seat.first_round, last_round)

    def _on_release(self, release: messages.Release, sender: str) -> None:
        if run := self._speaks_for(release.run_uid, release.seat, sender):
            self._free(run, release.seat, release.until_ms)

    def _free(self, run: RunState, seat: Seat, until_ms: int | None = None) -> None:
        """``until_ms``: as its worker said; None: that says nothing any more."""
        if run.seats.release(seat):
            if run.clock is not None:
                run.clock.freed(seat, until_ms)
            self._tell_takers(run, seat)
            self._seat_line(run)

    def _on_begin_round(self, begun: messages.BeginRound, sender: str) -> None:
        if run := self._speaks_for(begun.run_uid, begun.seat, sender):
            run.seats.begin_round(begun.seat, begun.round)
            run.last_round = max(run.last_round, begun.round)

    def _on_done(self, done: messages.RoundsDone, sender: str) -> None:
        if run := self._speaks_for(done.run_uid, done.seat, sender):
            run.seats.done(done.seat)
            self._tell_takers(run, done.seat)
            self._on_done_rounds(run)

    def _on_publish(self, publish: messages.Publish, sender: str) -> None:
        speaker = self._session.part_of(publish.run_uid, sender)
        if speaker is None:
            return
        run, told = speaker.run, publish.recordings
        if not run.seats.was_leased(told.persona, told.trio):
            self._session.dropped.note("of a seat that the worker never had", sender, told.persona)
            return
        for worker in run.partners.put(told):
            self._session.notify(run, worker, messages.Published(told), soon=True)

    def _on_take_mail(self, asked: messages.TakeMail, sender: str) -> None:
        speaker = self._session.part_of(asked.run_uid, sender)
        if speaker is None:
            return
        run, part = speaker
        if run.mail is None:
            self._session.dropped.note("of mail that the run has not", sender, asked.run_uid)
        else:
            self._session.notify(run, part.name, run.mail.lease(part.name))

    def free_all(self, run: RunState, part: WorkerState) -> None:
        """Take back all that a worker holds."""
        for seat in run.seats.of_worker(part.name):
            self._free(run, seat)

    def compact_trios(self, run: RunState) -> None:
        """After many have left, bring those who stayed together in whole trios again.

        By the clock no seat moves: each has its own appointments.
        """
        if run.run.rounds > 0 or run.clock is not None or run.stage is not RunStage.RUNNING:
            return
        for seat in run.seats.strays():
            lease = run.seats.holder(seat)
            if lease is not None and not lease.moves:
                lease.moves = True
                self._session.notify(run, lease.worker, messages.Move(seat))
