"""Two days by the clock in a real run of two workers: its schedule, its report."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from endtoend.locust_run import LocustRun, forked
from standin.process import Standin

from mcstress.commands.report import counted_again
from mcstress.evidence.store.history import read_run
from mcstress.metrics.phase import PHASES
from mcstress.users.appointments import FIRST_MAIL, Timetable, appointments
from mcstress.users.scenarios.load import load_scenario

SCALE = 14_400
MESSAGES = 20
PERSONAS = ("alice", "bob", "carol")


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """Two trios, 48 hours in 12 s, with mail from outside; the document, its folder, the output."""
    mail = tmp_path_factory.mktemp("mail")
    for number in range(MESSAGES + 1):  # the last is of day 3
        at = datetime(2026, 3, 2, 15, tzinfo=UTC) + timedelta(hours=2 * number)
        head = f"From: c{number}@client.example\nDate: {format_datetime(at)}\n"
        body = f"Need {number + 1} forklift operators in Chicago for the night shift"
        (mail / f"{number:03}.eml").write_text(f"{head}Importance: urgent\n\n{body}")
    users = ("--headless", "-u", "6", "-r", "6", "--only-summary", *forked(2))
    clock = ("--clock", "48", "--time-scale", str(SCALE))
    with (
        Standin() as standin,
        LocustRun(
            *users, *clock, "--inbox", mail, "--host", standin.url, "--llm-host", standin.url,
            report_dir=tmp_path_factory.mktemp("run") / "reports",
        ) as run,
    ):  # fmt: skip
        run.wait()
        return run.document(), run.report_dir, run.output


def test_two_workers_have_the_schedule_that_one_process_works_out(ended):
    document, _, output = ended
    table = Timetable(load_scenario("three_cities"), list(PHASES), 42, 48.0, has_mail=True)
    expected = sorted(
        [one.at_ms, persona if trio == 1 else f"{persona}-{trio}", one.number, one.phase]
        for trio in (1, 2)
        for persona in PERSONAS
        for one in appointments(table, persona, trio)
    )
    seats = [f"{persona}{trio}" for trio in ("", "-2") for persona in PERSONAS]
    expected += [
        [(9 + 2 * number) * 3_600_000, seats[number % 6], FIRST_MAIL + number, "inbox"]
        for number in range(MESSAGES)
    ]
    assert sorted(row[:4] for row in document["appointments"]) == sorted(expected), output
    assert {worker["name"] for worker in document["completeness"]["workers"]} == {
        "worker-0", "worker-1",
    }  # fmt: skip


def test_all_that_came_is_accounted_for(ended):
    document, _, output = ended
    totals = document["completeness"]["appointments"]
    fates = [row[4] for row in document["appointments"]]
    assert totals == {
        "offered": len(fates), "unknown": 0,
        **{fate: fates.count(fate) for fate in ("done", "missed", "skipped", "cut")},
    }  # fmt: skip
    assert totals["done"] > 0.9 * totals["offered"], output
    assert document["metrics"]["appointments"] == totals
    assert document["completeness"]["complete"], document["completeness"]["faults"]
    assert document["run"]["stopped_by"] == "the clock has ended"
    checks = [check["check"] for check in document["checks"]]
    assert "appointments.missed == 0" in checks


def test_events_say_their_hour_and_all_phases_were_there(ended):
    document, _, _ = ended
    events = [event for event in document["events"] if "scheduled" in event]
    assert {event["phase"] for event in events} == set(PHASES)
    times = {(row[1], row[2]): row[0] for row in document["appointments"]}
    for event in events:
        scheduled = event["scheduled"]
        at_ms = times[event["coordinator"], scheduled["appointment"]]
        assert scheduled["hour"] == pytest.approx(at_ms / 3_600_000, abs=1e-9)
    ages = [one["hours"] for one in document["metrics"]["determinism"]["by_age"]]
    assert 4 in ages
    assert 24 in ages
    assert document["metrics"]["determinism"]["mean_jaccard"] == 1
    paraphrased = [e for e in document["events"] if e["phase"] == "handover_paraphrase"]
    assert {event["round"] for event in paraphrased} == {1}
    assert {event["outcome"] for event in paraphrased} == {"ok"}, "a memory that is a day old"
    resumes = [event["expected"] for event in events if event["phase"] == "fresh_resume"]
    assert len(set(resumes)) == len(resumes) > 10


def test_mail_comes_at_its_date_each_once(ended):
    document, _, output = ended
    told = document["completeness"]["mail"]
    done = sum(row[2] >= FIRST_MAIL and row[4] == "done" for row in document["appointments"])
    assert (told["messages"], told["left_out"]) == (MESSAGES, 1)
    assert told["taken"] == done > MESSAGES - 3, output
    questions = [e["question"] for e in document["events"] if e["phase"] == "inbox"]
    assert len(set(questions)) == len(questions) == done


def test_the_report_is_made_again_from_its_json(ended):
    document, folder, _ = ended
    (path,) = folder.glob("*.json")
    again = counted_again(read_run(path))
    assert again.latency["response"] == document["latency"]["response"]
    assert again.run.clock.time_scale == SCALE
    assert again.metrics["appointments"] == document["metrics"]["appointments"]
