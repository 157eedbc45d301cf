"""The conductor: hears all workers of a run, leases its seats, and knows when it is over."""

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
    STATE_MISSING,
    STATE_STOPPED,
    STATE_STOPPING,
    MasterRunner,
    Runner,
)

from harness import messages as said
from harness.arrivals import Arrivals
from harness.master_run import MasterRun
from harness.post import Post
from harness.progress import Progress
from harness.roll import LOCAL, WorkerPart
from users.seat import Seat

TICK_S = 1.0
OVER = (STATE_CLEANUP, STATE_STOPPING, STATE_STOPPED)
SILENT_S = 3.0
"""Locust may still miss a worker that we have heard since: it looks at heartbeats alone."""

logger = logging.getLogger(__name__)


class Conductor:
    """Answers messages for the run that is on. None of its listeners ever waits."""

    def __init__(self, environment: Environment, runner: Runner, post: Post) -> None:
        self.environment = environment
        self.runner = runner
        self.post = post
        self.current: MasterRun | None = None
        self.progress: Progress | None = None
        self._ticker: gevent.Greenlet[..., None] | None = None
        self.on_piece: dict[str, Callable[[said.Piece], None]] = {}
        self.on_early_leave: Callable[[MasterRun, WorkerPart], None] | None = None
        self._arrivals = Arrivals(runner)
        self._over = Signal()
        self._over.set()
        post.listen(said.Hello, self._on_hello)
        post.listen(said.Lease, self._on_lease)
        post.listen(said.Release, self._on_release)
        post.listen(said.BeginRound, self._on_begin_round)
        post.listen(said.Done, self._on_done)
        post.listen(said.Publish, self._on_publish)
        post.listen(said.Delta, self._on_delta)
        post.listen(said.Drained, self._on_drained)
        post.listen(said.Traced, self._on_traced)
        post.listen(said.Piece, self._on_piece)
        environment.events.spawning_complete.add_listener(self._on_spawning_complete)

    def conduct(self, run: MasterRun, progress: Progress) -> None:
        """From now on this run is on."""
        self.current, self.progress = run, progress
        self._arrivals.begin()
        self._over.clear()
        self._ticker = gevent.spawn(self._tick_forever)

    def dismiss(self, run: MasterRun) -> None:
        """Let all workers go that have a part in the run; twice is once."""
        for part in run.roll.parts.values():
            self.tell(run, part.name, said.Dismissed(run.run.uid, part.copied))

    def rest(self) -> None:
        """The run is over."""
        if self._ticker is not None:
            self._ticker.kill()
        if self.progress is not None:
            self.progress.close()
        self.current = None
        self._over.set()

    def wait_until_over(self) -> None:
        """Block while a run is on."""
        self._over.wait()

    def _run_of(self, run_uid: str) -> MasterRun | None:
        """The run that is on, where the message is of it and not a late one of the last."""
        run = self.current
        return run if run is not None and run.run.uid == run_uid else None

    def _part(self, run_uid: str, sender: str) -> tuple[MasterRun, WorkerPart] | None:
        """The run that is on, and the part in it of the worker who speaks."""
        run = self._run_of(run_uid)
        part = run.roll.of_client(sender) if run is not None else None
        if run is None or part is None:
            return None
        part.heard_s = time.monotonic()
        if part.lost and not run.drained:
            self._welcome_back(run, part)
        return run, part

    def _on_hello(self, hello: said.Hello, sender: str) -> None:
        run = self.current
        if run is None or run.ending:
            return
        part = run.roll.enter(self._name(sender), sender, hello.boot)
        self.post.send(run.welcome(part), self._to(part))
        if run.spawned:
            self.tell(run, part.name, said.Spawned(run.spawned))

    def _name(self, client_id: str) -> str:
        runner = self.runner
        if isinstance(runner, MasterRunner):
            return f"worker-{runner.get_worker_index(client_id)}"
        return LOCAL

    def _to(self, part: WorkerPart) -> str | None:
        return part.client_id if isinstance(self.runner, MasterRunner) else None

    def tell(
        self, run: MasterRun, worker: str, message: msgspec.Struct, *, soon: bool = False
    ) -> None:
        part = run.roll.parts.get(worker)
        if part is not None:
            (self.post.send_soon if soon else self.post.send)(message, self._to(part))

    def _on_lease(self, lease: said.Lease, sender: str) -> None:
        found = self._part(lease.run_uid, sender)
        if found is not None and not found[0].reference.holds_back((lease, sender), found[0].seats):
            self._grant(*found, lease)

    def _let_in(self, run: MasterRun) -> None:
        """Seat those whose wait is over, but for users of a worker that is gone meanwhile."""
        for lease, sender in run.reference.let_in():
            part = run.roll.of_client(sender)
            if part is not None and not part.lost:
                self._grant(run, part, lease)

    def _grant(self, run: MasterRun, part: WorkerPart, lease: said.Lease) -> None:
        if run.ending:
            return
        seat = run.seats.lease(lease.persona, part.name)
        self._arrivals.arrived()
        run.note_users(len(run.seats))
        self.tell(run, part.name, said.Granted(lease.ticket, seat, len(run.seats)))
        for giver in run.partners.givers_of(seat):
            self.tell(run, part.name, self._partner(run, giver, seat.trio))
        for recordings in run.partners.recordings_for(seat):
            self.tell(run, part.name, said.Published(recordings))
        self._tell_takers(run, seat)
        self._tell_spawned(run)

    def _tell_takers(self, run: MasterRun, seat: Seat) -> None:
        partner = self._partner(run, seat.persona, seat.trio)
        for worker in run.partners.takers_of(seat):
            self.tell(run, worker, partner)

    def _partner(self, run: MasterRun, persona: str, trio: int) -> said.Partner:
        lease = run.seats.at(persona, trio)
        if lease is None:
            return said.Partner(persona, trio, None)
        last_round = lease.round if lease.done else None
        return said.Partner(persona, trio, lease.seat.first_round, last_round)

    def _on_release(self, release: said.Release, sender: str) -> None:
        if found := self._part(release.run_uid, sender):
            self._free(found[0], release.seat)

    def _free(self, run: MasterRun, seat: Seat) -> None:
        if run.seats.release(seat):
            self._tell_takers(run, seat)

    def _on_begin_round(self, begun: said.BeginRound, sender: str) -> None:
        if found := self._part(begun.run_uid, sender):
            found[0].seats.begin_round(begun.seat, begun.round)

    def _on_done(self, done: said.Done, sender: str) -> None:
        if found := self._part(done.run_uid, sender):
            run = found[0]
            run.seats.done(done.seat)
            self._tell_takers(run, done.seat)
            self._end_where_done(run)

    def _on_publish(self, publish: said.Publish, sender: str) -> None:
        if found := self._part(publish.run_uid, sender):
            run = found[0]
            for worker in run.partners.put(publish.recordings):
                self.tell(run, worker, said.Published(publish.recordings), soon=True)

    def _on_delta(self, delta: said.Delta, sender: str) -> None:
        found = self._part(delta.run_uid, sender)
        if found is not None and not found[0].drained:
            found[0].take(delta, found[1])

    def _welcome_back(self, run: MasterRun, part: WorkerPart) -> None:
        """A worker that was only silent (frozen, cut off) goes on, without its old seats.

        One that Locust has forgotten meanwhile will get no more users: it may only hand over.
        """
        part.lost = False
        logger.warning("%s is back; its users lease new seats", part.name)
        self.tell(run, part.name, said.Revoked())
        runner = self.runner
        if isinstance(runner, MasterRunner) and part.client_id not in runner.clients:
            self.tell(run, part.name, said.Drain(run.run.uid))

    def _on_drained(self, drained: said.Drained, sender: str) -> None:
        found = self._part(drained.run_uid, sender)
        if found is None or found[0].drained:
            return
        run, part = found
        part.drained = drained
        if not run.ending and self.on_early_leave is not None:
            gevent.spawn(self.on_early_leave, run, part)

    def _on_traced(self, traced: said.Traced, sender: str) -> None:
        if found := self._part(traced.run_uid, sender):
            found[1].tracing, found[1].traced = traced.counts, True

    def _on_piece(self, piece: said.Piece, _: str) -> None:
        if self._run_of(piece.run_uid) is not None and piece.worker in self.on_piece:
            self.on_piece[piece.worker](piece)

    def _on_spawning_complete(self, **_: object) -> None:
        self._arrivals.spawned()
        if self.current is not None:
            self._tell_spawned(self.current)

    def _tell_spawned(self, run: MasterRun) -> None:
        """Say whether everybody is there: a partner who is still on her way must be waited for.

        While users are being stopped they are there no more, and were.
        """
        if run.ending or self.runner.state in OVER:
            return
        there = len(run.seats) + run.reference.waiting
        spawned = self._arrivals.are_complete(there)
        if spawned == run.spawned:
            return
        run.spawned = spawned
        self.post.send(said.Spawned(spawned))
        if spawned and not any(part.lost or part.drained for part in run.roll.parts.values()):
            run.absent_users = max(run.absent_users, self._arrivals.absent(there))
        self._end_where_done(run)

    def _tick_forever(self) -> None:
        while True:
            run = self.current
            if run is not None and not run.drained:
                try:
                    self._tick(run)
                except Exception as fault:  # one second that goes wrong must not be the last one
                    logger.exception("a look at the run failed")
                    run.own_errors.add(f"{type(fault).__name__}: {fault}")
            gevent.sleep(TICK_S)

    def _tick(self, run: MasterRun) -> None:
        self.look_for_lost()
        run.note_users(len(run.seats))
        run.saturated = run.saturated or is_saturated(self.runner)
        run.segment.flush()
        self.post.send(said.Users(len(run.seats)))
        self._let_in(run)
        self._tell_spawned(run)
        self._close_ranks(run)
        self._end_where_done(run)
        if self.progress is not None:
            self.progress.tick(run)

    def _close_ranks(self, run: MasterRun) -> None:
        """After many have left, bring those who stayed together in whole trios again."""
        if run.run.rounds > 0 or not run.spawned:
            return
        for seat in run.seats.strays():
            lease = run.seats.holder(seat)
            if lease is not None and not lease.moves:
                lease.moves = True
                self.tell(run, lease.worker, said.Move(seat))

    def is_there(self, part: WorkerPart) -> bool:
        """Whether Locust hears of the worker."""
        if not isinstance(self.runner, MasterRunner):
            return True
        client = self.runner.clients.get(part.client_id)
        return client is not None and client.state != STATE_MISSING

    def look_for_lost(self) -> None:
        """Note who is missing, and give their seats to others."""
        run, runner = self.current, self.runner
        if run is None or not isinstance(runner, MasterRunner):
            return
        for part in run.roll.parts.values():
            if part.drained is not None:
                self._free_all(run, part)
        for part in run.roll.waiting():
            silent = time.monotonic() - part.heard_s > SILENT_S
            if silent and not self.is_there(part):
                part.lost, part.lost_s = True, time.monotonic()
                logger.error("%s is lost: %d events known of it", part.name, part.events_told)
                self._free_all(run, part)

    def _free_all(self, run: MasterRun, part: WorkerPart) -> None:
        for seat in run.seats.of_worker(part.name):
            self._free(run, seat)

    def _end_where_done(self, run: MasterRun) -> None:
        """End the test when spawning is complete and every living seat has done its rounds.

        Or when all workers have left: nobody would make any load any more.
        """
        rounds_done = run.spawned and not run.reference.waiting and run.seats.all_done()
        if run.ending or not (rounds_done or run.roll.everyone_left()):
            return
        run.ending = True
        run.stopped_by = "rounds done" if rounds_done else "all workers left"
        runner = self.runner
        options = self.environment.parsed_options
        headless = options is not None and options.headless
        # Not on a user's greenlet nor in the receive loop: both are stopped by what follows.
        gevent.spawn(runner.quit if headless else runner.stop)


def is_saturated(runner: Runner) -> bool:
    """Whether Locust has seen this process, or one of its workers, take over 90 % of a core."""
    return runner.cpu_warning_emitted or runner.worker_cpu_warning_emitted
