"""The worst of each kind against a sort of all there are, in any split and order."""

from __future__ import annotations

import json

import brute
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_run import K, MadeRun

from mcstress.metrics.figures import Figures
from mcstress.metrics.worst_events import HITS_KEPT, KEPT, TEXT_LENGTH, without_queries

EVENTS = MadeRun(5, faults=0.1, change=0.5).rounds(4, 3)
for one in EVENTS:  # some name no counterpart, as events of older versions
    if one.arm == "control" and one.paired_seq is None:
        one.arm, one.phase = None, "surge"


def figures_of(events) -> Figures:
    figures = Figures(K)
    figures.add_all(events)
    return figures


def slowest(events):
    """(latency, worker, seq) of every search that was not cut, the slowest first."""
    found = [
        (max(steps), event.time, event.worker, event.seq)
        for event in events
        if event.outcome != "cut"
        and (
            steps := [
                step.latency_ms
                for step in event.steps
                if step.name == "matrix.search" and not step.cut
            ]
        )
    ]
    return sorted(found, key=lambda one: (-one[0], one[1:]))[:KEPT]


def missed(events):
    """Every memory arm without its answer at top-1 whose control answered: (in its list, which)."""
    by_seq = {(event.worker, event.seq): event for event in events}
    found = []
    for event in events:
        if event.arm != "control" or brute.ids_of(event) is None or event.outcome == "cut":
            continue
        memory = by_seq.get((event.worker, event.paired_seq))
        if memory is None or brute.ids_of(memory) is None or memory.outcome == "cut":
            continue
        ids, wanted = brute.ids_of(memory), brute.wanted(memory)
        if ids[:1] != [wanted]:
            found.append((wanted in ids, memory.time, memory.worker, memory.seq, memory.phase))
    same = sorted(one[:4] for one in found if one[4] == "handover")
    other = sorted(one[:4] for one in found if one[4] == "handover_paraphrase")
    return same[:KEPT] + other[:KEPT]


def names(rows):
    return [(one["worker"], one["seq"]) for one in rows]


def test_they_are_the_first_of_all_that_there_are():
    found = figures_of(EVENTS).result()["examples"]
    expected = slowest(EVENTS)
    assert names(found["slowest_searches"]) == [one[2:] for one in expected]
    told = [one["latency_ms"] for one in found["slowest_searches"]]
    assert told == pytest.approx([one[0] for one in expected], abs=1e-6)
    misses = missed(EVENTS)
    assert len(misses) > KEPT
    assert names(found["missed_handovers"]) == [one[2:] for one in misses]
    assert [one["in_list"] for one in found["missed_handovers"]] == [one[0] for one in misses]
    rated = sorted(
        (event.rating, event.time, event.worker, event.seq)
        for event in EVENTS
        if event.rating is not None and event.rating < 5 and event.outcome != "cut"
    )
    assert names(found["lowest_ratings"]) == [one[2:] for one in rated[:KEPT]]


def test_each_has_its_list_and_that_of_its_control():
    by_seq = {(event.worker, event.seq): event for event in EVENTS}
    for one in figures_of(EVENTS).result()["examples"]["missed_handovers"]:
        memory = by_seq[one["worker"], one["seq"]]
        pair = (memory.worker, memory.seq)
        control = next(e for e in EVENTS if (e.worker, e.paired_seq) == pair and e.arm)
        assert one["query"] == memory.query
        assert [hit["id"] for hit in one["found"]] == [hit.id for hit in memory.top_k]
        assert [hit["id"] for hit in one["beside"]] == [hit.id for hit in control.top_k]
        assert one["expected"]["id"] == memory.expected


WHOLE = figures_of(EVENTS).state()["examples"]


@settings(max_examples=15)
@given(takes=st.integers(1, 200), data=st.data())
def test_any_split_and_order_keeps_the_same(takes, data):
    worker, parts = Figures(K, folds=False), []
    for number, event in enumerate(EVENTS):
        worker.add(event)
        if number % takes == 0:
            parts.append(worker.take().state())
    parts.append(worker.take().state())
    master = Figures(K)
    for number in data.draw(st.permutations(range(len(parts)))):
        master.merge(Figures.from_state(json.loads(json.dumps(parts[number]))))
    assert master.state()["examples"] == WHOLE


def test_what_a_service_said_is_cut_in_length():
    events = MadeRun(7).rounds(1, 1)
    for event in events:
        event.query = "q" * 10_000
        if event.top_k:
            hit = event.top_k[0]
            event.top_k = [type(hit)(f"{n}{'x' * 5_000}", hit.corpus, 0.1) for n in range(K)]
    for one in figures_of(events).result()["examples"]["slowest_searches"]:
        assert len(one["query"]) == TEXT_LENGTH
        assert len(one["found"]) <= HITS_KEPT
        assert all(len(hit["id"]) < TEXT_LENGTH for hit in one["found"])


def test_queries_can_be_left_out_of_a_state():
    state = figures_of(EVENTS).state()
    bare = without_queries(state)
    told = json.dumps(bare)
    assert not any(event.query in told for event in EVENTS if event.query)
    found = Figures.from_state(bare).result()
    assert {one["query"] for one in found["worst_reissues"]} == {""}
    assert names(found["examples"]["slowest_searches"]) == [one[2:] for one in slowest(EVENTS)]
