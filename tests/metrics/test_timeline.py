"""The timeline: slots whose width doubles, so that there are never more than 120."""

from __future__ import annotations

from collections import Counter, defaultdict

import brute
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_run import K, MadeRun, users_timeline

from mcstress.metrics.event import utc
from mcstress.metrics.figures import Figures
from mcstress.metrics.timeline import SLOTS, TimelineCounts
from mcstress.metrics.users_timeline import UsersTimeline

seconds = st.lists(st.integers(1_700_000_000, 1_700_000_000 + 10**6), min_size=1, max_size=60)


def of(some) -> TimelineCounts:
    timeline = TimelineCounts()
    for second in some:
        timeline.at(second).outcomes[("ok",)] += 1
    return timeline


@given(seconds, st.data())
def test_width_and_slots_follow_from_first_and_last_alone(some, data):
    timeline = of(some)
    width = 1
    while max(some) // width - min(some) // width >= SLOTS:
        width *= 2
    result = timeline.result(UsersTimeline(None))
    assert result["slot_s"] == width
    expected = defaultdict(int)
    for second in some:
        expected[second // width * width] += 1
    assert {slot["time"]: slot["events"] for slot in result["slots"]} == expected
    assert list(expected) == sorted(expected) or len(expected) == len(result["slots"])
    cut = data.draw(st.integers(0, len(some)))
    parts = [of(some[:cut]), of(some[cut:])]
    for first, second in (parts, parts[::-1]):
        merged = TimelineCounts()
        merged.merge(first)
        merged.merge(second)
        assert merged.state() == timeline.state()


def test_a_hundred_and_twenty_slots_are_not_too_many():
    assert of(range(120)).state()["doublings"] == 0
    assert of(range(121)).state()["doublings"] == 1


@pytest.mark.parametrize("stretch", [1, 40, 4000])
def test_slots_hold_what_began_in_them(stretch):
    events = MadeRun(5, faults=0.1).rounds(3, 3)
    begin = events[0].time.timestamp()
    for event in events:
        event.time = utc(begin + (event.time.timestamp() - begin) * stretch)
    figures = Figures(K)
    for event in events:
        figures.add(event)
    users = users_timeline(events)
    timeline = figures.result(users)["timeline"]
    width = timeline["slot_s"]
    assert 1 < len(timeline["slots"]) <= SLOTS
    assert sum(slot["events"] for slot in timeline["slots"]) == len(events)
    pairs = [row for row in brute.determinism_pairs(events) if not row[3]]
    for slot in timeline["slots"]:

        def within(event, slot=slot):
            return slot["time"] <= event.time.timestamp() < slot["time"] + width

        mine = [event for event in events if within(event)]
        steps = [
            step
            for event in mine
            for step in event.steps
            if step.name not in brute.LOOKS  # of freshness alone
        ]
        assert slot["events"] == len(mine)
        assert slot["not_ok"] == sum(event.outcome != "ok" for event in mine)
        assert slot["steps"] == len(steps)
        assert slot["failed"] == sum(step.error is not None for step in steps)
        values = [brute.jaccard(a, b) for event, a, b, _ in pairs if within(event)]
        assert slot["determinism"]["pairs"] == len(values)
        if values:
            assert slot["determinism"]["mean_jaccard"] == pytest.approx(float(brute.mean(values)))
        for arm in ("memory", "control"):
            hits = [
                brute.ids_of(event)[:1] == [brute.wanted(event)]
                for event in mine
                if event.arm == arm and brute.ids_of(event) is not None
            ]
            assert slot["handover"][arm]["queries"] == len(hits)
            assert slot["handover"][arm]["top1"] == sum(hits)
        searches = [step.latency_ms for step in steps if step.name == "matrix.search"]
        if searches:
            latency = slot["latency"]["matrix_search"]
            assert latency["count"] == len(searches)
        if len(searches) >= 20:
            exact = np.percentile(searches, 95, method="inverted_cdf")
            assert latency["p95_ms"] == pytest.approx(exact, rel=0.0026)
        there = [n for second, n in users if slot["time"] <= second < slot["time"] + width]
        assert slot["seconds"] == len(there)
        assert slot["users"] == sum(there) / len(there)


def test_slots_have_failures_by_reason_events_by_phase_and_searches_by_latency():
    events = MadeRun(5, faults=0.3).rounds(3, 3)
    slots = Figures(K)
    slots.add_all(events)
    phases = Counter((event.phase, event.outcome != "ok") for event in events)
    steps = [one for event in events for one in event.steps if one.name not in brute.LOOKS]
    reasons = Counter((step.name, step.error) for step in steps if step.error is not None)
    searches = (step for step in steps if step.name == "matrix.search" and not step.cut)
    latencies = [step.latency_ms for step in searches]
    told, lived, groups = Counter(), Counter(), Counter()
    for slot in slots.result()["timeline"]["slots"]:
        for row in slot["failures"]:
            told[row["step"], row["reason"]] += row["count"]
        for phase, counted in slot["phases"].items():
            lived[phase, True] += counted["not_ok"]
            lived[phase, False] += counted["events"] - counted["not_ok"]
        for low, high, count in slot["searches"]:
            groups[low, high] += count
    assert told == reasons
    assert +lived == phases
    for (low, high), count in groups.items():
        near = [one for one in latencies if low * 0.999 <= one < high * 1.001]
        surely = [one for one in latencies if low * 1.001 <= one < high * 0.999]
        assert len(surely) <= count <= len(near)
    assert sum(groups.values()) == len(latencies)


def test_a_service_that_words_each_failure_anew_fills_no_slot():
    events = MadeRun(5, faults=0.9).rounds(6, 3)
    for number, event in enumerate(events):
        event.time = events[0].time
        for step in event.steps:
            step.error = f"failure number {number}"
            step.name = "matrix.search"
    figures = Figures(K)
    figures.add_all(events)
    (slot,) = figures.result()["timeline"]["slots"]
    assert len(slot["failures"]) == 41
    assert slot["failures"][-1]["step"] is None
    assert sum(row["count"] for row in slot["failures"]) == slot["failed"] > 41
