"""What becomes of an item whose turn has come: an entry for a server, or a line of the spool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcstress.tracing.mask import Masker
from mcstress.tracing.observation import encoder
from mcstress.tracing.spool.step import SpooledStep
from mcstress.tracing.traced_step import TracedStep

if TYPE_CHECKING:
    from mcstress.tracing.notices import ErrorBoundary
    from mcstress.tracing.observation import TraceEntry
    from mcstress.tracing.observation_of_step import Translator
    from mcstress.tracing.queue import Queued


class EntryFactory:
    """Makes both of a process's items. A fault in that stops at ``border``, and is counted.

    What is sent is masked as the run says; a line of the spool stays on the machine, and is not.
    """

    def __init__(self, translator: Translator, border: ErrorBoundary) -> None:
        self._translator = translator
        self._mask = Masker(translator.run.mask)
        self._is_masked = translator.run.mask != "off"
        self._border = border

    def of(self, item: Queued) -> TraceEntry | None:
        """The entry of ``item``, the same each time; None where it cannot be made."""
        with self._border:
            entry = self._translator.observation(item) if isinstance(item, TracedStep) else item
            return self._mask.entry(entry) if self._is_masked else entry
        return None

    def line(self, item: Queued) -> bytes | None:
        """The spool's line of ``item``; None where it cannot be made."""
        with self._border:
            if not isinstance(item, TracedStep):
                return encoder.encode(item)
            if max(len(item.request), len(item.response)) > self._translator.body_bytes:
                return encoder.encode(self._translator.observation(item))  # whose bodies are cut
            spooled = SpooledStep.of(self._translator.run, item)
            # Between the parts of JSON, and nowhere else in it, a line may end: not so in a spool.
            return encoder.encode(spooled).replace(b"\n", b" ")
        return None


def as_it_is(entry: TraceEntry) -> TraceEntry:
    """For those who send entries that somebody made."""
    return entry
