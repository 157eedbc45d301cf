"""Every new figure against the same worked out from the events in plain Python, on made runs.

tests/endtoend holds the runs of its faults against the same; what it takes no run for stands here:
runs of minutes, several clocks, lists with repeats, changed corpora.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from evidence.made_report import CHECKS, made_document, run_section
from made_run import MadeRun
from outages import BEGIN, Loop, Outage, around, events_of
from recomputation.document import differences, figure, recomputed

from mcstress.evidence.run_document import head_of
from mcstress.metrics.figures import Figures
from mcstress.users.scenarios.load import load_scenario

ROUNDS = {
    "faultless": lambda: MadeRun(3).rounds(3, 2),
    "faulty": lambda: MadeRun(4, faults=0.15).rounds(4, 3),
    "trios of their own": lambda: MadeRun(5, faults=0.1).rounds(7, 2, variants=None),
    "hopeless": lambda: MadeRun(6, faults=0.9).rounds(2, 2),
    "one trio, many rounds": lambda: MadeRun(7, faults=0.05).rounds(1, 8),
}
LOOPS = {
    "failures for two minutes": Loop(3, around(0.2), run_s=120, failing=0.1),
    "a short run with failures": Loop(3, around(0.2), run_s=59, failing=0.1),
    "slow, few users": Loop(2, around(2.5), run_s=70),
    "think time": Loop(3, think_s=4, run_s=90, failing=0.02),
    "it hangs": Loop(4, around(0.1), outages=(Outage(20, 33.8),)),
    "it refuses": Loop(think_s=0.5, outages=(Outage(20, 30, refuse=True),)),
    "frozen to the end": Loop(4, around(0.1), outages=(Outage(50, 99),)),
    "twice, in bursts": Loop(burst_s=5, outages=(Outage(10, 13), Outage(30, 41.5, refuse=True))),
    "clocks 70 ms off": Loop(
        8, around(0.2), clock_error_s=0.07, outages=(Outage(20, 25, refuse=True),)
    ),
}


def complete(event):
    """What events of this version have: the length of a list, and why an answer was of no use."""
    if event.found is msgspec.UNSET:
        event.found = None if event.top_k is None else len(event.top_k)
    event.top_k = event.top_k or []
    for step in event.steps:
        of_parse = step.name == "llm.parse_demand" and event.parse_status == "unparseable"
        of_judge = step.name == "llm.judge_top1" and event.rating is None
        if step.error is None and (of_parse or of_judge):
            step.unparseable = "content: not JSON"


def document_of(events, begin=None, end=None, clock_error_s=None):
    """The whole document, as JSON has it, of a run that made ``events``."""
    for event in events:
        complete(event)
    begin = begin or min(event.time for event in events)
    end = end or max(event.time for event in events) + timedelta(seconds=1)
    figures = Figures(8)
    figures.add_all(events)
    checks = [*CHECKS, *(one.check for one in load_scenario("three_cities").thresholds)]
    made = made_document(
        figures,
        events,
        dict.fromkeys(checks),
        run=run_section(started=begin, ended=end),
        clock_error_s=clock_error_s,
    )
    return msgspec.json.decode(msgspec.json.encode({**head_of(made), "events": events}))


def of_rounds(name):
    return document_of(ROUNDS[name]())


def of_loop(name):
    loop = LOOPS[name]
    events = events_of(loop)
    for number, event in enumerate(events):
        event.question = f"surge/{number % 9}"
    begin = datetime.fromtimestamp(BEGIN, UTC)
    return document_of(
        events, begin, begin + timedelta(seconds=loop.run_s), loop.clock_error_s or None
    )


MADE = {name: (of_rounds, name) for name in ROUNDS} | {name: (of_loop, name) for name in LOOPS}


@pytest.mark.parametrize("name", MADE)
def test_every_new_figure_is_what_the_events_say(name):
    make, which = MADE[name]
    assert differences(make(which)) == []


def test_a_figure_that_is_off_by_a_hundredth_is_seen():
    """Of all that are held against the events; what is zero cannot be off."""
    seen = set()
    for document in (of_rounds("faulty"), of_loop("it hangs")):
        expected = recomputed(document)
        for name in CHANGED:
            section, leaf = name.rsplit(".", 1)
            if value := figure(document, name):
                figure(document, section)[leaf] = value * 1.01
                assert differences(document, expected), name
                figure(document, section)[leaf] = value
                seen.add(name)
        assert differences(document, expected) == []
    assert seen == {*CHANGED}


CHANGED = (
    "relevance.precision_at_k", "relevance.top1_rate", "relevance.mean_gain_at_k",
    "relevance.recall_at_k", "relevance.ndcg_at_k", "relevance.mrr",
    "determinism.mean_jaccard", "determinism.identical_rate", "determinism.mean_overlap_at_k",
    "handover.verbatim.top1_rate", "handover.verbatim.lift", "handover.verbatim.mcnemar_p",
    "handover.paraphrase.control_top_k_rate", "handover.paraphrase.pair_questions",
    "freshness.visible_rate", "freshness.time_to_top_k_s.p50", "freshness.visible",
    "inbox.parsed_rate", "inbox.rated_rate", "inbox.parse_accuracy", "inbox.mean_rating",
    "errors.rate", "availability.rate", "availability.longest_silence_s", "availability.slots",
    "latency.phases.surge.p50_ms", "latency.matrix_search.p95_ms", "faults.repeated_ids",
    "faults.short_lists", "llm.unparseable_rate", "stability.against_rest.mean_overlap",
)  # fmt: skip
