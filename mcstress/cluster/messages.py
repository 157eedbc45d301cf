"""What master and workers say to one another, typed.

A worker:   Greeting, Hello, Lease, Release, BeginRound, Done, Publish, AtRest, TakeMail, Delta,
            Drained, Piece, Traced
The master: Welcome, SeatGranted, Grant, ClockGrant, Partner, Published, ReferenceOver, Spawned,
            MailBlock, Move, Revoked, Users, Drain, SendPiece, Trace, Dismissed
Either:     Refused

Locust delivers in order for one worker, without acknowledgement. On a local runner the listener is
called in place, with the message itself, so one path serves every mode.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from mcstress.load.arrivals import Arrivals
from mcstress.load.schedule import ArrivalCounts, GrantedSecond
from mcstress.metrics.appointments import AppointmentRow
from mcstress.metrics.arrivals import UnservedRow
from mcstress.metrics.availability import Pause
from mcstress.process.loop_lag import LoopSecond
from mcstress.tracing.trace import MaskLevel
from mcstress.users.handover_board import Recordings
from mcstress.users.lists_at_rest import RestLists
from mcstress.users.mail import Mail
from mcstress.users.mail_dates import DueMail
from mcstress.users.run import Run, Seat

PIECE_BYTES = 1 << 20
REVISION = 2
"""Raised where messages mean something else than before though their fields are the same."""

LOCAL = "local"
"""The name of the one process that is master and worker."""
REFERENCE_MOST_TIMES = 2
"""The reference lasts at most so many times the seconds asked for, until all was asked."""

DELTAS_A_SECOND = 50.0
"""So many a master takes from all its workers: each costs it 1 to 10 ms."""
EVERY_S = 1.0
MOST_EVERY_S = 10.0
EVENTS_A_SECOND = 3000
"""After so many it is sent sooner: its worker needs 5 to 10 ms, in which no answer is read.

Of three times as many events a delta costs its worker and its master hardly twice as much.
"""
MOST_EVENTS = 6000

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Ordinal = Annotated[int, msgspec.Meta(ge=1, le=2**53)]


class Greeting(msgspec.Struct, frozen=True):
    """A worker has connected, and says what it runs: it may be refused (``cluster.handshake``)."""

    version: str = ""
    protocol: str = ""


class RoundTrip(msgspec.Struct, frozen=True):
    """When a worker's message went out (its clock), came in, and was answered (the master's)."""

    sent_s: float
    got_s: float
    answered_s: float


class Hello(msgspec.Struct, frozen=True):
    """A worker has begun the test and asks for the run. ``machine`` is the name of its host.

    ``sent_s``: its clock's time.
    """

    boot: str
    version: str = ""
    protocol: str = ""
    machine: str = ""
    sent_s: float = 0.0


class Refused(msgspec.Struct, frozen=True):
    """The other end cannot take part, and why: as the reader's log should have it."""

    reason: str


class Welcome(msgspec.Struct, frozen=True):
    """The run, and what the worker needs to keep evidence and traces of it.

    ``otlp_traces`` is the collector's URL; its headers each process has from its environment.
    ``arrivals``: how to treat those of a schedule; ``max_wait_s``: after which an appointment of
    the clock is missed. None where users begin events by themselves.
    ``at_rest``: what the reference found, once it is over.
    """

    run: Run
    worker: str
    segment_path: str
    evidence: str
    llm_parallel: int
    reference_s: float
    langfuse_env: str
    otlp_traces: str
    mask: MaskLevel
    spool_path: str
    corpora_poll_s: float
    corpus_sizes: dict[str, int]
    arrivals: Arrivals | None = None
    max_wait_s: float | None = None
    version: str = ""
    protocol: str = ""
    trip: RoundTrip | None = None
    at_rest: RestLists | None = None


class SeatRequest(msgspec.Struct, frozen=True):
    """A user asks for a seat. ``ticket`` comes back with the grant."""

    run_uid: str
    persona: str
    ticket: int


class SeatGranted(msgspec.Struct, frozen=True):
    """The seat for a ticket. By the clock its appointments from ``from_ms`` on are its holder's."""

    ticket: int
    seat: Seat
    users: int
    from_ms: Count = 0


class Grant(msgspec.Struct, frozen=True):
    """Seconds of the schedule may begin, the first of them ``in_s`` seconds from now.

    ``trios``: how many there were when the schedule began.
    """

    run_uid: str
    seconds: list[GrantedSecond]
    in_s: float
    trios: int


class ClockGrant(msgspec.Struct, frozen=True):
    """Hour 0 of the scenario's clock is in so many seconds, or was.

    Appointments before ``up_to_ms``, a few seconds ahead, may begin. ``mail`` is nearly due, for
    the process's own seats: each message once.
    """

    run_uid: str
    hour_0_in_s: float
    up_to_ms: Count
    mail: list[DueMail] = []


class Release(msgspec.Struct, frozen=True):
    """A user stopped; the seat is free. By the clock, what was before ``until_ms`` was its own."""

    run_uid: str
    seat: Seat
    until_ms: Count = 0


class Revoked(msgspec.Struct, frozen=True):
    """The worker was taken for lost; all seats that it held are free for others."""


class Move(msgspec.Struct, frozen=True):
    """After its round the seat's holder is to take a lower one, for its trio has gone."""

    seat: Seat


class BeginRound(msgspec.Struct, frozen=True):
    """A seat's holder begins a round."""

    run_uid: str
    seat: Seat
    round: Ordinal


class RoundsDone(msgspec.Struct, frozen=True):
    """A seat's holder has done all its rounds."""

    run_uid: str
    seat: Seat


class Publish(msgspec.Struct, frozen=True):
    """What a seat recorded in a round, for the master to pass on."""

    run_uid: str
    recordings: Recordings


class Published(msgspec.Struct, frozen=True):
    """The same, for the worker of a partner who waits for it."""

    recordings: Recordings


class AtRest(msgspec.Struct, frozen=True):
    """What questions of the reference got, each once."""

    run_uid: str
    lists: RestLists


class ReferenceOver(msgspec.Struct, frozen=True):
    """The others come now; all that the reference got."""

    lists: RestLists


class Partner(msgspec.Struct, frozen=True):
    """A seat was leased, to begin with ``first_round``, or is empty (None).

    After ``last_round`` its holder has done all its rounds.
    """

    persona: str
    trio: int
    first_round: int | None
    last_round: int | None = None


class TakeMail(msgspec.Struct, frozen=True):
    """A process needs more of the mail from outside."""

    run_uid: str


class MailBlock(msgspec.Struct, frozen=True):
    """The next of it, for that process alone. ``number`` counts from 1; no ``mail``: used up."""

    number: Ordinal
    mail: list[Mail]


class Spawned(msgspec.Struct, frozen=True):
    """Whether every user that was asked for is there."""

    complete: bool


class UserCount(msgspec.Struct, frozen=True):
    """The number of living coordinators; ``trip``: of the worker's last delta.

    A delta is to come after ``every_s`` seconds at the latest.
    """

    users: int
    trip: RoundTrip | None = None
    every_s: Annotated[float, msgspec.Meta(ge=EVERY_S, le=MOST_EVERY_S)] = EVERY_S


def delta_every_s(workers: int) -> float:
    """How often each of ``workers`` is to send a delta, in seconds: less often where many do."""
    return min(max(EVERY_S, workers / DELTAS_A_SECOND), MOST_EVERY_S)


def is_delta_due(passed_s: float, events: int, every_s: float) -> bool:
    """Whether a worker sends a delta now that it saw ``events`` in ``passed_s``."""
    return passed_s >= every_s or events >= min(EVENTS_A_SECOND * every_s, MOST_EVENTS)


class Delta(msgspec.Struct, frozen=True):
    """What a worker's metrics saw since its last delta. ``number`` counts from 1 on each boot.

    ``tracing`` has the counts of each sink by its name, ``cluster.tracing.sink_counts``.
    ``state`` is that of a ``Figures``; on a local runner, where nothing travels, itself.
    ``evidence_fault`` is what the disk said first, ``events_unkept`` what it has not taken so far.
    ``mail_taken``: messages from outside that its users took, from the beginning on.
    ``own_faults`` are the worker's, from the beginning on: what it could not do. ``sent_s``: its
    clock's time; ``clock_offset_s``: the master's less its own, wrong by ``clock_error_s``, as its
    times may be, at most. ``arrivals``: what became of all that the process was granted;
    ``unserved`` those that never began, ``appointments`` those of the clock that are over, and
    ``loop`` the process's seconds and ``pauses`` in which it stood still, since the last delta.
    """

    run_uid: str
    worker: str
    boot: str
    number: Ordinal
    events_made: Count
    user_errors: list[str]
    tracing: dict[str, dict[str, Any]]
    state: Any
    evidence_fault: str | None = None
    events_unkept: int = 0
    own_faults: list[str] = []
    mail_taken: Count = 0
    sent_s: float = 0.0
    clock_offset_s: float | None = None
    clock_error_s: float | None = None
    arrivals: ArrivalCounts | None = None
    unserved: list[UnservedRow] = []
    appointments: list[AppointmentRow] = []
    loop: list[LoopSecond] = []
    pauses: list[Pause] = []


class Drain(msgspec.Struct, frozen=True):
    """Stop your users and hand over all you have."""

    run_uid: str


class Drained(msgspec.Struct, frozen=True):
    """All is handed over: these are the totals. ``unheard``: because the master was silent.

    ``clock_steps`` says how the machine's clock was set meanwhile.
    """

    run_uid: str
    worker: str
    boot: str
    deltas: Count = 0
    events_made: Count = 0
    events_kept: Count = 0
    events_lost: Count = 0
    segment_path: str = ""
    segment_bytes: Count = 0
    evidence_fault: str | None = None
    unheard: bool = False
    clock_steps: list[str] = []


class SendPiece(msgspec.Struct, frozen=True):
    """Send the piece of your segment that begins at ``offset``."""

    run_uid: str
    offset: int


class Piece(msgspec.Struct, frozen=True):
    """A piece of a segment; empty at its end."""

    run_uid: str
    worker: str
    offset: int
    content: bytes


class FinishTraces(msgspec.Struct, frozen=True):
    """Finish tracing."""

    run_uid: str


class Traced(msgspec.Struct, frozen=True):
    """The worker's observations are delivered, spooled or past the deadline: as in Delta."""

    run_uid: str
    worker: str
    counts: dict[str, dict[str, Any]]


class Dismissed(msgspec.Struct, frozen=True):
    """The worker may go. ``copied``: the master has a copy of its segment, which may be removed."""

    run_uid: str
    copied: bool
