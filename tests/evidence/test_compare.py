import json
from datetime import timedelta
from pathlib import Path
from random import Random

import msgspec
import pytest
from made_report import MadeRun, head_of, run_section, typed

from mcstress.errors import UsageError
from mcstress.evidence.compare import render
from mcstress.evidence.compare.comparison import compare
from mcstress.evidence.compare.quality import RunQuality
from mcstress.evidence.store.document import write_document
from mcstress.evidence.store.history import read_run
from mcstress.metrics.event import decoder, encoder
from mcstress.metrics.names import METRICS, find

DETERMINISM = "determinism.mean_jaccard"
SAME_ROLE = "diversity.same_role_across_contracts.mean_jaccard"
DIFFERENT_ROLES = "diversity.different_roles_within_contract.mean_jaccard"
VERBATIM = "handover.verbatim.top1_rate"
RATING = "inbox.mean_rating"


class MadeFile:
    """A run as ``read_run`` gives it, without a file."""

    def __init__(self, events=(), latency=None, path="made.json", **section):
        self.path = Path(path)
        run = run_section(**section)
        self.head = {
            "run": msgspec.to_builtins(run),
            "scenario": {"name": "three_cities", "variants": [{"contracts": []}]},
            "completeness": {"complete": True},
            "latency": latency or {},
        }
        self.has_digests = True
        self.raw = [encoder.encode(event) for event in events]

    @property
    def document(self):
        return typed(self.head)

    def faults(self):
        return []

    def raw_events(self):
        return iter(self.raw)

    raw_events_as_made = raw_events


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
            one.verdict != "~"
            for one in compare(
                [made(2 * seed, change=0.3, sticky=sticky)],
                [made(2 * seed + 1, change=0.3, sticky=sticky)],
            ).figures
        )
        for seed in range(repeats)
    )
    assert called / repeats <= 0.07


def latencies(rng, slower=1.0):
    """Eight steps' figures of a run: each run has good and bad luck of its own."""
    luck = rng.lognormvariate(0, 0.15)
    steps = {}
    for step in range(8):
        p50 = (step + 1) * luck * rng.lognormvariate(0, 0.1) * slower
        steps[f"step_{step}"] = {"p50_ms": p50, "p95_ms": p50 * rng.lognormvariate(0.7, 0.1)}
    return steps


def test_speed_that_did_not_change_is_rarely_called_different():
    repeats, called = 150, 0
    for seed in range(repeats):
        rng = Random(seed)
        a, b = ([MadeFile(latency=latencies(rng)) for _ in range(8)] for _ in range(2))
        called += any(one.verdict != "~" for one in compare(a, b).figures)
    assert called / repeats <= 0.07


def test_a_true_difference_of_known_size_is_found():
    comparison = compare([made(1), made(2)], [made(3, change=0.6), made(4, change=0.6)])
    changed = figure(comparison, DETERMINISM)
    # One hit of eight differs: 7 of 9 are shared, in half of the reissues more than before.
    true = -0.5 * (1 - 7 / 9)
    assert changed.verdict == "worse"
    assert changed.ci95[0] <= true <= changed.ci95[1]
    assert changed.effect == pytest.approx(true, abs=0.04)
    assert comparison.regressions == [DETERMINISM]


def test_a_handover_that_was_mended_is_found():
    before = MadeFile(MadeRun(1, found=0.3).events(trios=4, rounds=3))
    after = MadeFile(MadeRun(2, found=0.9).events(trios=4, rounds=3))
    found = figure(compare([before], [after]), "handover.verbatim.top1_rate")
    assert found.verdict == "better"
    assert found.ci95[0] <= 0.6 <= found.ci95[1]
    assert found.n_a == 16


def test_slower_runs_are_found_and_by_how_much():
    rng = Random(9)
    a = [MadeFile(latency=latencies(rng)) for _ in range(8)]
    b = [MadeFile(latency=latencies(rng, slower=1.8)) for _ in range(8)]
    comparison = compare(a, b)
    assert len(comparison.regressions) == 16
    slower = figure(comparison, "latency.step_3.p95_ms")
    assert slower.ci95[0] <= 0.8 <= slower.ci95[1]
    assert slower.relative


def test_fewer_than_four_runs_a_side_prove_no_latency_and_show_it():
    rng = Random(1)
    a = [MadeFile(latency=latencies(rng)) for _ in range(3)]
    b = [MadeFile(latency=latencies(rng, slower=9)) for _ in range(4)]
    comparison = compare(a, b)
    assert comparison.regressions == []
    (note,) = comparison.notes
    assert note.startswith("Speed: with 3 against 4 runs nothing can be significant; from 4 a side")
    assert figure(comparison, "latency.step_0.p50_ms").effect > 5


def test_four_runs_a_side_are_too_few_for_sixteen_figures_at_once():
    rng = Random(1)
    a, b = ([MadeFile(latency=latencies(rng)) for _ in range(4)] for _ in range(2))
    assert "for 16 figures at once it takes 6 a side" in compare(a, b).notes[0]


def test_a_run_against_itself_differs_in_nothing():
    comparison = compare([made(1)], [made(1)])
    assert {one.effect for one in comparison.figures} == {0.0}
    assert {one.verdict for one in comparison.figures} == {"~"}


def questions_of(events, name):
    return RunQuality(MadeFile(events)).questions[name]


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
    assert {one.persona for one in questions_of(events, DETERMINISM)} == {"carol"}


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
    assert {name for name, metric in METRICS.items() if metric.better} <= seen
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
    assert (found.n_a, found.p) == (0, None)
    assert found.effect == pytest.approx(found.b - found.a)


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
    told = "\n".join(compare([made(1)], [other]).warnings)
    for words in ("corpora differ", "services differ", "load (users at most) differ",
                  "rounds differ",
                  "other.json is incomplete: w-2 was lost", "kept sample=0.1 of its events",
                  "settings of the scenario differ"):  # fmt: skip
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
    assert figure(comparison, DETERMINISM).effect < -0.15
    assert any("seeds differ" in note for note in comparison.notes)


def test_pace_is_steps_by_seconds():
    started = run_section().started
    files = [MadeFile(ended=started + timedelta(seconds=seconds)) for seconds in (10, 20)]
    for file in files:
        file.head["metrics"] = {"errors": {"steps": 1000, "rate": 0.0}}
    pace = figure(compare(files[:1], files[1:]), "steps_per_s")
    assert (pace.a, pace.b, pace.better) == (100, 50, "higher")
    assert pace.effect == pytest.approx(-0.5)


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
    assert text.startswith(f"Proven worse: {DETERMINISM}.\n")
    row = next(line for line in text.splitlines() if line.startswith(DETERMINISM))
    assert row.split()[1] == "\u22120.222"
    assert "worse" in row
    tilde = next(line for line in text.splitlines() if line.startswith("freshness"))
    assert " ~ " in tilde


def test_markdown_has_a_row_for_each_figure(from_files):
    text = render.markdown(from_files)
    assert f"**Proven worse: {DETERMINISM}.**" in text
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) == len(from_files.figures)
    assert {row.count("|") for row in rows} == {9}
    assert "a&#124;b.json" in text


def test_json_names_the_regressions(from_files):
    whole = json.loads(render.json(from_files))
    assert whole["regressions"] == [DETERMINISM]
    assert {"name", "effect", "ci95", "p", "p_holm", "verdict", "a", "b"} <= set(
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
    assert any(note.startswith(f"{DETERMINISM} leaves out ") for note in found.notes)
    assert compare(after, before).new == [name]
    assert name not in compare(after, before).regressions


def test_of_a_sample_no_message_is_paired_with_another():
    def as_message(event):
        if event.phase == "fresh_resume":
            event.phase, event.rating = "inbox", 4
        return event

    def side(seed, evidence):
        events = MadeRun(seed).events(trios=2, rounds=3)
        return [edited(MadeFile(events, evidence=evidence), as_message)]

    found = compare(side(1, "all"), side(2, "sample=0.5"))
    assert figure(found, RATING).n_a == 0
    assert any(note.startswith(f"{RATING} is not paired") for note in found.notes)
    assert figure(compare(side(1, "all"), side(2, "full")), RATING).n_a > 0


def test_a_run_that_stands_twice_is_warned_of():
    file = made(1)
    found = compare([file, file], [made(2)])
    assert any("a run is no witness of itself" in warning for warning in found.warnings)
