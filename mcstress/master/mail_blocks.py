"""Mail from outside, leased to the processes by blocks: each message goes to one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from mcstress.cluster.messages import MailBlock
from mcstress.evidence.document_parts import MailCount
from mcstress.master.worker_registry import WorkerState
from mcstress.users.mail import MailSource

BLOCK = 50


class MailBlocks:
    """The messages that no process has yet. With ``repeat`` they begin again when used up."""

    def __init__(self, source: MailSource, *, repeat: bool) -> None:
        self._source = source
        self._repeat = repeat
        self._next = 0
        self._blocks = 0
        self._leased: Counter[str] = Counter()

    def lease(self, worker: str) -> MailBlock:
        """The next block; an empty one says that all are used up."""
        messages = self._source.messages
        if self._repeat and self._next >= len(messages):
            self._next = 0
        block = messages[self._next : self._next + BLOCK]
        self._next += len(block)
        self._blocks += 1
        self._leased[worker] += len(block)
        return MailBlock(self._blocks, block)

    def count(self, parts: Iterable[WorkerState]) -> MailCount:
        """What became of it. Of a lost worker it is not known how much of its blocks it took."""
        source, parts = self._source, list(parts)
        lost = sum(self._leased[part.name] - part.mail_taken for part in parts if part.lost)
        return MailCount(
            source=source.source,
            messages=len(source.messages),
            left_out=source.left_out,
            attachments=source.attachments,
            taken=sum(part.mail_taken for part in parts),
            lost=max(lost, 0),
            repeated=self._repeat,
            faults=source.faults,
        )
