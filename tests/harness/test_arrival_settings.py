"""An open run refuses wrong options before the first user, by name, value and what it expects."""

from __future__ import annotations

import pytest

from mcstress.arrival_settings import arrivals_of
from mcstress.commands.check import parse
from mcstress.errors import UsageError
from mcstress.load.schedule import ArrivalRate


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
    ],
)
def test_what_is_no_schedule_is_refused(arguments, said):
    with pytest.raises(UsageError) as refused:
        asked(*arguments)
    assert said in str(refused.value)
