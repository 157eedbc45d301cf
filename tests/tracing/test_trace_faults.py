"""A bad day: servers that are down, slow, wrong or busy. Nothing is lost, nobody waits for long."""

from __future__ import annotations

import logging
import stat
import time
from contextlib import nullcontext

import gevent
import pytest
from free_ports import free_port
from langfuse_standin import PUBLIC_KEY, SECRET_KEY, StandIn
from tcp.raw_server import RawServer
from trace_rounds import (
    STEPS_PER_ROUND,
    balanced,
    event,
    round_events,
    step,
    time_awake,
    wait_for,
)

from mcstress.tracing.delivery import SEND_POLICY
from mcstress.tracing.http.delivery_outcome import excerpt, keys_fault
from mcstress.tracing.langfuse import readback
from mcstress.tracing.langfuse.sdk import LangfuseSdk
from mcstress.tracing.langfuse.settings import LangfuseSettings
from mcstress.tracing.notices import ThrottledWarnings
from mcstress.tracing.spool.replay import replay

HASTY = {"timeout_s": 0.15}


def record_round(tracer, trio=1):
    """Record one round, and two scores."""
    for fired, steps in round_events(trio=trio):
        tracer.record(fired, steps)
    tracer.score("determinism", 0.9, trace_id=fired.trace_id)
    tracer.score("verdict", "pass")


def settings(url):
    """The stand-in's keys at ``url``."""
    return LangfuseSettings(url, PUBLIC_KEY, SECRET_KEY)


def finish_in_time(tracer, deadline_s=2.0, within_s=None):
    """Finish, and see to it that the deadline holds and nothing is dropped."""
    with time_awake() as awake:
        counts = tracer.finish(deadline_s)
    assert awake.seconds <= (within_s or deadline_s)
    assert balanced(counts)
    assert counts.dropped == counts.scores.dropped == {}
    return counts


def deliver_the_rest(tracer, standin, counts):
    """Replay the spool to a server that is well again: everything is there once."""
    left = counts.spooled + counts.scores.spooled
    if left:
        spool = tracer._spool_path
        assert stat.S_IMODE(spool.stat().st_mode) == 0o600
        outcome = replay(spool, settings(standin.url))
        assert (outcome.delivered, outcome.left, outcome.broken) == (left, 0, 0)
        posts = len(standin.requests)
        again = replay(spool, settings(standin.url))
        assert (again.delivered, again.before, again.left) == (0, left, 0)
        assert len(standin.requests) == posts
    assert len(standin.observations) == counts.made
    assert len(standin.scores) == counts.scores.made


def test_down_from_the_start(trace_to):
    port = free_port()
    tracer = trace_to(f"http://127.0.0.1:{port}", limits=HASTY)
    record_round(tracer)
    counts = finish_in_time(tracer)
    assert (counts.delivered, counts.spooled) == (0, STEPS_PER_ROUND)
    assert counts.spools == [str(tracer._spool_path)]
    assert tracer.project_url is None
    with StandIn(port=port) as standin:
        deliver_the_rest(tracer, standin, counts)


def test_dying_half_way(trace_to):
    with StandIn() as standin:
        tracer = trace_to(standin.url, limits=HASTY | {"timeout_s": 1.0})
        record_round(tracer, trio=1)
        wait_for(lambda: tracer.counts().delivered == STEPS_PER_ROUND)
        wait_for(lambda: tracer.counts().scores.delivered == 2)
    record_round(tracer, trio=2)
    counts = finish_in_time(tracer)
    assert (counts.delivered, counts.spooled) == (STEPS_PER_ROUND, STEPS_PER_ROUND)
    with StandIn(port=standin.port) as reborn:
        replay(tracer._spool_path, settings(reborn.url))
        assert not reborn.observations.keys() & standin.observations.keys()
        assert len(reborn.observations | standin.observations) == counts.made


def test_whoever_finishes_second_waits_for_the_first(newest, trace_to):
    newest.behave("hang")
    tracer = trace_to(newest.url, limits=HASTY)
    record_round(tracer)
    both = [gevent.spawn(tracer.finish, 0.5) for _ in range(2)]
    gevent.joinall(both)
    assert [balanced(greenlet.value) for greenlet in both] == [True, True]
    assert not tracer.answered


def test_what_is_sent_twice_has_the_same_ids_though_its_steps_had_none(newest, trace_to):
    newest.behave("slow", seconds=0.3, times=1, posts_only=True)
    tracer = trace_to(newest.url, limits=HASTY)
    tracer.record(event("surge"), [step("matrix.search", span_id=name) for name in ("", "XYZ")])
    assert tracer.finish(60).delivered == 2
    wait_for(lambda: {one["received"] for one in newest.observations.values()} == {2})
    assert len(newest.observations) == 2


BEHAVIOURS = [
    {"mode": "hang"},
    {"mode": "hang", "posts_only": True},
    {"mode": "slow", "seconds": 10, "posts_only": True},
    {"mode": "reset"},
    {"mode": "cut", "posts_only": True},
    {"mode": "garbage", "posts_only": True},
    {"mode": "status", "status": 302},
    {"mode": "status", "status": 400},
    {"mode": "status", "status": 401},
    {"mode": "status", "status": 403},
    {"mode": "status", "status": 413},
    {"mode": "status", "status": 429, "retry_after": 600},
    {"mode": "status", "status": 429, "retry_after": "Wed, 21 Oct 2065 07:28:00 GMT"},
    {"mode": "status", "status": 429, "retry_after": "Fri, 31 Dec 9999 23:59:59 -1200"},
    {"mode": "status", "status": 429, "retry_after": "\u00b2"},
    {"mode": "status", "status": 500},
    {"mode": "status", "status": 503},
    {"mode": "partial", "event_status": 400},
]
OF_OLD_SERVERS = [
    {"mode": "hang", "posts_only": True},
    {"mode": "garbage", "posts_only": True},
    {"mode": "status", "status": 413},
    {"mode": "partial", "event_status": 400},
    {"mode": "partial", "event_status": 500},
]


@pytest.mark.parametrize(
    ("version", "behaviour"),
    [("4.16.0", each) for each in BEHAVIOURS] + [("3.55.0", each) for each in OF_OLD_SERVERS],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else value,
)
def test_a_server_that_is_not_well(trace_to, version, behaviour):
    with StandIn(version, **behaviour) as standin:
        tracer = trace_to(standin.url, limits=HASTY)
        record_round(tracer)
        counts = finish_in_time(tracer)
        assert counts.spooled > 0
        standin.behave("ok")
        deliver_the_rest(tracer, standin, counts)
        assert standin.faults == []


@pytest.mark.parametrize(
    "behaviour", [{"mode": "hang"}, {"mode": "slow", "seconds": 60}, {"mode": "status"}]
)
def test_the_deadline_ends_what_would_go_on_for_a_minute(trace_to, behaviour):
    with StandIn(**behaviour) as standin:
        tracer = trace_to(standin.url, limits={"timeout_s": 60.0, "tries": 1000})
        record_round(tracer)
        wait_for(lambda: standin.requests)
        counts = finish_in_time(tracer, 1.0)
        assert (counts.spooled, counts.scores.spooled) == (STEPS_PER_ROUND, 2)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_recovers_gets_everything(newest, trace_to, status):
    newest.behave("status", status=status, times=2, posts_only=True)
    tracer = trace_to(newest.url)
    record_round(tracer)
    wait_for(lambda: tracer.counts().delivered == STEPS_PER_ROUND)
    counts = finish_in_time(tracer)
    assert (counts.delivered, counts.spooled) == (STEPS_PER_ROUND, 0)


def test_a_server_that_is_down_for_long_is_found_again(trace_to):
    port = free_port()
    tracer = trace_to(f"http://127.0.0.1:{port}")
    record_round(tracer, trio=1)
    wait_for(lambda: tracer.counts().spooled == STEPS_PER_ROUND)
    with StandIn(port=port) as standin:
        record_round(tracer, trio=2)
        wait_for(lambda: tracer.counts().delivered == STEPS_PER_ROUND)
        counts = finish_in_time(tracer)
        assert tracer.project_url
        assert counts.spooled == STEPS_PER_ROUND
        assert len(standin.observations) == STEPS_PER_ROUND


def test_retry_after_is_kept_to(newest, trace_to):
    newest.behave("status", status=429, retry_after=1, times=1, posts_only=True)
    tracer = trace_to(newest.url)
    tracer.record(event("surge"), [step("matrix.search")])
    wait_for(lambda: [each for each in newest.requests if each[0] == "POST"])
    refused_s = time.monotonic()
    wait_for(lambda: tracer.counts().delivered)
    assert time.monotonic() - refused_s >= 0.9


@pytest.mark.parametrize("version", ["2.95.9", "4.16.0"])
def test_a_body_that_is_too_large_is_split(trace_to, version):
    with StandIn(version, max_bytes=20_000 if version < "3" else 2_500) as standin:
        tracer = trace_to(standin.url)
        for fired, steps in round_events():
            tracer.record(fired, steps)
        counts = finish_in_time(tracer, 60)
        assert (counts.delivered, counts.spooled) == (STEPS_PER_ROUND, 0)
        assert all(each["received"] == 1 for each in standin.observations.values())


def test_large_bodies_are_sent_in_several(newest, trace_to):
    tracer = trace_to(newest.url, limits={"body_bytes": 1 << 20})
    body = b"x" * (1 << 20)
    for number in range(12):
        done = step("matrix.search", request=body, response=body)
        tracer.record(event("surge", number=number), [done])
    counts = finish_in_time(tracer, 60)
    assert (counts.delivered, counts.spooled) == (12, 0)
    posts = [each for each in newest.requests if each[0] == "POST"]
    assert len(posts) > 3


def test_a_server_that_knows_no_otlp_is_found_out(trace_to):
    with StandIn("2.95.9") as standin:
        tracer = trace_to(standin.url, wire="otlp")
        for fired, steps in round_events():
            tracer.record(fired, steps)
        assert finish_in_time(tracer, 60).delivered == STEPS_PER_ROUND
        assert standin.faults == []


def test_a_server_that_takes_no_batches_is_found_out(newest, trace_to):
    tracer = trace_to(newest.url, wire="ingestion")
    for fired, steps in round_events():
        tracer.record(fired, steps)
    assert finish_in_time(tracer, 60).delivered == STEPS_PER_ROUND


def test_wrong_keys_are_said_once_and_not_tried_for_long(newest, trace_to, caplog):
    tracer = trace_to(newest.url, secret_key="sk-lf-wrong", limits={"longest_pause_s": 30})
    wait_for(lambda: "check LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY" in caplog.text)
    for trio in range(10):
        for fired, steps in round_events(trio=trio):
            tracer.record(fired, steps)
        gevent.sleep(0)
    counts = finish_in_time(tracer)
    assert counts.spooled == counts.made == 10 * STEPS_PER_ROUND
    assert caplog.text.count("check LANGFUSE_PUBLIC_KEY") == 1
    assert len([each for each in newest.requests if each[0] == "POST"]) <= 2
    assert "sk-lf-wrong" not in caplog.text + tracer._spool_path.read_text()


def test_a_server_that_echoes_the_keys_does_not_get_them_into_the_log(trace_to, caplog):
    with StandIn(mode="status", status=400) as standin:
        standin.told = f"what is {PUBLIC_KEY}:{SECRET_KEY}?"
        tracer = trace_to(standin.url)
        record_round(tracer)
        finish_in_time(tracer)
        assert "what is ***:***?" in caplog.text


def test_each_kind_is_warned_of_once(trace_to, caplog):
    tracer = trace_to(f"http://127.0.0.1:{free_port()}")
    for trio in range(5):
        record_round(tracer, trio)
        wait_for(lambda: not tracer.counts().pending)
    tracer.finish(1)
    warnings = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert len(warnings) == 2
    assert "cannot be reached" in warnings[0].message
    assert "mcstress replay" in warnings[1].message
    assert tracer._notices.faults["unreachable"] > 2


def test_the_log_does_not_tell_of_every_request(newest, trace_to, caplog):
    caplog.set_level(logging.DEBUG)
    tracer = trace_to(newest.url)
    record_round(tracer)
    tracer.finish(60)
    assert [each for each in caplog.records if each.name.startswith(("httpx", "httpcore"))] == []


def test_a_server_that_never_answered_does_not_take_the_whole_deadline(trace_to):
    with StandIn(mode="hang") as standin:
        tracer = trace_to(standin.url, limits=HASTY)
        wait_for(lambda: tracer._sender._observation_lane.pause_s)
        record_round(tracer)
        counts = finish_in_time(tracer, 20.0, within_s=5)
        assert counts.spooled == STEPS_PER_ROUND


def test_an_address_that_was_missing_for_a_moment_is_no_other_kind_of_server(newest, trace_to):
    newest.behave("status", status=404, times=1, route="/otel/")
    tracer = trace_to(newest.url, limits=HASTY)
    record_round(tracer, trio=1)
    wait_for(lambda: tracer.counts().spooled == STEPS_PER_ROUND)
    record_round(tracer, trio=2)
    counts = finish_in_time(tracer)
    assert (counts.delivered, counts.spooled) == (STEPS_PER_ROUND, STEPS_PER_ROUND)
    newest.faults.clear()  # a 4 says of batches what it says; here that was the point


def test_who_does_not_tell_its_project_gets_all_the_same(newest, trace_to, monkeypatch):
    refusal = keys_fault(f"{newest.url} answers 403", "not yours", settings(newest.url).peer)
    monkeypatch.setattr(LangfuseSdk, "project", lambda _: refusal)
    tracer = trace_to(newest.url, limits={"longest_pause_s": 30.0})
    for trio in range(1, 6):
        record_round(tracer, trio=trio)
        wait_for(lambda trio=trio: tracer.counts().delivered == trio * STEPS_PER_ROUND)


@pytest.mark.parametrize("bad", [{"mode": "hang"}, {"mode": "status", "status": 503}])
def test_a_project_that_cannot_be_asked_for_means_no_links_and_no_more(trace_to, bad, caplog):
    with StandIn(**bad, route="/projects") as standin:
        tracer = trace_to(standin.url, limits=HASTY)
        wait_for(lambda: "the report has no links to Langfuse" in caplog.text)
        assert "unless it answers later (4 more tries)" in caplog.text
        standin.behave("ok")
        tracer.record(event("surge"), [step("matrix.search")])
        wait_for(lambda: tracer.project_url)
        assert tracer.finish(60).delivered == 1


@pytest.mark.parametrize("bad", [None, {"mode": "status", "status": 503, "route": "/projects"}])
def test_who_makes_no_observations_finds_its_project_all_the_same(trace_to, bad):
    """A master: it has nothing to send until its verdict, and the server was not there at first."""
    port = free_port()
    with StandIn(port=port, **bad) if bad else nullcontext() as standin:
        tracer = trace_to(f"http://127.0.0.1:{port}", limits=HASTY)
        if bad:
            wait_for(lambda: [each for each in standin.requests if "/projects" in each[1]])
            standin.behave("ok")
            wait_for(lambda: tracer.project_url)
        else:
            wait_for(lambda: tracer._notices.faults)
            with StandIn(port=port):
                wait_for(lambda: tracer.project_url)


def drip(_):
    """An answer that never ends, a byte at a time: each is there in good time."""
    yield b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
    while True:
        yield 0.02
        yield b" "


def test_reading_back_ends_though_the_server_never_does(monkeypatch, caplog):
    monkeypatch.setattr(readback, "_TIMEOUT_S", 0.2)
    with RawServer(drip) as server, gevent.Timeout(60):
        notices = ThrottledWarnings(str)
        found = readback.read_back(
            *(settings(server.url), "run", 1, 0.2, notices), limit=SEND_POLICY.limit
        )
    assert found is None
    assert "cannot be read back" in caplog.text


def test_reading_back_closes_its_connections_whatever_happens(newest, monkeypatch):
    closed = []
    monkeypatch.setattr(readback.LangfuseServer, "greet", lambda _: 1 / 0)
    monkeypatch.setattr(
        readback.LangfuseServer, "close", lambda server: closed.append(server.http.close())
    )
    with pytest.raises(ZeroDivisionError):
        readback.read_back(settings(newest.url), "run", 1, 0.2, ThrottledWarnings(str))
    assert len(closed) == 1


@pytest.mark.parametrize("before", range(150, 201))
def test_a_text_is_not_cut_inside_of_a_key(before):
    key = "cGstbGYtNWE3YzFlOTAtc3Rhbi1pbg=="
    said = f"{'x' * (before - 7)} Basic {key} and on"
    shown = excerpt(said)
    assert key in shown or key[:1] not in shown.partition("Basic")[2]
