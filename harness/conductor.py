"""The conductor: hears all workers of a run, leases its seats, and knows when it is over."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import gevent
import msgspec
from locust.env import Environment
from locust.runners import STATE_MISSING, STATE_SPAWNING, MasterRunner, Runner

from harness import messages as said
from harness.master_run import MasterRun
from harness.progress import Progress
from harness.roll import LOCAL, WorkerPart
from users.seat import Seat

TICK_S = 1.0
ARRIVAL_GRACE_S = 5.0
"""How long users that Locust calls spawned may take to ask for their seats."""

logger = logging.getLogger(__name__)


class Conductor:
    """Answers messages for the run that is on. None of its listeners ever waits."""

    def __init__(self, environment: Environment, runner: Runner, post: said.Post) -> None:
        self.environment = environment
        self.runner = runner
        self.post = post
        self.current: MasterRun | None = None
        self.progress: Progress | None = None
        self._ticker: gevent.Greenlet[..., None] | None = None
        self.on_piece: dict[str, Callable[[said.Piece], None]] = {}
        self.on_early_leave: Callable[[MasterRun, WorkerPart], None] | None = None
        self._spawned_at_s: float | None = None
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
        self._spawned_at_s = None
        self._ticker = gevent.spawn(self._tick_forever)

    def rest(self) -> None:
        """The run is over."""
        if self._ticker is not None:
            self._ticker.kill()
        if self.progress is not None:
            self.progress.close()
        self.current = None

    def _run_of(self, run_uid: str) -> MasterRun | None:
        """The run that is on, where the message is of it and not a late one of the last."""
        run = self.current
        return run if run is not None and run.run.uid == run_uid else None

    def _on_hello(self, hello: said.Hello, sender: str) -> None:
        run = self.current
        if run is None:
            return
        part = run.roll.enter(self._name(sender), sender, hello.boot)
        self.post.send(run.welcome(part), self._to(part))

    def _name(self, client_id: str) -> str:
        runner = self.runner
        if isinstance(runner, MasterRunner):
            return f"worker-{runner.get_worker_index(client_id)}"
        return LOCAL

    def _to(self, part: WorkerPart) -> str | None:
        return part.client_id if isinstance(self.runner, MasterRunner) else None

    def tell(self, run: MasterRun, worker: str, message: msgspec.Struct) -> None:
        part = run.roll.parts.get(worker)
        if part is not None:
            self.post.send(message, self._to(part))

    def _on_lease(self, lease: said.Lease, sender: str) -> None:
        run = self._run_of(lease.run_uid)
        part = run.roll.of_client(sender) if run else None
        if run is None or part is None or run.reference.holds_back((lease, sender), run.seats):
            return
        seat = run.seats.lease(lease.persona, part.name)
        run.note_users(len(run.seats))
        self.tell(run, part.name, said.Granted(lease.ticket, seat, len(run.seats)))
        for giver, first_round in run.partners.givers_of(seat):
            self.tell(run, part.name, said.Partner(giver, seat.trio, first_round))
        for recordings in run.partners.recordings_for(seat):
            self.tell(run, part.name, said.Published(recordings))
        self._tell_takers(run, seat, seat.first_round)
        self._tell_spawned(run)

    def _tell_takers(self, run: MasterRun, seat: Seat, first_round: int | None) -> None:
        for worker in run.partners.takers_of(seat):
            self.tell(run, worker, said.Partner(seat.persona, seat.trio, first_round))

    def _on_release(self, release: said.Release, _: str) -> None:
        if run := self._run_of(release.run_uid):
            self._free(run, release.seat)

    def _free(self, run: MasterRun, seat: Seat) -> None:
        if run.seats.release(seat):
            self._tell_takers(run, seat, None)

    def _on_begin_round(self, begun: said.BeginRound, _: str) -> None:
        if run := self._run_of(begun.run_uid):
            run.seats.begin_round(begun.seat, begun.round)

    def _on_done(self, done: said.Done, _: str) -> None:
        if run := self._run_of(done.run_uid):
            run.seats.done(done.seat)
            self._end_where_done(run)

    def _on_publish(self, publish: said.Publish, _: str) -> None:
        if run := self._run_of(publish.run_uid):
            for worker in run.partners.put(publish.recordings):
                self.tell(run, worker, said.Published(publish.recordings))

    def _on_delta(self, delta: said.Delta, sender: str) -> None:
        run = self._run_of(delta.run_uid)
        part = run.roll.of_client(sender) if run else None
        if run is None or part is None:
            return
        if part.lost:
            self._welcome_back(run, part)
        run.take(delta, part)

    def _welcome_back(self, run: MasterRun, part: WorkerPart) -> None:
        """A worker that was only silent (frozen, cut off) goes on, without its old seats."""
        part.lost = False
        logger.warning("%s is back; its users lease new seats", part.name)
        self.tell(run, part.name, said.Revoked())

    def _on_drained(self, drained: said.Drained, sender: str) -> None:
        run = self._run_of(drained.run_uid)
        part = run.roll.of_client(sender) if run else None
        if part is not None:
            part.drained = drained
            part.lost = False
            if run is not None and not run.ending and self.on_early_leave is not None:
                gevent.spawn(self.on_early_leave, run, part)

    def _on_traced(self, traced: said.Traced, sender: str) -> None:
        run = self._run_of(traced.run_uid)
        part = run.roll.of_client(sender) if run else None
        if part is not None:
            part.tracing, part.traced = traced.counts, True

    def _on_piece(self, piece: said.Piece, _: str) -> None:
        if self._run_of(piece.run_uid) is not None and piece.worker in self.on_piece:
            self.on_piece[piece.worker](piece)

    def _on_spawning_complete(self, **_: object) -> None:
        self._spawned_at_s = time.monotonic()
        if self.current is not None:
            self._tell_spawned(self.current)

    def _tell_spawned(self, run: MasterRun) -> None:
        """Say whether everybody is there: a partner who is still on her way must be waited for."""
        runner = self.runner
        spawned = self._spawned_at_s is not None and runner.state != STATE_SPAWNING
        if spawned and self._spawned_at_s and len(run.seats) < runner.user_count:
            spawned = time.monotonic() - self._spawned_at_s > ARRIVAL_GRACE_S
        if spawned != run.spawned:
            run.spawned = spawned
            self.post.send(said.Spawned(spawned))
            self._end_where_done(run)

    def _tick_forever(self) -> None:
        while True:
            run = self.current
            if run is not None and not run.drained:
                self.look_for_lost()
                run.note_users(len(run.seats))
                run.segment.flush()
                self.post.send(said.Users(len(run.seats)))
                for lease, sender in run.reference.let_in():
                    self._on_lease(lease, sender)
                self._tell_spawned(run)
                self._end_where_done(run)
                if self.progress is not None:
                    self.progress.tick(run)
            gevent.sleep(TICK_S)

    def look_for_lost(self) -> None:
        """Note who is missing, and give their seats to others."""
        run, runner = self.current, self.runner
        if run is None or not isinstance(runner, MasterRunner):
            return
        for part in run.roll.parts.values():
            if part.drained is not None:
                self._free_all(run, part)
        for part in run.roll.waiting():
            client = runner.clients.get(part.client_id)
            if client is None or client.state == STATE_MISSING:
                part.lost = True
                logger.error("%s is lost: %d events known of it", part.name, part.events_told)
                self._free_all(run, part)

    def _free_all(self, run: MasterRun, part: WorkerPart) -> None:
        for seat in run.seats.of_worker(part.name):
            self._free(run, seat)

    def _end_where_done(self, run: MasterRun) -> None:
        """End the test when spawning is complete and every living seat has done its rounds."""
        waiting = run.reference.waiting > 0
        if run.ending or waiting or not run.spawned or not run.seats.all_done():
            return
        run.ending = True
        run.stopped_by = "rounds done"
        runner = self.runner
        options = self.environment.parsed_options
        headless = options is not None and options.headless
        # Not on a user's greenlet nor in the receive loop: both are stopped by what follows.
        gevent.spawn(runner.quit if headless else runner.stop)
