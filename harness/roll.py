"""The roll of workers: what each handed over, and who is missing."""

from __future__ import annotations

from typing import Any

import msgspec

from harness.messages import Delta, Drained

LOCAL = "local"


class WorkerPart(msgspec.Struct):
    """One worker's part of a run. ``client_id`` is Locust's; ``name`` ours, as in events.

    A worker is ``lost`` while Locust misses it and it has not drained.
    """

    name: str
    client_id: str
    boot: str
    local: bool = False
    deltas: int = 0
    deltas_repeated: int = 0
    deltas_missing: int = 0
    events_told: int = 0
    lost: bool = False
    drained: Drained | None = None
    tracing: dict[str, Any] = {}
    traced: bool = False
    user_errors: int = 0

    @property
    def events_made(self) -> int:
        """Events that the worker said it made."""
        return self.drained.events_made if self.drained else self.events_told

    def takes(self, delta: Delta) -> bool:
        """Whether the delta is new; notes gaps and repeats."""
        if delta.boot != self.boot or delta.number <= self.deltas:
            self.deltas_repeated += 1
            return False
        self.deltas_missing += delta.number - self.deltas - 1
        self.deltas = delta.number
        self.events_told = delta.events_made
        self.user_errors += len(delta.user_errors)
        if delta.tracing:
            self.tracing = delta.tracing
        return True

    def gaps(self) -> int:
        """Deltas that the worker sent and the master never saw."""
        unseen = self.drained.deltas - self.deltas if self.drained else 0
        return self.deltas_missing + unseen


class Roll:
    """Every worker that ever took part in the run, by name."""

    def __init__(self) -> None:
        self.parts: dict[str, WorkerPart] = {}
        self._names: dict[str, str] = {}

    def enter(self, name: str, client_id: str, boot: str) -> WorkerPart:
        """Enter a worker; entering twice is once."""
        self._names[client_id] = name
        local = name == LOCAL
        return self.parts.setdefault(name, WorkerPart(name, client_id, boot, local))

    def of_client(self, client_id: str) -> WorkerPart | None:
        """The part of Locust's client."""
        name = self._names.get(client_id)
        return self.parts[name] if name else None

    def waiting(self) -> list[WorkerPart]:
        """Those that have not drained and are not lost."""
        return [part for part in self.parts.values() if part.drained is None and not part.lost]

    def lost(self) -> list[WorkerPart]:
        """Those that never drained."""
        return [part for part in self.parts.values() if part.drained is None]
