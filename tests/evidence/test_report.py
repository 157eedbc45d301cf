import json

import pytest
from made_report import MadeRun, head_of, typed

from mcstress.evidence.document_parts import Completeness, Tracing
from mcstress.evidence.report.write import update_head, write_report
from mcstress.evidence.run_document import RunDocument
from mcstress.evidence.store.history import read_run
from mcstress.evidence.store.paths import claim
from mcstress.evidence.store.segment import Segment
from mcstress.metrics.event import decoder, encoder

UNDRAWN = {"run", "scenario", "verdict", "checks", "completeness"}


@pytest.fixture
def run(tmp_path):
    """A run of a master and two workers: its paths, its files, its events, its head."""
    paths = claim(tmp_path)
    events = MadeRun().events(trios=2, rounds=1)
    main = Segment(paths.events, {"record": "run", "run": {"run_uid": "u"}, "scenario": {}})
    workers = []
    for number in (1, 2):
        first = {"record": "segment", "run_uid": "u", "worker": f"w-{number}"}
        segment = Segment(paths.segment(f"w-{number}"), first)
        workers.append(segment)
    for event in reversed(events):
        number = event.trio - 1
        event.worker = f"w-{number + 1}"
        workers[number].append(event)
    for segment in (main, *workers):
        segment.close()
    # Without the sections that are drawn: the plots have tests of their own, and take a second.
    head = {key: value for key, value in head_of(events).items() if key in UNDRAWN}
    return paths, [main.path, *(one.path for one in workers)], events, typed(head)


def events_in(paths):
    raw = json.loads(paths.json.read_text())["events"]
    return [decoder.decode(json.dumps(one)) for one in raw]


def test_all_segments_become_one_document_in_time_order(run):
    paths, segments, events, head = run
    assert write_report(paths, head, segments) == len(events)
    assert events_in(paths) == events
    assert paths.report("md").read_text().startswith("# Multi-Coordinator Stress Test — Run 007")
    assert paths.report("html").read_text().startswith("<!DOCTYPE html>")
    assert all(path.exists() for path in segments)


def test_a_run_that_was_read_back_is_written_the_same(run):
    paths, segments, _, head = run
    write_report(paths, head, segments)
    before = paths.json.read_bytes()
    write_report(paths, head, read_run(paths.events))
    assert paths.json.read_bytes() == before
    write_report(paths, head, read_run(paths.json))
    assert paths.json.read_bytes() == before


def test_later_counts_change_every_report_and_no_event(run):
    paths, segments, events, head = run
    write_report(paths, head, segments)
    head.completeness.tracing = Tracing(made=77, delivered=70, spooled=7, dropped={})
    update_head(paths, head)
    tracing = {"made": 77, "delivered": 70, "spooled": 7, "dropped": {}}
    assert json.loads(paths.json.read_text())["completeness"]["tracing"] == tracing
    assert events_in(paths) == events
    assert "| spooled | 7 |" in paths.report("md").read_text()
    assert '<td class="figure">77</td>' in paths.report("html").read_text()


def test_nothing_is_left_beside_the_reports(run):
    paths, segments, _, head = run
    write_report(paths, head, segments)
    names = {*paths.reports.values(), *segments}
    assert set(paths.folder.iterdir()) == names


def test_half_a_character_from_a_service_costs_neither_event_nor_report(tmp_path):
    paths = claim(tmp_path)
    segment = Segment(paths.events, {"record": "run", "run": {}, "scenario": {}})
    whole, broken = MadeRun().events(trios=1, rounds=1)[:2]
    broken.query = "half \ud800"
    segment.append(whole)
    segment.append(broken)
    segment.close()
    assert segment.lost == 1
    assert "surrogates not allowed" in segment.error
    head = RunDocument(completeness=Completeness(faults=["half \ud800"]))
    with pytest.raises(UnicodeEncodeError):
        encoder.encode(broken)
    assert write_report(paths, head, [paths.events]) == 1
