"""Tracer: a sink that buffers by greenlet, delivers beside the run, and spools what is left."""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING, Any

import gevent
from greenlet import getcurrent

from mcstress.services.trace_context import is_sampled, phase_trace_id
from mcstress.tracing.delivery import Sender, yield_to_loop
from mcstress.tracing.delivery_counts import FateCounts, TraceCounts
from mcstress.tracing.entries import EntryFactory
from mcstress.tracing.http.batch_posting import UNSERIALISABLE
from mcstress.tracing.limits import Limits
from mcstress.tracing.notices import ErrorBoundary, ThrottledWarnings
from mcstress.tracing.observation import Score
from mcstress.tracing.observation_of_step import Translator
from mcstress.tracing.overflow import SpoolQueue
from mcstress.tracing.queue import Outbox, Queued
from mcstress.tracing.score_queue import ScoreQueue
from mcstress.tracing.spool.line import spool_head
from mcstress.tracing.spool.spool import Spool
from mcstress.tracing.trace import TraceRun
from mcstress.tracing.traced_step import TracedStep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from mcstress.metrics.event import Event
    from mcstress.services.step import Step
    from mcstress.tracing.observation import TraceEntry
    from mcstress.tracing.sink import Destination, Where

_LONGEST_WAIT_FOR_ROOM_S = 1.0
_SWEEP_SLICE = 500

NO_ROOM = "outbox full"
TOO_LATE = "after the end"

_traced = TracedStep.of  # bound once: every step of the run passes here


class Tracer:
    """One sink of one process and one run; subclasses say by ``_connect`` where to deliver.

    The harness makes one in every process, after any fork, and says which steps were done::

        sink = LangfuseTracer(settings, TraceRun(uid, "007"), worker="w1", spool_path=path)
        sink.start()                        # before the users
        sink.record(event, steps)           # on the user's greenlet, after the event is stamped
        sink.score("verdict", "pass")       # on the run's session
        counts = sink.finish(deadline_s=10) # after the users: delivered, or else spooled

    Nothing here raises or waits for the network. An event without steps (skipped, unmet) makes no
    observation, so that ``made`` is exactly the number of steps.
    """

    def __init__(
        self,
        where: Where,
        run: TraceRun,
        *,
        redact: Callable[[str], str],
        worker: str,
        spool_path: Path,
        sample: float = 1.0,
        limits: Limits | None = None,
    ) -> None:
        self.where = where
        self.fault = ""
        self._run = run
        self._redact = redact
        self._worker = worker
        self._spool_path = spool_path
        self._sample = sample
        self._limits = limits or Limits()
        self._build()
        _living.add(self)

    def _connect(
        self,
        entry_of: Callable[[Queued], TraceEntry | None],
        notices: ThrottledWarnings,
        timeout_s: float,
    ) -> Destination[Queued]:
        """A destination that nothing was sent to yet; called again in a forked process."""
        raise NotImplementedError

    def _build(self) -> None:
        """Everything that belongs to this process alone."""
        self._finished = False
        self._finishing: gevent.Greenlet[..., None] | None = None
        self._buffers: dict[int, list[TracedStep]] = {}
        self._counts = TraceCounts()
        self._notices = ThrottledWarnings(self._redact, of=self.where.title)
        self._border = ErrorBoundary(self._notices)
        limits = self._limits
        self._outbox = Outbox(limits.outbox_items, limits.outbox_bytes, limits.post)
        self._scores = ScoreQueue(limits.score_post, limits.scores_waiting)
        entries = EntryFactory(Translator(self._run, limits.body_bytes), self._border)
        overflow = SpoolQueue(
            Spool(
                self._spool_path,
                limits.spool_bytes,
                limits.spare_bytes,
                head=spool_head(self.where.sink, self.where.url),
            ),
            counts=self._counts,
            notices=self._notices,
            entries=entries,
            yield_to_loop=yield_to_loop,
        )
        self._sender = Sender(
            self._connect(entries.of, self._notices, limits.timeout_s),
            self._outbox,
            self._scores,
            overflow,
            counts=self._counts,
            notices=self._notices,
            sweep=self._sweep,
            limits=limits,
        )

    def forget(self) -> None:
        """Begin anew with nothing, in a process that was forked from one that traced."""
        self._sender.abandon()
        self._spool_path = self._spool_path.with_suffix(f".{os.getpid()}.jsonl")
        self._build()

    def start(self) -> None:
        """Begin to send, which delays nobody."""
        if not self._sender.running:
            self._sender.start()

    def keeps(self, trace_id: str) -> bool:
        """Whether a trace is sampled: what its ``traceparent`` tells the services."""
        return is_sampled(trace_id, self._sample)

    def record(self, event: Event, steps: Sequence[Step[Any]]) -> None:
        """Note what ``event`` did."""
        try:
            self._record(event, steps)
        except Exception as fault:  # noqa: BLE001  (best-effort border: tracing harms no run)
            self._border.caught(fault)

    def caught(self, fault: Exception) -> None:
        """Count and say a ``fault`` of whoever says what to trace: it stops at the caller's."""
        self._border.caught(fault)

    def score(
        self,
        name: str,
        value: bool | float | str,
        *,
        trace_id: str | None = None,
        observation_id: str | None = None,
        comment: str | None = None,
    ) -> None:
        """Put a figure on a trace, or on one of its observations; else on the run's session.

        The same name on the same target replaces what was there.
        """
        score = Score(name=name, value=value, trace_id=trace_id, comment=comment)
        score.observation_id = observation_id
        score.session_id = None if trace_id else self._run.uid
        self.add_scores([score])

    def add_scores(self, scores: Sequence[Score]) -> None:
        """Note ``scores`` of one's own; nobody else has a turn meanwhile."""
        with self._border:
            self._counts.scores.made += len(scores)
            accepts, tally = self._accepts, self._counts.scores
            accepted = [score for score in scores if accepts(tally, score.trace_id)]
            if accepted:
                self._scores.put(accepted)
                self.start()

    def counts(self) -> TraceCounts:
        """What became of everything up to now."""
        return TraceCounts.total([self._counts])

    def finish(self, deadline_s: float = 10.0) -> TraceCounts:
        """Deliver what there is, from buffers of living and dead greenlets, or spool it.

        Returns by the deadline. From then on made = sampled out + delivered + spooled + dropped.

        It happens on a greenlet of its own, so that a signal or a kill that reaches the caller cuts
        the wait short and not the work. Called again it waits for the same end. With ``deadline_s``
        0 nothing is delivered any more, whatever an earlier call allowed, and what interrupts the
        caller is raised when all is spooled.
        """
        finishing = self.begin_to_finish(deadline_s)
        if deadline_s > 0:
            finishing.join()
        else:
            join_to_the_end(finishing)
        return self.counts()

    def begin_to_finish(self, deadline_s: float) -> gevent.Greenlet[..., None]:
        """Begin what ``finish`` waits for; where it has begun, hurry it with ``deadline_s`` 0."""
        if self._finishing is None:
            self._finished = True
            self._finishing = gevent.spawn(self._finish, deadline_s)
        if deadline_s <= 0:
            self._sender.hurry()
        return self._finishing

    def _finish(self, deadline_s: float) -> None:
        with self._border:
            self.start()
            self._sender.finish(deadline_s)

    def read_back(self, expected: int, within_s: float) -> int | None:  # noqa: ARG002  (the protocol's)
        """How many observations the server shows; None: it cannot be asked."""
        return None

    @property
    def answered(self) -> bool:
        """Whether the server still answered at ``finish``, so that it can be read back from."""
        return self._sender.answered

    @property
    def project_url(self) -> str | None:
        """The page of the run's traces; None: there is none."""
        return None

    def _record(self, event: Event, steps: Sequence[Step[Any]]) -> None:
        if not steps:
            return
        counts = self._counts
        counts.made += len(steps)
        if self._finished or self._sample < 1:
            trace_id = event.trace_id or self._trace_id(event)
            if not self._accepts(counts, trace_id, len(steps)):
                return
        self._buffer(self._items(event, steps))

    def _items(self, event: Event, steps: Sequence[Step[Any]]) -> list[TracedStep]:
        """What is kept of ``steps``; of those that are none, that they are lost.

        The first that there is heads the event, the others hang under it, and a step's parts under
        the step.
        """
        worker = self._worker
        items: list[TracedStep] = []
        parts: list[TracedStep] | None = None
        head: str | None = None
        for step in steps:
            try:
                items.append(_traced(event, step, worker, head))
                if head is None:
                    head = step.span_id
                if step.parts:
                    its = [_traced(event, part, worker, step.span_id) for part in step.parts]
                    parts = its if parts is None else parts + its
            except AttributeError as fault:
                self._border.caught(fault)
        if len(items) < len(steps):
            self._counts.drop(UNSERIALISABLE, len(steps) - len(items))
        if parts is not None:
            self._counts.made += len(parts)
            items += parts
        return items

    def _buffer(self, items: list[TracedStep]) -> None:
        """Append to the buffer of this greenlet; a full one moves on."""
        key = id(getcurrent())
        buffer = self._buffers.get(key)
        if buffer is None:
            self._buffers[key] = buffer = items
            self.start()
        else:
            buffer += items
        if len(buffer) >= self._limits.buffer:
            del self._buffers[key]
            self._hand_over(buffer)

    def _trace_id(self, event: Event) -> str:
        return phase_trace_id(self._run.uid, event.trio, event.round, event.phase)

    def _accepts(self, tally: FateCounts, trace_id: str | None, number: int = 1) -> bool:
        """Whether ``number`` things of a trace are to be sent; counted where they are not."""
        if self._finished:
            tally.drop(TOO_LATE, number)
            return False
        if trace_id and not self.keeps(trace_id):
            tally.sampled_out += number
            return False
        return True

    def _hand_over(self, buffer: list[TracedStep]) -> None:
        """Move a full buffer to the outbox, which the spool keeps from being full for long."""
        room = True
        try:
            room = self._outbox.wait_for_room(_LONGEST_WAIT_FOR_ROOM_S)
        finally:  # a user that is stopped while it waits
            if room:
                self._outbox.put(buffer)
            else:
                self._counts.drop(NO_ROOM, len(buffer))

    def _sweep(self) -> Iterator[None]:
        """Move what all buffers hold to the outbox, a little at each turn."""
        gathered: list[TracedStep] = []
        for _ in range(len(self._buffers)):
            if not self._buffers:
                break
            gathered += self._buffers.popitem()[1]
            if len(gathered) >= _SWEEP_SLICE:
                self._outbox.put(gathered)
                gathered = []
                yield
        if gathered:
            self._outbox.put(gathered)


def join_to_the_end(greenlet: gevent.Greenlet[..., None]) -> None:
    """Wait until ``greenlet`` has ended; what interrupts the caller meanwhile is raised then."""
    interrupted: BaseException | None = None
    while not greenlet.ready():
        try:
            greenlet.join()
        except BaseException as thrown:  # noqa: BLE001  (a signal's SystemExit, a kill: raised below)
            interrupted = interrupted or thrown
    if interrupted is not None:
        raise interrupted


_living: weakref.WeakSet[Tracer] = weakref.WeakSet()


def _after_fork() -> None:
    """A forked worker has its own sender, spool and counts, and nothing of its parent's."""
    for tracer in list(_living):
        tracer.forget()


os.register_at_fork(after_in_child=_after_fork)
