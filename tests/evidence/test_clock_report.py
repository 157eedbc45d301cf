"""The report of a run by the clock: its days, its lanes by phase, times in scenario hours."""

from __future__ import annotations

import msgspec
import pytest
from made_report import START_S, MadeRun, made_document, run_section, typed

from mcstress.evidence.document_parts import ClockNote, Completeness
from mcstress.evidence.report.html import PLOTS, html
from mcstress.evidence.report.markdown import markdown
from mcstress.evidence.report.section import Table
from mcstress.evidence.report.sections.clock import clock
from mcstress.evidence.report.view import view
from mcstress.evidence.run_document import build, head_of
from mcstress.metrics.appointments import AppointmentRow, totals
from mcstress.metrics.event import utc
from mcstress.metrics.figures import Figures
from mcstress.metrics.verdict import parse_check
from mcstress.web.content import content

HOUR = 3_600_000


def rows():
    """Ten messages on each of two mornings and one that is missed; a baseline."""
    made = [AppointmentRow(8 * HOUR, "alice", 1, "baseline", "done", 1.0, 0.0, 40.0)]
    made += [
        AppointmentRow(
            hour * HOUR + n, "bob", 100 * hour + n, "inbox", "done", 0.5, 2.0, 10.0 * hour
        )
        for hour in (9, 33)
        for n in range(1, 11)
    ]
    made.append(
        AppointmentRow(33 * HOUR + 20, "bob", 9999, "inbox", "missed", 0.0, 10_000.0, 10_000.0)
    )
    return made


def document_of_clock(appointments):
    figures, events = Figures(8), MadeRun().events(trios=1, rounds=1)
    figures.add_all(events)
    about = ClockNote(
        hours=48.0, time_scale=3600.0, start="2026-03-02", zone="America/Chicago",
        hour_0=utc(START_S - 9), busy={"alice": 0.2, "bob": 0.31},
    )  # fmt: skip
    run = run_section(started=utc(START_S - 10), ended=utc(START_S + 60), clock=about)
    counted = Completeness(complete=True, appointments=totals(appointments))
    return build(
        run, {}, figures, counted, thresholds=[parse_check("appointments.missed == 0")],
        users=[], planned={}, candidates=None, appointments=appointments,
    )  # fmt: skip


@pytest.fixture(scope="module")
def document():
    return document_of_clock(rows())


def tables(document):
    (section,) = clock(document)
    return section, {table.columns[0]: table for table in section.tables}


def test_its_days_and_hours_are_the_scenarios(document):
    section, found = tables(document)
    assert section.answer.words == "no: 1 of 22 were missed"
    assert "The busiest coordinator has something to do for 31.00 % of the time." in section.lead
    assert [row[:3] for row in found["Day"].rows] == [["day 1", "11", "0"], ["day 2", "11", "1"]]
    by_hour = found["From"]
    assert by_hour.columns == ["From", "baseline", "inbox", "response p95"]
    assert [row[:3] for row in by_hour.rows] == [
        ["day 1, 08:00", "1", "10"], ["day 2, 08:00", "", "11 (1 not done)"],
    ]  # fmt: skip
    assert found["Response, ms"].rows[0][0] == "all"
    assert len({row[0] for row in found["Response, ms"].rows}) == 3


def test_what_was_missed_is_in_the_response_and_fails_the_check(document):
    response = document.latency["response"]
    assert response["all"]["count"] == 22
    assert response["inbox"]["at_least_ms"]["max_ms"] == 10_000
    assert response["inbox"]["max_ms"] is None
    assert [check.verdict for check in document.checks] == ["fail"]
    assert document.metrics["appointments"]["missed"] == 1


def test_markdown_and_page_have_it_and_the_plots_are_drawn(document):
    text, page = markdown(document), html(document)
    assert "## By the clock" in text
    assert "| &#62; 10 s |" in text
    assert "| day 1, 09:00 |" in text, "rows over time are in scenario time"
    assert "Times are the scenario's" in text
    assert "coordinated omission" not in text
    assert page.count("By the clock") >= 1
    for plot in PLOTS["clock"]:
        assert plot.draw(document) is not None
        assert plot.caption in page


def test_it_is_read_back_as_it_was_written(document):
    again = typed(msgspec.json.decode(msgspec.json.encode(head_of(document))))
    assert again.appointments == document.appointments
    assert again.run.clock == document.run.clock
    assert markdown(again, utc(START_S)) == markdown(document, utc(START_S))


def test_without_a_clock_there_is_no_section():
    events = MadeRun().events(trios=1, rounds=1)
    figures = Figures(8)
    figures.add_all(events)
    plain = made_document(figures, events)
    assert clock(plain) == []
    assert all(plot.draw(plain) is None for plot in PLOTS["clock"])
    assert "clock" not in {section.key for section in view(plain).sections}


def test_a_clock_that_never_began_is_told_too():
    document = document_of_clock(
        [],
    )
    document.run.clock.hour_0 = None
    assert tables(document)[0].answer.words.startswith("yes")
    assert "before hour 0" in markdown(document)
    assert all(plot.draw(document) is None for plot in PLOTS["clock"])


def test_the_live_page_says_the_scenarios_time(document, monkeypatch):
    from mcstress.snapshots import Snapshot
    from mcstress.web import content as module

    class Now:
        def now_s(self):
            return START_S - 9 + 33.2

    monkeypatch.setattr(module, "CLOCK", Now())
    shown = content(Snapshot(1, "running", document), [])
    assert ", day 2, 09:12 of the clock: " in shown["headline"]
    assert "By the clock" in [section["title"] for section in shown["sections"]]


def test_a_column_with_what_was_never_seen_to_end_is_one_of_figures():
    cells = (["1,735"], ["> 10 s"], ["> 340 ms"], ["> 0.999"], ["\u2013"], [""])
    assert Table(["p95"], list(cells)).numeric == [True]
    assert Table(["p95"], [["> what"], ["1"]]).numeric == [False]
