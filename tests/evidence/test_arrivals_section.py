"""The section on a schedule: what was offered and done, and what somebody outside waited."""

import pytest
from made_report import MadeRun, head_of, typed

from mcstress.evidence.report.sections.arrivals import arrivals

DONE = {"offered": 1000, "begun": 1000, "missed": 0, "cut": 0, "unknown": 0}
ALL = {"count": 1000, "p50_ms": 20.0, "p95_ms": 45.0, "p99_ms": 80.0, "max_ms": 90.0}


@pytest.fixture(scope="module")
def head():
    return head_of(MadeRun().events(trios=1, rounds=1))


def section_of(head, totals, response=None, *, workers=None, **latency):
    completeness = head["completeness"] | {"arrivals": totals}
    completeness |= {"workers": workers} if workers else {}
    measured = head["latency"] | {"response": {"all": ALL} | (response or {})} | latency
    document = typed(head | {"completeness": completeness, "latency": measured})
    (section,) = arrivals(document)
    return section


def test_a_run_without_a_schedule_has_no_such_section(head):
    assert arrivals(typed(head)) == []


@pytest.mark.parametrize(
    ("changed", "said", "tone"),
    [
        ({}, "yes: nothing waited too long", "good"),
        ({"missed": 200, "begun": 800}, "no: 200 of 1,000 were missed", "bad"),
        ({"cut": 3, "begun": 997}, "yes: nothing waited too long", "good"),
        # Of what nobody said, some may have been missed: that comes first.
        ({"missed": 1, "unknown": 9, "begun": 990}, "not known: of 9 arrivals nobody said", "none"),
    ],
)
def test_the_answer_says_whether_what_was_offered_was_done(head, changed, said, tone):
    section = section_of(head, DONE | changed)
    assert (section.answer.words, section.answer.tone) == (said, tone)
    assert [row[1] for row in section.tables[0].rows] == [
        f"{(DONE | changed)[key]:,}" for key in ("offered", "begun", "missed", "cut", "unknown")
    ]


@pytest.mark.parametrize(
    ("summary", "value", "label"),
    [
        (ALL, "45.0 ms", "p95 of the response"),
        (ALL | {"p95_ms": None, "at_least_ms": {"p95_ms": 10_000.0}}, "> 10 s",
         "p95 of the response"),
        (ALL | {"p95_ms": None}, "20.0 ms", "p50 of the response"),
    ],
)  # fmt: skip
def test_the_headline_is_p95_where_it_is_known_or_known_to_be_more(head, summary, value, label):
    headline = section_of(head, DONE, {"all": summary}).headline
    assert (headline.value, headline.label) == (value, label)


def test_responses_stand_beside_the_services_own_time_phase_by_phase(head):
    inbox, services = ALL | {"count": 7, "p50_ms": 300.0}, ALL | {"p50_ms": 11.0}
    section = section_of(head, DONE, {"inbox": inbox}, phases_service={"inbox": services})
    assert section.tables[1].rows == [
        ["all", "1,000", "20.0", "45.0", "80.0", "", "", ""],
        ["inbox", "7", "300", "45.0", "80.0", "11.0", "45.0", "80.0"],
    ]


def test_waits_are_told_by_what_was_waited_for(head):
    lateness = {"queue": ALL | {"p50_ms": 5.0}, "generator": ALL | {"p50_ms": 1.0}}
    assert [
        (row[0], row[2]) for row in section_of(head, DONE, lateness=lateness).tables[2].rows
    ] == [
        ("for the load generator, a user being idle", "1.00"),
        ("for a user, all of the process being busy", "5.00"),
    ]


@pytest.mark.parametrize(("waited_ms", "is_said"), [(15.0, False), (15.1, True)])
def test_a_wait_for_llm_slots_over_a_twentieth_of_a_message_is_said(head, waited_ms, is_said):
    inbox = ALL | {"p50_ms": 300.0}
    queue = {"llm_parse_demand": ALL | {"p50_ms": waited_ms}, "llm_judge_top1": ALL | {"p50_ms": 1}}
    notes = section_of(head, DONE, {"inbox": inbox}, queue=queue).notes
    assert any("--llm-parallel" in note for note in notes) == is_said


def test_seconds_in_which_the_generator_was_late_are_told(head):
    worker = {"name": "local", "seconds_watched": 50}
    late = section_of(head, DONE, workers=[worker | {"seconds_saturated": 6}]).notes
    assert any(note.startswith("Not attributable: in 6 of 50 seconds") for note in late)
    fine = section_of(head, DONE, workers=[worker | {"seconds_saturated": 0}]).notes
    assert not any(note.startswith("Not attributable") for note in fine)
