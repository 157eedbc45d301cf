"""The delivery: one greenlet sends, one collects buffers and relieves a crowded outbox."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import gevent
import httpx
from gevent.event import Event as Flag
from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

from tracing.notices import Border
from tracing.official import Official, Project
from tracing.reply import KEYS, Fault, Reply
from tracing.road import Manners

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tracing.counts import TraceCounts
    from tracing.limits import Limits
    from tracing.notices import Notices
    from tracing.outbox import Item, Outbox
    from tracing.overflow import Overflow
    from tracing.server import Server

SLICE = 100
SLICE_AT_END = 200
LOOKUPS = 3
"""How often the project's address is asked for: whoever does not tell keeps nobody waiting."""
FAULT = "fault in tracing"

_BREATH_S = 0.0005
_SHARE_TO_DELIVER = 0.9
"""Of the time that the end has; the rest is for spooling what is left."""


def breathe() -> None:
    """Let everyone else go first. A sleep of zero would not let the loop look at its sockets."""
    gevent.sleep(_BREATH_S)


def _limit(seconds: float) -> gevent.Timeout:
    return gevent.Timeout(seconds, httpx.ReadTimeout("no whole answer in time"))


MANNERS = Manners(breathe=breathe, limit=_limit, slice_size=SLICE)


class Sender:
    """Moves items from the outbox to the server, or else to the overflow, and counts them.

    ``sweep`` brings the buffers' contents to the outbox, a part at each step. ``project`` is known
    once the server said it. ``answered``: in the end the server answered what was left to send.
    """

    def __init__(
        self,
        server: Server[Item],
        outbox: Outbox,
        overflow: Overflow,
        *,
        counts: TraceCounts,
        notices: Notices,
        sweep: Callable[[], Iterator[None]],
        limits: Limits,
        learns_project: bool,
    ) -> None:
        self.project: Project | None = None
        self.answered = False
        self._server = server
        self._official = Official(server.settings, server.http) if learns_project else None
        self._outbox = outbox
        self._overflow = overflow
        self._counts = counts
        self._notices = notices
        self._border = Border(notices)
        self._sweep = sweep
        self._limits = limits
        self._lookups = LOOKUPS
        self._in_flight: list[Item] = []
        self._after_s: float | None = None
        self._pause_s = 0.0
        self._closing = Flag()
        self._deadline_s = float("inf")
        self._hurried = Flag()
        self._growing = wait_exponential_jitter(
            multiplier=limits.first_wait_s,
            max=limits.longest_pause_s,
            jitter=limits.first_wait_s / 5,
        )
        self._greenlets: list[gevent.Greenlet[..., Any]] = []

    @property
    def running(self) -> bool:
        """Whether the greenlets are there."""
        return bool(self._greenlets)

    def start(self) -> None:
        """Spawn the greenlets."""
        self._greenlets = [gevent.spawn(self._send), gevent.spawn(self._keep)]

    def abandon(self) -> None:
        """Stop without delivering: the copy of a sender that a fork left in a child."""
        gevent.killall(self._greenlets, block=False)
        self._overflow.close()

    def finish(self, deadline_s: float) -> None:
        """Deliver what there is within ``deadline_s``, spool the rest, and stop."""
        self._deadline_s = time.monotonic() + deadline_s * _SHARE_TO_DELIVER
        if self._hurried.is_set():
            self.hurry()
        self._collect()
        self._closing.set()
        self._outbox.ready.set()
        left_s = max(0.0, self._deadline_s - time.monotonic())
        done_or_hurried: list[Any] = [self._greenlets[0], self._hurried]
        gevent.wait(done_or_hurried, timeout=left_s, count=1)
        self.answered = self._greenlets[0].ready() and not self._pause_s
        gevent.killall(self._greenlets)
        self._collect()
        self._overflow.add(self._outbox.take(self._outbox.items))
        self._overflow.add(self._outbox.take_scores())
        self._give_up()
        self._overflow.close()
        self._server.close()
        for tally in (self._counts, self._counts.scores):
            tally.drop(FAULT, tally.pending)

    def hurry(self) -> None:
        """Deliver nothing more: what is left is spooled at once, also where the end goes on."""
        self._deadline_s = time.monotonic()
        self._hurried.set()

    def _collect(self) -> None:
        for _ in self._sweep():
            breathe()

    def _keep(self) -> None:
        """Collect buffers that are not full, and spool where the server does not keep up."""
        while True:
            self._outbox.crowded.wait(self._limits.sweep_s)
            with self._border:
                self._collect()
                if self._outbox.items:
                    self._outbox.ready.set()
                while self._outbox.crowded.is_set():
                    self._overflow.add(self._outbox.take(SLICE) or self._outbox.take_scores())
                    self._overflow.write(SLICE)

    def _send(self) -> None:
        """Send while there is anything, until the end."""
        with self._border:
            self._learn_project()
        while self._outbox.items or not self._closing.is_set():
            self._outbox.ready.wait()
            self._rest()
            self._in_flight = self._next()
            if self._outbox.items < self._limits.post and not self._closing.is_set():
                self._outbox.ready.clear()
            with self._border:
                self._deliver()
            self._give_up()
            if self._pause_s and self._closing.is_set():
                return  # the server had its last chance

    def _next(self) -> list[Item]:
        """What to send now. Scores have a request of their own, for which they gather."""
        items = self._outbox.take(self._limits.post)
        if self._closing.is_set() or self._outbox.scores_are_due(self._limits.sweep_s):
            items += self._outbox.take_scores()
        return items

    def _rest(self) -> None:
        """Leave a server alone that does not answer, but not at the end of the run."""
        if self._pause_s:
            self._closing.wait(self._pause_s)

    def _deliver(self) -> None:
        """Send what is in flight, trying again for a while; what is left then stays in flight."""
        if not self._in_flight:
            return
        tries = 1 if self._pause_s else self._limits.tries
        retrying = Retrying(
            sleep=self._wait,
            wait=self._wait_s,
            stop=lambda state: stop_after_attempt(tries)(state) or self._too_late(state),
            retry=retry_if_result(bool),
            retry_error_callback=self._lengthen_pause,
        )
        retrying(self._attempt)
        if self.project is None and not self._pause_s and not self._closing.is_set():
            self._learn_project()

    def _attempt(self) -> bool:
        """Send once; whether something is left that may try again."""
        reply = self._server.send(self._in_flight)
        self._in_flight = reply.again
        self._after_s = reply.after_s
        self._settle(reply)
        return bool(reply.again)

    def _settle(self, reply: Reply[Item]) -> None:
        """Count what was decided, and say what went wrong."""
        for item in reply.delivered:
            self._overflow.tally(item).delivered += 1
        for item, reason in reply.lost:
            self._overflow.tally(item).drop(reason, 1)
        self._overflow.add(reply.refused)
        for fault in reply.faults:
            self._notices.warn(fault.kind, fault.text)
        if any(fault.kind == KEYS for fault in reply.faults):
            self._pause_s = self._limits.longest_pause_s
        elif reply.delivered:
            self._pause_s = 0.0

    def _lengthen_pause(self, _state: RetryCallState | None = None) -> None:
        """Leave the server alone for longer, from a second on."""
        asked_s = self._after_s or 0.0
        self._pause_s = min(self._limits.longest_pause_s, max(1.0, self._pause_s * 2, asked_s))

    def _give_up(self) -> None:
        """Spool what no server took."""
        self._overflow.add(self._in_flight)
        self._in_flight = []
        self._overflow.write(SLICE_AT_END if self._closing.is_set() else SLICE)

    def _wait_s(self, state: RetryCallState) -> float:
        """How long to wait before the next try: as the server said, or longer each time."""
        return self._growing(state) if self._after_s is None else self._after_s

    def _wait(self, seconds: float) -> None:
        """Wait; the end of the run cuts one wait short."""
        if self._closing.is_set():
            gevent.sleep(seconds)
        else:
            self._closing.wait(seconds)

    def _too_late(self, state: RetryCallState) -> bool:
        return time.monotonic() + state.upcoming_sleep > self._deadline_s

    def _learn_project(self) -> None:
        """Ask whether the keys are right, and for the project's address."""
        if self._official is None or not self._lookups:
            return
        reply = self._server.greet()
        if reply:
            self._settle(reply)
            self._lengthen_pause()  # one try is enough then, above all at the end
            return
        self._lookups -= 1
        with _limit(2 * self._limits.timeout_s):
            found = self._official.project()
        if isinstance(found, Fault):
            # Nothing but links depends on it: what is sent finds out by itself what is wrong.
            self._notices.warn(found.kind, found.text)
        else:
            self.project = found
