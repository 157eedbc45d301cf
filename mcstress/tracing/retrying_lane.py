"""A lane to the server for one kind of thing, observations or scores: it tries again and pauses."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

import gevent
from gevent.event import Event as Flag
from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

from mcstress.tracing.http.delivery_outcome import KEYS
from mcstress.tracing.notices import ErrorBoundary

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcstress.tracing.batch_sizing import Portions
    from mcstress.tracing.http.delivery_outcome import DeliveryOutcome
    from mcstress.tracing.limits import Limits
    from mcstress.tracing.notices import ThrottledWarnings
    from mcstress.tracing.overflow import SpoolQueue
    from mcstress.tracing.queue import Queued

SLICE = 100
SLICE_AT_END = 200


class Queue(Protocol):
    """Where a lane takes from: ``ready`` is set when it is worth while."""

    ready: Flag

    @property
    def items(self) -> int:
        """How many wait."""

    def take(self, largest: int, /) -> list[Queued]:
        """Some of them, about ``largest`` at most."""


class RunEnd:
    """That the run is ending, and until when, on the monotonic clock, there is time to deliver."""

    def __init__(self) -> None:
        self.near = Flag()
        self.deadline_s = float("inf")


class RetryingLane:
    """Moves items from a queue to the server, or else to the overflow, and counts them.

    ``tried``: something was sent. ``answered``: in the end the server answered, too. ``pause_s``:
    how long it is left alone, in seconds, since it took nothing; 0 while it does. ``introduce`` is
    called before anything is sent, and whenever something was delivered; where it gives an outcome,
    the server is not to be had.
    """

    def __init__(
        self,
        queue: Queue,
        portions: Portions[Queued],
        overflow: SpoolQueue,
        end: RunEnd,
        *,
        notices: ThrottledWarnings,
        limits: Limits,
        introduce: Callable[[], DeliveryOutcome[Queued] | None] = lambda: None,
    ) -> None:
        self.tried = False
        self.answered = False
        self.pause_s = 0.0
        self._queue = queue
        self._portions = portions
        self._overflow = overflow
        self._end = end
        self._notices = notices
        self._border = ErrorBoundary(notices)
        self._limits = limits
        self._introduce = introduce
        self._in_flight: list[Queued] = []
        self._after_s: float | None = None
        self._growing = wait_exponential_jitter(
            multiplier=limits.first_wait_s,
            max=limits.longest_pause_s,
            jitter=limits.first_wait_s / 5,
        )

    def run(self) -> None:
        """Send while there is anything, until the end of the run."""
        ending = self._end.near.is_set
        with self._border:
            self._meet()
        while self._queue.items or not ending():
            if not ending():
                self._queue.ready.wait()
            self._rest()
            self._in_flight = self._queue.take(self._portions.largest)
            with self._border:
                self._deliver()
            self.give_up()
            if self.pause_s and ending():
                return  # the server had its last chance
        self.answered = not self.pause_s

    def give_up(self) -> None:
        """Spool what no server took."""
        self._overflow.add(self._in_flight)
        self._in_flight = []
        self._overflow.write(SLICE_AT_END if self._end.near.is_set() else SLICE)

    def _rest(self) -> None:
        """Leave a server alone that does not answer, but not at the end of the run."""
        if self.pause_s:
            self._end.near.wait(self.pause_s)

    def _deliver(self) -> None:
        """Send what is in flight, trying again for a while; what is left then stays in flight."""
        if not self._in_flight:
            return
        self.tried = True
        tries = 1 if self.pause_s else self._limits.tries
        retrying = Retrying(
            sleep=self._wait,
            wait=self._wait_s,
            stop=lambda state: stop_after_attempt(tries)(state) or self._too_late(state),
            retry=retry_if_result(bool),
            retry_error_callback=self._lengthen_pause,
        )
        retrying(self._attempt)
        if not self.pause_s and not self._end.near.is_set():
            self._meet()

    def _attempt(self) -> bool:
        """Send portions while they are taken; whether something is left that may try again."""
        again = False
        while self._in_flight and not again:
            outcome, self._in_flight = self._portions.send(self._in_flight)
            again = bool(outcome.again)
            self._after_s = outcome.after_s
            self._settle(outcome)
        return again

    def _settle(self, outcome: DeliveryOutcome[Queued]) -> None:
        """Count what was decided, and say what went wrong."""
        for item in outcome.delivered:
            self._overflow.tally(item).delivered += 1
        for item, reason in outcome.lost:
            self._overflow.tally(item).drop(reason, 1)
        self._overflow.add(outcome.refused)
        for fault in outcome.faults:
            self._notices.warn(fault.kind, fault.text)
        if any(fault.kind == KEYS for fault in outcome.faults):
            self.pause_s = self._limits.longest_pause_s
        elif outcome.delivered:
            self.pause_s = 0.0

    def _lengthen_pause(self, _state: RetryCallState | None = None) -> None:
        """Leave the server alone for longer, from a second on."""
        asked_s = self._after_s or 0.0
        self.pause_s = min(self._limits.longest_pause_s, max(1.0, self.pause_s * 2, asked_s))

    def _wait_s(self, state: RetryCallState) -> float:
        """How long to wait before the next try: as the server said, or longer each time."""
        return self._growing(state) if self._after_s is None else self._after_s

    def _wait(self, seconds: float) -> None:
        """Wait; the end of the run cuts one wait short."""
        if self._end.near.is_set():
            gevent.sleep(seconds)
        else:
            self._end.near.wait(seconds)

    def _too_late(self, state: RetryCallState) -> bool:
        return time.monotonic() + state.upcoming_sleep > self._end.deadline_s

    def _meet(self) -> None:
        """Get to know the server, as far as this lane is there for that."""
        outcome = self._introduce()
        if outcome:
            self._settle(outcome)
            self._lengthen_pause()  # one try is enough then, above all at the end
