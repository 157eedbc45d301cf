"""Scores travel apart: a server that is slow with them gets every observation all the same."""

from __future__ import annotations

import secrets

import httpx
import pytest
from langfuse_standin import OTLP, StandIn
from trace_rounds import STEPS_PER_ROUND, balanced, event, round_events, step, wait_for

from mcstress.tracing.batch_sizing import Portions
from mcstress.tracing.entries import as_it_is
from mcstress.tracing.http.delivery_outcome import DeliveryOutcome, read_status
from mcstress.tracing.langfuse.client import LangfuseServer
from mcstress.tracing.langfuse.settings import LangfuseSettings
from mcstress.tracing.observation import Score

HASTY = {"timeout_s": 1.0}
PEER = LangfuseSettings("http://x", "pk", "sk").peer


def scores(tracer, number, first=0):
    """Put so many scores on traces."""
    made = [
        Score(name=f"score {first + each}", value=1.0, trace_id="ab" * 16) for each in range(number)
    ]
    tracer.add_scores(made)


def test_observations_do_not_wait_for_scores(trace_to):
    """As a real 3.225 on a busy machine: 2.5 s for a batch of scores, observations at once."""
    with StandIn("3.225.4", per_batch_s=2.5) as standin:
        tracer = trace_to(standin.url, limits=HASTY)
        for trio in range(1, 11):
            scores(tracer, 60, first=60 * trio)
            for fired, steps in round_events(trio=trio):
                tracer.record(fired, steps)
            wait_for(lambda trio=trio: tracer.counts().delivered == trio * STEPS_PER_ROUND)
        counts = tracer.finish(1)
        assert balanced(counts)
        assert (counts.delivered, counts.spooled, counts.dropped) == (counts.made, 0, {})
        assert counts.scores.spooled == counts.scores.made == 600
        assert counts.scores.dropped == {}
        assert tracer.answered


def test_scores_do_not_wait_for_observations(trace_to):
    with StandIn("3.225.4", mode="hang", route="/otel/", per_score_s=0.0) as standin:
        tracer = trace_to(standin.url, limits=HASTY)
        tracer.record(event("surge"), [step("matrix.search")])
        wait_for(lambda: [each for each in standin.requests if each[1] == OTLP])
        scores(tracer, 30)
        wait_for(lambda: tracer.counts().scores.delivered == 30)
        assert tracer.counts().delivered == 0
        assert not tracer.finish(1).scores.spooled


def test_batches_of_scores_grow_while_the_server_keeps_up(trace_to):
    with StandIn("3.225.4", per_score_s=0.0) as standin:
        tracer = trace_to(standin.url, limits={"timeout_s": 10.0})
        scores(tracer, 300)
        assert tracer.finish(60).scores.delivered == 300
        sizes = standin.score_batches
        assert sizes[:4] == [15, 22, 13, 33]
        assert max(sizes) == 50
        assert standin.stored_twice == [0, 0]


def test_a_slow_server_gets_no_larger_batches(trace_to):
    """Half of the time-out, for 15 scores: more of them would come too late."""
    with StandIn("3.225.4", per_batch_s=0.8) as standin:
        tracer = trace_to(standin.url, limits={"timeout_s": 1.6})
        scores(tracer, 45)
        assert tracer.finish(60).scores.delivered == 45
        assert standin.score_batches == [15, 15, 15]


def test_after_a_time_out_batches_are_halved(trace_to):
    """A server that goes on storing what nobody waits for is not given the same once more."""
    with StandIn("3.225.4", per_score_s=0.02) as standin:
        tracer = trace_to(standin.url, limits={"timeout_s": 0.2, "tries": 4})
        scores(tracer, 30)
        counts = tracer.finish(60)
        sizes = standin.score_batches
        assert sizes[:2] == [15, 7]
        assert counts.scores.delivered > 0
        assert balanced(counts)


def test_observations_are_fewer_after_a_time_out_too(newest, trace_to):
    newest.behave("slow", seconds=2.0, times=1, route="/otel/")
    tracer = trace_to(newest.url, limits=HASTY | {"tries": 6})
    for fired, steps in round_events():
        tracer.record(fired, steps)
    counts = tracer.finish(20)
    assert (counts.delivered, counts.spooled) == (STEPS_PER_ROUND, 0)
    first, second = [size for _, path, _, size in newest.requests if path == OTLP][:2]
    assert second < first


def test_what_was_in_the_body_that_nobody_answered_is_halved(newest, trace_to):
    """Large items: one body holds far fewer of them than a portion."""
    newest.behave("slow", seconds=2.0, times=1, route="/otel/")
    limits = HASTY | {"tries": 6, "body_bytes": 1 << 20, "sweep_s": 30.0}
    tracer = trace_to(newest.url, limits=limits)
    body = secrets.token_hex(225_000).encode()
    for number in range(12):
        done = step("matrix.search", request=body, response=body)
        tracer.record(event("surge", number=number), [done])
    counts = tracer.finish(20)
    assert (counts.delivered, counts.spooled) == (12, 0)
    first, second = [size for _, path, _, size in newest.requests if path == OTLP][:2]
    assert second < first * 0.6


def test_halves_are_not_sent_on_to_a_server_that_answers_nothing_more():
    poster = LangfuseServer(LangfuseSettings("http://x", "pk", "sk"), as_it_is)._poster
    sent = []

    def post(_road, items):
        sent.append(len(items))
        return DeliveryOutcome(again=[*items], unanswered=len(items))

    poster.send = post
    outcome = poster._in_halves(None, ["x"] * 8)
    assert (sent, len(outcome.again), outcome.unanswered) == ([4], 8, 4)


def test_a_crowd_of_scores_goes_to_the_spool_and_takes_no_observation_with_it(trace_to):
    with StandIn("3.225.4", mode="hang", route="/ingestion") as standin:
        limits = {"timeout_s": 5.0, "scores_waiting": 100, "outbox_items": 100}
        tracer = trace_to(standin.url, limits=limits)
        scores(tracer, 1000)
        wait_for(lambda: tracer.counts().scores.spooled >= 1000 - 50 - 50)
        tracer.record(event("surge"), [step("matrix.search")])
        wait_for(lambda: tracer.counts().delivered == 1)
        counts = tracer.finish(0.2)
        assert (counts.spooled, counts.scores.spooled) == (0, 1000)


@pytest.mark.parametrize("mode", ["hang", "ok"])
def test_who_makes_scores_only_knows_by_them_whether_the_server_answers(trace_to, mode):
    """The master, after whose verdict the observations are read back, or not waited for."""
    with StandIn("3.225.4") as standin:
        tracer = trace_to(standin.url, limits=HASTY)
        wait_for(lambda: tracer.project_url)
        standin.behave(mode)
        tracer.score("verdict", "pass")
        tracer.finish(60)
        assert tracer.answered == (mode == "ok")


@pytest.mark.parametrize(
    ("status", "unanswered"),
    [(408, 2), (429, 0), (500, 0), (502, 2), (503, 0), (504, 2), (524, 2)],
)
def test_a_proxy_that_gave_up_says_not_what_became_of_it(status, unanswered):
    answer = httpx.Response(status, request=httpx.Request("POST", "http://x/"))
    assert read_status(answer, ["x", "y"], PEER).unanswered == unanswered


@pytest.mark.parametrize(
    ("outcome", "size"),
    [
        (DeliveryOutcome(delivered=["x"]), 22),
        (DeliveryOutcome(again=["x"], unanswered=15), 7),
        (DeliveryOutcome(again=["x"], unanswered=6), 3),
        (DeliveryOutcome(again=["x"]), 15),
        (DeliveryOutcome(refused=["x"]), 15),
    ],
)
def test_a_portion_follows_what_became_of_the_last(outcome, size):
    portions = Portions(lambda _: outcome, first=15, largest=50, timeout_s=2.0)
    found, rest = portions.send(["x"] * 20)
    assert found is outcome
    assert len(rest) == len(outcome.again) + 5
    assert portions.size == size


def test_a_portion_never_becomes_none():
    portions = Portions(
        lambda items: DeliveryOutcome(again=items, unanswered=len(items)),
        first=15,
        largest=50,
        timeout_s=2.0,
    )
    for _ in range(6):
        portions.send(["x"] * 20)
    assert portions.size == 1
