"""A user that Locust moves to another worker counts once."""

from __future__ import annotations

from mcstress.master.seat_pool import Headcount


def test_a_user_that_is_moved_has_two_seats_and_counts_once():
    users = Headcount()
    told = [users.of(seats, 18) for seats in (0, 9, 18, 29, 23, 18)]
    assert told == [0, 9, 18, 18, 18, 18]


def test_those_who_are_still_leaving_count():
    users = Headcount()
    assert users.of(20, 20) == 20
    assert [users.of(seats, 10) for seats in (20, 16, 11, 10, 14)] == [20, 16, 11, 10, 10]


def test_a_second_ramp_counts_up_again():
    users = Headcount()
    assert [users.of(*now) for now in ((5, 5), (5, 8), (8, 8), (9, 8))] == [5, 5, 8, 8]


def test_where_nobody_says_how_many_all_count():
    assert Headcount().of(7, 0) == 7
