"""An open run refuses wrong options before the first user, by name, value and what it expects."""

from __future__ import annotations

import pytest

from mcstress.arrival_settings import arrivals_of
from mcstress.commands.check import parse
from mcstress.errors import UsageError
from mcstress.load.schedule import ArrivalRate
from mcstress.settings import read_settings


def asked(*arguments):
    return arrivals_of(parse(list(arguments)))


def test_without_a_rate_the_model_is_closed():
    assert asked() is None


@pytest.mark.parametrize(
    ("arguments", "rate"),
    [
        (["--arrival-rate", "50"], ArrivalRate(50, 50)),
        (["--arrival-rate", "0.5"], ArrivalRate(0.5, 0.5)),
        (["--arrival-rate", "10-100", "-t", "1m30s"], ArrivalRate(10, 100, 90)),
        (["--arrival-rate", "10 - 1e2", "-t", "60"], ArrivalRate(10, 100, 60)),
    ],
)
def test_a_rate_is_read(arguments, rate):
    assert asked(*arguments).rate == rate


@pytest.mark.parametrize(
    ("arguments", "rate"),
    [([], 5), (["--arrival-rate", "30"], 30), (["--arrival-rate", "3e-1"], 0.3)],
)
def test_a_search_for_the_capacity_begins_at_one_rate(arguments, rate):
    found = asked("--find-capacity", *arguments)
    assert found.rate == ArrivalRate(rate, rate)
    assert found.find_capacity


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--arrival-rate", "many"], "--arrival-rate: found 'many', expected events a second"),
        (["--arrival-rate", "0"], "--arrival-rate: found '0'"),
        (["--arrival-rate=-5"], "--arrival-rate: found '-5'"),
        (["--arrival-rate", "1e9"], "expected at most 1,000,000"),
        (["--arrival-rate", "10-100"], "without -t, expected a run time"),
        (["--arrival-rate", "5", "--think-time", "1-2"], "--think-time: found '1-2'"),
        (["--max-wait", "5"], "--max-wait: found 5.0 and no --arrival-rate"),
        (["--arrivals", "constant"], "--arrivals: found constant and no --arrival-rate"),
        (["--arrival-rate", "5", "--max-wait", "0"], "--max-wait: found 0.0, expected seconds"),
        (["--arrival-rate", "5", "--arrivals", "often"], "--arrivals: found 'often', expected"),
        (["--find-capacity", "--arrival-rate", "1-9", "-t", "9"], "found --arrival-rate '1-9'"),
        (["--find-capacity", "--rounds", "2"], "--find-capacity: found --rounds 2, expected no"),
        (["--find-capacity", "--think-time", "1"], "--think-time: found '1' with --find-capacity"),
    ],
)
def test_what_is_no_schedule_is_refused(arguments, said):
    with pytest.raises(UsageError) as refused:
        asked(*arguments)
    assert said in str(refused.value)


def of_checks(*arguments):
    return [check.text for check in read_settings(parse(list(arguments)), None).checks]


def test_a_search_is_checked_for_its_end_unless_another_check_names_the_capacity():
    own = of_checks("--find-capacity", "--check", "errors.rate < 0.01")
    assert own == ["errors.rate < 0.01", "arrivals.missed == 0", "capacity.first_broken > 0"]
    named = of_checks("--find-capacity", "--check", "capacity.events_per_s > 90")
    assert named == ["capacity.events_per_s > 90", "arrivals.missed == 0"]


def test_a_check_of_the_capacity_needs_a_search():
    with pytest.raises(UsageError, match="found no --find-capacity, expected one"):
        of_checks("--arrival-rate", "5", "--check", "capacity.events_per_s > 90")


def test_a_run_has_one_schedule():
    with pytest.raises(UsageError, match="--find-capacity: found it with --clock"):
        of_checks("--find-capacity", "--clock", "48")
    with pytest.raises(UsageError, match="--mix: found 'add=1' and neither --arrival-rate nor"):
        of_checks("--mix", "add=1", "--clock", "48")
