"""Scores on traces are of the same events and pairs as the report's figures."""

from __future__ import annotations

import pytest

from mcstress.metrics.event import Event, Hit, utc
from mcstress.metrics.figures import Figures
from mcstress.services.step import Step
from mcstress.worker.trace_scores import Scores


class Kept:
    """Keeps what it is told, as a tracer would."""

    def __init__(self):
        self.scores = []

    def add_scores(self, scores):
        self.scores += [(one.name, one.value, one.trace_id, one.observation_id) for one in scores]


class Run:
    """The same events for scores and for the figures of the report."""

    def __init__(self):
        self.kept = Kept()
        self.scores = Scores([self.kept])
        self.figures = Figures(8, say=self.scores.say)
        self.seq = 0

    def add(self, phase, ids, **details):
        self.seq += 1
        event = Event(
            **{
                "seq": self.seq, "worker": "w1", "time": utc(1_790_000_000 + self.seq),
                "round": 1, "trio": 1, "phase": phase, "coordinator": "alice", "role": "cook",
                "k": 8, "trace_id": f"trace of {phase}",
                "top_k": None if ids is None else [Hit(one, "workers", 0.5) for one in ids],
                **details,
            }
        )  # fmt: skip
        steps = [step("embed", "e"), step("matrix.search", "s")]
        self.scores.note(event, steps)
        self.figures.add(event)
        self.scores.send()
        return event

    def metrics(self):
        return self.figures.result([])["metrics"]

    def values(self, name):
        return [value for found, value, _, _ in self.kept.scores if found == name]


def step(name, span_id):
    return Step(name, 0.0, 1.0, span_id, url="http://127.0.0.1", request=b"")


@pytest.fixture
def run():
    return Run()


def test_a_reissue_is_compared_with_its_own_baseline(run):
    baseline = run.add("baseline", ["a", "b", "c"])
    run.add("reissue", ["a", "b", "d"], paired_seq=baseline.seq)
    assert run.kept.scores == [("determinism", 0.5, "trace of reissue", "s")]
    assert run.metrics()["determinism"]["mean_jaccard"] == 0.5


def test_a_baseline_that_failed_has_no_score_of_determinism(run):
    run.add("baseline", None, outcome="failed")
    run.add("reissue", ["a", "b"])
    assert run.kept.scores == []
    assert run.metrics()["determinism"]["pairs"] == 0


def test_a_baseline_of_the_round_before_is_no_counterpart(run):
    run.add("baseline", ["a", "b"])
    run.add("reissue", None, outcome="failed")
    run.add("baseline", None, outcome="failed", round=2)
    run.add("reissue", ["c", "d"], round=2)
    assert run.kept.scores == []
    assert run.metrics()["determinism"]["pairs"] == 0


def test_corpora_that_changed_give_no_score(run):
    before = run.add("baseline", ["a"], corpus_sizes={"workers": 5})
    run.add("reissue", ["a"], corpus_sizes={"workers": 6}, paired_seq=before.seq)
    assert run.kept.scores == []
    assert run.metrics()["determinism"]["pairs"] == 0


def test_what_was_cut_off_has_no_score_and_a_failed_recording_takes_none_back(run):
    first = run.add("baseline", ["a", "b"], outcome="failed", error="playbook.record: 500")
    run.add("reissue", ["a", "b"], paired_seq=first.seq)
    run.add("baseline", ["a", "b"], role="guard", outcome="cut")
    run.add("reissue", ["a", "b"], role="guard")
    assert run.values("determinism") == [1.0]
    assert run.metrics()["determinism"]["pairs"] == 1


def test_an_id_twice_counts_once(run):
    run.add("baseline", ["a", "a", "b"])
    run.add("reissue", ["a", "b", "b"])
    assert run.values("determinism") == [1.0] == [run.metrics()["determinism"]["mean_jaccard"]]


@pytest.mark.parametrize(
    ("ids", "top1", "top_k"),
    [(["x", "a"], True, True), (["a", "x"], False, True), (["a"], False, False)],
)
def test_handovers_are_scored_in_the_memory_arm(run, ids, top1, top_k):
    run.add("handover", ids, arm="memory", expected="x")
    run.add("handover", ids, arm="control", expected="x")
    run.add("handover", ids, arm="memory", expected=None)
    assert run.kept.scores == [
        ("handover_top1", top1, "trace of handover", "s"),
        ("handover_top_k", top_k, "trace of handover", "s"),
    ]
    verbatim = run.metrics()["handover"]["verbatim"]
    assert (verbatim["queries"], verbatim["top1"], verbatim["top_k"]) == (1, top1, top_k)


def test_a_rating_is_scored(run):
    run.add("inbox", ["a"], rating=4)
    run.add("inbox", ["a"])
    assert run.kept.scores == [("judge_rating", 4.0, "trace of inbox", "s")]
