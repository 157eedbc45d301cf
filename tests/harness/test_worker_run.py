"""A worker hands over what it saw, though a message may not get through."""

from __future__ import annotations

import pytest
from locust.exception import RPCSendError

from mcstress.cluster.messages import Drain
from mcstress.evidence.store.policy import parse_policy
from mcstress.evidence.store.segment import Segment
from mcstress.master.worker_registry import WorkerState
from mcstress.metrics.event import Event, utc
from mcstress.services.target import Target, TargetSetup
from mcstress.worker.recorder import Recorder
from mcstress.worker.worker import Worker
from mcstress.worker.worker_run import WorkerRun


class Stuck:
    """A channel whose connection is stuck, as often as it is told."""

    def __init__(self):
        self.fails = 0
        self.sent = []

    def send(self, message):
        if self.fails:
            self.fails -= 1
            raise RPCSendError("stuck")
        self.sent.append(message)


@pytest.mark.parametrize("fails", [1, 3])
def test_what_could_not_be_sent_goes_first_the_next_time(welcome, tmp_path, fails):
    channel = Stuck()
    segment = Segment(tmp_path / "events.jsonl", {"record": "segment"})
    recorder = Recorder("worker-1", 8, segment, parse_policy("all"))
    worker_run = WorkerRun(welcome, "boot", channel, recorder, Target(TargetSetup()))
    worker_run.hand_over()
    channel.fails = fails
    for _ in range(fails):
        with pytest.raises(RPCSendError):
            worker_run.hand_over()
    worker_run.hand_over()
    worker_run.hand_over_all(unheard=False)
    *deltas, totals = channel.sent
    part = WorkerState("worker-1", "client", "boot")
    assert all(part.takes(delta) for delta in deltas)
    part.hand_over(totals)
    assert part.gaps() == 0
    assert totals.deltas == len(deltas) == 4


@pytest.fixture
def worker_run(welcome, tmp_path):
    """A worker's part of a run, with a channel that is stuck as often as it is told."""
    segment = Segment(tmp_path / "events.jsonl", {"record": "segment"})
    recorder = Recorder("worker-1", 8, segment, parse_policy("sample=0.5"))
    return WorkerRun(welcome, "boot", Stuck(), recorder, Target(TargetSetup()))


def event():
    return Event(
        time=utc(1.0),
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


@pytest.fixture
def worker(worker_run):
    """A worker in that run."""
    made = object.__new__(Worker)
    made._run, made._greenlets, made.local_segment = worker_run, [], None
    made.runner = None
    return made


@pytest.mark.parametrize("fails", [1, 2])
def test_a_master_that_asks_again_is_told_again(worker, worker_run, fails):
    """What did not get through: the last delta, one before it, or the totals."""
    channel = worker_run._channel
    worker_run.recorder.on_event(event(), ())
    if fails == 2:
        channel.fails = 1
        with pytest.raises(RPCSendError):
            worker_run.hand_over()
        worker_run.recorder.on_event(event(), ())
    channel.fails = 1
    with pytest.raises(RPCSendError):
        worker._hand_over_all(worker_run, unheard=True)
    worker._on_drain(Drain(worker_run.run.uid), "")
    *deltas, totals = channel.sent
    part = WorkerState("worker-1", "client", "boot")
    assert all(part.takes(delta) for delta in deltas)
    assert part.events_told == totals.events_made == fails
    assert totals.deltas == part.deltas
    assert totals.unheard
    assert totals.evidence_fault is None


def test_totals_that_did_not_get_through_are_told_again(worker, worker_run):
    worker._hand_over_all(worker_run)
    before = list(worker_run._channel.sent)
    worker._on_drain(Drain(worker_run.run.uid), "")
    assert worker_run._channel.sent == [*before, before[-1]]


def test_a_run_that_was_never_dismissed_is_written_down_before_the_next(worker, worker_run):
    finished = []
    worker_run.finish_tracing = finished.append
    worker_run.recorder.policy = parse_policy("all")
    worker_run.recorder.on_event(event(), ())
    worker._leave()
    assert finished == [0.0]
    assert '"coordinator":"alice"' in worker_run.recorder.segment.path.read_text()
