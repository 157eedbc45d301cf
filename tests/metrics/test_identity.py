"""Who a hit is: corpus and id. One number in two corpora is two people, in every figure."""

from __future__ import annotations

import pytest
from made_run import CONTRACTS, SHARED, SIZES, K, MadeRun, again, at

from mcstress.metrics.event import Event, Hit, Item
from mcstress.metrics.figures import Figures
from mcstress.metrics.identity import (
    MOST_CORPORA,
    MOST_IDS,
    _known,
    identities,
    identity,
    named,
)

WORKERS, ETHEREAL = "workers", "ethereal_workers"


def hits(corpus, *ids):
    return [Hit(id_, corpus, 0.1 * rank) for rank, id_ in enumerate(ids)]


def event(seq, phase, top_k, **fields):
    defaults = {"contract": CONTRACTS["alice"], "role": SHARED[0], "coordinator": "alice"}
    return Event(
        seq=seq, worker="w#1", time=at(seq), round=1, trio=1, phase=phase, k=K, users=1,
        corpus_sizes=dict(SIZES), top_k=top_k, **(defaults | fields),
    )  # fmt: skip


def results(*events, folds=True):
    figures = Figures(K, folds=folds)
    for one in events:
        figures.add(one)
    if folds:
        return figures.result()
    whole = Figures(K)
    whole.merge(Figures.from_state(figures.state()))
    return whole.result()


def values(made, name):
    """The mean of each question, as ``mcstress compare`` pairs them."""
    figures = Figures(K)
    figures.add_all(made)
    return [total / number for total, number in figures.per_question()[name].values()]


SEVEN, NAMESAKE = hits(WORKERS, "7", "8"), hits(ETHEREAL, "7", "8")


def test_an_identity_names_its_parts_whatever_they_hold():
    for corpus, id_ in (("a/b", "c"), ("a", "b/c"), ("", "x"), ("a", "")):
        assert named(identity(corpus, id_)) == {"id": id_, "corpus": corpus}
    assert len({identity("a/b", "c"), identity("a", "b/c")}) == 2
    assert named("w-1") == {"id": "w-1", "corpus": None}
    assert identities(SEVEN) == [identity(WORKERS, "7"), identity(WORKERS, "8")]


@pytest.mark.parametrize("folds", [True, False])
def test_namesakes_share_nothing_in_diversity_and_determinism(folds):
    made = [
        event(1, "baseline", SEVEN),
        event(2, "baseline", NAMESAKE, contract=CONTRACTS["bob"], coordinator="bob"),
        event(3, "reissue", NAMESAKE, paired_seq=1),
    ]
    found = results(*made, folds=folds)
    same_role = found["metrics"]["diversity"]["same_role_across_contracts"]
    assert (same_role["mean_jaccard"], same_role["sharing_pairs"], same_role["pairs"]) == (0, 0, 1)
    determinism = found["metrics"]["determinism"]
    assert (determinism["mean_jaccard"], determinism["top1_rate"]) == (0, 0)
    assert [pair["mean_jaccard"] for pair in found["heat_map"]["pairs"]] == [0]
    (worst,) = found["worst_reissues"]
    assert worst["baseline"] == [{"id": "7", "corpus": WORKERS}, {"id": "8", "corpus": WORKERS}]
    assert worst["reissue"] == [{"id": "7", "corpus": ETHEREAL}, {"id": "8", "corpus": ETHEREAL}]
    assert values(made, "diversity.same_role_across_contracts.mean_jaccard") == [0]
    assert values(made, "determinism.mean_jaccard") == [0]


def test_a_list_with_namesakes_holds_no_hit_twice():
    mixed = [*SEVEN, *NAMESAKE]
    found = results(event(1, "baseline", mixed), event(2, "reissue", mixed, paired_seq=1))
    assert found["faults"]["repeated_ids"] == 0
    assert found["metrics"]["determinism"]["mean_overlap_at_k"] == 1
    twice = results(event(1, "baseline", [*mixed, SEVEN[0]]))
    assert twice["faults"]["repeated_ids"] == 1


@pytest.mark.parametrize(("corpus", "top1"), [(WORKERS, 1), (ETHEREAL, 0), (None, 1)])
def test_an_expected_namesake_has_not_come_back(corpus, top1):
    """Events of older versions name no corpus, and their ids count whatever it is."""
    expects = {"expected": "7", "expected_corpus": corpus}
    made = [
        event(1, "handover", SEVEN, arm="memory", **expects),
        event(2, "handover", SEVEN, arm="control", paired_seq=1, **expects),
        event(3, "fresh_resume", SEVEN, **expects),
    ]
    metrics = results(*made)["metrics"]
    assert metrics["handover"]["verbatim"]["top1"] == top1
    assert metrics["handover"]["verbatim"]["control_top1"] == top1
    assert metrics["freshness"]["top_k"] == top1
    assert values(made, "handover.verbatim.top1_rate") == [top1]
    assert values(made, "freshness.top_k_rate") == [top1]


REJECTED = {"exclude_ids": ["7", "8"], "rejected": [Item("7", WORKERS), Item("8", WORKERS)]}


@pytest.mark.parametrize(
    ("after", "fields", "returned"),
    [
        (NAMESAKE, REJECTED, 0),
        (SEVEN, REJECTED, 2),
        ([SEVEN[1], NAMESAKE[0]], REJECTED, 1),
        (NAMESAKE, {"exclude_ids": ["7", "8"]}, 2),
    ],
    ids=["namesakes", "the same", "one of each", "an older version's"],
)
def test_a_namesake_of_the_rejected_has_not_returned(after, fields, returned):
    made = [event(1, "swap", SEVEN), event(2, "swap", after, paired_seq=1, **fields)]
    swap = results(*again(made))["metrics"]["swap"]
    assert swap["returned"] == returned
    assert values(made, "swap.returned") == [returned]


def test_states_of_an_older_version_are_added_up_as_they_were():
    """They hold bare ids, which are compared among themselves."""
    events = MadeRun(3).rounds(2, 1)
    figures = Figures(K, folds=False)
    for one in events:
        figures.add(one)
    state = figures.state()
    for row in state["rounds"]:
        row[-1] = row[-1] and [who.rpartition("\0")[2] for who in row[-1]]
    for row in state["worst"]:
        row[-2:] = [[who.rpartition("\0")[2] for who in listed] for listed in row[-2:]]
    del state["bands"][next(iter(state["bands"]))]["latency"]
    whole = Figures(K)
    whole.merge(Figures.from_state(state))
    found = whole.result()
    assert found["metrics"]["diversity"]["same_role_across_contracts"]["pairs"] == 18
    assert found["worst_reissues"][0]["baseline"][0]["corpus"] is None


def test_identities_are_remembered_once_and_not_without_end():
    again = [identities([Hit("w-1", "workers", 0.1)])[0] for _ in range(2)]
    assert again[0] is again[1]
    for number in range(3 * MOST_IDS):
        (made,) = identities([Hit(f"w-{number}", "workers", 0.1)])
        assert made == identity("workers", f"w-{number}")
    assert max(map(len, _known.values())) <= MOST_IDS
    for number in range(3 * MOST_CORPORA):
        (made,) = identities([Hit("w-1", f"corpus {number}", 0.1)])
        assert made == identity(f"corpus {number}", "w-1")
    assert len(_known) <= MOST_CORPORA
