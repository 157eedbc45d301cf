"""What became of appointments, and what somebody outside waited, against brute force."""

from __future__ import annotations

from collections import Counter
from math import ceil, inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcstress.metrics.appointments import (
    AppointmentRow,
    AppointmentTotals,
    LaneCount,
    by_slot,
    in_order,
    lanes,
    responses,
    totals,
)
from mcstress.metrics.arrivals import Offered
from mcstress.metrics.event import Event, Hit, Scheduled, StepRecord, utc
from mcstress.metrics.figures import Figures
from mcstress.metrics.histogram import GROWTH

FATES = st.sampled_from(["done", "done", "done", "missed", "skipped", "cut"])
ROWS = st.lists(
    st.builds(
        AppointmentRow,
        st.integers(0, 172_800_000),
        st.sampled_from(["alice", "bob-2"]),
        st.integers(1, 50),
        st.sampled_from(["surge", "inbox"]),
        FATES,
        st.floats(0, 5),
        st.floats(0, 500),
        st.floats(0.01, 20_000),
    ),
    max_size=150,
    unique_by=lambda row: (row.at_ms, row.coordinator, row.number),
)


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_what_was_given_up_counts_as_slower_than_all_that_was_done(rows):
    found = responses(rows)
    if not rows:
        assert found == {}
        return
    for name in ("all", "surge", "inbox"):
        mine = [row for row in rows if name in ("all", row.phase) and row.fate != "skipped"]
        if not mine:
            continue
        true = sorted(row.response_ms if row.fate == "done" else inf for row in mine)
        summary = found["response"][name]
        assert summary["count"] == len(mine)
        median = true[ceil(len(true) / 2) - 1]
        if summary["p50_ms"] is not None:
            assert summary["p50_ms"] == pytest.approx(median, rel=GROWTH - 1)
        elif "p50_ms" in summary.get("at_least_ms", {}):
            assert median == inf
    waits = sum(row.fate == "done" for row in rows)
    assert found["lateness"]["queue"]["count"] == waits
    counted = totals(rows, unknown=3)
    fates = Counter(row.fate for row in rows)
    assert counted == AppointmentTotals(offered=len(rows) + 3, unknown=3, **{
        fate: fates[fate] for fate in ("done", "missed", "skipped", "cut")})  # fmt: skip
    assert in_order(reversed(rows)) == in_order(rows)


def event(seq, phase, ids, *, hour, since=None, paired=None, began_s=1000.0):
    step = StepRecord("matrix.search", utc(began_s), 5.0)
    return Event(
        seq=seq, worker="w", time=utc(began_s), round=1, trio=1, phase=phase, coordinator="alice",
        contract="alpha", role="welder", k=2, users=3, latency_ms=5.0, lasted_ms=5.0, steps=[step],
        top_k=[Hit(id_, "workers", 0.1) for id_ in ids], found=len(ids), paired_seq=paired,
        scheduled=Scheduled(intended=utc(began_s), hour=hour, since_baseline_h=since),
    )  # fmt: skip


EVENTS = [
    event(1, "baseline", "ab", hour=8.0),
    event(2, "reissue", "ab", hour=12.0, since=3.9, paired=1),
    event(3, "reissue", "ac", hour=16.0, since=8.1, paired=1),
    event(4, "reissue", "bc", hour=32.0, since=24.0, paired=1),
]


def test_a_baseline_stays_for_every_reissue_until_the_next_one():
    figures = Figures(2)
    figures.add_all(EVENTS)
    found = figures.result()["metrics"]["determinism"]
    assert found["pairs"] == 3
    assert found["mean_jaccard"] == pytest.approx((1 + 1 / 3 + 1 / 3) / 3)
    assert found["by_age"] == [
        {"hours": 4, "pairs": 1, "mean_jaccard": 1.0},
        {"hours": 8, "pairs": 1, "mean_jaccard": pytest.approx(1 / 3)},
        {"hours": 24, "pairs": 1, "mean_jaccard": pytest.approx(1 / 3)},
    ]


def test_figures_by_the_clock_are_by_users_and_travel():
    figures, rows = (
        Figures(2, folds=False),
        [AppointmentRow(1, "alice", 1, "surge", "done", 0.0, 1.0, 9.0)],
    )
    figures.add_all(EVENTS)
    merged = Figures(2)
    merged.merge(Figures.from_state(figures.take().state()))
    told = Offered(appointments=rows, appointment_totals=totals(rows))
    result = merged.result(offered=told)
    assert merged.scheduled == 0, "no arrival of a rate"
    assert [entry["users_from"] for entry in result["load_curve"]] == [2]
    assert result["latency"]["response"]["surge"]["max_ms"] == 9.0
    assert set(result["latency"]["lateness"]) == {"generator", "queue", "own_cap"}
    assert result["metrics"]["appointments"]["done"] == 1
    assert "appointments" not in merged.result()["metrics"]
    assert "response" not in merged.result()["latency"]


HOUR_MS = 3_600_000
DUE = [
    AppointmentRow(0, "alice", 1, "inbox", "done", 0.0, 0.0, 10.0),
    AppointmentRow(2 * HOUR_MS - 1, "bob", 2, "inbox", "missed", 0.0, 9.0, 9.0),
    AppointmentRow(2 * HOUR_MS, "bob", 3, "inbox", "done", 0.0, 0.0, 30.0),
    AppointmentRow(9 * HOUR_MS, "bob", 4, "reissue", "cut", 0.0, 5.0, 5.0),
]


def test_appointments_are_in_the_slot_in_which_they_were_due():
    """Slots of two hours; what was missed or cut was due as well."""
    assert lanes(DUE, 2.0) == {
        "inbox": {0: LaneCount(offered=2, not_done=1), 1: LaneCount(offered=1, not_done=0)},
        "reissue": {4: LaneCount(offered=1, not_done=1)},
    }
    assert {slot: found["count"] for slot, found in by_slot(DUE, 2.0).items()} == {0: 2, 1: 1, 4: 1}
