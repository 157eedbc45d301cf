"""Who takes over from whom gets what was recorded, and nothing is kept that nobody will ask for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcstress.master.handover_partners import ROUNDS_KEPT_UNASKED, HandoverPartners
from mcstress.master.seat_pool import SeatPool
from mcstress.users.handover_board import Recordings
from mcstress.users.scenarios.load import load_scenario

HANDOVERS = load_scenario("three_cities").handovers
GIVER, TAKER = HANDOVERS[0].from_persona, HANDOVERS[0].to_persona


def recorded(round_, trio=1, persona=GIVER):
    return Recordings(persona, trio, round_, "playbook_alice", {})


@pytest.fixture
def seats():
    return SeatPool()


@pytest.fixture
def partners(seats):
    return HandoverPartners(HANDOVERS, seats, rounds=0)


def test_the_takers_worker_is_told_and_nobody_elses(partners, seats):
    giver = seats.lease(GIVER, "worker-0")
    assert partners.takers_of(giver) == []
    seats.lease(TAKER, "worker-1")
    seats.lease(TAKER, "worker-2")  # of another trio
    assert partners.takers_of(giver) == ["worker-1"]
    assert partners.put(recorded(1)) == ["worker-1"]
    assert partners.put(recorded(1, trio=2)) == ["worker-2"]


def test_who_gives_to_nobody_has_nothing_kept(partners, seats):
    nobodys = next(
        p for p in ("alice", "bob", "carol") if all(p != h.from_persona for h in HANDOVERS)
    )
    seat = seats.lease(nobodys, "worker-0")
    assert partners.put(recorded(1, persona=nobodys)) == []
    assert partners.takers_of(seat) == []
    assert partners._recordings == {}


def test_who_takes_over_is_told_of_those_it_takes_over_from(partners, seats):
    taker = seats.lease(TAKER, "worker-0")
    assert partners.givers_of(taker) == sorted(
        {handover.from_persona for handover in HANDOVERS if handover.to_persona == TAKER}
    )


def test_a_partner_that_comes_late_gets_the_last_rounds(partners, seats):
    for round_ in range(1, 6):
        partners.put(recorded(round_))
    taker = seats.lease(TAKER, "worker-1")
    kept = [one.round for one in partners.recordings_for(taker)]
    assert kept == [5 - ROUNDS_KEPT_UNASKED + 1, 5]


def test_where_rounds_are_counted_all_are_kept_for_a_partner_that_comes_late(seats):
    partners = HandoverPartners(HANDOVERS, seats, rounds=4)
    for round_ in range(1, 5):
        partners.put(recorded(round_))
    taker = seats.lease(TAKER, "worker-1")
    assert [one.round for one in partners.recordings_for(taker)] == [1, 2, 3, 4]


@given(reached=st.integers(1, 10), rounds=st.lists(st.integers(1, 10), min_size=1, unique=True))
def test_no_round_that_the_taker_may_ask_for_is_dropped(reached, rounds):
    seats = SeatPool()
    partners = HandoverPartners(HANDOVERS, seats, rounds=0)
    taker = seats.lease(TAKER, "worker-1")
    seats.begin_round(taker, reached)
    for round_ in rounds:
        partners.put(recorded(round_))
    kept = {one.round for one in partners.recordings_for(taker)}
    assert kept == {round_ for round_ in rounds if round_ >= reached}
