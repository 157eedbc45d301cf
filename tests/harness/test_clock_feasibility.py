"""Before a run by the clock it is said whether there is time for what is to be done."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from mcstress import clock_feasibility as module
from mcstress.clock_feasibility import BusyShare, busy_share, said_of_busy
from mcstress.commands.check import parse
from mcstress.errors import UsageError
from mcstress.services.preflight import ModelFacts
from mcstress.settings import read_settings
from mcstress.users.appointments import Timetable, appointments

MODEL = ModelFacts("m", rule_based=False)


@pytest.fixture
def share(monkeypatch):
    """The busy share for options, where a search takes 2 ms and a chat as many as it is told."""

    def of(*options, chat_ms):
        settings = read_settings(parse(["--clock", "48", *options]), None)
        step = SimpleNamespace(error=None, latency_ms=2.0)
        monkeypatch.setattr(module, "first_search", lambda *_: SimpleNamespace(step=step))
        monkeypatch.setattr(module, "_chat_ms", lambda *_: chat_ms)
        return settings.clock, busy_share(settings, settings.clock, "http://x", "http://y", MODEL)

    return of


def messages_of(persona):
    """How many messages it gets, counted by themselves."""
    settings = read_settings(parse(["--clock", "48"]), None)
    table = Timetable(settings.scenario, ["inbox"], 42, 48.0)
    return len(appointments(table, persona, 1))


def test_two_calls_of_5_s_a_message_are_ten_hours_at_3600(share):
    clock, found = share("--tags", "inbox", "--time-scale", "300", chat_ms=5000.0)
    for persona in ("alice", "bob", "carol"):
        takes_s = messages_of(persona) * (2 * 0.002 + 2 * 5.0)
        assert found.takes_s[persona] == pytest.approx(takes_s)
        assert found.shares(300)[persona] == pytest.approx(takes_s / 576)
    most = max(found.takes_s.values())
    assert 0.4 < found.scale_for(0.5) * most / (48 * 3600) <= 0.5
    assert said_of_busy(found, clock) == []


def test_much_to_do_is_warned_of_with_the_scale_that_takes_half(share):
    clock, found = share("--time-scale", "600", chat_ms=5000.0)
    (said,) = said_of_busy(found, clock)
    busiest = max(found.shares(600).values())
    assert 0.7 < busiest <= 1
    assert said.startswith(f"--time-scale 600: found {busiest:.2%}".replace("%", " %"))
    assert "(a search took 2.00 ms and an LLM call 5,000 ms)" in said
    assert said.endswith(f"--time-scale {found.scale_for(0.5):g} takes 50.00 %")


def test_more_than_there_is_time_for_is_refused_unless_one_insists(share):
    with pytest.raises(UsageError) as refused:
        share("--time-scale", "3600", chat_ms=5000.0)
    assert "--time-scale 3600: found " in str(refused.value)
    assert "or --overload" in str(refused.value)
    clock, found = share("--time-scale", "3600", "--overload", chat_ms=5000.0)
    assert len(said_of_busy(found, clock)) == 1


def test_the_scale_that_takes_half_is_the_default_with_a_slow_llm(share):
    clock, found = share(chat_ms=5000.0)
    assert found.default_scale == found.scale_for(0.5) < 3600
    assert clock.pace(found.default_scale).time_scale == found.default_scale
    assert said_of_busy(found, clock) == []
    clock, quick = share(chat_ms=10.0)
    assert quick.default_scale == clock.pace(quick.default_scale).time_scale == 3600


def test_what_was_not_timed_says_nothing(share):
    assert BusyShare(48.0).shares(3600) == {}
    clock, found = share("--stack-fault", "noise=1", chat_ms=1e9)
    assert found == BusyShare(48.0)
    assert said_of_busy(found, clock) == []
