"""What came of a replay, and how far one came that was cut off."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Self

import msgspec

from mcstress.services.failure_reason import DECODE_ERRORS

if TYPE_CHECKING:
    from pathlib import Path


class ReplayOutcome(msgspec.Struct):
    """What became of a spool's lines.

    ``delivered`` now, ``before`` in an earlier replay, ``left`` in the spool because of ``fault``;
    ``left_scores`` of those are scores. ``rejected`` of what was sent a collector did not take: it
    does not say which, so that they cannot be kept. ``broken`` lines hold nothing that could be
    sent: half a line, after a kill. ``interrupted``: by Ctrl-C.
    """

    delivered: int = 0
    before: int = 0
    left: int = 0
    left_scores: int = 0
    rejected: int = 0
    broken: int = 0
    fault: str = ""
    interrupted: bool = False

    def __str__(self) -> str:
        parts = [f"{self.delivered} delivered"]
        if self.before:
            parts.append(f"{self.before} delivered before")
        if self.left:
            of_them = f" ({self.left_scores} of them scores)" if self.left_scores else ""
            parts.append(f"{self.left} left in the spool{of_them}: {self.fault}")
        if self.rejected:
            parts.append(f"{self.rejected} rejected by the collector, which does not say which")
        if self.broken:
            parts.append(f"{self.broken} broken lines passed over")
        return ", ".join(parts)


class Mark(msgspec.Struct, frozen=True):
    """Up to where in a spool all ``lines`` of a kind are delivered, ``broken`` ones beside them."""

    offset: int = 0
    lines: int = 0
    broken: int = 0


class ReplayProgress(msgspec.Struct):
    """How far a replay came in a spool, in case it is cut off.

    Of the spool as it was: of ``size`` bytes, last written at ``changed_ns``. In another of the
    same size lines may stand elsewhere.
    """

    size: int
    changed_ns: int = 0
    observations: Mark = Mark()
    scores: Mark = Mark()

    @classmethod
    def load(cls, path: Path, spool: os.stat_result) -> Self:
        """What an earlier replay noted at ``path``, if it was of the same spool."""
        none = cls(spool.st_size, spool.st_mtime_ns)
        try:
            found = msgspec.json.decode(path.read_bytes(), type=cls)
        except (OSError, *DECODE_ERRORS):
            return none
        same = (found.size, found.changed_ns) == (none.size, none.changed_ns)
        return found if same else none

    def save(self, path: Path) -> None:
        """Note it at ``path``; where the disk is full, what is sent again has the same ids."""
        partial = path.with_suffix(".partial")
        with contextlib.suppress(OSError):
            partial.write_bytes(msgspec.json.encode(self))
            partial.replace(path)
