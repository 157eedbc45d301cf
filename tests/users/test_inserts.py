"""Where inserts reach the searched corpora, a reissue is judged on what was there before."""

from __future__ import annotations

from types import SimpleNamespace

import msgspec
import pytest

from mcstress.metrics.event import Event, Hit, Inserts, utc
from mcstress.metrics.figures import Figures
from mcstress.users.inserts import inserts_since, resume_id

K = 4
SIZES = {"workers": 100, "others": 50}


def run(fresh="workers"):
    scenario = SimpleNamespace(corpora=["workers", "others"], fresh_corpus=fresh)
    return SimpleNamespace(scenario=scenario, fresh_prefix="f-ab-")


def id_at(second):
    return resume_id(SimpleNamespace(run=run(), name="alice-2", occasion="3"), 1, second)


def test_an_id_says_when_it_was_added_where_searches_find_it():
    assert id_at(1000.5) == "f-ab-alice-2-3-1-t1000500"
    coordinator = SimpleNamespace(run=run("fresh"), name="alice-2", occasion="3")
    assert resume_id(coordinator, 1, 1000.5) == "f-ab-alice-2-3-1"


def test_what_the_run_added_since_is_known_by_its_id():
    hits = [
        Hit(id_at(999.0), "workers", 0.1),  # before
        Hit(id_at(1001.0), "workers", 0.1),
        Hit(id_at(1001.0), "others", 0.1),  # of another corpus
        Hit("f-cd-bob-1-1-t1001000", "workers", 0.1),  # of another run
        Hit("f-ab-t", "workers", 0.1),
        Hit("w-7", "workers", 0.1),
    ]
    assert inserts_since(run(), hits, 1000.0) == Inserts("workers", [id_at(1001.0)])


def event(phase, names, seq, **fields):
    hits = [Hit(name, "workers", n / 10) for n, name in enumerate(names)]
    fields = {"corpus_sizes": SIZES, "found": len(hits)} | fields
    return Event(
        seq=seq, worker="w", time=utc(1000.0 + seq), round=1, trio=1, phase=phase, k=K,
        coordinator="alice", contract="c", role="r", query="q", users=1, top_k=hits, **fields,
    )  # fmt: skip


def judged(before, after, **fields):
    figures = Figures(K)
    figures.add(event("baseline", before, 1))
    figures.add(msgspec.convert(msgspec.to_builtins(event("reissue", after, 2, **fields)), Event))
    return figures.result()["metrics"]["determinism"]


@pytest.mark.parametrize(
    ("after", "inserts", "jaccard", "adjusted"),
    [
        ("abcd", [], 1.0, 0),
        ("xabc", ["x"], 1.0, 1),  # abc against abc: both are cut
        ("abxc", ["x"], 1.0, 1),
        ("xayb", ["x", "y"], 1.0, 1),
        ("xyzv", ["x", "y", "z", "v"], 1.0, 1),  # nothing is left to differ
        ("xabe", ["x"], 2 / 4, 1),  # e is none of ours: abc against abe
        ("abce", [], 3 / 5, 0),
    ],
)
def test_what_came_since_is_taken_out_and_both_are_cut(after, inserts, jaccard, adjusted):
    grown = {**SIZES, "workers": 103}
    found = judged("abcd", after, inserts=Inserts("workers", inserts), corpus_sizes=grown)
    assert found["mean_jaccard"] == pytest.approx(jaccard)
    assert (found["pairs"], found["adjusted_pairs"]) == (1, adjusted)
    assert found["changed_corpora_pairs"] == 0


@pytest.mark.parametrize(
    "sizes", [{**SIZES, "workers": 99}, {**SIZES, "others": 51}, {"workers": 100}]
)
def test_other_changes_of_size_stay_apart(sizes):
    found = judged("abcd", "abcd", inserts=Inserts("workers", []), corpus_sizes=sizes)
    assert (found["pairs"], found["changed_corpora_pairs"]) == (0, 1)


def test_without_inserts_any_change_of_size_stays_apart():
    found = judged("abcd", "abcd", corpus_sizes={**SIZES, "workers": 101})
    assert (found["pairs"], found["changed_corpora_pairs"]) == (0, 1)
