"""What goes to the spool, and where everything is counted that was sent or spooled."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from mcstress.tracing.http.batch_posting import UNSERIALISABLE
from mcstress.tracing.observation import Score
from mcstress.tracing.spool.spool import REMOVED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from mcstress.tracing.delivery_counts import FateCounts, TraceCounts
    from mcstress.tracing.entries import EntryFactory
    from mcstress.tracing.notices import ThrottledWarnings
    from mcstress.tracing.queue import Queued
    from mcstress.tracing.spool.spool import Spool


class SpoolQueue:
    """A queue before the spool. What is in it is not yet counted as spooled or dropped.

    ``yield_to_loop`` is called between slices; nothing lets go of the loop within one, so that a
    caller that is stopped loses nothing.
    """

    def __init__(
        self,
        spool: Spool,
        *,
        counts: TraceCounts,
        notices: ThrottledWarnings,
        entries: EntryFactory,
        yield_to_loop: Callable[[], None],
    ) -> None:
        self._spool = spool
        self._counts = counts
        self._notices = notices
        self._entries = entries
        self._yield_to_loop = yield_to_loop
        self._waiting: deque[Queued] = deque()

    def add(self, items: Iterable[Queued]) -> None:
        """Queue ``items``."""
        self._waiting.extend(items)

    def write(self, slice_size: int) -> None:
        """Write all that waits, ``slice_size`` items at a time; what does not fit is dropped."""
        while self._waiting:
            number = min(slice_size, len(self._waiting))
            self._write_slice([self._waiting.popleft() for _ in range(number)])
            self._yield_to_loop()

    def close(self) -> None:
        """Close the spool."""
        self._see_to_what_is_gone()
        self._spool.close()

    def tally(self, item: Queued) -> FateCounts:
        """Where ``item`` is counted."""
        return self._counts.scores if isinstance(item, Score) else self._counts

    def _write_slice(self, items: Sequence[Queued]) -> None:
        written: list[Queued] = []
        lines: list[bytes] = []
        for item in items:
            line = self._entries.line(item)
            if line is None:
                self.tally(item).drop(UNSERIALISABLE, 1)
            else:
                written.append(item)
                lines.append(line)
        self._see_to_what_is_gone()
        stored, reason = self._spool.append(lines)
        for item in written[:stored]:
            self.tally(item).spooled += 1
        for item in written[stored:]:
            self.tally(item).drop(reason, 1)
        self._say(stored, len(written) - stored, reason)

    def _see_to_what_is_gone(self) -> None:
        """Count as dropped what was in a spool that somebody removed."""
        if not self._spool.is_removed():
            return
        path = str(self._spool.path)
        number = self._counts.spooled + self._counts.scores.spooled
        self._notices.warn("removed", f"{path} was removed, and {number} that were in it are lost")
        if path in self._counts.spools:
            self._counts.spools.remove(path)
        for tally in (self._counts, self._counts.scores):
            tally.drop(REMOVED, tally.spooled)
            tally.spooled = 0

    def _say(self, stored: int, dropped: int, reason: str) -> None:
        """Tell where observations went that are not in Langfuse."""
        path = str(self._spool.path)
        if stored:
            number = self._counts.spooled + self._counts.scores.spooled
            self._notices.warn(
                "spool", f"not delivered, for mcstress replay: {number} so far in {path}"
            )
            if path not in self._counts.spools:
                self._counts.spools.append(path)
        if dropped:
            self._notices.warn(
                "dropped", f"{dropped} observations and scores are dropped: {reason}"
            )
