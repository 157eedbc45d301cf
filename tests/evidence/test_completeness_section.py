"""The section on completeness: workers that are missing, and what became of mail from outside."""

import pytest
from made_report import MadeRun, head_of, typed

from mcstress.evidence.report.sections.checks_and_completeness import completeness


@pytest.fixture(scope="module")
def head():
    return head_of(MadeRun().events(trios=1, rounds=1))


def section_of(head, **changes):
    return completeness(typed(head | {"completeness": head["completeness"] | changes}))


def workers_of(section):
    found = [table for table in section.tables if table.columns[0] == "Worker"]
    return [(row[0], row[1], row[2].words, row[2].tone) for table in found for row in table.rows]


def test_each_worker_says_whether_all_of_it_came(head):
    workers = [
        {"name": "worker-0", "events": 1200},
        {"name": "worker-1", "events": 7, "reports_missing": 2},
        {"name": "worker-2", "events": 5, "reports_missing": 1, "lost": True},
    ]
    assert workers_of(section_of(head, workers=workers)) == [
        ("worker-0", "1,200", "complete", "good"),
        ("worker-1", "7", "2 reports never arrived", "bad"),
        ("worker-2", "5", "lost", "bad"),
    ]


@pytest.mark.parametrize(("lost", "is_shown"), [(False, False), (True, True)])
def test_one_worker_alone_is_named_only_where_it_was_lost(head, lost, is_shown):
    found = workers_of(section_of(head, workers=[{"name": "local", "events": 5, "lost": lost}]))
    assert bool(found) == is_shown


@pytest.mark.parametrize(("is_complete", "tone"), [(True, "good"), (False, "bad")])
def test_what_is_incomplete_lets_no_check_pass(head, is_complete, tone):
    section = section_of(head, complete=is_complete, faults=["worker-1 was lost"])
    assert section.answer.tone == tone
    assert ("no check can pass" in section.answer.words) != is_complete
    assert "worker-1 was lost" in section.notes


MAIL = {"source": "letters/", "messages": 1000, "taken": 990}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, ["Mail from letters/: 990 of 1,000 messages were taken by coordinators."]),
        ({"repeated": True, "taken": 2500},
         [("Mail from letters/: 2,500 of 1,000 messages were taken by coordinators, beginning "
          "again when used up.")]),
        ({"lost": 3}, [..., "3 messages were with lost workers, taken or not."]),
        ({"left_out": 2, "faults": ["a.eml: no body", "b.eml: too large"]},
         [..., "2 messages of it left out: a.eml: no body; b.eml: too large."]),
        ({"attachments": 1}, [..., "1 attachment left out."]),
    ],
)  # fmt: skip
def test_what_became_of_mail_from_outside_is_told(head, changed, said):
    without = section_of(head).notes
    notes = [note for note in section_of(head, mail=MAIL | changed).notes if note not in without]
    assert [str(note) for note in notes[-1:]] == said[-1:]
    assert len(notes) == len(said)
