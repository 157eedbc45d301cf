"""A run by the clock refuses wrong options and timelines before the first user, each in a line."""

from __future__ import annotations

import msgspec
import pytest

from mcstress.clock_settings import ClockSettings, check_timeline, said_of_run_time, with_timeline
from mcstress.commands.check import parse
from mcstress.errors import UsageError
from mcstress.metrics.number_format import shown_hour
from mcstress.metrics.phase import PHASES
from mcstress.settings import read_settings
from mcstress.users.run import ClockPace
from mcstress.users.scenarios.clock_model import ArrivalSource, Burst, TimelineEntry
from mcstress.users.scenarios.load import load_scenario

DEFAULT = load_scenario("three_cities")


def asked(*arguments):
    return read_settings(parse(list(arguments)), None)


def test_without_a_clock_there_is_none():
    assert asked().clock is None


def test_a_clock_is_read():
    clock = asked("--clock", "48", "--max-wait", "5").clock
    assert clock == ClockSettings(48.0, 0.0, 5.0, overload=False)
    assert clock.pace() == ClockPace(48.0, 3600.0)
    assert clock.pace(450.0).lasts_s == 48 * 8
    given = asked("--clock=48", "--time-scale=1800", "--overload").clock
    assert given.pace(450.0) == ClockPace(48.0, 1800.0)
    assert given.overload


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--clock", "soon"], "--clock: found 'soon', expected a number"),
        (["--clock", "0"], "--clock: found 0, expected hours above 0"),
        (["--clock", "0.0"], "--clock: found 0.0, expected hours above 0"),
        (["--clock=-4"], "--clock: found -4, expected hours above 0"),
        (["--clock", "inf"], "--clock: found 'inf', expected a number"),
        (["--clock", "1e9"], "expected hours above 0, up to 100,000"),
        (
            ["--clock", "48", "--time-scale", "fast"],
            "--time-scale: found 'fast', expected a number",
        ),
        (["--clock", "48", "--time-scale=-1"], "--time-scale: found -1, expected how many times"),
        (["--time-scale", "60"], "--time-scale: found 60 and no --clock, expected both"),
        (["--overload"], "--overload: found it and no --clock, expected both"),
        (
            ["--clock", "48", "--arrival-rate", "5"],
            "--arrival-rate: found 5 with --clock, expected",
        ),
        (["--clock", "48", "--rounds", "2"], "--rounds: found 2 with --clock, expected one of"),
        (["--clock", "48", "--think-time", "1-2"], "--think-time: found 1-2 with --clock"),
        (["--clock", "48", "--reference"], "--reference: found 15.0 with --clock"),
        (["--clock", "48", "--arrivals", "constant"], "--arrivals: found constant with --clock"),
        (["--clock", "48", "--find-capacity"], "--find-capacity: found it with --clock, expected"),
        (["--inbox-repeat"], "--inbox-repeat: found it and no mail, expected --inbox or"),
        (["--clock", "48", "--max-wait", "0"], "--max-wait: found 0.0, expected seconds"),
        (
            ["--clock", "24"],
            "scenario three_cities: timeline[#5].until: found 40, expected an hour of --clock 24",
        ),
    ],
)
def test_what_is_no_clock_is_refused(arguments, said):
    with pytest.raises(UsageError) as refused:
        asked(*arguments)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_more_arrivals_than_a_process_holds_are_refused():
    source = ArrivalSource("inbox", per_day=90_000, bursts=[Burst(9, 30_000)])
    scenario = msgspec.structs.replace(DEFAULT, arrivals=[source])
    with pytest.raises(UsageError, match=r"arrivals\[#1\]: found 210,000 appointments within"):
        check_timeline(ClockSettings(48, 0, 10, overload=False), scenario, list(PHASES))


def entries(*items):
    return [TimelineEntry(*item) for item in items]


@pytest.mark.parametrize(
    ("timeline", "said"),
    [
        ([(3, "surge"), (48, "surge")], "timeline[#2].hour: found 48, expected an hour of --clock"),
        ([(3, "surgee")], 'timeline[#1].phase: found "surgee", expected one of the phases: '),
        (
            [(3, "reissue"), (4, "baseline")],
            "timeline[#1]: found reissue of alice at hour 3, expected a baseline of alice",
        ),
        (
            [(3, "baseline", ["alice"]), (4, "reissue")],
            "timeline[#2]: found reissue of bob at hour 4, expected a baseline of bob",
        ),
        (
            [(3, "baseline", [], None, None, 90), (4, "reissue")],
            "expected a baseline of alice (its spread included) at or before that hour",
        ),
        (
            [(3, "baseline", ["bob"]), (4, "handover")],
            "timeline[#2]: found handover of bob at hour 4, expected a baseline of alice",
        ),
        (
            [(3, "baseline"), (6, "surge", [], 0.0001)],
            "timeline[#2]: found 420,000 appointments within --clock 48, expected at most 200,000",
        ),
    ],
)
def test_a_timeline_that_cannot_be_kept_is_refused(timeline, said):
    scenario = msgspec.structs.replace(DEFAULT, timeline=entries(*timeline))
    with pytest.raises(UsageError) as refused:
        check_timeline(ClockSettings(48, 0, 10, overload=False), scenario, list(PHASES))
    assert str(refused.value).startswith("scenario three_cities: ")
    assert said in str(refused.value)


def test_what_was_not_chosen_needs_no_baseline_and_bursts_are_within_the_clock():
    clock = ClockSettings(48, 0, 10, overload=False)
    scenario = msgspec.structs.replace(DEFAULT, timeline=entries((3, "reissue"), (4, "surge")))
    check_timeline(clock, scenario, ["surge"])
    source = ArrivalSource("inbox", bursts=[Burst(9, 6), Burst(50, 6)])
    scenario = msgspec.structs.replace(DEFAULT, arrivals=[source])
    with pytest.raises(UsageError) as refused:
        check_timeline(clock, scenario, list(PHASES))
    assert "arrivals[#1].bursts[#2].hour: found 50" in str(refused.value)


def test_a_scenario_without_a_timeline_has_the_defaults():
    library = load_scenario("medical_library")
    assert not library.timeline
    made = asked("--scenario", "medical_library", "--clock", "48").scenario
    assert made.timeline == DEFAULT.timeline
    assert made.arrivals == DEFAULT.arrivals
    assert not made.shifts
    assert with_timeline(DEFAULT) is DEFAULT


def test_a_run_time_that_is_shorter_is_said():
    clock = ClockSettings(48, 0, 10, overload=False)
    assert said_of_run_time(clock, clock.pace(), "60s") == []
    assert said_of_run_time(clock, clock.pace(), None) == []
    assert said_of_run_time(None, None, "33s") == []
    (said,) = said_of_run_time(clock, clock.pace(), "33s")
    assert said == (
        "-t 33s ends the clock at day 2, 09:00: --clock 48 takes 48 s at --time-scale 3600; "
        "the rest is cut"
    )


def test_hours_are_shown_as_days_and_times():
    assert shown_hour(0) == "day 1, 00:00"
    assert shown_hour(33.2) == "day 2, 09:12"
    assert shown_hour(47.9999) == "day 2, 23:59"
    assert shown_hour(24) == "day 2, 00:00"
