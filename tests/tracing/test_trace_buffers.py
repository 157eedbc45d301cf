"""Buffers, sampling, forks and faults of our own: what happens before anything is sent."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import gevent
import pytest
from free_ports import free_port
from langfuse_standin import PUBLIC_KEY, SECRET_KEY, StandIn
from trace_rounds import (
    RUN,
    balanced,
    event,
    round_events,
    spool_lines,
    step,
    time_awake,
    wait_for,
)

from mcstress.services.trace_context import is_sampled, phase_trace_id
from mcstress.tracing.delivery_counts import TraceCounts
from mcstress.tracing.http.batch_posting import UNSERIALISABLE
from mcstress.tracing.notices import ThrottledWarnings
from mcstress.tracing.observation import Score
from mcstress.tracing.queue import Outbox
from mcstress.tracing.score_queue import ScoreQueue
from mcstress.tracing.traced_step import TracedStep

CHECKOUT = Path(__file__).parents[2]
NEVER_SWEEP = {"sweep_s": 3600.0}


def test_fifty_steps_move_to_the_outbox(newest, trace_to):
    tracer = trace_to(newest.url, limits=NEVER_SWEEP)
    for number in range(49):
        tracer.record(event("surge", number=number), [step("matrix.search")])
    assert tracer._outbox.items == 0
    tracer.record(event("inbox"), [step("matrix.search"), step("llm.judge_top1")])
    assert tracer._outbox.items == 51
    assert tracer.counts().made == 51


def test_a_buffer_belongs_to_its_greenlet(newest, trace_to):
    tracer = trace_to(newest.url, limits=NEVER_SWEEP)

    def user():
        for number in range(30):
            tracer.record(event("surge", number=number), [step("matrix.search")])

    gevent.joinall([gevent.spawn(user) for _ in range(3)])
    assert tracer._outbox.items == 0
    assert tracer.counts().pending == 90


def test_buffers_of_the_dead_and_of_the_living_are_drained(newest, trace_to):
    tracer = trace_to(newest.url, limits=NEVER_SWEEP)
    ready, never = gevent.event.Event(), gevent.event.Event()

    def user(stays):
        tracer.record(event("surge"), [step("matrix.search")])
        if stays:
            ready.set()
            never.wait()

    gevent.spawn(user, stays=False).join()
    killed = gevent.spawn(user, stays=True)
    ready.wait()
    killed.kill()
    ready.clear()
    living = gevent.spawn(user, stays=True)
    ready.wait()
    assert tracer.finish(60).delivered == 3
    living.kill()


def test_recording_waits_for_no_network(trace_to):
    with StandIn(mode="hang") as standin:
        tracer = trace_to(standin.url, limits={"timeout_s": 30.0})
        wait_for(lambda: standin.requests)
        with time_awake() as awake:
            for number in range(1000):
                tracer.record(event("surge", number=number), [step("matrix.search")])
        assert awake.seconds < 1
        assert balanced(tracer.finish(0.2))


def test_the_outbox_is_bounded_and_the_spool_takes_the_rest(trace_to):
    with StandIn(mode="hang") as standin:
        limits = {"outbox_items": 400, "timeout_s": 30.0}
        tracer = trace_to(standin.url, limits=limits)
        for number in range(5000):  # never gives anyone else a turn
            tracer.record(event("surge", number=number), [step("matrix.search")])
            assert tracer._outbox.items <= 400 + 50
        counts = tracer.finish(0.2)
        assert balanced(counts)
        assert (counts.spooled, counts.dropped) == (5000, {})


def test_what_waits_for_room_at_the_end_is_spooled_too(trace_to):
    """More users than there is room for, while nothing is delivered any more."""
    with StandIn(mode="hang") as standin:
        limits = {"outbox_items": 300, "timeout_s": 30.0, "sweep_s": 30.0}
        tracer = trace_to(standin.url, limits=limits)
        wait_for(lambda: standin.requests)

        def user(number):
            while not tracer._finished:
                tracer.record(event("surge", number=number), [step("matrix.search")])

        users = [gevent.spawn(user, number) for number in range(20)]
        wait_for(lambda: tracer.counts().spooled)
        counts = tracer.finish(0)
        gevent.joinall(users)
        assert counts.made > 20 * 50
        assert (counts.spooled, counts.dropped) == (counts.made, {})
        assert len(spool_lines(tracer._spool_path)) == counts.made


def test_the_outbox_is_bounded_in_bytes(trace_to):
    with StandIn(mode="hang") as standin:
        limits = {"outbox_bytes": 10 << 20, "timeout_s": 30.0}
        tracer = trace_to(standin.url, limits=limits)
        body = b"x" * 100_000
        for number in range(1000):
            tracer.record(event("surge", number=number), [step("matrix.search", response=body)])
            assert tracer._outbox._bytes <= (10 << 20) + 50 * 102_000
        counts = tracer.finish(0.2)
        assert (counts.spooled, counts.dropped) == (1000, {})


def test_many_users_with_a_step_each(newest, trace_to):
    newest.checked = False
    tracer = trace_to(newest.url)

    def user(number):
        tracer.record(event("surge", number=number), [step("matrix.search")])

    gevent.joinall([gevent.spawn(user, number) for number in range(3000)])
    wait_for(lambda: not tracer._buffers)
    counts = tracer.finish(60)
    assert counts.delivered == len(newest.observations) == 3000


def test_scores_gather_for_a_request_of_their_own(newest, trace_to):
    newest.checked = False
    tracer = trace_to(newest.url, limits={"sweep_s": 30.0})
    for number in range(1500):
        fired = event("surge", number=number)
        tracer.record(fired, [step("matrix.search")])
        if number % 40 == 0:
            tracer.score(f"score {number}", 1.0, trace_id=fired.trace_id)
    wait_for(lambda: len(newest.observations) >= 1000)
    assert newest.scores == {}
    counts = tracer.finish(60)
    assert (counts.delivered, counts.scores.delivered) == (1500, 38)
    assert len(newest.scores) == 38
    assert newest.score_batches == [15, 22, 1]


def test_scores_go_before_long_though_nothing_else_does(newest, trace_to):
    tracer = trace_to(newest.url, limits={"sweep_s": 0.1})
    tracer.score("verdict", "pass")
    wait_for(lambda: newest.scores)
    wait_for(lambda: tracer.counts().scores.delivered == 1)


def test_scores_that_gathered_are_spooled_where_nobody_takes_them(trace_to):
    tracer = trace_to(f"http://127.0.0.1:{free_port()}", limits={"sweep_s": 30.0})
    for number in range(600):
        tracer.record(event("surge", number=number), [step("matrix.search")])
        tracer.score(f"score {number}", 1.0, trace_id="0" * 32)
    counts = tracer.finish(1)
    assert balanced(counts)
    assert (counts.spooled, counts.scores.spooled) == (600, 600)
    assert counts.dropped == counts.scores.dropped == {}


@pytest.mark.parametrize("version", ["2.95.9", "4.16.0"])
def test_a_later_score_takes_the_place_of_an_earlier_one(version, trace_to):
    with StandIn(version) as standin:
        tracer = trace_to(standin.url)
        for value in (1.0, 2.0):
            tracer.score("quality", value, trace_id="0" * 31 + "1")
            for number in range(60):
                tracer.record(event("surge", number=number), [step("matrix.search")])
        assert tracer.finish(60).scores.delivered == 2
        assert [score["value"] for score in standin.scores.values()] == [2.0]


def test_the_newest_steps_go_first():
    outbox = Outbox(largest_items=100, largest_bytes=1 << 30, post=4)
    first, second, third = (
        [TracedStep.of(event("surge", number=n), step("matrix.search"), "w")] * 2 for n in (1, 2, 3)
    )
    for part in (first, second, third):
        outbox.put(part)
    assert outbox.items == 6
    assert outbox.take(5) == third + second
    assert outbox.take(1) == first, "one chunk at least"
    assert outbox.take(5) == []
    assert (outbox.items, outbox._bytes) == (0, 0)


def test_scores_keep_their_order():
    queue = ScoreQueue(enough=3, largest=4)
    scores = [Score(name="x", value=n, trace_id="t") for n in range(5)]
    queue.put(scores[:2])
    assert (queue.ready.is_set(), queue.crowded) == (False, False)
    queue.put(scores[2:])
    assert (queue.ready.is_set(), queue.crowded) == (True, True)
    assert queue.take(4) == scores[:4]
    assert queue.ready.is_set(), "until all are taken"
    assert queue.take(4) == scores[4:]
    assert (queue.ready.is_set(), queue.crowded, queue.items) == (False, False, 0)


@pytest.mark.parametrize(
    "wrong", [{"request": None}, {"response": None}, {"url": None}, {"error": 5}]
)
def test_a_step_that_is_none_takes_no_other_with_it(trace_to, wrong):
    tracer = trace_to(f"http://127.0.0.1:{free_port()}")
    for number in range(20):
        tracer.record(event("surge", number=number), [step("matrix.search")])
    tracer.record(event("inbox"), [step("matrix.search", **wrong)])
    counts = tracer.finish(1)
    assert balanced(counts)
    assert (counts.spooled, counts.dropped) == (20, {UNSERIALISABLE: 1})


def test_scores_that_are_none_harm_nobody(newest, trace_to):
    tracer = trace_to(newest.url)
    tracer.add_scores([None])
    tracer.score("verdict", "pass")
    counts = tracer.finish(60)
    assert balanced(counts)
    assert (counts.scores.made, counts.scores.delivered) == (2, 1)


def test_a_step_after_the_end_is_counted(newest, trace_to):
    tracer = trace_to(newest.url)
    tracer.record(event("surge"), [step("matrix.search")])
    tracer.finish(60)
    tracer.record(event("surge"), [step("matrix.search")])
    tracer.score("verdict", "pass")
    counts = tracer.finish(60)
    assert balanced(counts)
    assert (counts.made, counts.delivered, counts.dropped) == (2, 1, {"after the end": 1})


def test_a_fault_of_ours_stops_here_and_is_counted(newest, trace_to, caplog, monkeypatch):
    tracer = trace_to(newest.url)
    tracer.record(event("surge"), [step("matrix.search"), "no step"])
    tracer.record(None, [step("matrix.search")])
    tracer.record(event("no such phase"), [step("matrix.search")])
    wait_for(lambda: newest.observations)
    monkeypatch.setattr(tracer._project._server._poster, "call", lambda *_, **__: 1 / 0)
    tracer.record(event("surge"), [step("matrix.search")])
    counts = tracer.finish(2)
    assert balanced(counts)
    assert (counts.made, counts.delivered, counts.spooled) == (5, 1, 1)
    assert "a fault in tracing itself" in caplog.text
    assert len(caplog.records) <= 3


def test_sampling_keeps_whole_traces_everywhere(newest, trace_to):
    first, second = (trace_to(newest.url, sample=0.3) for _ in range(2))
    for trio in range(1, 9):
        for number, (fired, steps) in enumerate(round_events(trio=trio)):
            (first if number % 2 else second).record(fired, steps)
            first.score("hit", 1.0, trace_id=fired.trace_id)
    counts = TraceCounts.total([first.finish(60), second.finish(60)])
    assert balanced(counts)
    assert counts.sampled_out > 0
    assert counts.delivered == len(newest.observations) > 0
    kept = set(newest.traces)
    wanted = {
        phase_trace_id(RUN.uid, trio, 1, phase)
        for trio in range(1, 9)
        for phase in {fired.phase for fired, _ in round_events()}
    }
    assert kept == {trace for trace in wanted if is_sampled(trace, 0.3)}
    assert {score["traceId"] for score in newest.scores.values()} == kept


def test_a_forked_worker_has_its_own(tmp_path):
    script = f"""
        import locust, json, os, sys
        sys.path.insert(0, {str(CHECKOUT / "tests" / "tracing")!r})
        from pathlib import Path
        import gevent, msgspec
        from trace_rounds import RUN, event, step, wait_for
        from mcstress.tracing.langfuse.settings import LangfuseSettings
        from mcstress.tracing.langfuse.tracer import LangfuseTracer
        settings = LangfuseSettings(sys.argv[1], {PUBLIC_KEY!r}, {SECRET_KEY!r})
        spool = Path({str(tmp_path)!r}) / "run.spool.jsonl"
        tracer = LangfuseTracer(settings, RUN, worker="w", spool_path=spool)
        tracer.start()
        wait_for(lambda: tracer.project_url)
        for number in range(70):
            tracer.record(event("surge", number=number), [step("matrix.search")])
        child = os.fork()
        for number in range(10 if child else 3):
            tracer.record(event("surge", number=number), [step("matrix.search")])
        counts = tracer.finish(60)
        print(json.dumps([bool(child), msgspec.to_builtins(counts)]), flush=True)
        if child:
            os.waitpid(child, 0)
        else:
            os._exit(0)
    """
    with StandIn() as standin:
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script), standin.url],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        counts = dict(json.loads(line) for line in done.stdout.splitlines())
        assert (counts[True]["made"], counts[True]["delivered"]) == (80, 80)
        assert (counts[False]["made"], counts[False]["delivered"]) == (3, 3)
        assert len(standin.observations) == 83
        assert all(each["received"] == 1 for each in standin.observations.values())
        assert standin.faults == []


def test_nothing_starts_at_import():
    script = (
        "import mcstress.tracing.tracer, threading, gc, gevent; print(threading.active_count())"
    )
    script += "\nprint(sum(isinstance(each, gevent.Greenlet) for each in gc.get_objects()))"
    script += "\nimport sys; print('langfuse' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1", "0", "False"]


def test_notices_are_quiet_for_half_a_minute(caplog):
    now = [0.0]
    notices = ThrottledWarnings(lambda text: text.replace("secret", "***"), clock=lambda: now[0])
    for second in (0, 1, 29, 31, 32):
        now[0] = second
        notices.warn("slow", "secret is slow")
        notices.warn("other", "other")
    said = [record.message for record in caplog.records]
    assert said == [
        "Langfuse: *** is slow",
        "Langfuse: other",
        "Langfuse: *** is slow (2 more like it since the last warning)",
        "Langfuse: other (2 more like it since the last warning)",
    ]
    assert notices.faults == {"slow": 5, "other": 5}


def test_counts_add_up_over_workers():
    first = TraceCounts(made=5, delivered=3, dropped={"a": 1}, spooled=1, spools=["x"])
    second = TraceCounts(made=4, sampled_out=1, delivered=2, dropped={"a": 1}, spools=["y"])
    second.scores.made = 2
    total = TraceCounts.total([first, second])
    assert (total.made, total.pending, total.dropped) == (9, 0, {"a": 2})
    assert (total.scores.made, total.spools) == (2, ["x", "y"])
    assert first.made == 5
