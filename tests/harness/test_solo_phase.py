"""One trio alone at the beginning."""

import pytest

from mcstress.cluster.messages import SeatRequest
from mcstress.master import solo_phase as reference
from mcstress.master.seat_pool import SeatPool
from mcstress.master.solo_phase import SoloPhase


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(reference.time, "monotonic", lambda: now[0])
    return now


def asked(persona, ticket):
    return (SeatRequest("run", persona, ticket), "worker")


def test_the_first_trio_sits_at_once_and_all_others_wait_in_line(clock):
    first, seats = SoloPhase(15), SeatPool()
    for ticket, persona in enumerate(("alice", "bob", "carol")):
        assert not first.holds_back(asked(persona, ticket), seats)
        seats.lease(persona, "worker")
    later = [asked("alice", 3), asked("bob", 4)]
    assert all(first.holds_back(each, seats) for each in [*later, later[0]])
    assert first.waiting == 2, "who asks again is in line once"
    assert first.admit() == []
    clock[0] += 15
    assert first.admit() == later
    assert first.waiting == 0
    assert not first.holds_back(later[0], seats)


def test_what_came_too_late_was_not_found_at_rest(clock):
    first, seats = SoloPhase(15), SeatPool()
    first.holds_back(asked("alice", 1), seats)
    first.note({"q": ["a"]})
    first.note({"q": ["b"], "r": ["c"]})
    assert not first.ends_now()
    clock[0] += 15
    first.note({"s": ["under way when it ended"]})
    assert [first.ends_now(), first.ends_now()] == [True, False]
    first.note({"t": ["d"]})
    assert first.lists == {"q": ["a"], "r": ["c"], "s": ["under way when it ended"]}


def test_it_goes_on_until_all_was_asked_for_twice_as_long_at_most(clock):
    for comes, lasts in ((["q", "r"], 15), (["q"], 30)):
        clock[0], first, seats = 100.0, SoloPhase(15, questions=2), SeatPool()
        first.holds_back(asked("alice", 1), seats)
        first.note({question: ["a"] for question in comes})
        clock[0] += lasts - 1
        assert not first.is_over
        clock[0] += 1
        assert first.is_over
        assert first.ends_now()
        assert first.is_over


def test_without_it_nobody_waits():
    seats = SeatPool()
    seats.lease("alice", "worker")
    none = SoloPhase(0)
    assert not none.holds_back(asked("alice", 1), seats)
    assert not none.ends_now()
