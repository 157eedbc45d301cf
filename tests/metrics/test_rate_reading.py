"""What is said of offered rates, and when all users were busy instead of the service being slow."""

import pytest

from mcstress.metrics.check import parse_check
from mcstress.metrics.rate_reading import pool_reading, rate_reading, used_up

CHECKS = [parse_check("errors.rate <= 0.01"), parse_check("latency.response.all.p95_ms < 500")]


def band(rate, *, mean_ms=20.0, search_ms=10.0, queue_ms=0.0, missed=0, broken=()):
    """An entry of the load curve at ``rate`` events a second."""
    return {
        "offered_from": rate,
        "offered_to": rate,
        "offered_per_s": float(rate),
        "mean_event_ms": mean_ms,
        "missed": missed,
        "broken": broken,
        "latency": {
            "matrix_search": {"p50_ms": search_ms},
            "lateness": {"queue": {"p95_ms": queue_ms}},
        },
    }


def read(*curve, users=100, **more):
    return rate_reading(
        curve,
        CHECKS,
        lambda entry, check: check.metric not in entry["broken"],
        lambda check: f"{check.metric} broke",
        users,
        **more,
    )


def test_the_highest_rate_that_held_stands_before_all_that_broke_above_it():
    broken = band(30, missed=1200, broken=("errors.rate", "latency.response.all.p95_ms"))
    assert read(band(10), band(20), broken, band(40)) == (
        "Every check held, and all that was offered was done, up to 20/s; at 30/s errors.rate "
        "broke, latency.response.all.p95_ms broke, 1,200 arrivals were missed (tried: 10 to 40/s)."
    )


def test_where_nothing_broke_the_highest_rate_is_said_to_have_held():
    assert read(band(10), band(40)) == (
        "Every check held, and all that was offered was done, up to 40/s (tried: 10 to 40/s)."
    )


@pytest.mark.parametrize(
    ("starved", "said"),
    [
        ("", "At 10/s, the lowest rate, errors.rate broke (tried: 10 to 20/s)."),
        (
            "the generator was late",
            "What the service can do is not known: the generator was late (tried: 10 to 20/s).",
        ),
    ],
)
def test_where_the_lowest_rate_broke_none_is_said_to_have_held(starved, said):
    assert read(band(10, broken=("errors.rate",)), band(20), starved=starved) == said


def test_a_check_that_could_not_be_judged_did_not_break():
    said = rate_reading([band(10)], CHECKS, lambda *_: None, lambda check: check.metric, 100)
    assert said.startswith("Every check held")


BUSY = {"mean_ms": 900.0, "queue_ms": 901.0}
"""At 100/s, 90 of 100 users are busy on average, and arrivals wait for longer than an event."""


@pytest.mark.parametrize(
    ("changed", "users", "needed"),
    [
        ({}, 100, 113),  # a quarter more than the 90
        ({"queue_ms": 900.0}, 100, 0),  # none waited longer than an event takes
        ({"queue_ms": 0.0, "missed": 1}, 100, 113),
        ({"mean_ms": 799.0}, 100, 0),  # under four fifths of the users
        ({"mean_ms": 800.0}, 100, 101),  # never fewer than one more than there were
        ({"search_ms": 15.0}, 100, 113),
        ({"search_ms": 15.1}, 100, 0),  # over 1.5 times the lowest rate's: the service slowed down
        ({"search_ms": None}, 100, 113),
        ({"mean_ms": None}, 100, 0),
        ({}, 0, 0),
    ],
)
def test_users_were_used_up_where_nearly_all_were_busy_and_searches_as_fast_as_before(
    changed, users, needed
):
    assert used_up(band(100, **(BUSY | changed)), band(10), users) == needed


def test_the_pool_is_blamed_at_the_first_rate_that_used_it_up():
    said = pool_reading([band(10), band(100, **BUSY), band(200, **BUSY)], 100)
    assert said.startswith("The pool of 100 users was used up at 100/s; about 113 are needed")
    assert said in read(band(10), band(100, **BUSY))
    assert pool_reading([band(10), band(100)], 100) == ""
    assert pool_reading([band(100, **BUSY)], None) == ""
