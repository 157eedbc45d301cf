"""The recorder counts and keeps every event, though tracing makes its users wait."""

from __future__ import annotations

import time

import gevent
import pytest

from mcstress.evidence.store.policy import parse_policy
from mcstress.evidence.store.segment import Segment
from mcstress.metrics.event import Event, Hit, StepRecord, decoder, utc
from mcstress.metrics.figures import Figures
from mcstress.services.step import Step
from mcstress.services.trace_context import new_span_id
from mcstress.tracing.langfuse.settings import LangfuseSettings
from mcstress.tracing.langfuse.tracer import LangfuseTracer
from mcstress.tracing.limits import Limits
from mcstress.tracing.spool.line import entry_of
from mcstress.tracing.trace import TraceRun
from mcstress.worker.recorder import Recorder

NOBODY = "http://127.0.0.1:9"
K = 8
USERS = 5
ROUNDS = 40
ROLES = 3


class Crowded:
    """A recorder whose tracer has room for two buffers of four steps: whoever acts, waits."""

    def __init__(self, folder):
        self.spool = folder / "spool.jsonl"
        self.tracer = LangfuseTracer(
            LangfuseSettings(NOBODY, "pk-lf-recorder", "sk-lf-recorder"),
            TraceRun("u", "001"),
            worker="w1",
            spool_path=self.spool,
            limits=Limits(buffer=4, outbox_items=8, sweep_s=30.0, spare_bytes=0),
            learns_project=False,
        )
        self.segment = Segment(folder / "events.jsonl", {"record": "segment"})
        self.recorder = Recorder("w1", K, self.segment, parse_policy("all"), [self.tracer])
        self.handed_over = Figures(K)
        self.tracer.start()

    def hand_over(self):
        """As a worker does once a second."""
        self.recorder.settle()
        self.handed_over.merge(self.recorder.figures.take())

    def user(self, number):
        """Baselines and their reissues, round after round."""
        for round_ in range(1, ROUNDS + 1):
            for phase in ("baseline", "reissue"):
                for role in range(ROLES):
                    self.act(number, round_, phase, f"role {role}")

    def act(self, number, round_, phase, role):
        event = Event(
            time=utc(time.time()), round=round_, trio=number + 1, phase=phase, k=K,
            coordinator=f"alice_{number}", contract="c", role=role, trace_id=f"{number:032x}",
            top_k=[Hit("a", "workers", 0.5)],
        )  # fmt: skip
        step = Step("matrix.search", time.time(), 1.0, new_span_id(), NOBODY, b"{}", b"x" * 500)
        self.recorder.on_event(event, [step])

    def end(self):
        """The figures, and what was spooled, by kind."""
        self.hand_over()
        self.segment.close()
        counts = self.tracer.finish(1)
        spooled = [entry_of(line) for line in self.spool.read_bytes().splitlines()[1:]]
        return self.handed_over.result([])["metrics"], counts, spooled


@pytest.fixture
def crowded(tmp_path):
    return Crowded(tmp_path)


def test_nothing_is_lost_where_deltas_are_taken_while_users_wait(crowded):
    users = [gevent.spawn(crowded.user, number) for number in range(USERS)]
    while not all(user.ready() for user in users):
        gevent.sleep(0.0005)
        crowded.hand_over()
    metrics, counts, spooled = crowded.end()
    made = USERS * ROUNDS * 2 * ROLES
    assert crowded.recorder.events_made == crowded.segment.events == made
    assert metrics["events"]["total"] == made
    assert metrics["determinism"]["pairs"] == made / 2
    assert (counts.spooled, counts.scores.spooled) == (made, made / 2)
    scores = [entry for entry in spooled if hasattr(entry, "observation_id")]
    spans = {entry.span_id for entry in spooled if hasattr(entry, "span_id")}
    assert len(scores) == made / 2
    assert {score.observation_id for score in scores} < spans


def test_nothing_is_lost_where_users_are_killed_while_they_wait(crowded):
    users = [gevent.spawn(crowded.user, number) for number in range(USERS)]
    while crowded.recorder.events_made < 100:
        gevent.sleep(0)
    gevent.killall(users)
    metrics, counts, _ = crowded.end()
    made = crowded.recorder.events_made
    assert 100 <= made < USERS * ROUNDS * 2 * ROLES
    assert metrics["events"]["total"] == crowded.segment.events == made == counts.made
    assert counts.scores.made == metrics["determinism"]["pairs"]
    assert (counts.pending, counts.scores.pending) == (0, 0)


@pytest.mark.parametrize(("evidence", "kept"), [("full", 1), ("all", 1), ("none", 0)])
def test_bodies_are_kept_where_they_are_asked_for_and_every_event_is_counted(
    tmp_path, evidence, kept
):
    path = tmp_path / "events.jsonl"
    segment = Segment(path, {"record": "segment"})
    recorder = Recorder("w1", K, segment, parse_policy(evidence))
    recorder.users = USERS
    event = Event(
        time=utc(1.0), round=1, trio=1, phase="inbox", k=K, coordinator="alice", contract="c",
        role="r", steps=[StepRecord(name="gateway.inbox", time=utc(1.0), latency_ms=1.0)],
    )  # fmt: skip
    answered = Step("gateway.inbox", 1.0, 1.0, new_span_id(), NOBODY, b"asked \xff", b"answered")
    recorder.on_event(event, [answered])
    assert segment.events == 0, "it waits for others"
    recorder.settle()
    segment.close()
    assert (recorder.events_made, recorder.figures.events, segment.events) == (1, 1, kept)
    found = [decoder.decode(line) for line in path.read_bytes().splitlines()[1:]]
    assert [(one.seq, one.worker, one.users) for one in found] == [(1, "w1", USERS)] * kept
    bodies = [(one.steps[0].request, one.steps[0].response) for one in found]
    if evidence == "full":
        assert bodies == [("asked \ufffd", "answered")]
    else:
        assert "answered" not in str(bodies)
