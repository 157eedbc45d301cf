"""Many items written before a run: over several connections, in batches where the target can."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar
from uuid import uuid4

import msgspec
from gevent.pool import Pool

from mcstress.services.step import Step
from mcstress.services.target import Target
from mcstress.services.trace_context import TraceContext

Written = TypeVar("Written")
Write = Callable[[Target, Sequence[Written], TraceContext], Iterator[Step[Any]]]
"""How a target is given a batch: ``Target.add_all`` or ``Target.record_all``."""

AT_ONCE = 8
"""Connections that write at the same time."""
TRIES = 3


class WrittenBatch(msgspec.Struct, frozen=True):
    """What was written: the place of the first (from 0), how many; ``error`` where it failed."""

    first: int
    count: int
    error: str | None = None


def write_all(
    target: Target,
    things: Iterable[Written],
    write: Write[Written],
    *,
    skip: Iterable[int] = (),
    at_once: int = AT_ONCE,
) -> Iterator[WrittenBatch]:
    """Write ``things``, but for those at the places ``skip``; gives each batch when it is done.

    One that fails is tried again, ``TRIES`` times in all; nothing new is begun after one that
    failed for good, which is given last.
    """
    trace = TraceContext(uuid4().hex, sampled=False)
    connections = [target.connect() for _ in range(at_once)]
    free, pool = list(connections), Pool(at_once)
    skipped, failed = frozenset(skip), [False]

    def send(batch: tuple[int, list[Written]]) -> WrittenBatch | None:
        first, those = batch
        connection = free.pop()
        try:
            if failed[0]:
                return None
            for _ in range(TRIES):
                error = _written(write, connection, those, trace)
                if error is None:
                    return WrittenBatch(first, len(those))
            failed[0] = True
            return WrittenBatch(first, len(those), error)
        finally:
            free.append(connection)

    try:
        given = batches(things, target.batch, skipped)
        done = filter(None, pool.imap_unordered(send, given, maxsize=at_once))
        faults = []
        for batch in done:
            if batch.error is None:
                yield batch
            else:
                faults.append(batch)
        yield from faults[:1]
    finally:
        pool.kill()
        for connection in connections:
            if connection is not target:
                connection.close()


def _written(
    write: Write[Written], target: Target, those: Sequence[Written], trace: TraceContext
) -> str | None:
    """Why a batch was not written; None where it was. What the target raises is a reason."""
    step = target.timed("write", None, lambda: first_error(write(target, those, trace)))
    return step.error or step.answer


def batches(
    things: Iterable[Written], size: int, skipped: frozenset[int] = frozenset()
) -> Iterator[tuple[int, list[Written]]]:
    """At most ``size`` that stand together, with the place of the first."""
    numbered = enumerate(things)
    while those := list(islice(numbered, size)):
        run: list[Written] = []
        first = those[0][0]
        for place, thing in those:
            if place in skipped:
                if run:
                    yield first, run
                run, first = [], place + 1
            else:
                run.append(thing)
        if run:
            yield first, run


def first_error(steps: Iterable[Step[Any]]) -> str | None:
    """Why the first of ``steps`` that failed did; none after it is made."""
    return next((f"{step.name}: {step.error}" for step in steps if step.error is not None), None)
