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
    assert all(first.holds_back(each, seats) for each in later)
    assert first.admit() == []
    clock[0] += 15
    assert first.admit() == later
    assert first.waiting == 0
    assert not first.holds_back(later[0], seats)


def test_without_it_nobody_waits():
    seats = SeatPool()
    seats.lease("alice", "worker")
    assert not SoloPhase(0).holds_back(asked("alice", 1), seats)
