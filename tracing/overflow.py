"""What goes to the spool, and how every item is made into an entry and counted."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from tracing.notices import Border
from tracing.observation import Entry, Score, encoder
from tracing.server import UNSERIALISABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tracing.counts import Tally, TraceCounts
    from tracing.notices import Notices
    from tracing.outbox import Item
    from tracing.spool import Spool
    from tracing.translation import Translator


class Overflow:
    """A queue before the spool. What is in it is not yet counted as spooled or dropped.

    ``breathe`` is called between slices; nothing lets go of the loop within one, so that whoever
    stops the caller loses nothing.
    """

    def __init__(
        self,
        spool: Spool,
        *,
        counts: TraceCounts,
        notices: Notices,
        translator: Translator,
        breathe: Callable[[], None],
    ) -> None:
        self._spool = spool
        self._counts = counts
        self._notices = notices
        self._border = Border(notices)
        self._translator = translator
        self._breathe = breathe
        self._waiting: deque[Item] = deque()

    def add(self, items: Iterable[Item]) -> None:
        """Queue ``items``."""
        self._waiting.extend(items)

    def write(self, slice_size: int) -> None:
        """Write all that waits, ``slice_size`` items at a time; what does not fit is dropped."""
        while self._waiting:
            number = min(slice_size, len(self._waiting))
            self._write_slice([self._waiting.popleft() for _ in range(number)])
            self._breathe()

    def close(self) -> None:
        """Close the spool."""
        self._spool.close()

    def entries(self, items: Sequence[Item], slice_size: int) -> list[Entry]:
        """The entries of ``items``, made slice by slice; those that cannot be made are dropped."""
        made: list[Entry] = []
        for number, item in enumerate(items, 1):
            with self._border:
                made.append(self._entry(item))
            if number % slice_size == 0:
                self._breathe()
        self._counts.drop(UNSERIALISABLE, len(items) - len(made))
        return made

    def tally(self, entry: Entry) -> Tally:
        """Where ``entry`` is counted."""
        return self._counts.scores if isinstance(entry, Score) else self._counts

    def _entry(self, item: Item) -> Entry:
        return self._translator.observation(*item) if isinstance(item, tuple) else item

    def _write_slice(self, items: Sequence[Item]) -> None:
        written: list[tuple[Entry, bytes]] = []
        for item in items:
            with self._border:
                entry = self._entry(item)
                written.append((entry, encoder.encode(entry)))
        self._counts.drop(UNSERIALISABLE, len(items) - len(written))
        stored, reason = self._spool.append([line for _, line in written])
        for entry, _ in written[:stored]:
            self.tally(entry).spooled += 1
        for entry, _ in written[stored:]:
            self.tally(entry).drop(reason, 1)
        self._say(stored, len(written) - stored, reason)

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
            self._notices.warn("dropped", f"observations are dropped: {reason}")
