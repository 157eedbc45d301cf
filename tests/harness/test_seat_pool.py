"""Seats: dense, unique among the living, and never a stranger's memory."""

from hypothesis import given
from hypothesis import strategies as st

from mcstress.master.seat_pool import SeatPool
from mcstress.users.run import Seat


def test_the_lowest_free_seat_goes_first_so_that_trios_fill_up():
    seats = SeatPool()
    first, second, third = (seats.lease("alice", "w") for _ in range(3))
    assert [seat.trio for seat in (first, second, third)] == [1, 2, 3]
    seats.release(second)
    seats.release(first)
    assert seats.lease("alice", "w").trio == 1
    assert seats.lease("alice", "w").trio == 2
    assert seats.lease("bob", "w").trio == 1


def test_a_seat_leased_again_is_of_a_new_generation_and_a_later_round():
    seats = SeatPool()
    seat = seats.lease("alice", "w")
    for round_ in (1, 2, 3):
        seats.begin_round(seat, round_)
    seats.release(seat)
    again = seats.lease("alice", "w")
    assert again == Seat("alice", 1, generation=2, first_round=4)
    assert again.namespace("playbook_") == "playbook_alice_g2"


def test_an_old_generation_can_neither_give_back_nor_be_done():
    seats = SeatPool()
    old = seats.lease("alice", "w1")
    seats.release(old)
    new = seats.lease("alice", "w2")
    assert not seats.release(old)
    seats.done(old)
    assert not seats.all_done()
    assert seats.of_worker("w2") == [new]


def test_nobody_there_is_not_everybody_done():
    assert not SeatPool().all_done()


@given(st.lists(st.tuples(st.sampled_from(["alice", "bob", "carol"]), st.integers(0, 5))))
def test_no_two_living_share_a_seat_and_no_namespace_is_given_twice(moves):
    seats, living, given_out = SeatPool(), [], []
    for persona, leave in moves:
        seat = seats.lease(persona, "w")
        assert all((seat.persona, seat.trio) != (held.persona, held.trio) for held in living)
        living.append(seat)
        given_out.append(seat.namespace("p_"))
        if leave < len(living):
            assert seats.release(living.pop(leave))
    assert len(set(given_out)) == len(given_out)
    assert len(seats) == len(living)
    for persona in ("alice", "bob", "carol"):
        held = sorted(seat.trio for seat in living if seat.persona == persona)
        gone = seats.ever_held().get(persona, 0)
        assert not held or held[-1] <= gone
