"""Response and lateness, against a computation of their own from the events themselves."""

from __future__ import annotations

from math import ceil, inf

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mcstress.metrics.arrivals import ArrivalTotals, Offered, OfferedSecond, Starved, Unserved
from mcstress.metrics.event import Event, Scheduled, StepRecord, utc
from mcstress.metrics.figures import Figures
from mcstress.metrics.histogram import GROWTH
from mcstress.metrics.names import METRICS
from mcstress.metrics.phase import PHASES
from mcstress.metrics.verdict import evaluate, parse_check

PHASE = "baseline"


def event(seq, response_ms, *, phase=PHASE, outcome="ok", rate=50.0, queue_ms=0.0, begin_s=1000.0):
    step = StepRecord("matrix.search", utc(begin_s), min(response_ms, 5.0), queue_ms=0.5)
    return Event(
        seq=seq, worker="w", time=utc(begin_s), round=1, trio=1, phase=phase, coordinator="alice",
        k=8, outcome=outcome, users=3, latency_ms=5.0, lasted_ms=5.0, steps=[step],
        scheduled=Scheduled(intended=utc(begin_s), offered_per_s=rate, queue_ms=queue_ms,
                            response_ms=response_ms),
    )  # fmt: skip


def counted(events, unserved=(), seconds=(), totals=None):
    figures = Figures(8)
    figures.add_all(events)
    return figures.result(offered=Offered(seconds, unserved, totals))


def rows(*waits, fate="missed", rate=50.0):
    unserved = Unserved()
    for waited_ms in waits:
        unserved.add(1000, rate, fate, waited_ms)
    return unserved.rows()


TIMES = st.lists(st.floats(0.01, 20_000), min_size=1, max_size=80)


@settings(max_examples=60)
@example(ended=[9526.0], missed=[9493], cut=[])
@given(
    TIMES, st.lists(st.integers(1, 10_000), max_size=40), st.lists(st.floats(1, 9_000), max_size=5)
)
def test_what_never_ended_counts_as_slower_than_all_that_did(ended, missed, cut):
    """Brute force: infinity for what was given up; below it the times as they were."""
    events = [event(n, ms) for n, ms in enumerate(ended)]
    events += [event(100 + n, ms, outcome="cut") for n, ms in enumerate(cut)]
    found = counted(events, rows(*missed))["latency"]["response"]["all"]
    true = sorted([*ended, *[inf] * (len(missed) + len(cut))])
    least = sorted([*ended, *missed, *cut])
    assert found["count"] == len(true)
    for name, q in {"p50_ms": 0.5, "p90_ms": 0.9, "p95_ms": 0.95, "max_ms": 1.0}.items():
        rank = ceil(q * len(true) - 1e-9)
        if name != "max_ms" and len(true) * (1 - q) < 1 - 1e-9:
            assert found[name] is None
            assert name not in found.get("at_least_ms", {})
        elif true[rank - 1] is inf or true[rank - 1] == inf:
            assert found[name] is None
            # One bucket is taken for the longest wait where they are next to each other.
            rel = 1e-6 if name == "max_ms" else 2 * (GROWTH - 1)
            assert found["at_least_ms"][name] == pytest.approx(least[rank - 1], rel=rel)
        else:
            assert found[name] == pytest.approx(true[rank - 1], rel=0.003)


def test_a_percentile_among_the_missed_is_more_than_the_longest_wait_and_its_check_fails():
    events = [event(n, 10.0 + n) for n in range(90)]
    results = counted(events, rows(*[10_000] * 10))
    found = results["latency"]["response"]["all"]
    assert found["p50_ms"] == pytest.approx(59, rel=0.003)
    assert found["p95_ms"] is None
    assert found["at_least_ms"]["p95_ms"] == 10_000
    judged = {
        text: evaluate([parse_check(text)], results, selected_phases=[PHASE], complete=True)[0]
        for text in (
            "latency.response.all.p95_ms < 20000",
            "latency.response.all.p95_ms > 5000",
            "latency.response.all.p95_ms > 15000",
            "latency.response.all.p50_ms < 60",
        )
    }
    assert [outcome.verdict for outcome in judged.values()] == ["fail", "pass", "unknown", "pass"]
    failed = judged["latency.response.all.p95_ms < 20000"]
    assert failed.reason.startswith("> 10 s (100 samples)")
    assert failed.at_least == 10_000


def test_what_never_began_is_spread_over_phases_by_their_share():
    events = [event(n, 10.0) for n in range(60)]
    events += [event(100 + n, 10.0, phase="inbox") for n in range(30)]
    found = counted(events, rows(*[10_000] * 9))["latency"]["response"]
    assert found["baseline"]["count"] == 60 + 6
    assert found["inbox"]["count"] == 30 + 3
    assert found["all"]["count"] == 99


@settings(max_examples=60)
@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=len(PHASES)),
    st.lists(st.integers(1, 50), min_size=1, max_size=30),
)
@example(begun=[40, 1, 1], numbers=[1] * 6)
def test_phases_are_given_as_many_as_never_began_and_each_its_share(begun, numbers):
    phases = list(PHASES)[: len(begun)]
    times = [phase for phase, number in zip(phases, begun, strict=True) for _ in range(number)]
    events = [event(n, 10.0, phase=phase) for n, phase in enumerate(times)]
    waits = [100.0 + 10 * n for n, number in enumerate(numbers) for _ in range(number)]
    found = counted(events, rows(*waits))["latency"]["response"]
    given = [found[phase]["count"] - n for phase, n in zip(phases, begun, strict=True)]
    assert sum(given) == len(waits) == found["all"]["count"] - len(times)
    for n, number in zip(given, begun, strict=True):
        assert abs(n - len(waits) * number / len(times)) < 2


def test_lateness_has_its_parts_and_merges_like_all_figures():
    events = [event(n, 20.0, queue_ms=float(n)) for n in range(40)]
    whole = Figures(8)
    whole.add_all(events)
    parts = [Figures(8, folds=False) for _ in range(3)]
    for n, one in enumerate(events):
        parts[n % 3].add(one)
    merged = Figures(8)
    for part in parts:
        merged.merge(Figures.from_state(part.take().state()))
    assert merged.result()["latency"] == whole.result()["latency"]
    late = whole.result()["latency"]["lateness"]
    assert late["queue"]["max_ms"] == 39
    assert late["own_cap"]["p50_ms"] == pytest.approx(0.5, rel=0.003)
    assert late["generator"]["max_ms"] == 0
    assert whole.scheduled == 40


def test_without_a_schedule_there_are_no_such_figures():
    closed = event(1, 5.0)
    figures = Figures(8)
    figures.add(Event(**{name: getattr(closed, name) for name in closed.__struct_fields__
                         if name != "scheduled"}))  # fmt: skip
    results = figures.result()
    assert "response" not in results["latency"]
    assert "lateness" not in results["latency"]
    assert "arrivals" not in results["metrics"]
    assert figures.scheduled == 0


def test_bands_are_of_the_rate_that_was_offered():
    """Two rates of ten seconds each, the second beyond what was done."""
    seconds = [OfferedSecond(1000 + n, 10.0, 10) for n in range(10)]
    seconds += [OfferedSecond(1010 + n, 50.0, 50) for n in range(10)]
    events = [event(n, 10.0, rate=10.0, begin_s=1000.0 + n / 10) for n in range(100)]
    events += [event(1000 + n, 3000.0, rate=50.0, queue_ms=2990.0, begin_s=1010.0 + n / 30)
               for n in range(300)]  # fmt: skip
    totals = ArrivalTotals(offered=600, begun=400, missed=200, cut=0, unknown=0)
    figures = Figures(8)
    figures.add_all(events)
    results = figures.result(
        [(1000, 1), (1019, 1)], offered=Offered(seconds, rows(*[10_000] * 200), totals),
        checks=[parse_check("latency.response.all.p95_ms < 1000")],
    )  # fmt: skip
    low, high = results["load_curve"]
    assert (low["offered_from"], low["offered_to"], low["users_from"]) == (10, 10, 0)
    assert low["offered_per_s"] == low["done_per_s"] == pytest.approx(10)
    assert (high["offered_per_s"], high["done_per_s"], high["missed"]) == (50, 30, 200)
    assert high["latency"]["response"]["all"]["at_least_ms"]["p95_ms"] == 10_000
    assert results["metrics"]["arrivals"]["missed"] == 200
    assert results["load_curve_reading"].startswith(
        "Every check held, and all that was offered was done, up to 10/s; at 50/s "
        "latency.response.all.p95_ms reaches 1000, 200 arrivals were missed (tried: 10 to 50/s)."
    )


def test_what_breaks_while_the_load_generator_is_starved_is_not_put_down_to_the_service():
    seconds = [OfferedSecond(1000 + n, 10.0, 10) for n in range(10)]
    seconds += [OfferedSecond(1010 + n, 50.0, 50) for n in range(10)]
    events = [event(n, 10.0, rate=10.0, begin_s=1000.0 + n / 10) for n in range(100)]
    events += [event(1000 + n, 3000.0, rate=50.0, queue_ms=2990.0, begin_s=1010.0 + n / 30)
               for n in range(300)]  # fmt: skip
    totals = ArrivalTotals(offered=600, begun=400, missed=200, cut=0, unknown=0)
    figures, checks = Figures(8), [*map(parse_check, ("latency.response.all.p95_ms < 1000",
                                                      "arrivals.missed == 0"))]  # fmt: skip
    figures.add_all(events)
    offered = Offered(
        seconds, rows(*[10_000] * 200), totals, starved=Starved("the generator was late")
    )
    results = figures.result([(1000, 1), (1019, 1)], offered=offered, checks=checks)
    assert results["load_curve_reading"] == (
        "What the service can do is not known: up to 10/s every check held; the generator was "
        "late (tried: 10 to 50/s)."
    )
    outcomes = evaluate(
        checks, results, selected_phases=["baseline"], complete=True, starved=offered.starved
    )
    assert [one.verdict for one in outcomes] == ["unknown", "unknown"]
    assert {one.reason for one in outcomes} == {offered.starved.why}


@pytest.mark.parametrize(
    ("most_ms", "text", "verdict"),
    [
        (4000, "latency.response.all.p95_ms < 500", "fail"),  # at least 10 s, of which it made 4
        (9500, "latency.response.all.p95_ms < 500", "unknown"),
        (9499, "latency.response.all.p95_ms <= 500", "fail"),
        (4000, "latency.response.all.p95_ms < 6000", "unknown"),
        (4000, "latency.response.all.p50_ms < 500", "unknown"),  # what held may be for want of load
        (4000, "latency.response.all.p50_ms < 50", "unknown"),
        (40, "latency.response.all.p50_ms < 50", "fail"),  # of 100 ms it made 40
        (4000, "latency.response.all.p95_ms > 500", "unknown"),
        (4000, "arrivals.missed == 0", "unknown"),
    ],
)  # fmt: skip
def test_what_a_starved_load_generator_cannot_have_made_alone_fails(most_ms, text, verdict):
    """90 events of 100 ms, and 10 arrivals that waited for 10 s and never began."""
    seconds = [OfferedSecond(1000 + n, 10.0, 10) for n in range(10)]
    events = [event(n, 100.0, rate=10.0, begin_s=1000.0 + n / 10) for n in range(90)]
    totals = ArrivalTotals(offered=100, begun=90, missed=10, cut=0, unknown=0)
    figures, check = Figures(8), parse_check(text)
    figures.add_all(events)
    starved = Starved("the generator was late", most_ms)
    offered = Offered(seconds, rows(*[10_000] * 10), totals, starved=starved)
    results = figures.result([(1000, 1), (1009, 1)], offered=offered, checks=[check])
    (outcome,) = evaluate(
        [check], results, selected_phases=["baseline"], complete=True, starved=starved
    )
    assert outcome.verdict == verdict
    if verdict == "unknown":
        assert outcome.reason == starved.why
    else:
        assert outcome.reason.endswith(
            "the load generator did not keep up itself in some of its seconds, and at most "
            f"{most_ms / 1000:.3g} s of any wait can be its own"
        )


def test_a_pool_that_was_used_up_is_no_capacity_of_the_service():
    """30 users, each 1 s an event: at 50/s they are all busy, and the service as fast as before."""
    seconds = [OfferedSecond(1000 + n, 50.0, 50) for n in range(20)]
    events = [event(n, 4000.0, queue_ms=3000.0, begin_s=1000.0 + n / 30) for n in range(600)]
    for one in events:
        one.lasted_ms = 1000.0
    results = counted_with_users(events, seconds, users=30)
    assert "The pool of 30 users was used up at 50/s; about 63 are needed" in results
    fast = [event(n, 10.0, begin_s=1000.0 + n / 50) for n in range(1000)]
    assert "used up" not in counted_with_users(fast, seconds, users=30)


def counted_with_users(events, seconds, users):
    figures = Figures(8)
    figures.add_all(events)
    return figures.result([(1000, users), (1019, users)], offered=Offered(seconds))[
        "load_curve_reading"
    ]


def test_every_figure_of_a_schedule_is_in_a_result_of_one():
    events = [event(n, 10.0 + n, phase=phase) for n in range(1100)
              for phase in ("baseline", "inbox")]  # fmt: skip
    results = counted(events, totals=ArrivalTotals(offered=1, begun=1, missed=0, cut=0, unknown=0))
    for name, metric in METRICS.items():
        section, *path = name.split(".")
        if name.startswith(("latency.response.baseline", "latency.response.all",
                            "latency.lateness.", "arrivals.")):  # fmt: skip
            found = results["metrics"] if section == "arrivals" else results
            for key in (section, *path):
                found = found[key]
            assert found is not None, name
            assert metric.samples in METRICS


@pytest.mark.parametrize(
    ("asked", "missed", "verdict"),
    [
        ("arrivals.missed == 0", 0, "pass"),
        ("arrivals.missed < 5", 0, "pass"),
        ("arrivals.missed > 0", 0, "unknown"),
        ("arrivals.missed == 0", 3, "unknown"),
        ("arrivals.missed < 5", 3, "unknown"),
        ("latency.response.all.p95_ms < 1000", 0, "unknown"),
    ],
)
def test_that_nothing_was_missed_is_known_though_the_generator_was_late(asked, missed, verdict):
    figures, check = Figures(8), parse_check(asked)
    figures.add_all([event(n, 10.0, rate=10.0, begin_s=1000.0 + n / 10) for n in range(100)])
    totals = ArrivalTotals(offered=100 + missed, begun=100, missed=missed, cut=0, unknown=0)
    seconds = [OfferedSecond(1000 + n, 10.0, 10) for n in range(10)]
    starved = Starved("the generator was late")
    offered = Offered(seconds, rows(*[10_000] * missed), totals, starved=starved)
    results = figures.result([(1000, 1), (1009, 1)], offered=offered, checks=[check])
    (outcome,) = evaluate(
        [check], results, selected_phases=["baseline"], complete=True, starved=starved
    )
    assert outcome.verdict == verdict, outcome.reason
