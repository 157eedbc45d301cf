"""One trio alone at the beginning."""

import pytest

from mcstress.cluster.messages import Lease
from mcstress.master import solo_phase as reference
from mcstress.master.seat_pool import Seats
from mcstress.master.solo_phase import Reference


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(reference.time, "monotonic", lambda: now[0])
    return now


def asked(persona, ticket):
    return (Lease("run", persona, ticket), "worker")


def test_the_first_trio_sits_at_once_and_all_others_wait_in_line(clock):
    first, seats = Reference(15), Seats()
    for ticket, persona in enumerate(("alice", "bob", "carol")):
        assert not first.holds_back(asked(persona, ticket), seats)
        seats.lease(persona, "worker")
    later = [asked("alice", 3), asked("bob", 4)]
    assert all(first.holds_back(each, seats) for each in later)
    assert first.let_in() == []
    clock[0] += 15
    assert first.let_in() == later
    assert first.waiting == 0
    assert not first.holds_back(later[0], seats)


def test_without_it_nobody_waits():
    seats = Seats()
    seats.lease("alice", "worker")
    assert not Reference(0).holds_back(asked("alice", 1), seats)
