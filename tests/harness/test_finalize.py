"""The end of a run keeps what its report does not hold, and survives files that hold nonsense."""

from __future__ import annotations

import logging

import msgspec
import pytest

from mcstress.cluster import messages
from mcstress.evidence.store.segment import Segment
from mcstress.master import finalize
from mcstress.master.finalize import finish
from mcstress.metrics.event import Event, utc


@pytest.fixture
def run(master):
    """A run that is on, with the main file written down."""
    master.current.segment.flush()
    return master.current


@pytest.fixture
def worker_file(run):
    """The file of a worker that handed over one event, and nothing else is known of."""
    part = run.registry.enter("worker-1", "client", "boot")
    first = {"record": "segment", "run_uid": run.run.uid, "worker": "worker-1", "boot": "boot"}
    segment = Segment(run.paths.segment("worker-1"), first)
    segment.append(
        Event(
            seq=1,
            worker="worker-1",
            time=utc(run.started_s),
            round=1,
            trio=1,
            phase="baseline",
            coordinator="alice",
            contract="c",
            role="r",
            query="q",
            k=8,
            users=1,
        )
    )
    segment.end()
    segment.close()
    part.hand_over(
        messages.Drained(
            run.run.uid,
            "worker-1",
            "boot",
            events_made=1,
            events_kept=1,
            segment_bytes=segment.bytes_written,
        )
    )
    return segment.path


def test_files_that_are_in_no_report_stay(master, run, worker_file):
    content = bytearray(run.paths.events.read_bytes())
    content[:20] = b"\0" * 20
    run.paths.events.write_bytes(content)
    document = finish(master, run)
    assert "the events cannot be read back" in str(document.completeness.faults)
    assert worker_file.is_file(), "its events are nowhere else"


def test_files_of_which_something_was_left_out_stay(master, run, worker_file):
    content = worker_file.read_bytes()
    worker_file.write_bytes(content.replace(b'"phase":"baseline"', b'"phase";"baseline"'))
    document = finish(master, run)
    assert not document.completeness.complete
    assert worker_file.is_file()


def test_files_whose_events_are_in_the_report_go(master, run, worker_file):
    document = finish(master, run)
    assert run.paths.json.is_file()
    assert document.completeness.events_kept == 1
    assert not worker_file.exists()
    assert not run.paths.events.exists()


def test_files_that_cannot_be_counted_again_cost_no_report(master, run, worker_file):
    lost = run.registry.enter("worker-2", "other", "boot")
    first = {"record": "segment", "run_uid": run.run.uid, "worker": "worker-2", "boot": "boot"}
    segment = Segment(run.paths.segment("worker-2"), first)
    segment.record({"record": "delta", "worker": "worker-2", "events_made": 1, "state": {"k": 8}})
    segment.close()
    lost.lose()
    lost.events_told = 1
    document = finish(master, run)
    faults = document.completeness.faults
    assert any(fault.startswith("the events could not be counted again: ") for fault in faults)
    assert run.paths.json.is_file()
    assert segment.path.is_file()
    assert worker_file.is_file()


def said(caplog):
    return [record.getMessage() for record in caplog.records if "making" in record.getMessage()]


@pytest.mark.usefixtures("worker_file")
def test_a_report_that_takes_long_is_said_to_be_made_once(master, run, caplog, monkeypatch):
    monkeypatch.setattr(finalize, "LONG_S", 0.0)
    caplog.set_level(logging.INFO)
    finish(master, run)
    where = run.paths.folder
    assert said(caplog) == [f"making the report of 1 event, read back from {where}"]


def test_of_a_lost_worker_so_many_events_are_named_as_a_sample_keeps(
    master, run, caplog, monkeypatch
):
    run.registry.enter("worker-1", "client", "boot").events_told = 4000
    run.settings = msgspec.structs.replace(run.settings, evidence="sample=0.25")
    monkeypatch.setattr(finalize, "LONG_S", 0.0)
    caplog.set_level(logging.INFO)
    finish(master, run)
    assert "report of 1,000 events, read" in said(caplog)[0]


def test_nothing_is_said_of_a_report_that_is_there_at_once(master, run, caplog, monkeypatch):
    monkeypatch.setattr(finalize, "LONG_S", 600.0)
    caplog.set_level(logging.INFO)
    finish(master, run)
    assert not said(caplog)
