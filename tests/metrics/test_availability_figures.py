"""Availability from events: the figures, what judges them, and what they change elsewhere.

What is expected comes from the lists of steps by brute force (outages.py), not from masks.
"""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from outages import BEGIN, Loop, Outage, around, asked_edges, events_of, silences

from mcstress.metrics.event import StepRecord
from mcstress.metrics.figures import Figures
from mcstress.metrics.users_timeline import RunSpan, UsersTimeline
from mcstress.metrics.verdict import evaluate, parse_check
from mcstress.users.scenarios.load import load_scenario

K = 8
SLOT_S = 0.1 + 1e-6
CHECKS = [
    parse_check(one.check, one.needs)
    for one in load_scenario("three_cities").thresholds
    if one.check.startswith("availability.")
]
SOUND = {
    "many users": Loop(),
    "one user": Loop(users=1),
    "slow": Loop(users=10, latency=around(2.5)),
    "slow and alone": Loop(users=1, latency=around(3.0)),
    "think time": Loop(users=3, think_s=5),
    "few users who think long": Loop(users=2, think_s=20, run_s=90),
    "one round": Loop(users=3, steps=4),
    "ramp": Loop(users=8, ramp_s=5),
    "bursts": Loop(users=8, burst_s=10),
    "skewed clocks": Loop(users=4, clock_error_s=0.04),
    "some steps fail": Loop(users=10, failing=0.3),
}
DEAD = {
    "hang": Loop(outages=(Outage(20, 33.8),)),
    "refuse": Loop(outages=(Outage(20, 33.8, refuse=True),)),
    "short hang": Loop(outages=(Outage(20, 23),)),
    "frozen to the end": Loop(outages=(Outage(49.9, 60),)),
    "refusing to the end": Loop(outages=(Outage(50.1, 60, refuse=True),)),
    "from the start": Loop(outages=(Outage(0, 8),)),
    "few users": Loop(users=2, outages=(Outage(20, 30),)),
    "slow and dead": Loop(users=10, latency=around(0.6), outages=(Outage(20, 40),)),
    "timeouts": Loop(timeout_s=5, outages=(Outage(20, 38),)),
    "twice": Loop(outages=(Outage(10, 14), Outage(30, 40, refuse=True))),
}


def counted(events, workers=1):
    """The figures, counted by so many workers and added up from what travels."""
    random = Random(workers)
    own = [Figures(K, folds=False) for _ in range(workers)]
    for event in events:
        random.choice(own).add(event)
    total = Figures(K)
    for one in own:
        total.merge(Figures.from_state(one.take().state()))
    return total


def result_of(loop, events=None, **options):
    figures = counted(events or events_of(loop))
    users = [[int(BEGIN) + second, loop.users] for second in range(int(loop.run_s) + 1)]
    span = RunSpan(BEGIN, BEGIN + loop.run_s, loop.clock_error_s)
    return figures.result(users, span=span, **options)


def verdicts(results):
    outcomes = evaluate(CHECKS, results, selected_phases=["surge"], complete=True)
    return {outcome.metric: outcome for outcome in outcomes}


@pytest.mark.parametrize("case", SOUND)
def test_a_sound_service_is_available_all_the_time(case):
    results = result_of(SOUND[case])
    found = results["metrics"]["availability"]
    assert (found["rate"], found["longest_silence_s"], found["silences"]) == (1.0, 0.0, [])
    assert {outcome.verdict for outcome in verdicts(results).values()} == {"pass"}
    assert "nothing succeeded" not in results["load_curve_reading"]


@pytest.mark.parametrize("case", DEAD)
def test_an_outage_is_found_to_a_slot_and_fails_the_checks(case):
    loop = DEAD[case]
    events = events_of(loop)
    results = result_of(loop, events)
    found = results["metrics"]["availability"]
    steps = loop.played()
    edges = [asked_edges(steps, outage, loop.run_s) for outage in loop.outages]
    begins, ends = zip(*edges, strict=True)
    silent = found["silences"]
    assert [one["begin"] for one in silent] == pytest.approx(begins, abs=SLOT_S)
    assert [one["begin"] + one["seconds"] for one in silent] == pytest.approx(ends, abs=SLOT_S)
    expected, slots, _ = silences(steps, BEGIN, BEGIN + loop.run_s)
    assert [one["begin"] for one in found["silences"]] == pytest.approx([b for b, _ in expected])
    assert [one["seconds"] for one in found["silences"]] == pytest.approx([s for _, s in expected])
    assert (found["slots"], found["silence_count"]) == (slots, len(expected))
    outcome = verdicts(results)["availability.longest_silence_s"]
    assert outcome.verdict == "fail"
    assert outcome.reason.endswith(
        f" ({loop.run_s:.1f} s, with something in flight in {slots} slots)"
    )


def test_any_number_of_workers_gives_the_same_bits():
    events = events_of(DEAD["twice"])
    alone = counted(events)
    span = RunSpan(BEGIN, BEGIN + 60)
    for workers in (2, 8):
        together = counted(events, workers)
        assert together.state()["availability"] == alone.state()["availability"]
        assert together.result(span=span)["metrics"] == alone.result(span=span)["metrics"]


def test_the_llm_stands_beside_the_gateway():
    events = events_of(DEAD["hang"])
    for event in events:
        event.phase = "inbox"
        step = event.steps[0]
        event.steps.append(StepRecord("llm.parse_demand", step.time, 20.0))
    found = result_of(DEAD["hang"], events)["metrics"]["availability"]
    assert found["longest_silence_s"] > 13
    assert found["llm"]["longest_silence_s"] < 14
    for event in events:
        event.steps[0].name = "llm.judge_top1"
    found = result_of(DEAD["hang"], events)["metrics"]["availability"]
    assert found.keys() == {"llm"}
    assert found["llm"]["rate"] is not None


def test_a_cut_step_is_in_no_error_rate_and_in_no_percentile():
    events = events_of(DEAD["frozen to the end"])
    cut = [event for event in events if event.outcome == "cut"]
    results = result_of(DEAD["frozen to the end"], events)
    whole = len(events) - len(cut)
    assert cut
    assert results["metrics"]["errors"]["steps"] == whole
    assert results["metrics"]["errors"]["failed"] == 0
    assert results["latency"]["matrix_search"]["count"] == whole
    assert results["latency"]["phases"]["surge"]["count"] == whole
    assert sum(slot["steps"] for slot in results["timeline"]["slots"]) == whole


def test_what_the_load_generator_did_not_send_was_not_in_flight():
    events = events_of(Loop(users=2, steps=5))
    for event in events:
        event.outcome, event.steps[0].error = "failed", "load generator: no more open files"
    results = result_of(Loop(), events)
    assert "rate" not in results["metrics"]["availability"]
    assert {one.verdict for one in verdicts(results).values()} == {"unknown"}


def test_errors_in_bursts_have_an_interval_within_the_run_or_none():
    scattered = result_of(Loop(run_s=120, failing=0.1))["metrics"]["errors"]
    low, high = scattered["ci95"]
    assert scattered["ci95_label"] == "within this run"
    assert low < scattered["rate"] < high
    for loop in (Loop(run_s=59, failing=0.1), Loop(run_s=120, outages=(Outage(20, 33),))):
        errors = result_of(loop)["metrics"]["errors"]
        assert (errors["ci95"], errors["ci95_label"]) == (None, None)


def test_a_band_of_users_has_no_interval_of_errors_and_no_availability():
    for band in result_of(Loop(run_s=120, failing=0.1))["load_curve"]:
        assert band["errors"]["ci95"] is None
        assert "availability" not in band or band["availability"] == {}


STEPS_UP = Loop(users=10, outages=(Outage(35, 43, refuse=True),))
"""Three users for half of the run, then ten, with an outage."""


def reading_of(failing_later=0.0):
    random = Random(3)
    events = events_of(STEPS_UP, users=lambda step: 3 if step.begin < BEGIN + 30 else 10)
    for event in events:
        if event.users == 10 and event.outcome == "ok" and random.random() < failing_later:
            event.outcome, event.steps[0].error = "failed", "503"
    users = [[int(BEGIN) + second, 3 if second < 30 else 10] for second in range(60)]
    span = RunSpan(BEGIN, BEGIN + 60)
    checks = [parse_check("errors.rate <= 0.01"), *CHECKS]
    return counted(events).result(users, checks=checks, span=span)["load_curve_reading"]


def test_users_are_not_blamed_for_an_outage():
    reading = reading_of()
    assert "errors.rate rises above 0.01 only around times when nothing succeeded" in reading
    assert "(from 22:13:55 for 8.0 s)" in reading or "for 7." in reading
    assert "users on" not in reading


def test_users_are_blamed_where_it_was_bad_outside_of_the_outage_too():
    assert "errors.rate rises above 0.01 from 10 users on" in reading_of(failing_later=0.1)


def test_seconds_are_exact_and_within_the_run():
    """A run of 0.1 s made 1,090 steps a second, not 109 in the second that was noted."""
    users = UsersTimeline([[100, 3]], RunSpan(100.3, 100.4))
    assert users.by_band() == {2: pytest.approx(0.1)}
    rows = [[100, 3], [101, 3], [103, 12], [104, 12]]
    users = UsersTimeline(rows, RunSpan(100.25, 106.5))
    assert users.by_band() == {2: pytest.approx(2.75), 10: pytest.approx(3.5)}
    assert users.by_slot(1, [50, 51, 53]) == {
        50: {"seconds": pytest.approx(1.75), "users": pytest.approx(3.0)},
        51: {"seconds": pytest.approx(2.0), "users": pytest.approx(7.5)},
        53: {"seconds": pytest.approx(0.5), "users": pytest.approx(12.0)},
    }


@pytest.mark.parametrize(("run_s", "has_a_pace"), [(0.4, False), (3.0, True)])
def test_a_pace_over_less_than_a_second_is_none(run_s, has_a_pace):
    results = result_of(Loop(run_s=run_s))
    for band in results["load_curve"]:
        assert band["seconds"] == pytest.approx(run_s)
        assert band["requests_per_s"] == (
            pytest.approx(results["metrics"]["errors"]["steps"] / run_s) if has_a_pace else None
        )


@pytest.mark.parametrize("run_s", [3.0, 60.0, 700.0])
def test_the_axis_has_at_most_twelve_slots_and_no_gap(run_s):
    loop = Loop(users=1, run_s=run_s, think_s=2.5)
    events = events_of(loop)
    results = result_of(loop, events)
    axis, width = results["time_axis"]["slots"], results["time_axis"]["slot_s"]
    assert len(axis) <= 12
    assert [slot["time"] for slot in axis] == [
        axis[0]["time"] + n * width for n in range(len(axis))
    ]
    began = Counter(int(event.time.timestamp()) // width * width for event in events)
    assert {slot["time"]: slot["events"] for slot in axis if slot["events"]} == began
    assert axis[0]["time"] <= BEGIN
    assert axis[-1]["time"] + width >= BEGIN + run_s
