"""A signal may reach whoever ends tracing at any moment: what waits is spooled all the same."""

from __future__ import annotations

import gevent
import pytest
from langfuse_standin import StandIn
from trace_rounds import balanced, event, spool_lines, step

STEPS = 3000
"""Several slices of the spool: everybody has a turn between two of them."""


@pytest.fixture
def waiting(trace_to):
    """A tracer whose server takes nothing, with steps that wait."""
    with StandIn(mode="hang") as standin:
        tracer = trace_to(standin.url, limits={"timeout_s": 30.0})
        for number in range(STEPS):
            tracer.record(event("surge", number=number), [step("matrix.search")])
        yield tracer


class Signalled(BaseException):
    """What a signal raises; of a SystemExit gevent would tell pytest's own greenlet."""


def lines_of(tracer):
    path = tracer._spool_path
    return len(spool_lines(path)) if path.exists() else 0


def finish(tracer, *deadlines_s):
    """As the end of a process does: the later calls stand in a ``finally``."""
    first, *later = deadlines_s
    try:
        tracer.finish(first)
    finally:
        if later:
            finish(tracer, *later)


def interrupt(greenlet, times):
    """Throw into it what a signal throws, so often; what it ends with."""
    for _ in range(times):
        gevent.sleep(0.001)
        greenlet.kill(Signalled(), block=False)
    greenlet.join()
    return greenlet.exception


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("deadlines_s", [(0.0,), (60.0, 0.0)], ids=["at once", "while delivering"])
def test_all_is_spooled_whoever_interrupts_the_end(waiting, times, deadlines_s):
    ending = gevent.spawn(finish, waiting, *deadlines_s)
    found = interrupt(ending, times)
    assert isinstance(found, Signalled)
    assert lines_of(waiting) == STEPS
    counts = waiting.counts()
    assert balanced(counts)
    assert (counts.spooled, counts.dropped) == (STEPS, {})


def test_an_end_at_once_waits_for_no_server_that_an_earlier_call_gave_time(waiting):
    patient = gevent.spawn(waiting.finish, 600.0)
    gevent.sleep(0.01)
    assert waiting.finish(0.0).spooled == STEPS
    patient.join(60)
    assert patient.value.spooled == STEPS
