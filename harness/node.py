"""A node: a process where users live, a worker or the local runner."""

from __future__ import annotations

import logging
from pathlib import Path
from tempfile import gettempdir
from typing import Any
from uuid import uuid4

import gevent
from gevent.event import AsyncResult
from gevent.event import Event as Signal
from locust.env import Environment
from locust.runners import Runner, WorkerRunner

from evidence.policy import parse_policy
from evidence.segment import Segment
from harness import messages as said
from harness.node_run import NodeRun
from harness.recorder import Recorder
from harness.traces import open_tracer
from metrics.figures import Figures
from users.entrance import coordination_hook, open_gate

WELCOME_DEADLINE_S = 120.0
DELTA_INTERVAL_S = 1.0
PIECE_BYTES = 1 << 20
DISMISSAL_DEADLINE_S = 60.0

logger = logging.getLogger(__name__)


class Node:
    """Takes part in one run after the other. A run begins with the master's welcome."""

    def __init__(self, environment: Environment, runner: Runner, post: said.Post) -> None:
        self.runner = runner
        self.boot = uuid4().hex[:12]
        self.local_segment: Segment | None = None
        self._post = post
        self._run: NodeRun | None = None
        self._coming: AsyncResult[NodeRun] = AsyncResult()
        self._greenlets: list[gevent.Greenlet[..., None]] = []
        self._dismissed = Signal()
        post.listen(said.Welcome, self._on_welcome)
        post.listen(said.Granted, self._on_granted)
        post.listen(said.Revoked, self._on_revoked)
        post.listen(said.Partner, self._on_partner)
        post.listen(said.Published, self._on_published)
        post.listen(said.Spawned, self._on_spawned)
        post.listen(said.Users, self._on_users)
        post.listen(said.Drain, self._on_drain, concurrent=True)
        post.listen(said.SendPiece, self._on_send_piece, concurrent=True)
        post.listen(said.Trace, self._on_trace, concurrent=True)
        post.listen(said.Dismissed, self._on_dismissed)
        environment.events.user_error.add_listener(self._on_user_error)
        coordination_hook(environment).add_listener(self._on_event)
        open_gate(environment, self.current_run)

    def begin(self) -> None:
        """Ask for the run that has begun (``test_start``)."""
        self._leave()
        self._coming = AsyncResult()
        self._dismissed.clear()
        self._post.send(said.Hello(self.boot))

    def current_run(self) -> NodeRun:
        """What users of this process see; blocks until the master's welcome is there."""
        run = self._coming.get(timeout=WELCOME_DEADLINE_S)
        if run is None:
            raise RuntimeError("the master sent no run")
        return run

    def _on_welcome(self, welcome: said.Welcome, _: str) -> None:
        if self._run is not None and self._run.run.uid == welcome.run.uid:
            return
        policy = parse_policy(welcome.evidence)
        recorder = Recorder(
            welcome.worker,
            Figures(welcome.run.top_k, folds=False),
            self.local_segment or _open_segment(welcome, self.boot),
            policy,
            open_tracer(welcome),
        )
        self._run = NodeRun(welcome, self.boot, self._post, recorder)
        self._greenlets = [gevent.spawn(self._send_deltas), gevent.spawn(self._run.poll_sizes)]
        self._coming.set(self._run)

    def _on_event(self, event: Any, steps: Any, **_: Any) -> None:
        if self._run is not None:
            self._run.recorder.on_event(event, steps)

    def _on_granted(self, granted: said.Granted, _: str) -> None:
        if self._run is not None:
            self._run.recorder.users = granted.users
            self._run.granted(granted.ticket, granted.seat)

    def _on_revoked(self, _revoked: said.Revoked, _: str) -> None:
        if self._run is not None:
            self._run.revoke()

    def _on_partner(self, partner: said.Partner, _: str) -> None:
        if self._run is not None:
            self._run.board.present(partner.persona, partner.trio, partner.first_round)

    def _on_published(self, published: said.Published, _: str) -> None:
        if self._run is not None:
            self._run.board.put(published.recordings)

    def _on_spawned(self, spawned: said.Spawned, _: str) -> None:
        if self._run is not None:
            self._run.board.spawning_complete(complete=spawned.complete)

    def _on_users(self, users: said.Users, _: str) -> None:
        if self._run is not None:
            self._run.recorder.users = users.users

    def _on_user_error(self, exception: BaseException, **_: Any) -> None:
        if self._run is not None:
            self._run.user_errors.append(f"{type(exception).__name__}: {exception}")

    def _send_deltas(self) -> None:
        """Write and send what was seen, every second."""
        while True:
            gevent.sleep(DELTA_INTERVAL_S)
            self._hand_over()

    def _hand_over(self) -> None:
        run = self._run
        if run is not None:
            self._post.send(run.hand_over())

    def _on_drain(self, drain: said.Drain, _: str) -> None:
        """Stop the users, send what is left, and say that this was all."""
        if self._run is not None and self._run.run.uid == drain.run_uid:
            self._hand_over_all(self._run)

    def _hand_over_all(self, run: NodeRun) -> None:
        if run.drained:
            return
        run.drained = True
        if isinstance(self.runner, WorkerRunner):
            self.runner.stop()
        gevent.killall(self._greenlets)
        self._post.send(run.hand_over())
        self._post.send(run.totals())

    def leave_early(self) -> None:
        """Hand over all the same when this process ends by a signal to it alone.

        Ctrl-C in a terminal reaches every worker of ``--processes`` beside the master.
        """
        run = self._run
        if run is not None:
            self._hand_over_all(run)
            if not self._dismissed.wait(DISMISSAL_DEADLINE_S):
                logger.warning("the master did not say that it has all of %s", run.recorder.worker)

    def _on_dismissed(self, dismissed: said.Dismissed, _: str) -> None:
        if self._run is not None and self._run.run.uid == dismissed.run_uid:
            self._dismissed.set()

    def _on_send_piece(self, asked: said.SendPiece, _: str) -> None:
        run = self._run
        if run is None or run.run.uid != asked.run_uid:
            return
        with Path(run.recorder.segment.path).open("rb") as segment:
            segment.seek(asked.offset)
            content = segment.read(PIECE_BYTES)
        piece = said.Piece(asked.run_uid, run.recorder.worker, asked.offset, content)
        self._post.send(piece)

    def _on_trace(self, trace: said.Trace, _: str) -> None:
        """Finish tracing, by its deadline, and say what became of every observation."""
        run = self._run
        if run is not None and run.run.uid == trace.run_uid:
            counts = run.finish_tracing()
            self._post.send(said.Traced(trace.run_uid, run.recorder.worker, counts))

    def _leave(self) -> None:
        """The run before is over; whoever still waits in it waits no more."""
        gevent.killall(self._greenlets)
        self._run = None


def _open_segment(welcome: said.Welcome, boot: str) -> Segment:
    """The worker's own file: in the run's folder, or where that is another machine's, apart."""
    path = Path(welcome.segment_path)
    if not path.parent.is_dir():
        path = Path(gettempdir()) / path.name
    record = {
        "record": "segment",
        "run_uid": welcome.run.uid,
        "worker": welcome.worker,
        "boot": boot,
    }
    return Segment(path, record)
