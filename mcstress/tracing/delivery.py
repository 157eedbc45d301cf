"""The delivery: greenlets for observations, for scores, and to collect buffers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import gevent
import httpx
from gevent.event import Event as Flag

from mcstress.tracing.batch_sizing import observation_portions, score_portions
from mcstress.tracing.http.batch_posting import SendPolicy
from mcstress.tracing.notices import ErrorBoundary
from mcstress.tracing.retrying_lane import SLICE, SLICE_AT_END, RetryingLane, RunEnd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mcstress.tracing.delivery_counts import TraceCounts
    from mcstress.tracing.limits import Limits
    from mcstress.tracing.notices import ThrottledWarnings
    from mcstress.tracing.overflow import SpoolQueue
    from mcstress.tracing.queue import Outbox, Queued
    from mcstress.tracing.score_queue import ScoreQueue
    from mcstress.tracing.sink import Destination

FAULT = "fault in tracing"

_YIELD_S = 0.0005
_SHARE_TO_DELIVER = 0.9
"""Of the time that the end has; the rest is for spooling what is left."""


def yield_to_loop() -> None:
    """Let everyone else go first. A sleep of zero would not let the loop look at its sockets."""
    gevent.sleep(_YIELD_S)


def _limit(seconds: float) -> gevent.Timeout:
    return gevent.Timeout(seconds, httpx.ReadTimeout("no whole answer in time"))


SEND_POLICY = SendPolicy(yield_to_loop=yield_to_loop, limit=_limit, slice_size=SLICE)


class Sender:
    """Moves items to the server, or else to the overflow: observations and scores by themselves.

    Neither waits for the other: a server that stores each score by itself may need seconds for a
    few dozen of them, and takes observations at once. ``sweep`` brings the buffers' contents to the
    outbox, a part at each step. ``answered``: in the end the server answered to what was sent last,
    of observations where there were any.
    """

    def __init__(
        self,
        destination: Destination[Queued],
        outbox: Outbox,
        scores: ScoreQueue,
        overflow: SpoolQueue,
        *,
        counts: TraceCounts,
        notices: ThrottledWarnings,
        sweep: Callable[[], Iterator[None]],
        limits: Limits,
    ) -> None:
        self.answered = False
        self._destination = destination
        self._outbox = outbox
        self._scores = scores
        self._overflow = overflow
        self._counts = counts
        self._notices = notices
        self._border = ErrorBoundary(notices)
        self._sweep = sweep
        self._limits = limits
        self._hurried = Flag()
        self._end = RunEnd()
        self._observation_lane = RetryingLane(
            outbox,
            observation_portions(destination, limits),
            overflow,
            self._end,
            notices=notices,
            limits=limits,
            introduce=destination.introduce,
        )
        self._score_lane = RetryingLane(
            scores,
            score_portions(destination, limits),
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
        work = (self._observation_lane.run, self._score_lane.run, self._keep, self._keep_asking)
        self._greenlets = [gevent.spawn(each) for each in work]

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
        self._destination.close()
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
        """Ask who the server is until that is known, or was asked for too often.

        The lane of observations asks as well where it delivers; but a master that has workers makes
        none. That the server is not there is said by whoever sends something.
        """
        pause_s = self._limits.first_wait_s
        while self._destination.has_questions and not self._end.near.wait(pause_s):
            with self._border:
                self._destination.introduce()
            pause_s = min(self._limits.longest_pause_s, 2 * pause_s)

    def _relieve(self, items: list[Queued]) -> None:
        self._overflow.add(items)
        self._overflow.write(SLICE)
