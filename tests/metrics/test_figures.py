"""Figures against the same worked out again from the events, with faults of every kind in them."""

from __future__ import annotations

import sys
from collections import Counter
from fractions import Fraction

import brute
import msgspec
import pytest
from made_run import K, MadeRun, again, users_timeline

from mcstress.metrics.figures import DifferentKError, Figures
from mcstress.metrics.overview import Overview
from mcstress.metrics.phase import MIX, PHASES


def figures_of(events, **options) -> Figures:
    figures = Figures(K, **options)
    for event in events:
        figures.add(event)
    return figures


def assert_holds(found, expected, path="") -> None:
    """Every expected leaf is there; fractions to the last digits of a double."""
    if isinstance(expected, dict):
        for key, value in expected.items():
            assert_holds(found[key], value, f"{path}.{key}")
    elif isinstance(expected, Fraction):
        assert found == pytest.approx(float(expected), abs=1e-14), path
    else:
        assert found == expected, path


RUNS = {
    "faultless": lambda: MadeRun(3).rounds(3, 2),
    "faulty": lambda: MadeRun(4, faults=0.15).rounds(4, 3),
    "trios of their own": lambda: MadeRun(5, faults=0.1).rounds(7, 2, variants=None),
    "hopeless": lambda: MadeRun(6, faults=0.9).rounds(2, 2),
    "nothing": list,
}


@pytest.mark.parametrize("name", RUNS)
def test_every_metric_is_what_the_events_say(name):
    events = RUNS[name]()
    assert_holds(figures_of(events).result()["metrics"], brute.metrics(events))


def test_a_faultless_round_has_the_samples_of_the_design():
    metrics = figures_of(MadeRun(1, faults=0).rounds(1, 1)).result()["metrics"]
    assert metrics["diversity"]["same_role_across_contracts"]["pairs"] == 9
    assert metrics["diversity"]["different_roles_within_contract"]["pairs"] == 18
    assert metrics["determinism"]["pairs"] == 12
    for kind in ("verbatim", "paraphrase"):
        assert metrics["handover"][kind]["queries"] == 4
        assert metrics["handover"][kind]["control_queries"] == 4
    assert metrics["freshness"]["resumes"] == 3
    assert metrics["swap"]["swaps"] == 1
    assert metrics["inbox"]["messages"] == 6
    assert metrics["events"]["total"] == 73


def test_events_are_counted_whatever_became_of_them():
    events = MadeRun(4, faults=0.3).rounds(3, 2)
    counted = figures_of(events).result()["metrics"]["events"]
    assert counted["total"] == len(events)
    assert counted["by_phase"] == Counter(event.phase for event in events)
    assert counted["by_outcome"] == Counter(event.outcome for event in events)
    assert set(counted["by_outcome"]) == {"ok", "failed", "skipped", "unmet", "cut"}


def test_a_run_without_a_mix_has_the_same_phases_after_one_with_a_mix(monkeypatch):
    """In the web UI one process has many runs; the report that is made again knows of one."""
    events = MadeRun(4).rounds(3, 2)
    before = figures_of(events).result()["metrics"]["events"]
    for mixed in MIX:
        monkeypatch.setitem(PHASES, mixed.name, mixed)
    assert figures_of(events).result()["metrics"]["events"] == before
    with_mix = [msgspec.structs.replace(events[0], phase="mix_search"), *events[1:]]
    counted = figures_of(with_mix).result()["metrics"]["events"]["by_phase"]
    assert [counted[mixed.name] for mixed in MIX] == [1, 0, 0]


def test_every_band_has_the_metrics_of_its_own_events():
    """A pair belongs to the band of its later event: so does the event it is compared with."""
    events = MadeRun(8, faults=0.1).rounds(5, 3)
    curve = figures_of(events).result()["load_curve"]
    assert [(band["users_from"], band["users_to"]) for band in curve] == [
        (1, 1), (2, 4), (5, 9), (20, 49),
    ]  # fmt: skip
    for band in curve:

        def within(event, band=band):
            return band["users_from"] <= event.users <= band["users_to"]

        mine = [event for event in events if within(event)]
        rows = [row for row in brute.determinism_pairs(events) if within(row[0]) and not row[3]]
        assert band["determinism"]["pairs"] == len(rows)
        assert_holds(
            band["determinism"]["mean_jaccard"],
            brute.over_questions([(brute.question(e), brute.jaccard(a, b)) for e, a, b, _ in rows]),
        )
        for figure in ("same_role_across_contracts", "different_roles_within_contract"):
            values = [
                value
                for its, _, _, value, _, later in brute.diversity_pairs(events)
                if its == figure and value is not None and within(later)
            ]
            assert band["diversity"][figure]["pairs"] == len(values)
            assert_holds(band["diversity"][figure]["mean_jaccard"], brute.mean(values))
        assert_holds(band["freshness"], brute.freshness(mine))
        assert_holds(band["errors"], brute.errors(mine))
        assert_holds(band["inbox"], brute.inbox(mine))
        for kind, phase in (("verbatim", "handover"), ("paraphrase", "handover_paraphrase")):
            expected = brute.handover(mine, phase)
            for name in ("queries", "top1_rate", "control_queries", "control_top_k_rate"):
                assert_holds(band["handover"][kind][name], expected[name])


def test_the_heat_map_has_every_pair_of_cells():
    events = MadeRun(9, faults=0.1).rounds(4, 2)
    heat_map = figures_of(events).result()["heat_map"]
    cells = [(cell["contract"], cell["role"]) for cell in heat_map["cells"]]
    assert len(cells) == 12
    assert len(heat_map["pairs"]) == 66
    expected = {}
    for _, a, b, value, *_ in brute.diversity_pairs(events):
        if value is not None:
            expected.setdefault((a.cell, b.cell), []).append(value)
    for pair in heat_map["pairs"]:
        values = expected.pop((cells[pair["a"]], cells[pair["b"]]))
        assert pair["pairs"] == len(values)
        assert_holds(pair["mean_jaccard"], brute.mean(values))
    assert not expected


def test_the_worst_reissues_are_the_five_least_alike():
    events = MadeRun(10, change=0.9).rounds(4, 2)
    worst = figures_of(events).result()["worst_reissues"]
    rows = [row for row in brute.determinism_pairs(events) if not row[3] and row[1] != row[2]]
    lowest = sorted(brute.jaccard(a, b) for _, a, b, _ in rows)[:5]
    assert [row["jaccard"] for row in worst] == [float(value) for value in lowest]
    by_time = {event.time.isoformat(): (event, a, b) for event, a, b, _ in rows}
    for row in worst:
        event, baseline, reissue = by_time[row["time"]]
        for listed, who in (("baseline", baseline), ("reissue", reissue)):
            assert [(hit["corpus"], hit["id"]) for hit in row[listed]] == who
        assert (row["coordinator"], row["round"], row["contract"], row["role"]) == (
            event.coordinator, event.round, event.contract, event.role,
        )  # fmt: skip
        assert (row["query"], row["trace_id"]) == (event.query, event.trace_id)


def test_without_samples_there_is_no_value():
    results = Figures(K).result()
    metrics = results["metrics"]
    assert metrics["determinism"]["mean_jaccard"] is None
    assert metrics["determinism"]["ci95"] is None
    assert metrics["diversity"]["same_role_across_contracts"]["mean_jaccard"] is None
    assert metrics["diversity"]["same_role_across_contracts"]["chance"] is None
    assert metrics["handover"]["verbatim"]["lift"] is None
    assert metrics["swap"]["returned"] is None
    assert metrics["errors"]["rate"] is None
    assert results["load_curve"] == []
    assert results["timeline"]["slots"] == []


def test_the_same_figures_from_json_lines():
    events = MadeRun(11, faults=0.2).rounds(3, 3)
    users = users_timeline(events)
    live, read = figures_of(events), figures_of(again(events))
    assert live.state() == read.state()
    assert live.result(users) == read.result(users)


def test_a_result_changes_nothing():
    events = MadeRun(12, faults=0.2).rounds(3, 3)
    halves = events[: len(events) // 2], events[len(events) // 2 :]
    looked_at = Figures(K)
    for half in halves:
        for event in half:
            looked_at.add(event)
        assert looked_at.result() == looked_at.result()
    assert looked_at.state() == figures_of(events).state()


def test_another_k_is_refused():
    event = MadeRun(1).rounds(1, 1)[0]
    with pytest.raises(DifferentKError, match=r"k = 8; this run's is 10"):
        Figures(10).add(event)
    with pytest.raises(DifferentKError):
        Figures(10).merge(Figures(8))


def test_planned_is_what_was_attempted_and_at_least_what_the_plan_says():
    events = MadeRun(13, faults=0.4).rounds(2, 2)
    attempted = figures_of(events).result()["metrics"]
    assert attempted["determinism"]["planned"] == len(brute.of_phase(events, "reissue"))
    assert attempted["swap"]["planned"] == len(brute.of_phase(events, "swap")) // 2
    plan = {"determinism": 1000, "handover.verbatim": 2000, "swap": 1, "inbox": 70,
            "diversity.same_role_across_contracts": 500, "freshness": 90}  # fmt: skip
    planned = figures_of(events).result(planned=plan)["metrics"]
    assert planned["determinism"]["planned"] == 1000
    assert planned["handover"]["verbatim"]["planned"] == 2000
    assert planned["handover"]["paraphrase"] == attempted["handover"]["paraphrase"]
    assert planned["swap"]["planned"] == attempted["swap"]["planned"]
    assert planned["inbox"]["planned"] == 70
    assert planned["freshness"]["planned"] == 90
    assert planned["diversity"]["same_role_across_contracts"]["planned"] == 500


def test_a_glance_has_the_figures_of_the_result():
    figures = figures_of(MadeRun(14, faults=0.1).rounds(2, 2))
    result, glance = figures.result(), figures.glance()
    metrics = result["metrics"]
    assert glance.events == metrics["events"]["total"]
    assert glance.by_phase == {name: n for name, n in metrics["events"]["by_phase"].items() if n}
    assert glance.steps == metrics["errors"]["steps"]
    assert glance.failed == metrics["errors"]["failed"] > 0
    assert glance.search_p95_ms == result["latency"]["matrix_search"]["p95_ms"] > 0
    assert glance.determinism == metrics["determinism"]["mean_jaccard"] > 0
    assert glance.handover == metrics["handover"]["verbatim"]["top1_rate"] > 0
    assert len(result["load_curve"]) > 1, "of several bands"


def test_a_glance_before_the_first_event_has_no_figures():
    assert Figures(8).glance() == Overview(0, {}, 0, 0, None, None, None)


def test_what_compare_counts_is_the_head_of_the_result():
    figures = figures_of(MadeRun(14, faults=0.1).rounds(2, 2))
    result, counted = figures.result(), figures.over_all_bands()
    metrics = result["metrics"]
    for section in (metrics["freshness"], *metrics["handover"].values()):
        section.pop("missed")  # only a whole run names the questions that missed
    of_whole_runs = {"availability": {}, "errors": result["metrics"]["errors"]}
    assert {name: result[name] | of_whole_runs for name in ("metrics",)} == {
        "metrics": counted["metrics"] | {"errors": result["metrics"]["errors"]}
    }
    assert counted["latency"] == result["latency"]


def test_what_waits_to_be_counted_holds_no_bodies():
    figures, body, run = figures_of([]), "an answer" * 100, MadeRun(15).rounds(1, 1)
    for event in run:
        for step in event.steps:
            step.request = step.response = body
    assert sys.getrefcount(body) > len(run)
    figures.add_all(run)
    del event, step, run
    # But for the body's own names, and the last handover that missed, which waits to be an example.
    assert sys.getrefcount(body) < 10
