import json
from datetime import timedelta

import numpy as np
import pytest
from made_comparison import MadeFile
from made_report import MadeRun, head_of, run_section
from scipy import stats

from mcstress.errors import UsageError
from mcstress.evidence.compare import render
from mcstress.evidence.compare.comparison import compare
from mcstress.evidence.compare.run_figures import RunFigures
from mcstress.evidence.store.document import write_document
from mcstress.evidence.store.history import read_run
from mcstress.metrics.event import decoder, encoder
from mcstress.metrics.names import METRICS, find

DETERMINISM = "determinism.mean_jaccard"
SAME_ROLE = "diversity.same_role_across_contracts.mean_jaccard"
DIFFERENT_ROLES = "diversity.different_roles_within_contract.mean_jaccard"
VERBATIM = "handover.verbatim.top1_rate"


def made(seed, **options):
    return MadeFile(MadeRun(seed, **options).events(trios=2, rounds=3))


def figure(comparison, name):
    return next(one for one in comparison.figures if one.name == name)


@pytest.mark.parametrize("sticky", [False, True])
def test_quality_that_did_not_change_is_rarely_called_different(sticky):
    """``sticky``: rounds of a run answer alike, and are no witnesses of their own."""
    repeats = 100
    called = sum(
        any(
            one.verdict in ("better", "worse")
            for one in compare(
                [made(2 * seed, change=0.3, sticky=sticky)],
                [made(2 * seed + 1, change=0.3, sticky=sticky)],
            ).figures
        )
        for seed in range(repeats)
    )
    assert called / repeats <= 0.07


def test_a_true_difference_of_known_size_is_found():
    comparison = compare([made(1), made(2)], [made(3, change=0.6), made(4, change=0.6)])
    changed = figure(comparison, DETERMINISM)
    # One hit of eight differs: 7 of 9 are shared, in half of the reissues more than before.
    true = -0.5 * (1 - 7 / 9)
    assert (changed.verdict, changed.judged_by) == ("worse", "questions")
    assert changed.paired.ci95[0] <= true <= changed.paired.ci95[1]
    assert changed.paired.effect == pytest.approx(true, abs=0.04)
    assert changed.change == pytest.approx(changed.b - changed.a)
    assert comparison.regressions == [DETERMINISM]
    assert comparison.outcome == "regression"


def test_what_is_judged_by_questions_is_shown_with_the_interval_of_that_test():
    """Welch's interval of two runs a side holds 0; what is shown is the pairs', as scipy has it."""
    sides = [
        [MadeFile(MadeRun(seed, change=change).events(trios=1, rounds=3)) for seed in seeds]
        for seeds, change in (((1, 2), 0.2), ((3, 4), 0.55))
    ]
    judged = figure(compare(*sides), DETERMINISM)
    assert (judged.verdict, judged.judged_by, judged.paired.n) == ("worse", "questions", 12)
    assert judged.ci95[0] < 0 < judged.ci95[1]
    means = [
        [{key: total / n for key, (total, n) in RunFigures(run).questions[DETERMINISM].items()}
         for run in side]
        for side in sides
    ]  # fmt: skip
    changes = np.array([
        np.mean([run[key] for run in means[1]]) - np.mean([run[key] for run in means[0]])
        for key in means[0][0]
    ])  # fmt: skip
    low, high = judged.shown.ci95
    assert judged.shown.change == pytest.approx(changes.mean())
    for shift, rejected in ((low - 1e-6, True), (low + 1e-6, False), (high + 1e-6, True)):
        tested = stats.permutation_test(
            (changes - shift,), np.mean, permutation_type="samples", n_resamples=np.inf
        )
        assert bool(tested.pvalue <= 0.05) is rejected
    assert high < 0
    cells = dict(zip(render.COLUMNS, render.row(judged), strict=True))
    assert cells["95 % interval"] == f"[{low:+.3f}, {high:+.3f}]".replace("-", "\u2212")
    assert cells["Over"] == "12 questions"


def test_a_handover_that_was_mended_is_found():
    before = MadeFile(MadeRun(1, found=0.3).events(trios=4, rounds=3))
    after = MadeFile(MadeRun(2, found=0.9).events(trios=4, rounds=3))
    found = figure(compare([before], [after]), "handover.verbatim.top1_rate")
    assert found.verdict == "better"
    assert found.paired.ci95[0] <= 0.6 <= found.paired.ci95[1]
    assert found.paired.n == 16


def test_a_run_against_itself_differs_in_nothing():
    comparison = compare([made(1)], [made(1)])
    assert {one.change for one in comparison.figures} == {0.0}
    assert {one.paired.effect for one in comparison.figures if one.paired} == {0.0}
    assert {one.verdict for one in comparison.figures} == {"~", "descriptive"}
    assert comparison.outcome == "unknown"


def questions_of(events, name):
    return RunFigures(MadeFile(events)).questions[name]


def test_questions_of_one_wording_add_up_to_the_reports_figure():
    events = MadeRun(3, change=0.4).events(trios=3, rounds=2)
    head = head_of(events)
    names = (SAME_ROLE, DIFFERENT_ROLES, DETERMINISM, VERBATIM, "freshness.top_k_rate")
    for name in names:
        means = questions_of(events, name).values()
        total, number = (sum(column) for column in zip(*means, strict=True))
        assert total / number == pytest.approx(find(head, name)), name
        assert number == find(head, METRICS[name].samples) or name == VERBATIM


def test_failed_searches_and_changed_corpora_enter_no_question():
    events = MadeRun(3).events(trios=1, rounds=1)
    for event in events:
        if event.phase == "reissue" and event.coordinator == "alice":
            event.corpus_sizes = {"workers": 5001}
        if event.phase == "reissue" and event.coordinator == "bob":
            event.outcome, event.top_k = "failed", None
    carols = {event.contract for event in events if event.coordinator == "carol"}
    assert {one.split("/")[2] for one in questions_of(events, DETERMINISM)} == carols


def test_trios_of_one_variant_ask_the_same():
    events = MadeRun(3).events(trios=4, rounds=2)
    for event in events:
        event.variant = (event.trio - 1) % 2 + 1
    assert len(questions_of(events, DETERMINISM)) == 2 * 12
    # Of diversity a question is a role that three contracts ask for, or one of three contracts.
    assert len(questions_of(events, SAME_ROLE)) == 2 * 3
    assert len(questions_of(events, DIFFERENT_ROLES)) == 2 * 3


def test_columns_are_the_reports_own_figures(tmp_path):
    """Rounds of unequal size, messages, swaps: where a mean over queries is another number."""
    sides = []
    for seed in (1, 2):
        events = MadeRun(seed, change=0.3, failing=0.1).events(trios=3, rounds=3)
        with_the_rest(events, seed)
        write_document(tmp_path / f"{seed}.json", head_of(events), map(encoder.encode, events))
        sides.append(read_run(tmp_path / f"{seed}.json"))
    found = compare(sides[:1], sides[1:])
    seen = set()
    for one in found.figures:
        if one.name != "steps_per_s":  # no figure of the report: it has that by band only
            reported = [find(side.head, one.name) for side in sides]
            assert [one.a, one.b] == reported, one.name
            seen.add(one.name)
    better = [name for name, metric in METRICS.items() if metric.better]
    assert {name for name in better if find(sides[0].head, name) is not None} <= seen
    assert len(seen) > 8
    returned = next(one for one in found.figures if one.name == "swap.returned")
    row = next(line for line in render.text(found).splitlines() if line.startswith("swap.returned"))
    assert f" {returned.a:.0f} " in row
    assert isinstance(returned.a, (int, float))
    assert returned.a >= 1


def with_the_rest(events, seed):
    """Make of the last round's fresh resumes a message with a rating, or a list after a swap."""
    fresh = [event for event in events if event.phase == "fresh_resume"]
    for number, event in enumerate(fresh):
        if number % 3 == 1:
            event.phase, event.rating = "inbox", 1 + (number * seed) % 5
        elif number % 3 == 2 and event.top_k:
            event.phase, event.exclude_ids = "swap", [event.top_k[0].id]


def test_a_run_whose_evidence_was_not_kept_has_its_reports_figures():
    whole = MadeRun(1).events(trios=2, rounds=3)
    worse = MadeRun(2, change=1.0).events(trios=2, rounds=3)
    a, b = MadeFile(whole), MadeFile(evidence="none")
    a.head |= head_of(whole)
    b.head |= head_of(worse) | {"run": b.head["run"], "scenario": a.head["scenario"]}
    found = figure(compare([a], [b]), DETERMINISM)
    assert (found.a, found.b) == tuple(find(file.head, DETERMINISM) for file in (a, b))
    assert (found.paired, found.p) == (None, None)
    assert found.change == pytest.approx(found.b - found.a)


def test_what_is_gone_is_told_though_evidence_was_sampled():
    events = MadeRun(1).events(trios=2, rounds=3)
    without = [event for event in events if event.phase != "reissue"]
    a, b = MadeFile(events), MadeFile(without[:5], evidence="sample=0.1")
    a.head |= head_of(events)
    b.head |= head_of(without) | {"run": b.head["run"], "scenario": a.head["scenario"]}
    assert compare([a], [b]).gone == [DETERMINISM]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scenario": {"name": "other"}}, "scenario other; .* has three_cities: such runs cannot"),
        ({"scenario": {"name": "three_cities", "variants": []}}, "the scenario's queries"),
        ({"run": {"k": 5}}, "K 5; .* has 8"),
    ],
)
def test_runs_that_asked_other_things_are_refused(change, message):
    other = made(1)
    other.head |= change
    with pytest.raises(UsageError, match=message):
        compare([made(1)], [other])


def test_an_empty_side_is_refused():
    with pytest.raises(UsageError, match="at least one run on either side"):
        compare([made(1)], [])


def test_a_reader_is_warned_of_all_that_differs():
    other = MadeFile(
        path="other.json", corpora={"workers": 9}, peak_users=300, rounds=7, services=[],
        evidence="sample=0.1",
    )  # fmt: skip
    other.head["completeness"] = {"complete": False, "faults": ["w-2 was lost"]}
    other.head["scenario"] = other.head["scenario"] | {"record_rank": 1}
    schedule = {"arrivals": "poisson 20/s", "mix": {"mix_search": 90.0}}
    other.head["run"]["settings"] = other.head["run"].get("settings", {}) | schedule
    told = "\n".join(compare([made(1)], [other]).warnings)
    for words in ("not the same corpora: A has {", "B has none",
                  "not the same most users at once: A has 3, B has 300",
                  "not the same rounds: A has 2, B has 7",
                  "not the same arrivals: A has none, B has poisson 20/s",
                  'not the same mix of arrivals: A has none, B has {"mix_search":90.0}',
                  "other.json is incomplete: w-2 was lost", "kept sample=0.1 of its events",
                  "not the same settings of the scenario"):  # fmt: skip
        assert words in told


def test_a_run_that_could_not_send_some_steps_proves_nothing():
    other = MadeFile(path="other.json")
    other.head["faults"] = {"unsent_steps": 1_200}
    found = compare([made(1)], [other])
    assert found.unsent == ["other.json"]
    assert any("could not send 1,200 steps" in warning for warning in found.warnings)
    assert compare([made(1)], [made(2)]).unsent == []


def test_other_seeds_make_no_pairs():
    other = MadeFile(MadeRun(9, change=1.0).events(), seed=43)
    comparison = compare([made(1)], [other])
    assert comparison.regressions == []
    found = figure(comparison, DETERMINISM)
    assert found.paired.effect < -0.15
    assert (found.paired.p, found.judged_by) == (None, "")
    assert any("seeds differ" in note for note in comparison.notes)


def test_pace_is_steps_by_seconds():
    started = run_section().started
    files = [MadeFile(ended=started + timedelta(seconds=seconds)) for seconds in (10, 20)]
    for file in files:
        file.head["metrics"] = {"errors": {"steps": 1000, "rate": 0.0}}
    pace = figure(compare(files[:1], files[1:]), "steps_per_s")
    assert (pace.a, pace.b, pace.better) == (100, 50, "higher")
    assert pace.change == pytest.approx(-0.5)


def test_a_run_that_was_cut_off_has_no_pace():
    file = MadeFile(ended=None)
    file.head["metrics"] = {"errors": {"steps": 1000, "rate": 0.0}}
    assert RunFigures(file).value("steps_per_s") is None
    found = compare([MadeFile()], [file])
    assert "steps_per_s" not in {one.name for one in found.figures}


@pytest.fixture
def from_files(tmp_path):
    """A comparison of real documents, the second one worse."""
    files = []
    for name, change in (("a|b.json", 0.0), ("b.json", 1.0)):
        events = MadeRun(change=change).events(trios=2, rounds=2)
        write_document(tmp_path / name, head_of(events), map(encoder.encode, events))
        files.append(read_run(tmp_path / name))
    return compare(files[:1], files[1:])


def test_text_has_effect_interval_and_verdict_first(from_files):
    text = render.text(from_files)
    assert text.startswith(f"Proven worse: {DETERMINISM}.")
    row = next(line for line in text.splitlines() if line.startswith(DETERMINISM))
    assert row.split()[1:4] == ["1.000", "0.778", "\u22120.222"]
    assert "worse" in row
    tilde = next(line for line in text.splitlines() if line.startswith("freshness"))
    assert " ~ " in tilde


def test_markdown_has_a_row_for_each_figure(from_files):
    text = render.markdown(from_files)
    assert f"**Proven worse: {DETERMINISM}. " in text
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) == len(from_files.figures)
    assert {row.count("|") for row in rows} == {len(render.COLUMNS) + 1}
    assert "a&#124;b.json" in text


def test_json_names_the_regressions(from_files):
    whole = json.loads(render.json(from_files))
    assert whole["regressions"][0] == DETERMINISM
    assert whole["outcome"] == "regression"
    assert {"name", "change", "ci95", "p", "paired", "verdict", "a", "b"} <= set(
        whole["figures"][0]
    )


def edited(file, change):
    """``file`` with every event as ``change`` leaves it; None leaves it out."""
    events = (decoder.decode(raw) for raw in file.raw)
    file.raw = [encoder.encode(kept) for event in events if (kept := change(event)) is not None]
    return file


def test_a_list_counts_though_a_later_step_of_its_event_failed():
    def recording_failed(event):
        if event.phase == "baseline":
            event.outcome = "failed"
        return event

    whole = compare([made(1), made(2)], [made(3), made(4)])
    broken = compare([made(1), made(2)], [edited(made(n), recording_failed) for n in (3, 4)])
    for name in (DETERMINISM, SAME_ROLE):
        assert figure(broken, name) == figure(whole, name)


def test_a_figure_that_only_one_side_has_is_no_silence():
    def without_handover(event):
        return None if event.phase == "handover" else event

    def without_some(event):
        return None if event.phase == "reissue" and event.coordinator == "bob" else event

    name = VERBATIM
    before, after = [made(1)], [edited(edited(made(2), without_handover), without_some)]
    found = compare(before, after)
    assert (found.gone, found.new) == ([name], [])
    assert name in found.regressions
    assert f"Only in A: {name}" in render.text(found)
    assert "Questions that only A has are not paired (4 to 8 a figure)." in found.notes
    assert compare(after, before).new == [name]
    assert name not in compare(after, before).regressions


def test_of_a_sample_what_bears_no_question_is_not_paired():
    """Events of older versions are counted to tell which is which: of a sample some lack."""

    def keyed(event):
        event.question = f"{event.phase}/{event.coordinator}/{event.contract}/{event.role}"
        return event

    def side(seed, evidence, change=lambda event: event):
        events = MadeRun(seed).events(trios=2, rounds=3)
        return [edited(MadeFile(events, evidence=evidence), change)]

    bare = compare(side(1, "all"), side(2, "sample=0.5"))
    assert DETERMINISM not in {one.name for one in bare.figures}
    found = compare(side(1, "all", keyed), side(2, "sample=0.5", keyed))
    assert figure(found, DETERMINISM).paired.n > 0
    assert figure(compare(side(1, "all"), side(2, "full")), DETERMINISM).paired.n > 0


def test_a_run_that_stands_twice_is_warned_of():
    file = made(1)
    found = compare([file, file], [made(2)])
    assert any("a run is no witness of itself" in warning for warning in found.warnings)


def test_runs_by_a_schedule_are_compared_by_response_lateness_and_what_was_done():
    def by_schedule(p95_ms, begun):
        latency = {
            "response": {"all": {"count": 99, "p50_ms": p95_ms / 2, "p95_ms": p95_ms}},
            "lateness": {"queue": {"count": 99, "p50_ms": 1.0, "p95_ms": p95_ms / 4}},
        }
        run = MadeFile(latency=latency)
        run.head["metrics"] = {
            "arrivals": {"offered": 100, "begun": begun},
            "capacity": {"events_per_s": 1000 / p95_ms},
        }
        return run

    compared = compare([by_schedule(20.0, 100)], [by_schedule(40.0, 80)])
    found = {one.name: one for one in compared.figures}
    assert found["latency.response.all.p95_ms"].change == pytest.approx(1)
    assert found["latency.lateness.queue.p95_ms"].change == pytest.approx(1)
    assert found["arrivals.begun / arrivals.offered"].change == pytest.approx(-0.2)
    assert found["capacity.events_per_s"].change == pytest.approx(-0.5)
    assert found["capacity.events_per_s"].better == "higher"
