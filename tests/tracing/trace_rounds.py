"""Hand-made events with their steps: one round of one trio, as the personas would fire them."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager

import gevent
import msgspec

from mcstress.metrics.event import Event, utc
from mcstress.services.step import Step
from mcstress.services.trace_context import new_span_id, phase_trace_id
from mcstress.tracing.limits import Limits
from mcstress.tracing.observation import Observation
from mcstress.tracing.spool.line import head_of
from mcstress.tracing.trace import Trace, TraceRun

QUICK = Limits(sweep_s=0.05, tries=3, first_wait_s=0.02, longest_pause_s=0.1, spare_bytes=0)
"""Tries quickly, and gives up quickly."""
RUN = TraceRun(uid="run-3f9c", number="007", scenario="three_cities")
INBOX_STEPS = ("observerd.inbox.record", "llm.parse_demand", "matrix.search", "llm.judge_top1")
STEPS_OF_PHASE = {
    "baseline": (12, ("matrix.search", "playbook.record")),
    "fresh_resume": (3, ("embed", "index.add", "matrix.search")),
    "inbox": (6, INBOX_STEPS),
    "surge": (12, ("matrix.search",)),
    "swap": (2, ("matrix.search",)),
    "merge": (6, ("matrix.search",)),
    "handover": (8, ("matrix.search",)),
    "handover_paraphrase": (8, ("matrix.search",)),
    "split": (4, ("matrix.search",)),
    "reissue": (12, ("matrix.search",)),
}
STEPS_PER_ROUND = sum(events * len(steps) for events, steps in STEPS_OF_PHASE.values())


def search_bodies(hits=8):
    """A search's request and answer, of about the size that real ones have."""
    request = {
        "query_text": "12 warehouse workers in Milwaukee, forklift certified, night shift",
        "corpora": ["workers", "ethereal_workers"],
        "k": hits,
    }
    result = {"corpus": "workers", "distance": 0.1234567, "metadata": {"city": "Milwaukee"}}
    results = [{"id": f"w-{rank:05}", **result} for rank in range(hits)]
    counts = {"workers": 5, "ethereal_workers": 3}
    answer = {"results": results, "per_corpus_counts": counts, "playbook_boosted": 0}
    return json.dumps(request).encode(), json.dumps(answer).encode()


def chat_bodies():
    """A chat's request and answer, as Ollama has them."""
    request = {"model": "qwen2.5", "messages": [{"role": "user", "content": "Übermorgen: 3"}]}
    message = {"role": "assistant", "content": '{"rating": 4, "reason": "forklift"}'}
    answer = {"model": "qwen2.5", "message": message, "prompt_eval_count": 71, "eval_count": 19}
    return json.dumps(request).encode(), json.dumps(answer).encode()


def step(name, start_s=None, **details):
    """A step that went well, unless ``details`` say otherwise."""
    request, response = chat_bodies() if name.startswith("llm.") else search_bodies()
    return Step(
        name=name,
        start_s=time.time() if start_s is None else start_s,
        latency_ms=details.pop("latency_ms", 3.5),
        **{
            "span_id": new_span_id(),
            "url": "http://127.0.0.1:3110/v1/matrix/search",
            "request": request,
            "response": response,
            "status": 200,
            **details,
        },
    )


def event(phase="baseline", *, trio=1, round_=1, number=1, run=RUN, **details):
    """An event of a phase."""
    return Event(
        seq=number,
        worker="w1",
        time=utc(time.time()),
        round=round_,
        trio=trio,
        phase=phase,
        coordinator="alice",
        contract="alpha_milwaukee_distribution",
        role="warehouse worker",
        k=8,
        trace_id=phase_trace_id(run.uid, trio, round_, phase),
        **details,
    )


def observation(name="work", start_s=None, *, phase="surge", **details):
    """An observation of one second, as a spool or a server has it."""
    start_ns = int((time.time() if start_s is None else start_s) * 1e9)
    return Observation(
        trace=Trace.of_phase(RUN, 1, 1, phase),
        span_id=new_span_id(),
        name=name,
        start_ns=start_ns,
        end_ns=start_ns + 1_000_000_000,
        **details,
    )


def round_events(*, trio=1, round_=1, run=RUN):
    """Every event of one round with its steps, which follow one another."""
    moment = time.time()
    number = 0
    for phase, (events, names) in STEPS_OF_PHASE.items():
        for _ in range(events):
            number += 1
            steps = []
            for name in names:
                steps.append(step(name, moment))
                moment += 0.004
            yield event(phase, trio=trio, round_=round_, number=number, run=run), steps


def wait_for(condition, within_s=60.0):
    """Wait until ``condition`` holds, and return what it returned."""
    end = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come to that"
        gevent.sleep(0.005)
    return found


class TimeAwake:
    """How long this process could run, in s: it counts its sleeps of 10 ms.

    A process that has to wait for a core sleeps fewer times. So this is never more than the time by
    the clock, and on a busy machine it is less.
    """

    TICK_S = 0.01

    def __init__(self):
        self.seconds = 0.0

    def tick(self):
        """Count, for ever."""
        while True:
            gevent.sleep(self.TICK_S)
            self.seconds += self.TICK_S


@contextmanager
def time_awake():
    """Measure it; what blocks the whole process is found by a limit that is wide."""
    awake, began_s = TimeAwake(), time.monotonic()
    ticking = gevent.spawn(awake.tick)
    try:
        yield awake
    finally:
        ticking.kill()
    assert time.monotonic() - began_s < 60


def spool_lines(path):
    """The lines of a spool but its first, which says for which sink it is."""
    head, *lines = path.read_bytes().splitlines()
    assert head_of(head) is not None
    return lines


def balanced(counts):
    """Whether everything that was made is accounted for, scores as well."""
    return all(
        tally.made
        == tally.sampled_out + tally.delivered + tally.spooled + sum(tally.dropped.values())
        for tally in (counts, counts.scores)
    )


@contextmanager
def tracers(tmp_path, caplog, make, *secrets):
    """Starts tracers by ``make``; none of ``secrets`` is in any log or file in the end."""
    made = []

    def start(*whereto, limits=None, run=RUN, **details):
        quick = msgspec.structs.replace(QUICK, **(limits or {}))
        tracer = make(len(made), *whereto, limits=quick, run=run, **details)
        tracer.start()
        made.append(tracer)
        return tracer

    yield start
    for tracer in made:
        tracer.finish(0.1)
    everywhere = caplog.text + "".join(path.read_text() for path in tmp_path.rglob("*.jsonl*"))
    for secret in secrets:
        assert secret not in everywhere
