"""The registry: what a metric of one's own must be, and that all that is derived follows it."""

from __future__ import annotations

import pytest
from made_run import MadeRun

from mcstress.metrics.check import parse_check
from mcstress.metrics.figures import Figures
from mcstress.metrics.metric import COUNT, FigureGroup, Metric, Range, question_means
from mcstress.metrics.names import METRICS, find
from mcstress.metrics.readings import readings
from mcstress.metrics.registry import REGISTRY, metric
from mcstress.metrics.tally import Tally


class Spread(Metric):
    """Lists by number of corpora: a metric as a locustfile would have one."""

    key = section = "spread"
    hears = ("reissue", "baseline")

    def __init__(self):
        self.lists = Tally()

    @classmethod
    def names(cls):
        of = FigureGroup("spread", cls.hears, "lists").name
        yield of("lists", COUNT, "lists")
        yield of("planned", COUNT, "lists that were planned")
        low = Range("<", 2, "healthy", "one corpus"), Range(">=", 2, "spread", "more")
        yield of("mean", "corpora", "corpora of a list", ranges=low, better="higher", label="m")

    @classmethod
    def planned(cls, one_round):
        return {"spread": one_round.asked["reissue"]}

    def add(self, event, seen):
        del event
        if seen.hits is not None:
            self.lists[seen.question, len({hit.corpus for hit in seen.hits})] += 1

    def per_question(self):
        rows = ((question, number, n) for (question, number), n in self.lists.items())
        return {"spread.mean": question_means(rows)}

    def result(self, context):
        total = self.lists.total()
        mean = sum(number * n for (_, number), n in self.lists.items()) / total if total else None
        return {"lists": total, "planned": context.planned.get("spread", 0), "mean": mean}


@pytest.fixture
def spread():
    metric(Spread)
    yield
    del REGISTRY["spread"]


def corpora_of(event):
    return len({hit.corpus for hit in event.top_k})


@pytest.fixture(scope="module")
def events():
    return MadeRun(4, faults=0.1).rounds(3, 2)


@pytest.mark.usefixtures("spread")
def test_all_that_is_derived_has_a_metric_of_ones_own(events):
    figures = Figures(8)
    figures.add_all(events)
    results = figures.result(planned={"spread": 7})
    heard = [
        event
        for event in events
        if event.phase in Spread.hears and event.outcome != "cut" and event.top_k is not None
    ]
    mean = sum(map(corpora_of, heard)) / len(heard)
    assert results["metrics"]["spread"] == {"lists": len(heard), "planned": 7, "mean": mean}
    assert sum(band["spread"]["lists"] for band in results["load_curve"]) == len(heard)
    assert find(results, "spread.mean") == mean
    assert parse_check("spread.mean >= 1").metric == "spread.mean"
    assert readings(results)["spread.mean"]["word"] == ("healthy" if mean < 2 else "spread")
    total, number = (
        sum(column) for column in zip(*figures.per_question()["spread.mean"].values(), strict=True)
    )
    assert (total / number, number) == (pytest.approx(mean), len(heard))


@pytest.mark.usefixtures("spread")
def test_workers_hand_it_over_and_a_reader_without_it_leaves_it_out(events):
    worker = Figures(8, folds=False)
    worker.add_all(events)
    master = Figures(8)
    master.merge(Figures.from_state(worker.take().state()))
    state = master.state()
    lists = master.result()["metrics"]["spread"]["lists"]
    assert Figures.from_state(state).result()["metrics"]["spread"]["lists"] == lists > 0
    known = REGISTRY.pop("spread")
    try:
        results = Figures.from_state(state).result()["metrics"]
        assert "spread" not in results
        assert "spread.mean" not in METRICS
        assert results["determinism"] == master.result()["metrics"]["determinism"]
    finally:
        REGISTRY["spread"] = known


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"key": "Spread!"}, "expected small letters"),
        ({"key": "swap"}, "there is one of this key already"),
        ({"hears": ("recall",)}, "hears recall; known are baseline, fresh_resume"),
        ({"section": "dwell"}, "its figure spread.lists is not in dwell"),
    ],
)
def test_what_cannot_be_registered_is_told(change, message):
    fields = {"key": "other", **change}
    with pytest.raises(ValueError, match=message):
        metric(type("Other", (Spread,), fields))
    assert "other" not in REGISTRY


def test_a_figure_that_is_there_is_not_taken_twice():
    metric(Spread)
    try:
        with pytest.raises(ValueError, match=r"there is a figure spread\.lists already"):
            metric(type("Other", (Spread,), {"key": "other"}))
    finally:
        del REGISTRY["spread"]


def test_states_of_older_versions_have_no_unit():
    """What a report of 0.1.0 handed over: places, arms, ratings and returns without a question."""
    old = {
        "freshness": {"places": [[0, 3], [2, 1]], "attempted": [[4]]},
        "inbox": {"messages": [["attempted", 2]], "ratings": [[4, 2]]},
        "swap": {"after": [["returned", 1], ["swaps", 2]], "attempted": [["second", 2]]},
        "handover": {"arms": [["verbatim", "memory", 0, 3], ["verbatim", "memory", 2, 1]]},
        "events": [["surge", "ok", 7]],
    }
    figures = Figures.from_state({"k": 8, "folds": True, "bands": {"1": old}})
    metrics = figures.result()["metrics"]
    assert (metrics["freshness"]["top1"], metrics["freshness"]["resumes"]) == (3, 4)
    assert metrics["inbox"]["mean_rating"] == 4
    assert metrics["swap"]["returned"] == 1
    assert metrics["handover"]["verbatim"]["top1_rate"] == 3 / 4
    assert metrics["events"]["total"] == 7
