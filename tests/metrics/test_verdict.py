"""Checks: what parses, what is refused and how, and every verdict."""

from __future__ import annotations

import operator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_run import K, MadeRun, users_timeline

from mcstress.metrics.by_question import questions_needed
from mcstress.metrics.check import SPANS
from mcstress.metrics.figures import Figures
from mcstress.metrics.latency import PART_PHASES
from mcstress.metrics.names import METRICS, find, metric_names
from mcstress.metrics.phase import PHASES
from mcstress.metrics.verdict import (
    CheckSyntaxError,
    evaluate,
    line,
    overall,
    parse_check,
    settled_by,
)

CALM = MadeRun(21, change=0.0).rounds(6, 2)
ROUGH = MadeRun(22, faults=0.1).rounds(4, 40)


def results_of(events, **options):
    figures = Figures(K)
    for event in events:
        figures.add(event)
    return figures.result(users_timeline(events), **options)


RESULTS = results_of(CALM)


def judged(text, results=RESULTS, *, needs=1, phases=tuple(PHASES), complete=True, left_out=()):
    (outcome,) = evaluate(
        [parse_check(text, needs)],
        results,
        selected_phases=phases,
        complete=complete,
        left_out=dict(left_out),
    )
    return outcome


def test_what_the_target_cannot_do_is_skipped_with_that_reason():
    none = {"handover": "the target has no memory", "swap": "the target cannot exclude"}
    phases = [phase for phase in PHASES if phase not in none]
    for text, reason in (
        ("handover.verbatim.top1_rate >= 0.95", "the target has no memory"),
        ("swap.returned == 0", "the target cannot exclude"),
    ):
        outcome = judged(text, phases=phases, left_out=none)
        assert (outcome.verdict, outcome.reason) == ("skipped", reason)
        assert judged(text, phases=phases).reason.endswith("was not selected")
        assert judged(text, left_out=none).verdict in ("pass", "fail")  # it ran all the same
    assert judged("errors.rate <= 1", phases=phases, left_out=none).verdict == "pass"


@given(
    st.sampled_from(sorted(METRICS)),
    st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
    st.floats(0, 1e6).map(lambda x: round(x, 6)),
    st.sampled_from(["", " ", "   "]),
)
def test_every_name_operator_and_number_parses(name, compared, number, space):
    if METRICS[name].unit in SPANS:
        number = 1.0  # what all of these can be
    check = parse_check(f"{space}{name}{space}{compared}{space}{number!r}{space}", needs=3)
    assert (check.metric, check.operator, check.threshold) == (name, compared, number)
    assert check.needs == 3


@pytest.mark.parametrize(
    ("text", "under", "says"),
    [
        ("determinsm.mean_jaccard >= 0.95", "determinsm.mean_jaccard", "determinism.mean_jaccard"),
        ("latency.matrix.search.p95_ms < 9", "latency.matrix.search.p95_ms", "matrix_search.p95"),
        ("handover.verbatim >= 0.95", "handover.verbatim", "handover.verbatim."),
        (
            "freshnes.qqqqqqqqqqqqqqqqqqqqqqqqq > 1",
            "freshnes.qqqqqqqqqqqqqqqqqqqqqqqqq",
            "known in freshness: freshness.resumes",
        ),
        ("qqq > 1", "qqq", "known groups: appointments, arrivals, availability, capacity"),
        ("determinism.mean_jaccard => 0.95", "=>", "one of < <= > >= == !="),
        ("determinism.mean_jaccard = 1", "=", "one of < <= > >= == !="),
        ("determinism.mean_jaccard 0.95", "0.95", "one of < <= > >= == !="),
        ("determinism.mean_jaccard >=", "", "expected a number"),
        ("determinism.mean_jaccard >= 95%", "95%", "expected a number"),
        ("determinism.mean_jaccard >= 1.5", "1.5", "that the figure can have, from 0 to 1"),
        ("handover.verbatim.lift > -1.1", "-1.1", "that the figure can have, from -1 to 1"),
        ("inbox.mean_rating >= 50", "50", "that the figure can have, from 1 to 5"),
        ("determinism.mean_jaccard >= nan", "nan", "expected a number"),
        ("determinism.mean_jaccard >= 0.9 0.8", "0.8", "expected nothing more"),
        ("errors.rate <= 0,01", ",01", "expected a point in a number, as in 0.95"),
        ("0.95 <= determinism.mean_jaccard", "0.95", "the name of a figure"),
        ("", "", "the name of a figure"),
    ],
)
def test_what_does_not_parse_has_a_caret_under_it(text, under, says):
    with pytest.raises(CheckSyntaxError) as refused:
        parse_check(text)
    lines = str(refused.value).splitlines()
    assert lines[1] == f"  {text}"
    start = lines[2].index("^") - 2
    assert text[start : start + lines[2].count("^")] == under
    assert says in lines[3]
    assert isinstance(refused.value, ValueError)


@pytest.mark.parametrize("text", ["< 0.95", "determinism.mean_jaccard", "\u00e9 < 1", "swap > -"])
def test_what_does_not_parse_is_one_kind_of_error(text):
    with pytest.raises(CheckSyntaxError):
        parse_check(text)


def test_the_point_decides_and_the_reason_tells_of_the_interval():
    passed = judged("determinism.mean_jaccard >= 0.995")
    assert (passed.verdict, passed.value, passed.samples, passed.planned) == ("pass", 1.0, 144, 144)
    low, high = passed.ci95
    assert low < 0.995 < high
    assert passed.crosses
    assert (passed.questions, passed.certain) == (48, False)
    assert passed.reason == (
        "1.000 (48 questions, 144 samples); not certain: the 95 % interval [0.926, 1.000] has "
        "values on both sides of 0.995; needs 765 different questions of this value, 48 were asked"
    )
    assert questions_needed(">=", 0.995) == passed.enough == 765
    sure = judged("determinism.mean_jaccard >= 0.5")
    assert (sure.verdict, sure.crosses, sure.certain) == ("pass", False, True)
    assert sure.reason == "1.000 (48 questions, 144 samples)"
    assert judged("determinism.mean_jaccard < 0.5").verdict == "fail"


@pytest.mark.parametrize("compared", ["<", "<=", ">", ">=", "==", "!="])
@pytest.mark.parametrize("threshold", [143, 144, 145])
def test_operators_are_what_they_look_like(compared, threshold):
    held = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
            "==": operator.eq, "!=": operator.ne}[compared](144, threshold)  # fmt: skip
    assert judged(f"determinism.pairs {compared} {threshold}").verdict == (
        "pass" if held else "fail"
    )


def test_too_few_questions_are_unknown_however_often_they_were_asked():
    few = judged("determinism.mean_jaccard >= 0.5", needs=49)
    assert (few.verdict, few.samples, few.questions, few.needs) == ("unknown", 144, 48, 49)
    assert few.reason == "only 48 different questions; at least 49 are needed"
    assert judged("determinism.mean_jaccard >= 0.5", needs=48).verdict == "pass"
    steps = RESULTS["metrics"]["errors"]["steps"]
    short = judged("errors.rate <= 1", needs=steps + 1)
    assert short.reason == f"only {steps:,} samples; at least {steps + 1:,} are needed"


def test_one_question_asked_forty_times_proves_nothing():
    """With counts of samples it was p < 0.001, and "the memory is what finds them"."""
    events = [
        event
        for event in MadeRun(7).rounds(1, 40)
        if event.phase == "handover" and event.role == "warehouse worker"
    ]
    for event in events:
        hit = event.top_k[0]
        event.expected, event.expected_corpus = hit.id, hit.corpus
        if event.arm == "control":
            event.expected = "nobody"
    verbatim = results_of(events)["metrics"]["handover"]["verbatim"]
    assert (verbatim["memory_only"], verbatim["pairs"], verbatim["pair_questions"]) == (40, 40, 1)
    assert verbatim["mcnemar_p"] == 1
    low, high = verbatim["ci95"]
    assert (low < 0.21, high) == (True, 1.0)
    outcome = judged("handover.verbatim.top1_rate >= 0.95", results_of(events), needs=4)
    assert (outcome.verdict, outcome.certain) == ("unknown", False)
    assert outcome.reason == "only 1 different question; at least 4 are needed"


def test_a_failed_check_is_told_with_its_value_on_its_own_side_of_the_threshold():
    for value, said, threshold in (
        (0.94996, "0.94996", 0.95), (0.9, "0.900", 0.95), (0.99996, "> 0.999", 1),
    ):  # fmt: skip
        results = {"metrics": {"determinism": {"mean_jaccard": value, "pairs": 12}}}
        outcome = judged(f"determinism.mean_jaccard >= {threshold}", results)
        told = line(outcome)
        assert told == f"determinism.mean_jaccard = {said}, expected >= {threshold} (12 samples)"
    count = {"metrics": {"errors": {"steps": 16_411}}}
    assert line(judged("errors.steps >= 16412", count)) == (
        "errors.steps = 16,411, expected >= 16412 (16,411 samples)"
    )


def test_under_four_fifths_of_the_plan_is_unknown():
    for planned, verdict in ((180, "pass"), (181, "unknown")):
        results = results_of(CALM, planned={"determinism": planned})
        outcome = judged("determinism.mean_jaccard >= 0.5", results)
        assert (outcome.verdict, outcome.planned) == (verdict, planned)


def test_a_phase_that_was_not_chosen_is_skipped_and_one_that_never_ran_unknown():
    nothing = Figures(K).result()
    check = "handover.verbatim.top1_rate >= 0.95"
    assert judged(check, nothing, phases=["inbox"]).verdict == "skipped"
    assert judged(check, nothing, phases=["baseline", "handover"]).verdict == "unknown"
    assert judged("errors.rate <= 0.01", nothing, phases=["inbox"]).verdict == "unknown"


def test_when_anything_is_missing_every_check_is_unknown():
    for check in ("determinism.mean_jaccard >= 0.5", "determinism.mean_jaccard < 0.5"):
        for phases in (tuple(PHASES), ("inbox",)):
            outcome = judged(check, complete=False, phases=phases)
            assert outcome.verdict == "unknown"
            assert "missing" in outcome.reason


def test_a_percentile_that_the_count_cannot_carry_is_unknown():
    outcome = judged("latency.llm_parse_demand.p99_ms < 1000")
    assert (outcome.verdict, outcome.value, outcome.samples) == ("unknown", None, 72)


def test_a_check_that_crashes_is_unknown():
    broken = {"metrics": {"determinism": {"mean_jaccard": "high", "pairs": 12, "planned": 12}}}
    outcome = judged("determinism.mean_jaccard >= 0.95", broken)
    assert outcome.verdict == "unknown"
    assert "TypeError" in outcome.reason


def test_results_read_back_from_json_are_judged_alike():
    again = msgspec.json.decode(msgspec.json.encode(RESULTS))
    for name in ("determinism.mean_jaccard", "latency.matrix_search.p95_ms", "swap.returned"):
        assert judged(f"{name} >= 0.5", again) == judged(f"{name} >= 0.5")


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([], "unknown"),
        (["skipped", "skipped"], "unknown"),
        (["pass", "skipped"], "pass"),
        (["pass", "unknown"], "unknown"),
        (["unknown", "fail", "pass"], "fail"),
    ],
)
def test_the_worst_verdict_is_the_runs(verdicts, expected):
    outcome = judged("errors.rate <= 1")
    outcomes = [msgspec.structs.replace(outcome, verdict=verdict) for verdict in verdicts]
    assert overall(outcomes) == expected


OF_OTHER_RUNS = (
    "arrivals.",
    "appointments.",
    "capacity.",
    "latency.response.",
    "latency.lateness.",
    "memory.",
    "changes.",
    "recordings.",
    *(f"latency.{part}." for part in PART_PHASES),
    *(
        f"{place}.{step}."
        for place in ("latency", "errors.by_step")
        for step in ("index_update", "index_delete", "playbook_forget")
    ),
)
"""No made run has a schedule, a memory alone, changes or parts of steps: their own tests look at
these."""


def numeric_leaves(part, path=""):
    if isinstance(part, dict):
        for key, value in part.items():
            yield from numeric_leaves(value, f"{path}.{key}" if path else key)
    elif isinstance(part, int | float) and not isinstance(part, bool):
        yield path


def test_the_table_names_every_figure_of_a_result_and_no_other():
    """But for the step that no made run takes."""
    results = results_of(ROUGH)
    leaves = {
        *numeric_leaves(results["metrics"]),
        *numeric_leaves(results["latency"], "latency"),
        *numeric_leaves(results["faults"], "faults"),
    }
    never = {name for name in METRICS if "llm_paraphrase" in name}
    # Of resumes that are not first when they are seen, a time to top-1 is not known.
    few = {name for name in METRICS if name.endswith(("p999_ms", "time_to_top1_s.p95"))}
    never |= {name for name in METRICS if name.startswith(OF_OTHER_RUNS)}
    leaves -= never  # a memory that nobody asks has counts, of 0
    assert leaves - set(METRICS) == set()
    assert set(METRICS) - leaves - few == never - few


def test_every_figure_has_samples_that_are_a_count_and_a_meaning():
    results = results_of(ROUGH)
    for metric in metric_names():
        assert metric.meaning
        assert metric.unit
        assert set(metric.phases) <= set(PHASES)
        assert metric.phases
        assert METRICS[metric.samples].unit == "count"
        assert metric.planned is None or METRICS[metric.planned].unit == "count"
        if metric.interval:
            low, high = find(results, metric.interval)
            assert low <= find(results, metric.name) <= high
        if "llm_paraphrase" not in metric.name and not metric.name.startswith(OF_OTHER_RUNS):
            assert find(results, metric.samples) > 0
    assert len({metric.name for metric in metric_names()}) == len(metric_names())


@pytest.mark.parametrize(
    ("enough", "asked", "there_are", "said"),
    [
        (100, 24, 200, "needs 100 different questions of this value, 24 were asked"),
        (1200, None, None, "needs 1,200 different questions of this value, 0 were asked"),
        (100, 24, 99, "needs 100 different questions of this value, the scenario has 99"),
        (100, 24, 100, "needs 100 different questions of this value, 24 were asked"),
        (100, 100, 99, ("groups of users differ too much from one another, though 100 questions "
                       "would do")),
    ],
)  # fmt: skip
def test_what_would_settle_a_check_is_told(enough, asked, there_are, said):
    assert settled_by(enough, asked, there_are) == said
