"""What a coordinator changes of a new item once it was seen: it is updated, forgotten, deleted.

Each change is looked for until the item is as it should be, over the connection of the looks before
(freshness_poll.py), while the coordinator goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import gevent
import msgspec

from mcstress.metrics.event import POLL, Changed, Item
from mcstress.services.step import Step
from mcstress.services.target import Capabilities, Found, NewItem, Recording, Search, Target
from mcstress.services.trace_context import TraceContext
from mcstress.users.event_scope import EventScope

WITHIN_S = 10.0
EVERY_S = 0.25
UPDATED = "mcstress_updated"
"""What an update adds to an item's metadata, as text."""
FORGETTING = "_forget"
"""The end of the namespace in which an item is told and forgotten: nobody else asks it."""

Ask = Callable[[Search, TraceContext], Step[Found]]


def can_change(can: Capabilities) -> bool:
    """Whether a target can do any of it."""
    return can.update or can.delete or (can.forget and can.recall)


class Changes:
    """Of ``item``, which ``search`` has found; the event of ``scope`` says what came of it.

    A memory that takes part in searches is told the item before it is deleted, and must not bring
    it back; one that is asked by itself must not when it has forgotten it.
    """

    def __init__(self, scope: EventScope, target: Target, search: Search, item: NewItem) -> None:
        self._scope, self._target, self._item = scope, target, item
        self._search = msgspec.structs.replace(search, new_connection=False)
        self._can = scope.coordinator.can
        self._who = Item(item.id, item.corpus)
        self._namespace = scope.coordinator.namespace + FORGETTING
        self._role = str(item.metadata.get("role", ""))

    def run(self) -> None:
        """Do all that the target can; the item is gone afterwards where it can delete."""
        can, noted = self._can, Changed()
        self._scope.event.changes = noted
        if can.update:
            noted.updated = self._update()
        told = None
        if can.record and (can.forget or not can.recall):
            told = self._tell()
        if told is not None and can.forget:
            noted.forgotten = self._forget(told)
        if can.delete:
            noted.deleted = self._delete(through_memory=told is not None and not can.recall)

    def _update(self) -> bool | None:
        metadata = {**self._item.metadata, UPDATED: "1"}
        item = msgspec.structs.replace(self._item, metadata=metadata)
        for step in self._target.update(item, self._scope.trace):
            if self._scope.take(step).error is not None:
                return None
        search = msgspec.structs.replace(self._search, metadata=True)
        return self._until(self._is_updated, self._target.search, search)

    def _tell(self) -> Recording | None:
        recording = Recording(self._search.text, self._who, self._namespace, self._role)
        taken = self._scope.take(self._target.record(recording, self._scope.trace))
        return recording if taken.error is None else None

    def _forget(self, told: Recording) -> bool | None:
        """None where that is not known, and where the memory is asked in searches alone."""
        asked = self._by_memory()
        if self._can.recall and not self._until(self._is_there, self._target.recall, asked):
            return None
        step = self._scope.take(self._target.forget(told, self._scope.trace))
        if step.error is not None or not self._can.recall:
            return None
        return self._until(self._is_gone, self._target.recall, asked)

    def _delete(self, *, through_memory: bool) -> bool | None:
        step = self._scope.take(self._target.delete(self._item, self._scope.trace))
        if step.error is not None:
            return None
        search = self._by_memory() if through_memory else self._search
        return self._until(self._is_gone, self._target.search, search)

    def _by_memory(self) -> Search:
        return msgspec.structs.replace(self._search, memory=self._namespace, role=self._role)

    def _until(self, is_so: Callable[[Found], bool], ask: Ask, search: Search) -> bool | None:
        """Whether it was so in time; None where no look was answered."""
        answered, end_s = None, perf_counter() + WITHIN_S
        while True:
            step = ask(search, self._scope.trace)
            step.name = POLL
            found = self._scope.take(step).answer
            if found is not None:
                if is_so(found):
                    return True
                answered = False
            if perf_counter() >= end_s:
                return answered
            gevent.sleep(EVERY_S)

    def _is_there(self, found: Found) -> bool:
        return any((hit.id, hit.corpus) == (self._who.id, self._who.corpus) for hit in found.hits)

    def _is_gone(self, found: Found) -> bool:
        return not self._is_there(found)

    def _is_updated(self, found: Found) -> bool:
        for hit, known in zip(found.hits, found.metadata or (), strict=False):
            if (hit.id, hit.corpus) == (self._who.id, self._who.corpus):
                return isinstance(known, dict) and UPDATED in known
        return False
