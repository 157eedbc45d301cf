"""The workers of a run: where each stands, what it handed over, and who is missing."""

from __future__ import annotations

import time
from heapq import nlargest

import msgspec
from gevent.lock import RLock

from mcstress.cluster.messages import LOCAL, Delta, Drained, RoundTrip
from mcstress.load.schedule import ArrivalCounts
from mcstress.master.stages import WORKER_CHANGES, WorkerStage, changed
from mcstress.metrics.availability import PAUSES_KEPT, Pause
from mcstress.tracing.delivery_counts import ProcessCounts, counts_of


class WorkerState(msgspec.Struct):
    """One worker's part of a run. ``client_id`` is Locust's; ``name`` ours, as in events.

    ``machine`` is the name of its host.

    ``lost_s`` is since when it is lost, ``heard_s`` when it was heard last, on the monotonic clock.
    ``drained`` are its totals, once it has handed over. Of its evidence ``evidence_missing`` bytes
    did not arrive; ``copied``: all of it was fetched from another machine. ``last_delta``: when it
    went out (its clock) and came in (ours), until that is answered. ``left_early``: it handed over
    before the run's end. ``arrivals``: what became of those that it was granted, as it told last;
    ``told``: how many users there are and how often to hand over, as it was told last;
    ``seconds_watched``: how many seconds its own timer ran; ``own_wait_s``: how long in those that
    are saturated it can have kept events waiting itself; ``pauses``: when it stood still, the
    longest of them. ``mail_taken``: messages from outside
    that its users took.
    """

    name: str
    client_id: str
    boot: str
    local: bool = False
    machine: str = ""
    deltas: int = 0
    deltas_repeated: int = 0
    deltas_missing: int = 0
    events_told: int = 0
    evidence_fault: str | None = None
    events_unkept: int = 0
    heard_s: float = 0.0
    stage: WorkerStage = WorkerStage.HERE
    lost_s: float = 0.0
    collecting: RLock = msgspec.field(default_factory=RLock)
    copied: bool = False
    evidence_missing: int = 0
    drained: Drained | None = None
    tracing: ProcessCounts = {}
    user_errors: int = 0
    mail_taken: int = 0
    last_delta: tuple[float, float] | None = None
    clock_offset_s: float | None = None
    clock_error_s: float | None = None
    left_early: bool = False
    arrivals: ArrivalCounts = msgspec.field(default_factory=ArrivalCounts)
    seconds_watched: int = 0
    seconds_saturated: int = 0
    own_wait_s: float = 0.0
    pauses: list[Pause] = []
    told: tuple[int, float] | None = None

    def go(self, to: WorkerStage) -> None:
        """To the next stage; raises WrongChangeError."""
        self.stage = changed(self.name, self.stage, to, WORKER_CHANGES)

    def lose(self) -> None:
        """It is missed from now on."""
        self.go(WorkerStage.LOST)
        self.lost_s = time.monotonic()

    def hand_over(self, totals: Drained) -> None:
        """It has handed over all that it had."""
        self.go(WorkerStage.HANDED_OVER)
        self.drained = totals

    @property
    def lost(self) -> bool:
        """Whether it is missed, and may have more than is known of it."""
        return self.stage is WorkerStage.LOST

    @property
    def traced(self) -> bool:
        """Whether what became of its observations is known."""
        return self.stage is WorkerStage.TRACED

    def trip(self, answered_s: float) -> RoundTrip | None:
        """What the worker is to learn its clock's offset from: once for each delta."""
        last, self.last_delta = self.last_delta, None
        return None if last is None else RoundTrip(*last, answered_s)

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
        self.evidence_fault, self.events_unkept = delta.evidence_fault, delta.events_unkept
        self.user_errors += len(delta.user_errors)
        self.mail_taken = delta.mail_taken
        self.clock_offset_s, self.clock_error_s = delta.clock_offset_s, delta.clock_error_s
        if delta.arrivals is not None:
            self.arrivals = delta.arrivals
        self.seconds_watched += len(delta.loop)
        saturated = [second for second in delta.loop if second.saturated]
        self.seconds_saturated += len(saturated)
        self.own_wait_s += sum(second.own_wait_s for second in saturated)
        self.pauses = nlargest(
            PAUSES_KEPT, self.pauses + delta.pauses, key=lambda pause: pause.seconds
        )
        if delta.tracing:
            self.tracing = counts_of(delta.tracing)
        return True

    def gaps(self) -> int:
        """Deltas that the worker sent and the master never saw."""
        unseen = self.drained.deltas - self.deltas if self.drained else 0
        return self.deltas_missing + unseen


class WorkerRegistry:
    """Every worker that ever took part in the run, by name."""

    def __init__(self) -> None:
        self.parts: dict[str, WorkerState] = {}
        self._names: dict[str, str] = {}

    def enter(self, name: str, client_id: str, boot: str, machine: str = "") -> WorkerState:
        """Enter a worker; entering twice is once."""
        self._names[client_id] = name
        local = name == LOCAL
        return self.parts.setdefault(name, WorkerState(name, client_id, boot, local, machine))

    def strike(self, client_id: str) -> None:
        """Forget a worker that takes no part after all; one that handed anything over stays."""
        part = self.of_client(client_id)
        if part is not None and not part.deltas and part.drained is None:
            del self.parts[self._names.pop(client_id)]

    def of_client(self, client_id: str) -> WorkerState | None:
        """The part of Locust's client."""
        name = self._names.get(client_id)
        return self.parts[name] if name else None

    def waiting(self, grace_s: float = 0.0) -> list[WorkerState]:
        """Those that have not drained and were not lost ``grace_s`` ago."""
        lost_s = time.monotonic() - grace_s
        return [
            part
            for part in self.parts.values()
            if part.drained is None and (not part.lost or part.lost_s > lost_s)
        ]

    def everyone_left(self) -> bool:
        """Whether there were workers, and all have handed over and left."""
        return bool(self.parts) and all(part.drained for part in self.parts.values())

    def lost(self) -> list[WorkerState]:
        """Those that never drained."""
        return [part for part in self.parts.values() if part.drained is None]
