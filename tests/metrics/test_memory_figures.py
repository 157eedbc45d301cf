"""The figures of a memory that is asked by itself, counted again from the events."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import pytest
from made_run import K, MadeRun

from mcstress.metrics.event import MemoryAsked
from mcstress.metrics.figures import Figures
from mcstress.metrics.phase import PHASES
from mcstress.metrics.verdict import evaluate, parse_check

ASKING = ("surge", "merge", "split", "handover", "handover_paraphrase")


def made():
    random, events = Random(7), MadeRun(31, faults=0.1).rounds(6, 2)
    for event in events:
        if event.phase in ASKING and event.found is not None:
            size = random.choice([5, 104, 1004])
            event.memory = MemoryAsked("p_alice", size, random.choice([0] * 9 + [1, 3]))
    return events


def result_of(events, parts=1):
    whole = Figures(K)
    for part in range(parts):
        figures = Figures(K)
        figures.add_all(event for event in events if event.trio % parts == part)
        whole.merge(Figures.from_state(figures.state()))
    return whole.result()


def test_leaks_and_chances_are_those_of_the_events():
    events = made()
    found = result_of(events)["metrics"]["memory"]
    asked = [
        e
        for e in events
        if e.memory is not None and e.outcome in {"ok", "failed"} and e.top_k is not None
    ]
    sizes = [e.memory.records for e in asked if e.arm == "memory"]
    assert found["asked"] == len(asked) > 100
    assert found["leaks"] == sum(e.memory.leaks for e in asked) > 0
    assert found["leaking"] == sum(e.memory.leaks > 0 for e in asked)
    assert (found["taken_over"], found["records"]) == (len(sizes), 1004)
    chance = sum(Fraction(1, size) for size in sizes) / len(sizes)
    listed = sum(min(Fraction(1), Fraction(K, size)) for size in sizes) / len(sizes)
    assert found["chance_top1"] == pytest.approx(float(chance))
    assert found["chance_top_k"] == pytest.approx(float(listed))


def test_workers_figures_add_up():
    events = made()
    assert result_of(events, 2)["metrics"]["memory"] == result_of(events)["metrics"]["memory"]


def test_there_is_no_lift_against_a_search_that_nobody_made():
    kinds = result_of(made())["metrics"]["handover"]
    plain = result_of(MadeRun(31, faults=0.1).rounds(6, 2))["metrics"]["handover"]
    for kind, figures in kinds.items():
        assert figures["lift"] is None
        assert figures["not_measured"].startswith("the memory is asked by itself")
        assert figures["top1_rate"] == plain[kind]["top1_rate"]
        assert plain[kind]["lift"] is not None


def test_a_leak_fails_the_check_and_a_memory_in_search_skips_it():
    check = [parse_check("memory.leaks == 0")]
    (judged,) = evaluate(check, result_of(made()), selected_phases=[*PHASES], complete=True)
    assert judged.verdict == "fail"
    events = MadeRun(31).rounds(3, 1)
    results = result_of(events)
    assert results["metrics"]["memory"]["leaks"] is None
    (judged,) = evaluate(check, results, selected_phases=[*PHASES], complete=True)
    assert judged.verdict != "pass"
