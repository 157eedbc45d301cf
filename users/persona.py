"""Alice, bob and carol: Locust users, each driven through its rounds by the run's pacer."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

import gevent
import psutil
from gevent import Greenlet
from gevent.pool import Group
from locust import events, task
from locust.env import Environment
from locust.exception import StopUser
from locust.runners import MasterRunner

from mcstress.errors import UsageError
from mcstress.exit_codes import EXIT_USAGE
from mcstress.locust_compat import StoppableUser, with_any_tag
from mcstress.users.coordinator import Coordinator
from mcstress.users.coordinator_session import enter, has_listeners, say_once

IDLE_S = 3600.0
PAUSE_S = 0.5
"""Before a coordinator that had nothing to do, or never got a seat, asks again."""


class CoordinatorUser(StoppableUser):
    """A coordinator as Locust runs it. Subclasses name the persona.

    The only task is one round; Locust's own waits between two events are the think time, and the
    points at which a user can be stopped without cutting an event.
    """

    abstract = True
    persona: str
    coordinator: Coordinator | None = None
    _idle = False
    _is_unconnected = False

    def wait_time(self) -> float:
        """Seconds between two events: the think time. A class may have its own."""
        return self.coordinator.think_s() if self.coordinator else PAUSE_S

    def start(self, group: Group) -> Greenlet[..., Any]:
        """Start as Locust does; the seat is given back at the end, whatever ``on_stop`` does."""
        greenlet: Greenlet[..., Any] = super().start(group)
        greenlet.link(self._give_back_at_end)
        return greenlet

    @with_any_tag
    @task
    def round(self) -> None:
        """One round; idles for good after the last."""
        if self._idle:
            # Not by ``wait_time``, which a class may have its own of: it would ask all the time.
            with self.interruptible():
                gevent.sleep(IDLE_S)
            return
        coordinator = self._seated()
        if coordinator is None:
            return
        pacer, made = coordinator.context.pacer, False
        try:
            for make_event in pacer.tasks(coordinator):
                made = True
                if (slot := pacer.take(self)) is None:
                    if coordinator.context.holds(coordinator.seat):
                        self._finish(coordinator)
                    else:
                        self._give_back()
                        self._seated()
                    return
                make_event()
                pacer.finished(slot)
        except StopUser:
            raise
        except Exception:
            # A round that broke is over too: begun again, it would be counted twice.
            self._go_on(coordinator)
            raise
        self._go_on(coordinator)
        # At once: a class's own wait may be minutes, in which it would be missed.
        if self._seated() and not (made or self._idle):
            # Of the chosen phases none asks anything of this persona: it must not ask all the time.
            with self.interruptible():
                gevent.sleep(PAUSE_S)

    def _seated(self) -> Coordinator | None:
        """The coordinator on its seat, which it waits for; None where it gets no connection."""
        if self.coordinator is None:
            try:
                self.coordinator = enter(self)
            except UsageError as fault:
                self._say_unconnected(fault)
        return self.coordinator

    def _say_unconnected(self, fault: UsageError) -> None:
        """The target gives it no connection: said once, asked again after a pause."""
        if not self._is_unconnected:
            self._is_unconnected = True
            say_once(self.environment, "connect", str(fault))
            self.environment.events.user_error.fire(
                user_instance=self, exception=fault, tb=fault.__traceback__
            )
        with self.interruptible():
            gevent.sleep(PAUSE_S)

    def _go_on(self, coordinator: Coordinator) -> None:
        """To the next round, to another seat, or to idle for good."""
        is_last = coordinator.finish_round()
        if not coordinator.context.holds(coordinator.seat) or coordinator.context.moves(
            coordinator.seat
        ):
            self._give_back()
        elif is_last:
            self._finish(coordinator)

    def _finish(self, coordinator: Coordinator) -> None:
        """Idle for good: all rounds are done, or there is no slot any more."""
        self._idle = True
        coordinator.context.done(coordinator.seat)

    def on_stop(self) -> None:
        """Give the seat back at once."""
        self._give_back()

    def _give_back_at_end(self, _: Greenlet[..., Any]) -> None:
        """Where a class of one's own has an ``on_stop`` that does not call this one's."""
        self._give_back()

    def _give_back(self) -> None:
        if self.coordinator is not None:
            self.coordinator.context.pacer.left(self)
            self.coordinator.close()
            self.coordinator.context.give_back(self.coordinator.seat)
            self.coordinator = None


@events.init.add_listener  # type: ignore[untyped-decorator]  # Locust gives it no types
def refuse_without_listeners(environment: Environment, **_: Any) -> None:
    """Refuse a run of coordinators whose events nobody hears: it would measure nothing."""
    kinds = [
        kind.__name__ for kind in environment.user_classes if issubclass(kind, CoordinatorUser)
    ]
    if kinds and not has_listeners(environment.events):
        sys.stderr.write(
            f"mcstress: locustfile: found {', '.join(kinds)} and no call of install(), expected "
            "both: from mcstress import install; install()\n"
        )
        if isinstance(environment.runner, MasterRunner):
            _end_forked_workers()
        raise SystemExit(EXIT_USAGE)


def _end_forked_workers() -> None:
    """End what Locust has forked for ``--processes``, which is all that a master has by now.

    Locust asks them to stop and waits: one that does not yet reach its master, and has caught what
    it was asked with, tries to for five minutes.
    """
    for worker in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            worker.kill()


class AliceUser(CoordinatorUser):
    """Holds alpha; bob takes it over with alice's memory."""

    persona = "alice"


class BobUser(CoordinatorUser):
    """Holds beta; takes over alice's contract."""

    persona = "bob"


class CarolUser(CoordinatorUser):
    """Holds gamma."""

    persona = "carol"
