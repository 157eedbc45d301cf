"""The head of a report: what was tested, what failed, silences, load, speed; and what is green."""

from __future__ import annotations

import msgspec
import pytest
from made_report import MadeRun, head_of, run_section, typed

from mcstress.evidence.document_parts import Service
from mcstress.evidence.report.head import SHOWN_MARKS, in_a_line, marks
from mcstress.evidence.report.readings import Reading, reading, verdict_of
from mcstress.evidence.report.sections.checks_and_completeness import checks
from mcstress.evidence.report.sections.over_time import availability
from mcstress.evidence.report.sections.speed import latency
from mcstress.evidence.report.view import view
from mcstress.metrics.availability import PAUSES_KEPT
from mcstress.metrics.results import FigureReading

GATEWAY = Service(name="gateway", url="http://gateway:3110")
RULES = Service(name="LLM", embedded=True, note="built-in rules")
MODEL = Service(name="LLM", url="http://ollama:11434")


@pytest.fixture(scope="module")
def head():
    return head_of(MadeRun(failing=0.1).events(trios=4, rounds=3))


def with_services(head, *services):
    section = msgspec.to_builtins(run_section(services=[*services]))
    return typed(head | {"run": section})


def mark(document, name):
    (found,) = (one for one in marks(document) if one.name == name)
    return in_a_line(found)


def test_a_built_in_server_is_named_in_words(head):
    document = with_services(head, Service(name="gateway", embedded=True), RULES)
    assert mark(document, "Tested") == (
        "Tested: the built-in test server, not your system (it says nothing about yours)"
    )


def test_a_real_one_is_named_by_its_address_and_what_is_not_real_beside_it(head):
    assert mark(with_services(head, GATEWAY, MODEL), "Tested") == "Tested: http://gateway:3110"
    beside = mark(with_services(head, GATEWAY, RULES), "Tested")
    assert beside == "Tested: http://gateway:3110 (LLM: built-in)"


def test_failed_steps_are_counted(head):
    errors = head["metrics"]["errors"]
    told = mark(typed(head), "Failed steps")
    assert told.startswith(f"Failed steps: {errors['failed']} of {errors['steps']} (")
    assert errors["failed"] > 0


def test_silences_are_told_with_the_longest(head):
    slots = {"slots": 30, "slot_s": 0.1, "silences": [], "silent_s": 3.5}
    found = {"rate": 0.9, "silence_count": 1, "longest_silence_s": 3.5, **slots}
    metrics = head["metrics"] | {"availability": found}
    assert mark(typed(head | {"metrics": metrics}), "Silences") == "Silences: 1 (the longest 3.5 s)"
    metrics = head["metrics"] | {"availability": found | {"silence_count": 0}}
    told = mark(typed(head | {"metrics": metrics}), "Silences")
    assert told == "Silences: none (something succeeded all the time)"


@pytest.mark.parametrize(("paused_s", "is_told"), [(0.9, False), (2.75, True)])
def test_pauses_of_the_load_generator_are_told_where_they_can_hide_a_silence(
    head, paused_s, is_told
):
    sound = {"rate": 1.0, "silence_count": 0, "longest_silence_s": 0.0, "measured_s": 9.0}
    found = head["metrics"]["availability"] | sound | {"paused_s": paused_s}
    workers = [
        {"name": f"worker-{n}", "pauses": [{"begin": 1_700_000_000.0 + n, "seconds": seconds}]}
        for n, seconds in enumerate((0.5, 2.25))
    ]
    document = typed(
        head
        | {"metrics": head["metrics"] | {"availability": found}}
        | {"completeness": head["completeness"] | {"workers": workers}}
    )
    still = "2.8 s, in which the load generator itself stood still"
    told = f"Silences: none (something succeeded all the time but for {still})"
    assert (mark(document, "Silences") == told) == is_told
    (section,) = availability(document)
    note = (
        f"Left out: {still}, longest from 22:13:21 UTC for 2.2 s. Latencies of what was on its way "
        "then include it."
    )
    assert (note in section.notes) == is_told


@pytest.mark.parametrize("number", [PAUSES_KEPT - 1, PAUSES_KEPT])
def test_pauses_that_are_not_left_out_are_told(head, number):
    sound = {"rate": 1.0, "longest_silence_s": 0.0, "measured_s": 9.0, "paused_s": 20.0}
    found = head["metrics"]["availability"] | sound
    pauses = [{"begin": 1_700_000_000.0 + n, "seconds": 0.2} for n in range(number)]
    workers = [{"name": "worker-1", "pauses": pauses}, {"name": "worker-2", "pauses": pauses[:1]}]
    document = typed(
        head
        | {"metrics": head["metrics"] | {"availability": found}}
        | {"completeness": head["completeness"] | {"workers": workers}}
    )
    (section,) = availability(document)
    (told,) = (note for note in section.notes if note.startswith("Left out: 20.0 s"))
    limit = " Of worker-1 only the 100 longest pauses are left out."
    assert told.endswith(limit) == (number == PAUSES_KEPT)


@pytest.mark.parametrize(
    ("capacity", "told"),
    [
        ({"events_per_s": 405.0, "at_least": {}}, "Load: 405/s (the capacity: every check held)"),
        (
            {"events_per_s": None, "at_least": {"events_per_s": 50.0}},
            "Load: 50.0/s (the capacity is at least that)",
        ),
        ({"events_per_s": None, "at_least": {}}, "Load: – (the capacity was not found)"),  # noqa: RUF001
    ],
)
def test_a_capacity_stands_where_it_was_looked_for(head, capacity, told):
    metrics = head["metrics"] | {"capacity": capacity}
    trial = {"number": 1, "rate_per_s": 50.0, "begin": 1, "seconds": 10}
    document = typed(head | {"metrics": metrics})
    document.trials = [trial]
    assert mark(document, "Load") == told


def test_what_a_mark_says_is_not_said_again_as_a_question(head):
    seen = view(typed(head))
    assert {one.section for one in seen.marks} & {one.key for one in seen.questions} == set()
    assert [one.name for one in seen.marks if one.name in SHOWN_MARKS] == [
        one.name for one in seen.marks
    ]


def test_nothing_is_green_that_is_not_certain():
    head = head_of(MadeRun(change=0.0, found=1.0).events(trios=1, rounds=2))
    document = with_services(head, GATEWAY, MODEL)
    (check,) = (one for one in document.checks if one.metric == "handover.verbatim.top1_rate")
    assert (check.verdict, check.crosses) == ("pass", True)
    found = reading(document, check.metric)
    assert found.words.startswith("healthy, not certain: ")
    assert found.tone == "fair"
    document.verdict = "pass"
    assert verdict_of(document).tone == "fair"
    settled = [msgspec.structs.replace(one, crosses=False) for one in document.checks]
    real = msgspec.structs.replace(document, checks=settled)
    assert verdict_of(real).tone == "good"
    built_in = with_services(head, Service(name="gateway", embedded=True), RULES)
    built_in.checks, built_in.verdict = settled, "pass"
    assert verdict_of(built_in).tone == "fair"


def test_what_holds_without_an_interval_is_not_green_either(head):
    document = with_services(head, GATEWAY, MODEL)
    (swap,) = (one for one in document.checks if one.metric == "errors.rate")
    passed = msgspec.structs.replace(swap, verdict="pass", ci95=None, crosses=False)
    document.checks = [passed]
    (row,) = checks(document).tables[0].rows
    assert (row[4].words, row[4].tone, row[5]) == ("pass", "held", "no interval")
    document.metrics["errors"] |= {"rate": 0.0, "ci95": None}
    document.readings["errors.rate"] = FigureReading("healthy", "few steps fail", "<= 0.01")
    steps = document.metrics["errors"]["steps"]
    told = f"healthy as far as seen (n = {steps:,}): few steps fail"
    assert reading(document, "errors.rate") == Reading(told, "held")


def test_speed_is_said_not_to_be_judged_until_a_check_asks_for_it(head):
    document = typed(head)
    told = mark(document, "Speed")
    assert told.endswith(" ms (p95 of matrix.search, not judged: no check asks for speed)")
    assert latency(document).notes[0].startswith("Speed was not judged: ")
    asked = msgspec.structs.replace(document.checks[0], metric="latency.matrix_search.p95_ms")
    document.checks = [asked]
    assert mark(document, "Speed").endswith(" ms (p95 of matrix.search)")
    assert not [note for note in latency(document).notes if "not judged" in note]
