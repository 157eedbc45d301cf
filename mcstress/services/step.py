"""A Step: one call to a service, with input, output, start, end and error.

A step that the end of the run cuts is never returned, for the end is raised through the call. It
goes along with what is raised: ``leave_cut`` puts it there, ``cut_step`` takes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, TypeVar

import msgspec

Answer = TypeVar("Answer")


class Step(msgspec.Struct, Generic[Answer], gc=False):
    """What one call did. Never raised, always returned: a service's fault is data here.

    ``answer`` is None exactly where ``error`` is set or, for LLM steps, where the content was
    ``unparseable`` (a third outcome: the service answered, but not what was asked for).
    ``start_s`` is Unix time; ``latency_ms`` the service's time, without ``queue_ms``, the wait for
    an LLM slot. ``refused``: the service said no to what it has to refuse, which is neither fault
    nor answer. ``cut``: the end of the run came before an answer. ``resent``: the request went out
    twice (see ``Transport``). ``request`` and ``response`` are the bodies as they went over the
    wire. ``parts``: the requests that it is made of, where it is not one alone; in figures it is
    one step, in a trace each is a span of its own. ``method`` is HTTP's, where ``url`` is called
    by it.
    """

    name: str
    start_s: float
    latency_ms: float
    span_id: str
    url: str
    request: bytes
    response: bytes = b""
    status: int = 0
    error: str | None = None
    unparseable: str | None = None
    queue_ms: float = 0.0
    resent: bool = False
    answer: Answer | None = None
    cut: bool = False
    refused: bool = False
    parts: list[Step[Any]] | None = None
    method: str = "POST"


def part_times(parts: Iterable[Step[Any]]) -> dict[str, float]:
    """How long the ``parts`` of each name took, in ms: the slowest, for they go out at once."""
    times: dict[str, float] = {}
    for part in parts:
        times[part.name] = max(times.get(part.name, 0.0), part.latency_ms)
    return times


_CUT_STEP = "mcstress_cut_step"


def leave_cut(end: BaseException, step: Step[Any]) -> None:
    """Put on ``end``, which is raised through a call, the step that it cuts."""
    step.cut = True
    setattr(end, _CUT_STEP, step)


def cut_step(end: BaseException | None) -> Step[Any] | None:
    """The step that ``end`` cut; None where no call was under way."""
    step: Step[Any] | None = getattr(end, _CUT_STEP, None)
    return step
