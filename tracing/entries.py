"""How what waits becomes an entry: when its turn comes, and the same each time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracing.notices import Border
    from tracing.observation import Entry
    from tracing.outbox import Item
    from tracing.translation import Translator


class Entries:
    """Makes entries of a process's items. A fault in that stops at ``border``, and is counted."""

    def __init__(self, translator: Translator, border: Border) -> None:
        self._translator = translator
        self._border = border

    def of(self, item: Item) -> Entry | None:
        """The entry of ``item``; None where it cannot be made."""
        if not isinstance(item, tuple):
            return item
        with self._border:
            return self._translator.observation(*item)
        return None


def as_it_is(entry: Entry) -> Entry:
    """For those who send entries that somebody made."""
    return entry
