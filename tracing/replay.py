"""``mcstress replay``: what was spooled is delivered later, every observation once."""

from __future__ import annotations

import contextlib
import fcntl
import os
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

import msgspec
from tenacity import Retrying, retry_if_result, stop_after_attempt
from tenacity.wait import wait_exponential

from services.errors import MisuseError
from tracing.mask import Mask
from tracing.reply import KEYS, Reply, event_id
from tracing.server import Server
from tracing.spool_line import entry_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tracing.observation import Entry
    from tracing.settings import Settings
    from tracing.trace import Level

POST = 500
TRIES = 4


class ReplayOutcome(msgspec.Struct):
    """What became of a spool's lines.

    ``delivered`` now, ``before`` in an earlier replay, ``left`` in the spool because of ``fault``.
    ``broken`` lines hold nothing that could be sent: half a line, after a kill.
    """

    delivered: int = 0
    before: int = 0
    left: int = 0
    broken: int = 0
    fault: str = ""

    def __str__(self) -> str:
        parts = [f"{self.delivered} delivered"]
        if self.before:
            parts.append(f"{self.before} delivered before")
        if self.left:
            parts.append(f"{self.left} left in the spool: {self.fault}")
        if self.broken:
            parts.append(f"{self.broken} broken lines passed over")
        return ", ".join(parts)


class _Progress(msgspec.Struct):
    """How far a replay came in a spool of ``size`` bytes, in case it is cut off."""

    size: int
    offset: int
    lines: int


def replay(spool: Path, settings: Settings, mask: Level | None = None) -> ReplayOutcome:
    """Deliver what is in ``spool``; what no server takes stays there.

    A spool that is delivered whole becomes ``<spool>.delivered``, and replaying it again sends
    nothing. A replay that is cut off goes on where it was; what it may send twice has the same ids,
    so that Langfuse has it once. It is masked as the run said, or as ``mask`` does.

    Raises
    ------
    MisuseError
        There is no such spool, it is none, or a run or another replay is using it.
    """
    done = spool.with_name(f"{spool.name}.delivered")
    if not spool.exists() and done.exists():
        with done.open("rb") as lines:
            return ReplayOutcome(before=sum(1 for _ in lines))
    with _locked(spool) as lines:
        if not any(map(entry_of, islice(lines, POST))):
            raise MisuseError(f"{spool}: holds no observations; expected a spool of traces")
        lines.seek(0)
        server = Server(settings, Mask(mask).entry)
        try:
            return _Replay(spool, done, lines, server).run()
        finally:
            server.close()


@contextlib.contextmanager
def _locked(spool: Path) -> Iterator[BinaryIO]:
    try:
        lines = spool.open("rb")
    except OSError as fault:
        raise MisuseError(f"{spool}: {fault.strerror}; expected a spool of traces") from None
    with lines:
        try:
            fcntl.flock(lines, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise MisuseError(f"{spool} is in use: let the run or the other replay end") from None
        yield lines


class _Replay:
    """One replay of one spool, whose lines it reads once, a post at a time."""

    def __init__(self, spool: Path, done: Path, lines: BinaryIO, server: Server[Entry]) -> None:
        self._spool = spool
        self._done = done
        self._lines = lines
        self._server = server
        self._rest = spool.with_name(f"{spool.name}.rest")
        self._progress = spool.with_name(f"{spool.name}.progress")
        self._size = os.fstat(lines.fileno()).st_size
        self._outcome = ReplayOutcome()
        self._stopped = False

    def run(self) -> ReplayOutcome:
        """Send everything, keep what was not taken, and say what became of it."""
        self._skip()
        with _private(self._rest) as rest:
            while lines := list(islice(self._lines, POST)):
                rest.writelines(self._send(lines))
                if not self._outcome.left:
                    self._note_progress()
            rest.flush()
            os.fsync(rest.fileno())
        self._close()
        return self._outcome

    def _skip(self) -> None:
        """Pass over what a replay that was cut off has delivered."""
        try:
            progress = msgspec.json.decode(self._progress.read_bytes(), type=_Progress)
        except (OSError, msgspec.DecodeError):
            return
        if progress.size == self._size:
            self._lines.seek(progress.offset)
            self._outcome.before = progress.lines

    def _note_progress(self) -> None:
        delivered = self._outcome.before + self._outcome.delivered
        progress = _Progress(self._size, self._lines.tell(), delivered)
        partial = self._progress.with_suffix(".partial")
        with contextlib.suppress(OSError):  # a full disk: what is sent again has the same ids
            partial.write_bytes(msgspec.json.encode(progress))
            partial.replace(self._progress)

    def _send(self, lines: list[bytes]) -> list[bytes]:
        """Send what ``lines`` hold; the lines that have to be kept."""
        parsed = [(line, entry) for line in lines if (entry := entry_of(line))]
        entries = [entry for _, entry in parsed]
        left = {event_id(entry) for entry in self._deliver(entries)}
        kept = [line for line, entry in parsed if event_id(entry) in left]
        broken = [line for line in lines if entry_of(line) is None]
        self._outcome.delivered += len(parsed) - len(kept)
        self._outcome.left += len(kept)
        self._outcome.broken += len(broken)
        return kept + broken

    def _deliver(self, entries: list[Entry]) -> list[Entry]:
        """Send ``entries``, trying again for a while; those that no server took.

        Where the server is away or refuses the keys, the rest is not tried.
        """
        if self._stopped or not entries:
            return entries
        refused: list[Entry] = []
        again = entries

        def attempt() -> bool:
            nonlocal again
            reply = self._server.send(again)
            refused.extend(reply.refused + [entry for entry, _ in reply.lost])
            again = reply.again
            self._note_faults(reply)
            return bool(again)

        Retrying(
            stop=stop_after_attempt(TRIES),
            wait=wait_exponential(multiplier=0.5, max=8),
            retry=retry_if_result(bool),
            retry_error_callback=lambda _state: True,
        )(attempt)
        self._stopped = self._stopped or bool(again)
        return refused + again

    def _note_faults(self, reply: Reply[Entry]) -> None:
        for fault in reply.faults:
            self._outcome.fault = self._server.settings.redact(fault.text)
            self._stopped = self._stopped or fault.kind == KEYS

    def _close(self) -> None:
        """Put what was not taken in the spool's place; without any, mark it as delivered."""
        if not self._outcome.left:
            self._rest.unlink()
            self._spool.replace(self._done)
        elif self._outcome.delivered or self._outcome.before:
            self._rest.replace(self._spool)
        else:
            self._rest.unlink()
        self._progress.unlink(missing_ok=True)


def _private(path: Path) -> BinaryIO:
    """A new file that only its owner can read."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    return os.fdopen(descriptor, "wb")
