"""Any split of the users over workers, any takes, any order of merging: the same bits."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_run import K, MadeRun, users_timeline

from mcstress.metrics.accumulators import Accumulators
from mcstress.metrics.figures import Figures
from mcstress.metrics.rounds import Rounds

RUNS = {
    seed: MadeRun(seed, faults=faults, change=0.5).rounds(trios, rounds, variants=variants)
    for seed, faults, trios, rounds, variants in (
        (1, 0.0, 2, 2, 4), (2, 0.2, 3, 3, 2), (3, 0.1, 3, 2, None),
    )
}  # fmt: skip


def whole(events, **options) -> Figures:
    figures = Figures(K, **options)
    for event in events:
        figures.add(event)
    return figures


EXPECTED = {seed: json.dumps(whole(events).state()) for seed, events in RUNS.items()}


@cache
def expected(seed, cells):
    """State and result of a run's figures in one process."""
    one = whole(RUNS[seed], cells=cells)
    return json.dumps(one.state()), one.result(users_timeline(RUNS[seed]))


def deltas_of(events, workers, takes) -> list[Figures]:
    """What ``workers`` hand over: each user on one of them, a take now and then."""
    places: dict[str, Figures] = {}
    taken = []
    pool = [Figures(K, folds=False) for _ in range(workers)]
    for number, event in enumerate(events):
        place = places.setdefault(event.coordinator, pool[len(places) % workers])
        place.add(event)
        if number % takes == 0:
            taken.append(place.take())
    return [*taken, *(figures.take() for figures in pool)]


def carried(figures: Figures, how: str) -> Figures:
    """``figures`` after the journey from a worker to the master."""
    state = figures.state()
    if how == "json":
        state = json.loads(json.dumps(state))
    elif how == "msgpack":
        state = msgpack.unpackb(msgpack.packb(state))
    return Figures.from_state(state)


@settings(max_examples=40)
@given(
    seed=st.sampled_from(sorted(RUNS)),
    workers=st.sampled_from([1, 2, 8]),
    takes=st.integers(1, 400),
    cells=st.sampled_from([None, 12]),
    data=st.data(),
)
def test_workers_and_order_leave_no_trace(seed, workers, takes, cells, data):
    how = data.draw(st.sampled_from(["json", "msgpack"]))
    deltas = deltas_of(RUNS[seed], workers, takes)
    order = data.draw(st.permutations(range(len(deltas))))
    master = Figures(K, cells=cells)
    for number in order:
        master.merge(carried(deltas[number], how))
    state, result = expected(seed, cells)
    assert json.dumps(master.state()) == state
    assert master.result(users_timeline(RUNS[seed])) == result


@settings(max_examples=20)
@given(seed=st.sampled_from(sorted(RUNS)), parts=st.integers(1, 5), data=st.data())
def test_a_tree_of_masters_gives_the_same(seed, parts, data):
    """Figures that paired lists among themselves can be merged too."""
    deltas = deltas_of(RUNS[seed], 8, 97)
    masters = [Figures(K) for _ in range(parts)]
    for delta in deltas:
        masters[data.draw(st.integers(0, parts - 1))].merge(delta)
    top = Figures(K)
    for number in data.draw(st.permutations(range(parts))):
        top.merge(carried(masters[number], "msgpack"))
    assert json.dumps(top.state()) == EXPECTED[seed]


def test_percentiles_are_identical_for_1_2_and_8_workers():
    events = MadeRun(5).rounds(10, 3)
    results = []
    for workers in (1, 2, 8):
        master = Figures(K)
        for delta in deltas_of(events, workers, 500):
            master.merge(delta)
        results.append(master.result()["latency"])
    assert results[0]["matrix_search"]["p99_ms"] is not None
    assert results[0] == results[1] == results[2]


def test_without_cells_the_figures_are_the_same():
    """Knowing how many lists a round has saves memory and changes nothing else."""
    events = MadeRun(6, faults=0.1).rounds(4, 3)
    with_cells, without = whole(events, cells=12), whole(events)
    assert with_cells.result() == without.result()
    assert "rounds" not in with_cells.state()
    assert len(without.state()["rounds"]) == 4 * 3 * 12 - sum(
        1 for event in events if event.phase == "baseline" and event.outcome == "cut"
    )


def test_what_is_merged_has_relevance_masks_and_questions():
    """Or the tests above would say nothing of them."""
    for seed, events in RUNS.items():
        state = whole(events).state()
        assert {"quick", "failed", "latencies"} <= {*state["availability"]["gateway"]} or seed == 1
        one = state["bands"]
        kept = {key for band in one.values() for key in band}
        assert {"relevance", "relevance_by_truth", "against_rest", "determinism"} <= kept
        assert all(band["relevance"]["by_rule"]["lists"]["rows"] for band in one.values())
        assert expected(seed, None)[1]["readings"]


def test_a_state_is_read_back_whole():
    for events in RUNS.values():
        for figures in (whole(events), whole(events, folds=False)):
            state = figures.state()
            assert Figures.from_state(json.loads(json.dumps(state))).state() == state
            assert Figures.from_state(msgpack.unpackb(msgpack.packb(state))).state() == state


def test_states_hold_no_floats():
    def leaves(part):
        if isinstance(part, dict):
            assert all(isinstance(key, str) for key in part)
            part = list(part.values())
        return (
            [leaf for item in part for leaf in leaves(item)] if isinstance(part, list) else [part]
        )

    for folds in (True, False):
        found = {type(leaf) for leaf in leaves(whole(RUNS[2], folds=folds).state())}
        assert found <= {int, str, bool, type(None)}


def test_a_take_empties_and_keeps_what_waits_for_its_counterpart():
    worker, events = Figures(K, folds=False), RUNS[1]
    for event in events[:40]:
        worker.add(event)
    first = worker.take()
    assert worker.state() == Figures(K, folds=False).state()
    for event in events[40:]:
        worker.add(event)
    master = Figures(K)
    master.merge(worker.take())
    master.merge(first)
    assert json.dumps(master.state()) == EXPECTED[1]


def test_what_was_paired_cannot_be_handed_over_unpaired():
    with pytest.raises(RuntimeError):
        Figures(K).take()
    with pytest.raises(RuntimeError):
        Figures(K, folds=False).merge(whole(RUNS[1]))


def test_only_who_works_out_results_imports_scipy():
    """A third of a second and 15 MB; who looks at results during a run has it before."""
    code = """
import sys
from mcstress.metrics.accumulators import Accumulators
from mcstress.metrics.figures import Figures
from mcstress.metrics.rounds import Rounds
from mcstress.metrics.intervals import import_scipy
Figures(8, folds=False).take().state()
Figures(8)
assert "scipy" not in sys.modules
import_scipy()
assert "scipy.special" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_lists_that_wait_for_others_share_what_is_the_same(monkeypatch):
    """Each message brings strings of its own: of 200,000 lists they would take 120 MB."""
    monkeypatch.setattr("mcstress.metrics.rounds.SHARED_FROM", 0)
    sums = Accumulators()
    for trio in range(50):
        told = [[trio, 1, "contract", "role", 1, 1, trio, 15_000, [f"w-{n}" for n in range(K)]]]
        came = Rounds()
        came.restore(msgpack.unpackb(msgpack.packb(told)))
        for key, cell, listed in came:
            sums.rounds.pair(key, cell, listed, sums.bands, sums.faults)
    waiting = [one for lists in sums.rounds.waiting.values() for one in lists.items()]
    assert len(waiting) == 50
    strings = [text for cell, listed in waiting for text in (*cell, *listed.ids)]
    assert len({id(text) for text in strings}) == len(set(strings)) == K + 2
