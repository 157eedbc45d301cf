"""The delivery: greenlets for observations, for scores, to collect buffers and ask for a name."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import gevent
import httpx
from gevent.event import Event as Flag

from mcstress.tracing.lane import SLICE, SLICE_AT_END, Lane, RunEnd
from mcstress.tracing.langfuse.encoding import SendPolicy
from mcstress.tracing.langfuse.response import Fault, Reply
from mcstress.tracing.langfuse.sdk import LangfuseSdk, Project
from mcstress.tracing.notices import ErrorBoundary
from mcstress.tracing.portions import observation_portions, score_portions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mcstress.tracing.counts import TraceCounts
    from mcstress.tracing.langfuse.client import Server
    from mcstress.tracing.limits import Limits
    from mcstress.tracing.notices import ThrottledWarnings
    from mcstress.tracing.overflow import SpoolQueue
    from mcstress.tracing.queue import Item, Outbox
    from mcstress.tracing.score_queue import ScoreQueue

LOOKUPS = 5
"""How often the project's address is asked for: whoever does not tell keeps nobody waiting."""
FAULT = "fault in tracing"

_BREATH_S = 0.0005
_SHARE_TO_DELIVER = 0.9
"""Of the time that the end has; the rest is for spooling what is left."""


def yield_to_loop() -> None:
    """Let everyone else go first. A sleep of zero would not let the loop look at its sockets."""
    gevent.sleep(_BREATH_S)


def _limit(seconds: float) -> gevent.Timeout:
    return gevent.Timeout(seconds, httpx.ReadTimeout("no whole answer in time"))


SEND_POLICY = SendPolicy(yield_to_loop=yield_to_loop, limit=_limit, slice_size=SLICE)


class Sender:
    """Moves items to the server, or else to the overflow: observations and scores by themselves.

    Neither waits for the other: a server that stores each score by itself may need seconds for a
    few dozen of them, and takes observations at once. ``sweep`` brings the buffers' contents to the
    outbox, a part at each step. ``project`` is known once the server said it. ``answered``: in the
    end the server answered to what was sent last, of observations where there were any.
    """

    def __init__(
        self,
        server: Server[Item],
        outbox: Outbox,
        scores: ScoreQueue,
        overflow: SpoolQueue,
        *,
        counts: TraceCounts,
        notices: ThrottledWarnings,
        sweep: Callable[[], Iterator[None]],
        limits: Limits,
        learns_project: bool,
    ) -> None:
        self.project: Project | None = None
        self.answered = False
        self._server = server
        self._official = LangfuseSdk(server.settings, server.http) if learns_project else None
        self._outbox = outbox
        self._scores = scores
        self._overflow = overflow
        self._counts = counts
        self._notices = notices
        self._border = ErrorBoundary(notices)
        self._sweep = sweep
        self._limits = limits
        self._lookups = LOOKUPS
        self._is_asking = False
        self._hurried = Flag()
        self._end = RunEnd()
        self._observation_lane = Lane(
            outbox,
            observation_portions(server, limits),
            overflow,
            self._end,
            notices=notices,
            limits=limits,
            introduce=self._learn_project,
        )
        self._score_lane = Lane(
            scores,
            score_portions(server, limits),
            overflow,
            self._end,
            notices=notices,
            limits=limits,
        )
        self._greenlets: list[gevent.Greenlet[..., Any]] = []

    @property
    def running(self) -> bool:
        """Whether the greenlets are there."""
        return bool(self._greenlets)

    def start(self) -> None:
        """Spawn the greenlets."""
        work = (self._observation_lane.run, self._score_lane.run, self._keep)
        self._greenlets = [gevent.spawn(each) for each in work]
        if self._official is not None:
            self._greenlets.append(gevent.spawn(self._keep_asking))

    def abandon(self) -> None:
        """Stop without delivering: the copy of a sender that a fork left in a child."""
        gevent.killall(self._greenlets, block=False)
        self._overflow.close()

    def finish(self, deadline_s: float) -> None:
        """Deliver what there is within ``deadline_s``, spool the rest, and stop."""
        self._end.deadline_s = time.monotonic() + deadline_s * _SHARE_TO_DELIVER
        if self._hurried.is_set():
            self.hurry()
        self._collect()
        self._end.near.set()
        self._outbox.ready.set()
        self._scores.ready.set()
        both = gevent.spawn(gevent.joinall, self._greenlets[:2])
        done_or_hurried: list[Any] = [both, self._hurried]
        left_s = max(0.0, self._end.deadline_s - time.monotonic())
        gevent.wait(done_or_hurried, timeout=left_s, count=1)
        both.kill()
        lane = self._observation_lane if self._observation_lane.tried else self._score_lane
        self.answered = lane.answered
        gevent.killall(self._greenlets)
        self._collect()
        self._spool_the_rest()
        self._overflow.close()
        self._server.close()
        for tally in (self._counts, self._counts.scores):
            tally.drop(FAULT, tally.pending)

    def hurry(self) -> None:
        """Deliver nothing more: what is left is spooled at once, also where the end goes on."""
        self._end.deadline_s = time.monotonic()
        self._hurried.set()

    def _spool_the_rest(self) -> None:
        """Spool what is on the way, then the queues, until nobody puts more into them.

        Users that waited for room put what they have as soon as there is some, which is all that
        still comes: nothing new is taken any more.
        """
        self._observation_lane.give_up()
        self._score_lane.give_up()
        yield_to_loop()
        while self._outbox.items or self._scores.items:
            self._overflow.add(self._outbox.take(self._outbox.items))
            self._overflow.add(self._scores.take(self._scores.items))
            self._overflow.write(SLICE_AT_END)

    def _collect(self) -> None:
        for _ in self._sweep():
            yield_to_loop()

    def _keep(self) -> None:
        """Collect buffers that are not full, and spool where the server does not keep up."""
        while True:
            self._outbox.crowded.wait(self._limits.sweep_s)
            with self._border:
                self._collect()
                for queue in (self._outbox, self._scores):
                    if queue.items:
                        queue.ready.set()
                while self._outbox.crowded.is_set():
                    self._relieve(self._outbox.take(SLICE))
                while self._scores.crowded:
                    self._relieve(self._scores.take(SLICE))

    def _keep_asking(self) -> None:
        """Ask for the project until it is known, or was asked for too often.

        The lane of observations asks as well where it delivers; but a master that has workers makes
        none. That the server is not there is said by whoever sends something.
        """
        pause_s = self._limits.first_wait_s
        while self.project is None and self._lookups and not self._end.near.wait(pause_s):
            with self._border:
                self._learn_project()
            pause_s = min(self._limits.longest_pause_s, 2 * pause_s)

    def _relieve(self, items: list[Item]) -> None:
        self._overflow.add(items)
        self._overflow.write(SLICE)

    def _learn_project(self) -> Reply[Item] | None:
        """Ask whether the server is there, and for the project's address; a reply where not."""
        if self._official is None or self.project or self._is_asking or not self._lookups:
            return None
        self._is_asking = True
        try:
            return self._ask_for_project(self._official)
        finally:
            self._is_asking = False

    def _ask_for_project(self, official: LangfuseSdk) -> Reply[Item] | None:
        reply = self._server.greet()
        if reply:
            return reply
        self._lookups -= 1
        with _limit(2 * self._limits.timeout_s):
            found = official.project()
        if isinstance(found, Fault):
            # Nothing but links depends on it: what is sent finds out by itself what is wrong.
            more = f" unless it answers later ({self._lookups} more tries)" if self._lookups else ""
            text = f"{found.text}: the report has no links to Langfuse{more}"
            self._notices.warn(found.kind, text)
        else:
            self.project = found
        return None
