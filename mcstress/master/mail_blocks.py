"""Mail from outside, leased to the processes by blocks: each message goes to one of them.

By the scenario's clock a message goes to the process of the seat that it is dealt to, when it is
nearly due.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from mcstress.cluster.messages import MailBlock
from mcstress.evidence.document_parts import MailCount
from mcstress.master.worker_registry import WorkerState
from mcstress.users.appointments import FIRST_MAIL, Timetable, mail_times
from mcstress.users.mail import MailSource
from mcstress.users.mail_dates import DueMail, at_ms_of

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


class MailByClock(MailBlocks):
    """Messages by their dates: dealt over the seats of hour 0 in turn, handed out when due."""

    def __init__(self, source: MailSource, table: Timetable) -> None:
        super().__init__(source, repeat=False)
        self._table = table
        self._waiting: list[tuple[int, int, DueMail]] = []
        self.beyond = 0
        """Those that would wait for a shift beyond the end of the clock."""

    def deal(self, places: Sequence[tuple[str, int]]) -> None:
        """Deal all messages over (persona, trio), ascending; message n to place n."""
        for turn, (persona, trio) in enumerate(places):
            mine = [*enumerate(self._source.messages)][turn :: len(places)]
            dated = [(at_ms_of(self._table.scenario, mail), mail) for _, mail in mine]
            urgent = [(at_ms, mail.priority == "urgent") for at_ms, mail in dated]
            times = mail_times(self._table, persona, urgent)
            for (number, mail), due_ms in zip(mine, times, strict=True):
                if due_ms >= self._table.end_ms:
                    self.beyond += 1
                    continue
                due = DueMail(persona, trio, FIRST_MAIL + number, due_ms, mail)
                heapq.heappush(self._waiting, (due_ms, number, due))

    def hand_out(self, up_to_ms: float, holder: Callable[[str, int], str | None]) -> HandedOut:
        """What is due before ``up_to_ms``, by the worker that holds its seat; each once.

        What is dealt to a seat that nobody holds stays, for whoever comes.
        """
        found: HandedOut = {}
        stays = []
        while self._waiting and self._waiting[0][0] < up_to_ms:
            entry = heapq.heappop(self._waiting)
            worker = holder(entry[2].persona, entry[2].trio)
            if worker is None:
                stays.append(entry)
                continue
            self._leased[worker] += 1
            found.setdefault(worker, []).append(entry[2])
        for entry in stays:
            heapq.heappush(self._waiting, entry)
        return found

    def unclaimed(self, up_to_ms: float) -> list[DueMail]:
        """What was due before ``up_to_ms`` and nobody's, given up now."""
        given_up = []
        while self._waiting and self._waiting[0][0] < up_to_ms:
            given_up.append(heapq.heappop(self._waiting)[2])
        return given_up


HandedOut = dict[str, list[DueMail]]
