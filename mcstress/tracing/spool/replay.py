"""``mcstress replay``: what was spooled is delivered later, every observation once."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_attempt

from mcstress.errors import UsageError
from mcstress.services.regular_file import open_file
from mcstress.tracing.batch_sizing import observation_portions, score_portions
from mcstress.tracing.delivery import SEND_POLICY
from mcstress.tracing.http.delivery_outcome import KEYS, DeliveryOutcome
from mcstress.tracing.langfuse.answer import event_id
from mcstress.tracing.langfuse.client import LangfuseServer
from mcstress.tracing.langfuse.settings import LangfuseSettings
from mcstress.tracing.limits import Limits
from mcstress.tracing.mask import Masker
from mcstress.tracing.otlp.settings import OtlpSettings
from mcstress.tracing.sink import TITLES
from mcstress.tracing.spool.line import (
    HEAD_TAG,
    SpoolHead,
    entry_of,
    head_of,
    spool_head,
    tag_of,
)
from mcstress.tracing.spool.replay_kind import ReplayKind
from mcstress.tracing.spool.replay_outcome import Mark, ReplayOutcome, ReplayProgress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mcstress.tracing.http.batch_posting import SendPolicy
    from mcstress.tracing.observation import TraceEntry
    from mcstress.tracing.sink import Destination
    from mcstress.tracing.trace import MaskLevel

TIMEOUT_S = 30.0
"""No user waits for a replay, and a server that is given time stores nothing twice."""
FIRST_LINES = 500


AnySettings = LangfuseSettings | OtlpSettings


def replay(
    spool: Path,
    settings: AnySettings,
    *,
    mask: MaskLevel | None = None,
    timeout_s: float = TIMEOUT_S,
    until_s: float = float("inf"),
) -> ReplayOutcome:
    """Deliver what is in ``spool``, observations first; what no server takes stays there.

    A server has ``timeout_s`` to answer. A kind is given up after four tries of which none was
    answered well, or four portions that were refused whole before anything was delivered, and all
    that is left at ``until_s`` of the monotonic clock or at Ctrl-C. A spool
    that is delivered whole becomes ``<spool>.delivered``, and replaying it again sends nothing. A
    replay that is cut off goes on where it was; what it may send twice has the same ids, so that
    Langfuse has it once. It is masked as the run said, or as ``mask`` does.

    Raises
    ------
    UsageError
        There is no such spool, it is none, it is for another sink than ``settings``, or a run or
        another replay is using it.
    """
    done = _delivered(spool)
    if not spool.exists() and done.exists():
        with done.open("rb") as lines:
            return ReplayOutcome(before=sum(tag_of(line) != HEAD_TAG for line in lines))
    with _locked(spool) as lines:
        head = _head(spool, lines)
        if head.sink != settings.where.sink:
            raise UsageError(
                f"{spool}: found a spool for {head.sink}, expected one for {settings.where.sink}"
            )
        policy = replace(SEND_POLICY, limit=lambda s: SEND_POLICY.limit(min(s, _until(until_s))))
        destination = _destination(settings, Masker(mask), policy, timeout_s)
        try:
            return _Replay(
                *(spool, lines, destination),
                redact=settings.redact,
                timeout_s=timeout_s,
                until_s=until_s,
            ).run()
        finally:
            destination.close()


def _destination(
    settings: AnySettings, mask: Masker, policy: SendPolicy, timeout_s: float
) -> Destination[TraceEntry]:
    if isinstance(settings, LangfuseSettings):
        server: LangfuseServer[TraceEntry] = LangfuseServer(
            settings, mask.entry, policy, timeout_s=timeout_s
        )
        return server
    # What only this sink needs: protobuf's classes.
    from mcstress.tracing.otlp.collector import Collector  # noqa: PLC0415

    return Collector(settings, mask.entry, policy, timeout_s=timeout_s)


def look_at_spool(spool: Path) -> SpoolHead:
    """For which sink a spool is, before anything else is asked for.

    Raises
    ------
    UsageError
        There is no such file, and none that was delivered; or it is no spool.
    """
    done = _delivered(spool)
    if done.exists() and not spool.exists():
        with _opened(done) as lines:
            return head_of(lines.readline()) or SpoolHead()
    with _opened(spool) as lines:
        return _head(spool, lines)


def _head(spool: Path, lines: BinaryIO) -> SpoolHead:
    """What the first of ``lines`` says; they then stand at their beginning."""
    if not any(map(entry_of, islice(lines, FIRST_LINES))):
        raise UsageError(f"{spool}: holds no observations; expected a spool of traces")
    lines.seek(0)
    first = lines.readline()
    lines.seek(0)
    if (head := head_of(first)) is None and tag_of(first) in ("", HEAD_TAG):
        expected = " or ".join(spool_head(sink, "").decode() for sink in TITLES)
        raise UsageError(
            f"{spool}, line 1: found nothing that says for which sink it is; expected {expected}"
        )
    return head or SpoolHead()


def _until(moment_s: float) -> float:
    """The seconds until ``moment_s``, for a request that must not go on any longer."""
    return max(0.1, moment_s - time.monotonic())


def _delivered(spool: Path) -> Path:
    return spool.with_name(f"{spool.name}.delivered")


def _opened(spool: Path) -> BinaryIO:
    try:
        return open_file(spool)
    except OSError as fault:
        raise UsageError(f"{spool}: {fault.strerror}; expected a spool of traces") from None


@contextlib.contextmanager
def _locked(spool: Path) -> Iterator[BinaryIO]:
    with _opened(spool) as lines:
        try:
            fcntl.flock(lines, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"{spool} is in use: let the run or the other replay end") from None
        yield lines


class _Replay:
    """One replay of one spool, whose lines it reads once for each kind."""

    def __init__(
        self,
        spool: Path,
        lines: BinaryIO,
        destination: Destination[TraceEntry],
        *,
        redact: Callable[[str], str],
        timeout_s: float,
        until_s: float,
    ) -> None:
        self._spool = spool
        self._lines = lines
        self._until_s = until_s
        self._redact = redact
        self._rest = spool.with_name(f"{spool.name}.rest")
        self._noted = spool.with_name(f"{spool.name}.progress")
        self._progress = ReplayProgress.load(self._noted, os.fstat(lines.fileno()))
        self._outcome = ReplayOutcome()
        limits = Limits(timeout_s=timeout_s)
        marks = self._progress
        self._observations = ReplayKind(
            scores=False,
            portions=observation_portions(destination, limits),
            mark=marks.observations,
        )
        self._scores = ReplayKind(
            scores=True, portions=score_portions(destination, limits), mark=marks.scores
        )

    def run(self) -> ReplayOutcome:
        """Send everything, keep what was not taken, and say what became of it."""
        with _private(self._rest) as rest:
            first = self._lines.readline()
            if tag_of(first) == HEAD_TAG:
                rest.write(first)
            self._replay(self._observations, rest)
            if self._observations.stopped:
                self._scores.tries = 1
            self._replay(self._scores, rest)
            rest.flush()
            os.fsync(rest.fileno())
        self._outcome.left_scores = self._scores.left
        faults = [kind.fault for kind in (self._observations, self._scores) if kind.left]
        self._outcome.fault = "; ".join(dict.fromkeys(faults))
        self._close()
        return self._outcome

    def _replay(self, kind: ReplayKind, rest: BinaryIO) -> None:
        """Send all of one kind, and write to ``rest`` what has to be kept of it."""
        self._lines.seek(kind.mark.offset)
        self._outcome.before += kind.mark.lines
        self._outcome.broken += kind.mark.broken
        while lines := kind.lines(self._lines):
            broken = self._outcome.broken
            kept = self._send(kind, lines)
            # Half a line at the end of the spool must not spoil what is kept after it.
            rest.writelines(line if line.endswith(b"\n") else line + b"\n" for line in kept)
            if not kind.left:
                kind.mark = Mark(
                    self._lines.tell(),
                    kind.mark.lines + len(lines) - len(kept),
                    kind.mark.broken + self._outcome.broken - broken,
                )
                self._progress.observations = self._observations.mark
                self._progress.scores = self._scores.mark
                self._progress.save(self._noted)

    def _send(self, kind: ReplayKind, lines: list[bytes]) -> list[bytes]:
        """Send what ``lines`` hold; the lines that have to be kept."""
        read = [(line, entry_of(line)) for line in lines]
        parsed = [(line, entry) for line, entry in read if entry is not None]
        kind.waiting, kind.refused = [entry for _, entry in parsed], []
        rejected_before = kind.rejected
        self._deliver(kind)
        rejected = kind.rejected - rejected_before
        left = {event_id(entry) for entry in kind.refused + kind.waiting}
        kept = [line for line, entry in parsed if event_id(entry) in left]
        broken = [line for line, entry in read if entry is None]
        self._outcome.delivered += len(parsed) - len(kept) - rejected
        self._outcome.rejected += rejected
        self._outcome.left += len(kept)
        kind.left += len(kept)
        self._outcome.broken += len(broken)
        return kept + broken

    def _deliver(self, kind: ReplayKind) -> None:
        """Send what is waiting, each portion again for a while where that may be of use.

        Where the server is away or refuses the keys, the rest is not tried.
        """

        def fails() -> bool:
            outcome = kind.send()
            self._note_faults(kind, outcome)
            return bool(outcome.again)

        retrying = Retrying(
            stop=lambda state: stop_after_attempt(kind.tries)(state) or self._too_late(state),
            wait=kind.wait_s,
            retry=retry_if_result(bool),
            retry_error_callback=lambda _state: True,
        )
        if kind.stopped:
            return
        while kind.waiting and not self._is_over(kind) and not kind.stopped:
            try:
                kind.stopped = retrying(fails) or kind.stopped
            except KeyboardInterrupt:
                self._outcome.interrupted = True

    def _too_late(self, state: RetryCallState) -> bool:
        return time.monotonic() + state.upcoming_sleep > self._until_s

    def _is_over(self, kind: ReplayKind) -> bool:
        """Whether all the rest is to stay where it is."""
        if time.monotonic() > self._until_s:
            kind.fault = "there was no more time for it"
        elif self._outcome.interrupted:
            kind.fault = "interrupted"
        else:
            return False
        return True

    def _note_faults(self, kind: ReplayKind, outcome: DeliveryOutcome[TraceEntry]) -> None:
        for fault in outcome.faults:
            kind.fault = self._redact(fault.text)
            if fault.kind == KEYS:
                self._observations.stopped = self._scores.stopped = True
                self._scores.fault = self._scores.fault or kind.fault

    def _close(self) -> None:
        """Put what was not taken in the spool's place; without any, mark it as delivered."""
        if not self._outcome.left:
            self._rest.unlink()
            self._spool.replace(_delivered(self._spool))
        elif self._outcome.delivered or self._outcome.before:
            self._rest.replace(self._spool)
        else:
            self._rest.unlink()
        self._noted.unlink(missing_ok=True)


def _private(path: Path) -> BinaryIO:
    """A new file that only its owner can read."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    return os.fdopen(descriptor, "wb")
