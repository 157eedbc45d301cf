"""What a report says of single moments and questions: spikes, times of failures, who missed."""

from collections import Counter

import msgspec
import pytest
from made_events import START_S
from made_report import MadeRun, made_document, run_section

from mcstress.evidence.report.sections.load import load
from mcstress.evidence.report.sections.over_time import over_time
from mcstress.evidence.report.sections.quality import determinism, freshness, learning
from mcstress.evidence.report.sections.speed import errors, spikes
from mcstress.metrics.event import utc
from mcstress.metrics.figures import Figures

K = 8
RAN = {"started": utc(START_S + 0.04), "ended": utc(START_S + 30)}


def document_of_run(events, **changes):
    figures = Figures(K)
    figures.add_all(events)
    return made_document(figures, events, run=run_section(**RAN | changes))


@pytest.fixture
def events():
    return MadeRun().events(trios=2, rounds=2)


def searches(events):
    return [step for event in events for step in event.steps if step.name == "matrix.search"]


def test_searches_that_took_many_times_the_median_are_told_with_their_moment(events):
    assert spikes(document_of_run(events)) == []
    slow = searches(events)[40]
    slow.latency_ms = 500.0
    (said,) = spikes(document_of_run(events))
    assert said.startswith(f"Spikes: 1 of {len(searches(events))} searches took over 50.0 ms, ")
    assert f": from {slow.time:%H:%M:%S} (1) UTC, for 1.0 s each." in said
    assert said in over_time(document_of_run(events))[0].notes


def test_a_reason_has_the_times_between_which_it_failed(events):
    failed = searches(events)[30:60]
    for step in failed:
        step.error = "503"
    table = errors(document_of_run(events)).tables[0]
    assert table.columns[-2:] == ["From, UTC", "Until, UTC"]
    begin, end = (f"{utc(int(one.time.timestamp()) + more):%H:%M:%S}"
                  for one, more in ((failed[0], 0), (failed[-1], 1)))  # fmt: skip
    assert table.rows[0][-2:] == [begin, end]


def test_the_first_row_over_time_begins_with_the_run(events):
    late = START_S + 0.5
    document = document_of_run(events, started=utc(late))
    document.time_axis.slots[0].time = int(late) - 3
    assert over_time(document)[0].tables[0].rows[0][0] == f"{utc(late):%H:%M:%S}"


def test_a_band_of_users_ends_at_the_most_that_there_were(events):
    for event in events:
        event.users = 24
    document = document_of_run(events, peak_users=24)
    assert document.load_curve[0]["users_to"] == 49
    rows = [row for table in load(document).tables for row in table.rows]
    assert {row[0] for row in rows} == {"20 to 24"}


def test_questions_that_missed_are_told_by_name_the_worst_first(events):
    asked = [one for one in events if one.phase == "handover" and one.arm == "memory"]
    for event in asked:
        event.question = f"handover/{event.trio}/{event.contract}/{1 + ROLES.index(event.role)}"
        hits = event.top_k
        hits.sort(key=lambda hit: hit.id != event.expected)
        if event.role == "admin assistant" or (event.trio, event.round) == (2, 1):
            event.top_k = hits[::-1] if event.trio == 1 else hits[1:]
    document = document_of_run(events)
    (contract,) = {event.contract for event in asked}
    demands = [{"role": role} for role in ROLES]
    document.scenario["variants"] = [{"contracts": [{"name": contract, "demands": demands}]}]
    document.scenario["handovers"] = [
        {"contract": contract, "from_persona": "alice", "to_persona": "bob"}
    ]
    document.metrics["handover"]["paraphrase"]["missed"] = []
    section = learning(document)
    (table,) = (one for one in section.tables if "missed" in one.columns[0])
    assert table.rows[:2] == [
        [f"{contract}: admin assistant", BOB, "1", "same wording", "2 of 2", "2"],
        [f"{contract}: admin assistant", BOB, "2", "same wording", "2 of 2", "0"],
    ]
    assert [row[4] for row in table.rows[2:]] == ["1 of 2"] * 3
    assert section.notes[0] == (
        "In handovers in the same wording, 7 answers missed top-1: 2 stood further down in the "
        "list (the search has them, and the memory did not put them first), 5 not in it at all."
    )
    told = next(note for note in section.notes if note.startswith("Missed, all wordings together"))
    assert f": {contract}: admin assistant (4)" in told


BOB = "bob, with the memory of alice"
ROLES = [
    "warehouse worker",
    "admin assistant",
    "heavy equipment operator",
    "industrial electrician",
]


def test_new_resumes_never_seen_are_told_by_whose_they_are(events):
    for event in events:
        if event.phase == "fresh_resume":
            persona = event.coordinator.partition("-")[0]
            event.question = f"fresh_resume/{event.trio}/{persona}/1"
            if persona == "carol":
                event.visible_after_s = None
    (table,) = (
        one for one in freshness(document_of_run(events)).tables if "not seen" in one.columns[0]
    )
    assert table.rows == [
        ["number 1 of carol", "1", "2 of 2"],
        ["number 1 of carol", "2", "2 of 2"],
    ]


def test_a_document_without_questions_that_missed_has_no_such_tables(events):
    document = document_of_run(events)
    whole = msgspec.to_builtins(document.metrics)
    for kind in whole["handover"].values():
        kind.pop("missed", None)
    document.metrics = whole
    assert not [one for one in learning(document).tables if "missed" in one.columns[0]]


def test_new_resumes_that_come_late_are_said_to_be_late_however_surely_they_come(events):
    assert "late" not in freshness(document_of_run(events)).answer.words
    for event in events:
        if event.phase == "fresh_resume":
            event.visible_after_s, event.top_k = 3.1, []
    answer = freshness(document_of_run(events)).answer
    assert answer.words.endswith("; late: 0 of 12 were there at once, half after 3.1 s")
    assert answer.tone == "fair"


def test_events_that_were_not_whole_are_counted_by_phase(events):
    assert len(over_time(document_of_run(events))[0].tables) == 1
    cut = [event for event in events if event.phase == "reissue"][:3]
    for event in cut:
        event.outcome = "failed"
    table = over_time(document_of_run(events))[0].tables[1]
    of_phase = Counter(event.phase for event in events)
    assert table.rows[0][0] == "baseline"
    assert [
        "reissue",
        str(of_phase["reissue"]),
        "3",
        f"{3 / of_phase['reissue']:.2%}".replace("%", " %"),
    ] in table.rows
    assert sum(int(row[1]) for row in table.rows) == len(events)


def test_lists_that_are_all_empty_are_not_called_deterministic(events):
    assert not determinism(document_of_run(events)).answer.words.startswith("nothing found")
    for event in events:
        event.top_k = []
    answer = determinism(document_of_run(events)).answer
    assert (answer.words, answer.tone) == ("nothing found: empty lists are alike", "none")
