"""A worker hands over what it saw, though a message may not get through."""

from __future__ import annotations

import pytest
from locust.exception import RPCSendError

from evidence.policy import parse_policy
from evidence.segment import Segment
from harness.node_run import NodeRun
from harness.recorder import Recorder
from harness.roll import WorkerPart


class Stuck:
    """A post whose connection is stuck, as often as it is told."""

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
    post = Stuck()
    segment = Segment(tmp_path / "events.jsonl", {"record": "segment"})
    recorder = Recorder("worker-1", 8, segment, parse_policy("all"), None)
    node_run = NodeRun(welcome, "boot", post, recorder)
    node_run.hand_over()
    post.fails = fails
    for _ in range(fails):
        with pytest.raises(RPCSendError):
            node_run.hand_over()
    node_run.hand_over()
    node_run.hand_over_all(unheard=False)
    *deltas, totals = post.sent
    part = WorkerPart("worker-1", "client", "boot")
    assert all(part.takes(delta) for delta in deltas)
    part.drained = totals
    assert part.gaps() == 0
    assert totals.deltas == len(deltas) == 4
