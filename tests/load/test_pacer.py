"""Whichever pacer is on, a persona does what it says, when it says so, and knows nothing of it."""

from __future__ import annotations

from types import SimpleNamespace

import gevent
import pytest
from gevent.event import Event as Signal
from locust import constant
from locust.user.task import DefaultTaskSet

from mcstress.load.closed import ClosedPacer
from mcstress.load.pacer import Slot
from mcstress.services.llm.language_model import ModelSetup
from mcstress.services.target import TargetSetup
from mcstress.users import phases
from mcstress.users.handover_board import HandoverBoard
from mcstress.users.persona import AliceUser
from mcstress.users.run import Run, Seat
from mcstress.users.scenarios.load import load_scenario

PHASES = ["first", "second"]


class Backwards:
    """A test double: the last phase first, one persona after the other, and three slots at most.

    Carol has all places before bob has one, and bob before alice.
    """

    order = ("carol", "bob", "alice")
    most = 3

    def __init__(self):
        self.taken = dict.fromkeys(self.order, 0)
        self.finishes = []
        self.gone = []
        self._turn = Signal()

    def tasks(self, coordinator):
        coordinator.begin_round()
        for phase in reversed(coordinator.run.phases):
            yield from phases.PHASE_FUNCTIONS[phase](coordinator)

    def take(self, user):
        before = self.order[: self.order.index(user.persona)]
        with user.interruptible():
            while any(self.taken[persona] < self.most for persona in before):
                self._turn.wait()
                self._turn.clear()
        if self.taken[user.persona] == self.most:
            return None
        self.taken[user.persona] += 1
        return Slot(user)

    def finished(self, slot):
        self.finishes.append(slot.user.persona)
        self._turn.set()

    def left(self, user):
        self.gone.append(user.persona)


class Context:
    """What users see of a run of two phases that only take down who did them."""

    def __init__(self, pacer, *, rounds=1, think_s=0.0):
        self.pacer = pacer
        self.run = Run(
            "uid", "001", TargetSetup(), ModelSetup("", "m"), load_scenario("three_cities"),
            PHASES, rounds, 42, 8, "p_", "f-", 1.0, think_s, think_s,
        )  # fmt: skip
        self.board = HandoverBoard()
        # No event asks anything: a service that is shared by all is as good as any.
        self.target = self.llm = SimpleNamespace(capabilities=set)
        self.target.connect = lambda: self.target
        self.rounds_done = []
        self.begun = []
        self.free = []
        self.held = set()

    def lease(self, persona):
        seat = Seat(persona, 1)
        self.held.add(seat)
        return seat

    def give_back(self, seat):
        self.held.discard(seat)
        self.free.append(seat.persona)

    def holds(self, seat):
        return seat in self.held

    def moves(self, _seat):
        return False

    def begin_round(self, seat, round_):
        self.begun.append((seat.persona, round_))

    def done(self, seat):
        self.rounds_done.append(seat.persona)


@pytest.fixture
def done(monkeypatch):
    """What was done, in its order: (persona, round, phase)."""
    seen = []

    def phase_of(name):
        def tasks(me):
            yield lambda: seen.append((me.seat.persona, me.round, name))

        return tasks

    for name in PHASES:
        monkeypatch.setitem(phases.PHASE_FUNCTIONS, name, phase_of(name))
    return seen


def test_the_closed_pacer_goes_through_the_phases_round_by_round(done, trio):
    context = Context(ClosedPacer(), rounds=2)
    trio(context)
    walk = [(round_, phase) for round_ in (1, 2) for phase in PHASES]
    for persona in ("alice", "bob", "carol"):
        assert [what for who, *what in done if who == persona] == [list(one) for one in walk]
        assert [n for who, n in context.begun if who == persona] == [1, 2]
    assert sorted(context.free) == ["alice", "bob", "carol"]


def test_another_pacer_drives_the_same_personas_in_another_order(done, trio):
    pacer = Backwards()
    context = Context(pacer, rounds=0)  # without an end of their own
    trio(context)
    walk = [(1, "second"), (1, "first"), (2, "second")]
    assert done == [(who, *what) for who in Backwards.order for what in walk]
    assert pacer.finishes == [who for who in Backwards.order for _ in walk]
    assert sorted(pacer.gone) == sorted(context.free) == ["alice", "bob", "carol"]


@pytest.mark.parametrize("think_s", [0.0, 0.02])
def test_the_closed_pacer_thinks_after_every_event(done, trio, monkeypatch, think_s):
    waits = []
    sleep = gevent.sleep

    def noted(self, seconds):
        waits.append((self.user.persona, seconds))
        sleep(seconds)

    monkeypatch.setattr(DefaultTaskSet, "_sleep", noted)
    trio(Context(ClosedPacer(), think_s=think_s), [AliceUser])
    assert waits[:2] == [("alice", think_s)] * 2
    assert len(done) == 2


@pytest.mark.usefixtures("done")
def test_who_is_done_does_not_ask_again_and_again(trio, monkeypatch):
    """Though a class has a ``wait_time`` of its own, which Locust's documentation tells one to."""
    asked = []
    monkeypatch.setattr(AliceUser, "wait_time", constant(0))
    round_ = AliceUser.round

    def counted(user):
        asked.append(1)
        round_(user)

    monkeypatch.setattr(AliceUser, "tasks", [counted])
    looks = iter(range(50))
    trio(Context(ClosedPacer()), [AliceUser], lambda: len(asked) > 1 and next(looks, None) is None)
    assert len(asked) == 2, "its round, and the one in which it idles"


def test_who_has_nothing_to_do_does_not_go_from_round_to_round_all_the_time(trio, monkeypatch):
    """The chosen phases ask nothing of it, and its rounds have no end."""
    for name in PHASES:
        monkeypatch.setitem(phases.PHASE_FUNCTIONS, name, lambda _: iter(()))
    context, looks = Context(ClosedPacer(), rounds=0), [1]
    context.rounds_done = looks  # until it was looked at so often
    trio(context, [AliceUser], lambda: looks.append(1) or len(looks) > 50)
    assert 1 <= len(context.begun) <= 3


def test_a_round_ends_where_the_seat_is_no_longer_the_users():
    context = Context(ClosedPacer())
    me = SimpleNamespace(
        run=context.run, context=context, seat=context.lease("alice"), begin_round=list
    )
    tasks = ClosedPacer().tasks(me)
    with pytest.MonkeyPatch.context() as patch:
        for name in PHASES:
            patch.setitem(phases.PHASE_FUNCTIONS, name, lambda _: iter([print, print]))
        assert next(tasks) is print
        context.held.clear()
        assert list(tasks) == []
