"""What the plots over time show, against the document that they are drawn from."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from made_report import MadeRun, head_of, typed

from mcstress.evidence.report.plots.moments import MOST_REASONS, OTHERS, failures, lanes, spread
from mcstress.evidence.report.plots.style import ticks_over


@pytest.fixture(scope="module")
def document():
    events = MadeRun(failing=0.3).events(trios=2, rounds=4)
    for event in events:
        for step in event.steps:
            step.error = step.error and f"reason {event.seq % 9}"
    return typed(head_of(events))


def rows(shown):
    return [
        dict(zip(shown.data, row, strict=True)) for row in zip(*shown.data.values(), strict=True)
    ]


def test_failures_stand_one_upon_the_other_and_none_is_lost(document):
    by_slot = Counter()
    tops = {}
    for row in rows(failures(document)):
        assert row["bottom"] == pytest.approx(tops.get(row["time"], 0.0))
        tops[row["time"]] = row["top"]
        assert row["top"] - row["bottom"] == pytest.approx(row["per_s"])
        by_slot[row["time"] / 1000] += row["count"]
    slots = document.timeline.slots
    assert by_slot == {slot.time: slot.failed for slot in slots if slot.failed}
    reasons = {row["reason"] for row in rows(failures(document))}
    assert len(reasons) == MOST_REASONS + 1
    assert OTHERS in reasons


def test_shares_of_a_moment_are_all_its_searches(document):
    found = Counter()
    for row in rows(spread(document)):
        assert row["low"] < row["high"]
        found[row["time"]] += row["share"]
    assert [*found.values()] == pytest.approx([1.0] * len(found))
    assert len(found) == sum(bool(slot.searches) for slot in document.timeline.slots)


def test_a_lane_has_the_events_of_its_phase(document):
    shown = lanes(document)
    found = Counter()
    for row in rows(shown):
        found[row["lane"]] += row["events"]
    by_phase = document.figure("events.by_phase")
    assert found == {document.words.phase(name): n for name, n in by_phase.items() if n}
    assert {*found} == {*shown.factors}


positive = st.floats(1e-3, 1e7)


@given(positive, st.floats(1.0, 1e7))
@example(6666667.0, 2.5)
def test_a_logarithmic_axis_always_has_ticks_one_can_read(low, times):
    """Four to twenty within what is drawn, and a tenth more of it at each end, as Bokeh has it."""
    high = low * times
    room = max(times, 1.5) ** 0.1
    there = ticks_over([low, high, None, float("nan")])
    assert there == sorted({*there})
    seen = [tick for tick in there if low / room <= tick <= high * room]
    assert len(seen) >= (3 if times > 1.2 else 1)
    assert len(seen) <= 20
