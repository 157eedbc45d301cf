"""Warnings about tracing: each kind at most once in 30 s, without keys, never an exception."""

from __future__ import annotations

import logging
import time
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger("tracing")

QUIET_S = 30.0


class ThrottledWarnings:
    """Says what went wrong, each kind once per ``QUIET_S``, and counts all of it.

    ``faults`` has how often each kind happened. ``redact`` takes the keys out of a text.
    ``of`` is whom the warnings are about.
    """

    def __init__(
        self,
        redact: Callable[[str], str],
        clock: Callable[[], float] = time.monotonic,
        *,
        of: str = "Langfuse",
    ) -> None:
        self.faults: Counter[str] = Counter()
        self._of = of
        self._redact = redact
        self._clock = clock
        self._last_s: dict[str, float] = {}
        self._said: Counter[str] = Counter()

    def warn(self, kind: str, text: str) -> None:
        """Count a fault of ``kind`` and say ``text``, unless this kind was said just now."""
        self.faults[kind] += 1
        now = self._clock()
        if now - self._last_s.get(kind, -QUIET_S) < QUIET_S:
            return
        held_back = self.faults[kind] - self._said[kind] - 1
        self._last_s[kind] = now
        self._said[kind] = self.faults[kind]
        more = f" ({held_back} more like it since the last warning)" if held_back else ""
        logger.warning("%s: %s%s", self._of, self._redact(text), more)


class ErrorBoundary:
    """The best-effort border: a fault of our own stops here, is counted, and harms nobody."""

    def __init__(self, notices: ThrottledWarnings) -> None:
        self._notices = notices

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, _kind: object, fault: BaseException | None, _trace: object) -> bool:
        if not isinstance(fault, Exception):
            return False
        self.caught(fault)
        return True

    def caught(self, fault: Exception) -> None:
        """Count and say a ``fault`` that was stopped."""
        self._notices.warn("fault", f"a fault in tracing itself: {type(fault).__name__}: {fault}")
