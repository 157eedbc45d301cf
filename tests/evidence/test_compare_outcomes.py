"""What a comparison may say: proven, unknown, none; and how it fares where the truth is known.

``pytest -m slow tests/evidence/test_compare_outcomes.py -s`` prints the table of docs/compare.md.
"""

from __future__ import annotations

from math import sqrt

import msgspec
import numpy as np
import pytest
from made_comparison import CHECKS, SHARES, drawn_runs, made_run
from run_effects import EFFECTS, most_alarms

from mcstress.evidence.compare import render
from mcstress.evidence.compare.comparison import compare
from mcstress.evidence.compare.run_figures import SEARCH_P95

DETERMINISM = "determinism.mean_jaccard"


def side(name, speeds, **fields):
    return [
        made_run(f"{name}{number}.json", p95_ms=speed, seconds=60 + speed / 10, **fields)
        for number, speed in enumerate(speeds)
    ]


QUIET = (5.0, 5.1, 4.9, 5.05)
NOISY = (3.0, 7.0, 4.0, 10.0)


def judged(comparison):
    return {one.name: one for one in comparison.figures if one.primary}


def test_the_family_is_speed_errors_and_the_checks():
    found = compare(side("a", QUIET), side("b", QUIET))
    assert list(judged(found)) == [
        SEARCH_P95, "steps_per_s", "errors.rate", DETERMINISM, "handover.verbatim.top1_rate",
        "freshness.top_k_rate", "swap.returned",
    ]  # fmt: skip
    assert {one.judged_by for one in judged(found).values()} == {"runs"}
    rest = [one for one in found.figures if not one.primary]
    assert [one.name for one in rest] == ["latency.matrix_search.p50_ms"]
    assert {one.verdict for one in rest} == {"descriptive"}


def test_four_against_four_prove_a_doubled_latency():
    found = compare(side("a", QUIET), side("b", [2 * speed for speed in QUIET]))
    slower = judged(found)[SEARCH_P95]
    assert (slower.verdict, found.outcome) == ("worse", "regression")
    assert slower.change == pytest.approx(1.0)
    # Two of 70 splits are as extreme; Mann and Whitney's test can say no more either.
    assert slower.p == pytest.approx(2 / 70)
    assert slower.mannwhitney_p == pytest.approx(2 / 70)
    assert slower.ci95[0] < 1 < slower.ci95[1]


def test_four_quiet_runs_that_are_alike_are_no_regression():
    found = compare(side("a", QUIET), side("b", QUIET))
    assert (found.outcome, found.unproven, found.regressions) == ("none", [], [])
    assert 1.0 < found.reaches[SEARCH_P95] < 1.2
    assert "No difference is proven." in render.text(found)


def test_three_runs_prove_nothing_and_the_headline_says_so():
    found = compare(side("a", QUIET[:3]), side("b", [9 * speed for speed in QUIET[:3]]))
    assert (found.outcome, found.regressions) == ("unknown", [])
    headline = render.text(found).splitlines()[0]
    assert headline.startswith(
        "No difference is proven. Unknown: 3 against 3 runs cannot prove any change of latency."
    )
    assert headline.endswith("; 4 against 4 would.")


def test_runs_that_differ_much_have_no_power_for_a_doubling():
    found = compare(side("a", NOISY), side("b", NOISY))
    assert found.outcome == "unknown"
    (told,) = found.unproven
    assert told.startswith(f"4 against 4 runs cannot prove that {SEARCH_P95} changed by a factor")
    needed = int(told.split()[-2])
    assert told.endswith(f"; {needed} against {needed} would")
    assert needed > 4
    more = compare(side("a", NOISY * 5), side("b", NOISY * 5))
    assert more.unproven == []


def test_a_check_that_b_fails_beyond_both_intervals_is_a_regression_though_nothing_was_kept():
    """The figures of a run that kept no events are exact: they stand in its head."""
    a, b = side("a", QUIET[:1]), side("b", QUIET[:1], shares={"determinism": 0.5})
    found = compare(a, b)
    (lost,) = found.lost_checks
    assert (lost.check, lost.certain) == (CHECKS[0], True)
    assert (found.outcome, found.regressions) == ("regression", [CHECKS[0]])
    text = render.text(found)
    assert "B fails what A passes: determinism.mean_jaccard >= 0.95." in text.splitlines()[0]
    assert "\nA, PASS: a0.json\nB, FAIL; failed: determinism.mean_jaccard >= 0.95 (1 run)" in text


def test_a_check_that_b_fails_within_the_intervals_is_said_and_unknown():
    a, b = ([made_run(name, shares={"determinism": share})]
            for name, share in (("a.json", 0.96), ("b.json", 0.94)))  # fmt: skip
    found = compare(a, b)
    (lost,) = found.lost_checks
    assert not lost.certain
    assert "1 of 1 run of B fail it, B has 0.940 [" in lost.said
    assert (found.outcome, found.regressions) == ("unknown", [])
    assert f"Check {lost.check}: A passes it with 0.960 [" in render.markdown(found)


def test_checks_that_b_lost_stand_in_the_order_in_which_a_has_them():
    """A set's order differs from process to process, and with it the text of one comparison."""
    a = side("a", QUIET[:1])
    b = side("b", QUIET[:1], failed=4000, shares=dict.fromkeys(SHARES, 0.5))
    passed = [outcome.check for outcome in a[0].document.checks if outcome.verdict == "pass"]
    lost = [one.check for one in compare(a, b).lost_checks]
    assert len(lost) == 4
    assert lost == [check for check in passed if check in lost]


def test_a_check_without_an_interval_is_never_certainly_lost():
    """A run that has none says nothing of how far its value may be by chance."""
    a, b = side("a", QUIET[:2]), side("b", QUIET[:2], shares={"determinism": 0.5})
    assert [one.certain for one in compare(a, b).lost_checks] == [True]
    b[1].head["checks"] = [msgspec.structs.replace(one, ci95=None) for one in b[1].head["checks"]]
    (lost,) = compare(a, b).lost_checks
    assert (lost.check, lost.certain) == (CHECKS[0], False)
    assert lost.said.endswith("2 of 2 runs of B fail it, B has 0.500: which may be chance")


def test_a_run_that_skipped_a_check_says_nothing_of_it():
    """Its other runs pass it, and B fails it: that is lost all the same."""
    a, b = side("a", QUIET[:2]), side("b", QUIET[:1], shares={"determinism": 0.5})
    a[1].head["checks"] = [
        msgspec.structs.replace(one, verdict="skipped") for one in a[1].head["checks"]
    ]
    assert [one.check for one in compare(a, b).lost_checks] == [CHECKS[0]]


def test_what_is_worse_is_unknown_where_the_load_generator_could_not_send_steps():
    """Its own delay is in B's latencies."""
    a, b = side("a", QUIET), side("b", [2 * speed for speed in QUIET])
    assert compare(a, b).outcome == "regression"
    b[0].head["faults"] = {"unsent_steps": 3}
    found = compare(a, b)
    assert SEARCH_P95 in found.regressions
    assert found.outcome == "unknown"


def test_where_no_number_of_runs_would_do_it_is_said():
    wild = [0.01, 10_000.0, 0.02, 5_000.0]
    found = compare(side("a", wild), side("b", wild))
    told = next(one for one in found.unproven if SEARCH_P95 in one)
    assert told.endswith("; not even 100 against 100 would")


def test_a_figure_that_b_lacks_is_a_regression():
    found = compare(side("a", QUIET), side("b", QUIET, shares={"freshness": None}))
    assert found.gone == ["freshness.top_k_rate"]
    assert found.outcome == "regression"


def test_a_figure_that_some_runs_lack_is_unknown():
    b = side("b", QUIET[:3]) + side("c", QUIET[3:], shares={"freshness": None})
    found = compare(side("a", QUIET), b)
    assert found.outcome == "unknown"
    assert any("3 of 4 of B have freshness.top_k_rate" in one for one in found.unproven)


def test_an_incomplete_run_proves_no_absence_of_regressions():
    b = side("b", QUIET)
    b[0].head["completeness"] = {"complete": False, "faults": ["w-2 was lost"]}
    found = compare(side("a", QUIET), b)
    assert (found.outcome, found.unproven) == ("unknown", ["b0.json is incomplete"])


def test_availability_is_judged_where_both_have_it():
    a, b = side("a", QUIET), side("b", QUIET)
    assert "availability.rate" not in judged(compare(a, b))
    for number, run in enumerate([*a, *b]):
        run.head["metrics"]["availability"] = {"rate": 0.8 if number >= len(a) else 1.0}
    found = judged(compare(a, b))["availability.rate"]
    assert (found.verdict, found.change) == ("worse", pytest.approx(-0.2))


def test_a_run_that_stands_twice_is_unknown():
    a = side("a", QUIET)
    found = compare([*a, a[0]], side("b", [*QUIET, 5.02]))
    assert found.outcome == "unknown"
    assert any(one.endswith("a run is no witness of itself") for one in found.unproven)


def simulated(effects, repeats, *, ratio=1.0, runs=4, seed=1):
    """Shares of comparisons by the real ``compare``: any alarm, p95 found, and no power."""
    rng, alarms, found, unknown = np.random.default_rng(seed), 0, 0, 0
    for _ in range(repeats):
        comparison = compare(
            drawn_runs(rng, effects, side="a", runs=runs),
            drawn_runs(rng, effects, side="b", runs=runs, ratio=ratio),
        )
        proven = {one.name: one.verdict for one in comparison.figures
                  if one.verdict in ("better", "worse")}  # fmt: skip
        found += proven.get(SEARCH_P95) == "worse"
        alarms += bool(proven.keys() - ({SEARCH_P95} if ratio != 1 else set()))
        unknown += bool(comparison.unproven)
    return alarms / repeats, found / repeats, unknown / repeats


def test_a_doubled_latency_is_found_at_4_against_4():
    assert simulated(EFFECTS["normal, 8 %"], 40, ratio=2.0)[1] == 1.0


def test_where_nothing_changed_few_comparisons_find_anything():
    repeats = 60
    alarms, *_ = simulated(EFFECTS["normal, 8 %"], repeats)
    assert alarms <= most_alarms(repeats)


@pytest.mark.slow
@pytest.mark.parametrize("name", EFFECTS)
def test_the_table_of_alarms_and_finds(name):
    repeats = 250
    alarms, _, unknown = simulated(EFFECTS[name], repeats, seed=5)
    found = simulated(EFFECTS[name], repeats, ratio=2, seed=6)[1]
    five = simulated(EFFECTS[name], repeats, ratio=2, runs=5, seed=7)[1]
    row = " | ".join(f"{share:.1%}" for share in (alarms, found, five, unknown))
    print(f"\n| {name} | {row} |")  # noqa: T201
    assert alarms <= most_alarms(repeats)
    if name.startswith(("normal, 8 %", "heavy tails")):
        assert found >= 0.95 - 3 * sqrt(0.05 * 0.95 / repeats)
