"""Ways to trace an event: not at all, ours, and the official SDK as its users use it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import gevent
from langfuse import Langfuse

from benchmarks.fixed_server import search_body
from benchmarks.searchers import BODY
from mcstress.metrics.event import Event, utc
from mcstress.process.parent_death import end_with_parent
from mcstress.services.step import Step
from mcstress.services.trace_context import new_span_id
from mcstress.tracing.langfuse.settings import LangfuseSettings
from mcstress.tracing.langfuse.tracer import LangfuseTracer
from mcstress.tracing.limits import Limits
from mcstress.tracing.trace import TraceRun

TraceCall = Callable[[Event, Sequence[Step[Any]]], None]
TracedArm = Callable[[], AbstractContextManager[tuple[TraceCall | None, Callable[[], object]]]]
"""A way to trace, for one turn: what takes an event, and what waits until all that is to be done
with what it took has been done."""

STAND_IN = Path(__file__).parents[1] / "tests" / "tracing" / "langfuse_standin.py"
PUBLIC_KEY = "pk-lf-5a7c1e90-stand-in"
SECRET_KEY = "sk-lf-93b20df4-stand-in"
NOBODY = "http://127.0.0.1:9"
RUN = TraceRun(uid="benchmark", number="000", scenario="three_cities")

SMALL = Limits(outbox_items=2000)
CROWD = 1600
"""Events recorded before a turn where nobody takes them: a small outbox is crowded then, as it is
later in a run, and every further step goes to the spool."""

OFF = "tracing off"
UP = "tracing, server up"
DOWN = "tracing, server down"
SLOW = "tracing, server slow (10 s)"
HANGING = "tracing, server hanging"
SDK = "official SDK, server up"


@contextmanager
def stand_in(mode: str = "ok") -> Iterator[str]:
    """The URL of a server that takes everything unread, or hangs; a process of its own."""
    command = [sys.executable, str(STAND_IN), "--sink", "--mode", mode]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, preexec_fn=end_with_parent
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def tracer_to(url: str, folder: Path, name: str, limits: Limits | None = None) -> LangfuseTracer:
    """Our tracer, begun."""
    settings = LangfuseSettings(url, PUBLIC_KEY, SECRET_KEY)
    spool = folder / f"{name}.spool.jsonl"
    tracer = LangfuseTracer(settings, RUN, worker="w1", spool_path=spool, limits=limits)
    tracer.start()
    return tracer


def official_sdk(url: str, name: str) -> tuple[Langfuse, TraceCall]:
    """The SDK's client, and an event's steps as observations the way its documentation has it.

    It keeps one client per public key, so ``name`` makes another.
    """
    client = Langfuse(base_url=url, public_key=f"{PUBLIC_KEY}-{name}", secret_key=SECRET_KEY)

    def trace(event: Event, steps: Sequence[Step[Any]]) -> None:
        for step in steps:
            with client.start_as_current_observation(
                name=step.name,
                as_type="retriever",
                input=step.request.decode(),
                output=step.response.decode(),
                metadata={"coordinator": event.coordinator, "role": event.role},
            ):
                pass

    return client, trace


@contextmanager
def arms(folder: Path) -> Iterator[dict[str, TracedArm]]:
    """Every arm by its name."""
    with stand_in() as up, stand_in("hang") as hanging, stand_in() as sdk:
        client, trace = official_sdk(sdk, "users")
        yield {
            OFF: lambda: nullcontext((None, lambda: None)),
            UP: partial(_ours, up, folder, 0),
            DOWN: partial(_ours, NOBODY, folder, CROWD),
            HANGING: partial(_ours, hanging, folder, CROWD),
            SDK: lambda: nullcontext((trace, client.flush)),
        }
        client.shutdown()


@contextmanager
def _ours(url: str, folder: Path, crowd: int) -> Iterator[tuple[TraceCall, Callable[[], object]]]:
    """Our tracer, with ``crowd`` events that nobody takes."""
    tracer = tracer_to(url, folder, "turn", SMALL if crowd else None)

    def settle() -> None:
        if not crowd:
            tracer.finish(20.0)
        while tracer.counts().pending > crowd:
            gevent.sleep(0.02)

    for number in range(crowd):
        tracer.record(*made(number, BODY, search_body()))
    while crowd and not tracer.counts().spooled:
        gevent.sleep(0.02)
    yield tracer.record, settle
    tracer.finish(0.2)


def made(number: int, request: bytes, response: bytes) -> tuple[Event, list[Step[Any]]]:
    """An event of one search, with bodies of its own, as an answer brings them."""
    now = time.time()
    step: Step[Any] = Step(
        name="matrix.search",
        start_s=now,
        latency_ms=2.5,
        span_id=new_span_id(),
        url="http://127.0.0.1:3110/v1/matrix/search",
        request=bytes(bytearray(request)),
        response=bytes(bytearray(response)),
        status=200,
    )
    event = Event(
        seq=number,
        worker="w1",
        time=utc(now),
        round=1,
        trio=1,
        phase="surge",
        coordinator="alice",
        contract="alpha_milwaukee_distribution",
        role="warehouse worker",
        k=8,
    )
    return event, [step]
