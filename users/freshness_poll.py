"""A new resume that was not there at once is looked for again, until it is seen.

A greenlet of the process does it, so that its coordinator goes on; the event is fired by it, with
the time at which it began and the users that there were, when it is known when the resume was seen.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import gevent
from gevent import Greenlet

from mcstress.metrics.event import POLL
from mcstress.services.step import Step, cut_step
from mcstress.services.target import SEARCH, Found, NewItem, Search
from mcstress.users.changes import Changes, can_change
from mcstress.users.event_scope import EventScope
from mcstress.users.run import Seat

POLL_EVERY_S = 0.25
VISIBLE_WITHIN_S = 10.0
"""From the answer to the add on: an index that is refreshed each second is sound."""
MOST_LATE_S = 1.0
"""After that time: with more, looks were left out that would have told."""
MOST_POLLS = 100
"""At once, in a process: each has a connection. A resume beyond is not looked for again."""

_QUIETLY: Any = False
"""What gevent's Timeout is told for one that is not raised outside of its block."""


class FreshnessPoll:
    """Looks for ``item``, which ``scope`` expects, over the connection that looked first.

    ``added``: the step that put it there; times count from its end. What was seen is changed where
    the target can.
    """

    def __init__(self, scope: EventScope, search: Search, added: Step[Any], item: NewItem) -> None:
        self._scope = scope
        self._search, self._item = search, item
        self._added_s = ended_s(added)
        self._target = scope.coordinator.target
        self._decided = False
        self._ended = False

    @property
    def seat(self) -> Seat:
        """Whose resume it is."""
        return self._scope.coordinator.seat

    def saw(self, step: Step[Found]) -> bool:
        """Whether a look's answer has the item; noted in the event where it has."""
        event, found = self._scope.event, step.answer
        expected = (event.expected_corpus, event.expected)
        for rank, hit in enumerate(found.hits if found else ()):
            if (hit.corpus, hit.id) == expected:
                event.visible_after_s = max(ended_s(step) - self._added_s, 0.0)
                event.visible_at_top1 = rank == 0
                return True
        return False

    def run(self) -> None:
        """Look until it is seen or the time is over, then fire the event; also where it is cut."""
        try:
            self._decided = self._is_seen or self._wait()
            if self._is_seen and can_change(self._scope.coordinator.can):
                Changes(self._scope, self._target, self._search, self._item).run()
        except BaseException as cut:
            self._note(cut_step(cut))
            raise
        finally:
            self.end()

    def _note(self, under_way: Step[Any] | None) -> None:
        """What was sent and never answered, since the run ended: it may have been done."""
        if under_way is not None:
            if under_way.name.startswith(SEARCH):
                under_way.name = POLL
            self._scope.steps.append(under_way)

    @property
    def _is_seen(self) -> bool:
        return isinstance(self._scope.event.visible_after_s, float)

    def _wait(self) -> bool:
        """Whether it is known then: not where the process stood still when the time was over."""
        left_s = max(self._added_s + VISIBLE_WITHIN_S - ended_s(self._scope.steps[-1]), 0.0)
        end_s = perf_counter() + left_s
        with gevent.Timeout(left_s, _QUIETLY):
            while not self._look():
                pass
        return self._is_seen or perf_counter() < end_s + MOST_LATE_S

    def _look(self) -> bool:
        gevent.sleep(POLL_EVERY_S)
        step = self._target.search(self._search, self._scope.trace)
        step.name = POLL
        return self.saw(self._scope.take(step))

    def end(self) -> None:
        """Fire the event, once. What was cut before it was known says nothing of being visible."""
        if self._ended:
            return
        self._ended = True
        coordinator, event = self._scope.coordinator, self._scope.event
        if self._decided and not self._is_seen:
            event.visible_after_s = None
        try:
            self._scope.end()
        finally:
            if self._target is not coordinator.context.target:
                self._target.close()


class FreshnessPolls:
    """The polls of one process in one run."""

    def __init__(self) -> None:
        self._under_way: dict[Greenlet[..., None], FreshnessPoll] = {}
        self._closed = False

    @property
    def has_room(self) -> bool:
        """Whether one more may begin."""
        return not self._closed and len(self._under_way) < MOST_POLLS

    def start(self, poll: FreshnessPoll) -> None:
        """Begin a poll; whoever calls does not wait for it."""
        greenlet = gevent.spawn(poll.run)
        self._under_way[greenlet] = poll
        greenlet.rawlink(self._forget)

    def _forget(self, greenlet: Greenlet[..., None]) -> None:
        self._under_way.pop(greenlet, None)

    def after(self, seat: Seat, then: Callable[[], None]) -> None:
        """Call ``then`` when no poll of ``seat`` is under way: at once where there is none."""
        its = [greenlet for greenlet, poll in self._under_way.items() if poll.seat == seat]
        if its:
            gevent.spawn(self._join, its, then)
        else:
            then()

    @staticmethod
    def _join(greenlets: list[Greenlet[..., None]], then: Callable[[], None]) -> None:
        gevent.joinall(greenlets)
        then()

    def cut(self) -> None:
        """End all polls, whose events are fired as they are; none begins any more."""
        self._closed = True
        under_way = dict(self._under_way)
        gevent.killall([*under_way])
        for poll in under_way.values():
            poll.end()  # one that was killed before it had begun


def ended_s(step: Step[Any]) -> float:
    """When ``step`` ended, in Unix seconds."""
    return step.start_s + step.latency_ms / 1000
