"""What a tracer counts where it cannot send: no room, faults, a sink that is none."""

from __future__ import annotations

import gevent
import msgspec
import pytest
from free_ports import free_port
from trace_rounds import balanced, event, step, wait_for

from mcstress.services.trace_context import is_sampled, phase_trace_id
from mcstress.tracing import tracer as tracing
from mcstress.tracing.delivery import FAULT
from mcstress.tracing.delivery_counts import SinkCounts, TraceCounts, counts_of
from mcstress.tracing.http.batch_posting import UNSERIALISABLE
from mcstress.tracing.langfuse import readback
from mcstress.tracing.observation import Score
from mcstress.tracing.sink import Where
from mcstress.tracing.spool.spool import Spool
from mcstress.tracing.tracer import NO_ROOM
from mcstress.tracing.untraced import COULD_NOT, Untraced

NEVER_SWEEP = {"sweep_s": 3600.0}


def test_a_sink_that_could_not_be_made_counts_what_it_did_not_take():
    where = Where("langfuse", "http://127.0.0.1:9")
    sink = Untraced(where, "no keys")
    for number in range(3):
        sink.record(event("inbox", number=number), [step("matrix.search"), step("llm.judge_top1")])
    sink.add_scores([Score(name="hit", value=1.0, trace_id="0" * 32)])
    sink.score("verdict", "pass")
    sink.begin_to_finish(0)
    counts = sink.finish(60)
    assert (counts.made, counts.dropped, counts.scores.made) == (6, {COULD_NOT: 6}, 0)
    assert balanced(counts)
    assert (sink.where, sink.fault, sink.read_back(6, 1.0)) == (where, "no keys", None)
    assert (sink.answered, sink.project_url) == (False, None)


def test_counts_come_back_as_they_were_said_and_impossible_ones_are_refused():
    counts = SinkCounts(made=3, delivered=1, dropped={"a": 2}, spools=["x"], fault="slow")
    assert counts_of(msgspec.to_builtins({"langfuse": counts})) == {"langfuse": counts}
    for wrong in ({"made": -1}, {"dropped": {"a": 2**60}}, {"spools": ["x" * 5000]}, {"made": "3"}):
        with pytest.raises(msgspec.ValidationError):
            counts_of({"langfuse": wrong})
    with pytest.raises(msgspec.ValidationError):
        counts_of({"no such sink": {}})


def test_where_nothing_makes_room_what_does_not_fit_is_dropped_and_counted(monkeypatch, trace_to):
    monkeypatch.setattr(tracing, "_LONGEST_WAIT_FOR_ROOM_S", 0.01)
    tracer = trace_to(
        f"http://127.0.0.1:{free_port()}", limits={**NEVER_SWEEP, "buffer": 5, "outbox_items": 5}
    )
    for greenlet in tracer._sender._greenlets:  # as where the disk of the spool is stuck
        greenlet.kill()
    for number in range(12):
        tracer.record(event("surge", number=number), [step("matrix.search")])
    counts = tracer.counts()
    assert (counts.made, counts.dropped) == (12, {NO_ROOM: 5}), "the first five wait, two gather"
    counts = tracer.finish(0)
    assert balanced(counts)
    assert (counts.spooled, counts.dropped) == (7, {NO_ROOM: 5})


def test_a_fault_before_anything_is_kept_is_counted_at_the_end(newest, trace_to, caplog):
    tracer = trace_to(newest.url, sample=0.5)
    tracer.record(None, [step("matrix.search")])
    tracer.caught(ValueError("of whoever says what to trace"))
    assert "a fault in tracing itself: AttributeError" in caplog.text
    assert tracer._notices.faults["fault"] == 2
    counts = tracer.finish(2)
    assert (counts.made, counts.dropped) == (1, {FAULT: 1})
    assert balanced(counts)


def test_an_event_without_its_traces_id_is_sampled_as_its_phase_is(newest, trace_to):
    tracer = trace_to(newest.url, sample=0.5)
    ids = {trio: phase_trace_id("run-3f9c", trio, 1, "surge") for trio in range(1, 17)}
    for trio in ids:
        fired = msgspec.structs.replace(event("surge", trio=trio), trace_id=None)
        tracer.record(fired, [step("matrix.search")])
    counts = tracer.finish(60)
    kept = {trace_id for trace_id in ids.values() if is_sampled(trace_id, 0.5)}
    assert set(newest.traces) == kept
    assert (counts.delivered, counts.sampled_out) == (len(kept), 16 - len(kept))
    assert 0 < len(kept) < 16


def test_many_buffers_move_a_part_at_each_turn_and_none_twice(newest, trace_to):
    tracer = trace_to(newest.url, limits=NEVER_SWEEP)

    def user(trio):
        for number in range(49):
            tracer.record(event("surge", trio=trio, number=number), [step("matrix.search")])

    gevent.joinall([gevent.spawn(user, trio) for trio in range(1, 41)])
    assert tracer._outbox.items == 0
    first, second = tracer._sweep(), tracer._sweep()
    next(first)
    moved = tracer._outbox.items
    assert 500 <= moved < 1000
    next(second)
    assert moved < tracer._outbox.items < 1500
    for _ in second:
        pass
    assert [*first] == [], "the other has taken what was left"
    assert tracer._outbox.items == 40 * 49
    counts = tracer.finish(30)
    assert balanced(counts)
    assert counts.delivered == len(newest.observations) == 40 * 49


def test_buffers_that_many_left_are_sent_at_the_end(newest, trace_to):
    tracer = trace_to(newest.url, limits=NEVER_SWEEP)

    def user(trio):
        for number in range(49):
            tracer.record(event("surge", trio=trio, number=number), [step("matrix.search")])

    gevent.joinall([gevent.spawn(user, trio) for trio in range(1, 23)])
    counts = tracer.finish(30)
    assert (counts.made, counts.delivered) == (22 * 49, 22 * 49)


def test_what_is_no_text_is_dropped_alone_and_counted(newest, trace_to):
    tracer = trace_to(newest.url)
    tracer.add_scores(
        [
            Score(name="half \ud83d", value=1.0, trace_id="0" * 31 + "1"),
            Score(name="whole", value=1.0, trace_id="0" * 31 + "1"),
        ]
    )
    counts = tracer.finish(60)
    assert (counts.scores.delivered, counts.scores.dropped) == (1, {UNSERIALISABLE: 1})
    assert balanced(counts)


def test_reading_back_harms_nobody(newest, trace_to, monkeypatch, caplog):
    tracer = trace_to(newest.url)
    tracer.record(event("surge"), [step("matrix.search")])
    assert tracer.finish(60).delivered == 1
    monkeypatch.setattr(readback.LangfuseServer, "greet", lambda _: 1 / 0)
    assert tracer.read_back(1, 0.2) is None
    assert "a fault in tracing itself: ZeroDivisionError" in caplog.text


def test_a_spool_that_another_process_has_takes_nothing_and_says_so(trace_to):
    tracer = trace_to(f"http://127.0.0.1:{free_port()}")
    other = Spool(tracer._spool_path, spare_bytes=0)
    assert other.append([b"{}"])[0] == 1
    tracer.record(event("surge"), [step("matrix.search")])
    counts = tracer.finish(0.5)
    other.close()
    assert balanced(counts)
    reason = "spool: Resource temporarily unavailable"
    assert (counts.spooled, counts.spools, counts.dropped) == (0, [], {reason: 1})
    assert tracer._spool_path.read_bytes() == b"{}\n"


def test_a_spool_that_is_removed_before_anything_is_in_it_loses_nothing(trace_to):
    """As where a run's folder is tidied up while it begins."""
    tracer = trace_to(f"http://127.0.0.1:{free_port()}", limits={"spool_bytes": 1})
    tracer.record(event("surge"), [step("matrix.search")])
    wait_for(lambda: tracer.counts().dropped)
    tracer._spool_path.unlink()
    tracer.record(event("surge"), [step("matrix.search")])
    counts = tracer.finish(0.5)
    assert (counts.made, counts.dropped, counts.spooled) == (2, {"spool full": 2}, 0)
    assert TraceCounts.total([counts]).pending == 0
