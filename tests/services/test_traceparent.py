"""Ids that agree without talking, and ids that never meet."""

import os
import re

from mcstress.services.trace_context import TraceContext, is_sampled, new_span_id, phase_trace_id


def test_a_phases_trace_is_the_same_wherever_it_is_asked_for():
    trace_id = phase_trace_id("run", 1, 2, "baseline")
    assert re.fullmatch("[0-9a-f]{32}", trace_id)
    assert trace_id == phase_trace_id("run", 1, 2, "baseline")
    others = [("other", 1, 2), ("run", 2, 2), ("run", 1, 3), ("run", 11, 2)]
    assert len({trace_id, *(phase_trace_id(*other, "baseline") for other in others)}) == 5


def test_span_ids_are_hex_and_do_not_repeat():
    ids = {new_span_id() for _ in range(10_000)}
    assert len(ids) == 10_000
    assert all(re.fullmatch("[0-9a-f]{16}", id_) and int(id_, 16) for id_ in ids)


def test_a_forked_worker_draws_ids_of_its_own():
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, new_span_id().encode())
        os._exit(0)
    theirs = os.read(reader, 16).decode()
    os.waitpid(child, 0)
    assert new_span_id() != theirs
    os.close(reader)
    os.close(writer)


def test_the_header_says_whether_to_record():
    assert TraceContext("a" * 32).traceparent("b" * 16) == f"00-{'a' * 32}-{'b' * 16}-01"
    assert TraceContext("a" * 32, sampled=False).traceparent("b" * 16).endswith("-00")


def test_a_rate_keeps_about_its_share_of_the_traces():
    ids = [phase_trace_id("run", trio, 1, "surge") for trio in range(4000)]
    assert not any(is_sampled(id_, 0) for id_ in ids)
    assert all(is_sampled(id_, 1) for id_ in ids)
    assert 850 < sum(is_sampled(id_, 0.25) for id_ in ids) < 1150
