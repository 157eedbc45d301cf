"""A coordinator that is stopped while it waits begins nothing more."""

from __future__ import annotations

import time
from types import SimpleNamespace

import gevent
import pytest
from gevent.event import Event as Signal
from gevent.pool import Group
from locust.env import Environment
from locust.event import Events
from locust.exception import StopUser
from locust.user.task import LOCUST_STATE_STOPPING

from mcstress.errors import ServiceRefusalError
from mcstress.users import persona
from mcstress.users.coordinator_session import enter, provide_context
from mcstress.users.persona import CoordinatorUser
from mcstress.users.run import Seat

BRIEF_S = 0.02
DEADLINE_S = 60
"""The machine may be busy."""


class Waiter(CoordinatorUser):
    """Waits, then begins something that takes a while."""

    abstract = False
    persona = "alice"

    def wait_time(self):
        return BRIEF_S

    def scope(self):
        self.wait()
        self.begun = True
        self.may_end.wait()

    begun = False

    def __init__(self, environment):
        super().__init__(environment)
        self.may_end = Signal()


class InterruptibleWaiter(Waiter):
    """Waits for somebody else."""

    def scope(self):
        with self.interruptible():
            gevent.sleep(BRIEF_S)
        self.begun = True
        self.may_end.wait()


Waiter.tasks = [Waiter.scope]  # in place of the round that Locust's metaclass hands down
InterruptibleWaiter.tasks = [InterruptibleWaiter.scope]


@pytest.mark.parametrize("kind", [Waiter, InterruptibleWaiter])
def test_a_user_that_wakes_at_the_moment_of_the_stop_begins_nothing(kind):
    user = kind(Environment(user_classes=[kind], events=Events()))
    greenlet = user.start(Group())
    gevent.sleep(0)
    gevent.spawn_later(0, user.stop)  # as Locust does
    until = time.monotonic() + 2 * BRIEF_S
    while time.monotonic() < until:
        pass  # a busy process: the wait ends in the same turn of the loop as the stop
    greenlet.join(timeout=DEADLINE_S)
    assert greenlet.ready()
    assert not user.begun


@pytest.mark.parametrize("kind", [Waiter, InterruptibleWaiter])
def test_a_user_that_is_at_something_ends_it_first(kind):
    user = kind(Environment(user_classes=[kind], events=Events()))
    greenlet = user.start(Group())
    while not user.begun:
        gevent.sleep(0.01)
    assert not user.stop()
    greenlet.join(timeout=0.2)  # time for it to end, though it must not
    assert not greenlet.ready()
    user.may_end.set()
    greenlet.join(timeout=DEADLINE_S)
    assert greenlet.ready()


@pytest.mark.parametrize("kind", [Waiter, InterruptibleWaiter])
@pytest.mark.parametrize("busy", [False, True])
def test_a_user_may_be_asked_to_stop_twice(kind, busy):
    """Two stops meet, each begun before the user was stopping."""
    user = kind(Environment(user_classes=[kind], events=Events()))
    greenlet = user.start(Group())
    gevent.sleep(0)
    while busy and not user.begun:
        gevent.sleep(0.01)
    asked = [gevent.spawn(user.stop) for _ in range(2)]
    assert len(gevent.joinall(asked, timeout=DEADLINE_S, raise_error=True)) == 2
    assert not user.stop()
    user.may_end.set()
    greenlet.join(timeout=DEADLINE_S)
    assert greenlet.ready()


class Lender:
    """A context that leases a seat, and then does not let the user go on."""

    def __init__(self, user):
        self.given_back = []
        self._user = user
        self.run = None  # so that a coordinator cannot be made

    def lease(self, persona):
        if self._user is not None:
            self._user._state = LOCUST_STATE_STOPPING  # stopped in the turn in which it is granted
        return Seat(persona, 1)

    def give_back(self, seat):
        self.given_back.append(seat)


@pytest.mark.parametrize(("stopped", "raised"), [(True, StopUser), (False, AttributeError)])
def test_a_seat_that_its_user_could_not_take_is_given_back(stopped, raised):
    environment = Environment(user_classes=[Waiter], events=Events())
    user = Waiter(environment)
    lender = Lender(user if stopped else None)
    provide_context(environment, lambda: lender)
    with pytest.raises(raised):
        enter(user)
    assert lender.given_back == [Seat("alice", 1)]


class Unconnected(CoordinatorUser):
    """Its target has no connection for it."""

    abstract = False
    persona = "alice"


def test_a_user_that_gets_no_connection_says_so_once_and_asks_again(monkeypatch, caplog):
    """No traceback, and the seat goes back each time: the database may have room again."""
    environment = Environment(user_classes=[Unconnected], events=Events())
    told = []
    environment.events.user_error.add_listener(lambda exception, **_: told.append(str(exception)))
    lender = Lender(None)

    def refuses():
        raise ServiceRefusalError("--target: Store.connect raised OSError: too many clients")

    lender.target = SimpleNamespace(connect=refuses)
    provide_context(environment, lambda: lender)
    monkeypatch.setattr(persona, "PAUSE_S", 0)
    user = Unconnected(environment)
    for _ in range(3):
        user.round()
    assert told == ["--target: Store.connect raised OSError: too many clients"]
    assert [record.getMessage() for record in caplog.records] == told
    assert len(lender.given_back) == 3
    assert user.coordinator is None


@pytest.mark.parametrize("is_revoked", [False, True])
def test_a_user_that_gets_no_connection_for_its_next_seat_says_so_too(
    monkeypatch, caplog, is_revoked
):
    """After a round on a seat that moved, and while it waits for an arrival as its seat is lost."""
    environment = Environment(user_classes=[Unconnected], events=Events())

    def refuses(_user):
        raise ServiceRefusalError("--target: Store.connect raised OSError: too many clients")

    monkeypatch.setattr(persona, "enter", refuses)
    monkeypatch.setattr(persona, "PAUSE_S", 0)
    user = Unconnected(environment)
    pacer = SimpleNamespace(
        tasks=lambda _: [None] if is_revoked else [],
        take=lambda _: None,
        left=lambda _: None,
    )
    context = SimpleNamespace(
        pacer=pacer, holds=lambda _: False, moves=lambda _: False, give_back=lambda _: None
    )
    user.coordinator = SimpleNamespace(
        context=context, seat=Seat("alice", 1), finish_round=lambda: False, close=lambda: None
    )
    user.round()
    said = ["--target: Store.connect raised OSError: too many clients"]
    assert [record.getMessage() for record in caplog.records] == said
    assert user.coordinator is None
