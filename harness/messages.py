"""What master and workers say to one another, typed.

A worker:   Hello, Lease, Release, BeginRound, Done, Publish, Delta, Drained, Piece, Traced
The master: Welcome, Granted, Partner, Published, Spawned, Move, Revoked, Users, Drain, SendPiece,
            Trace, Dismissed

Locust delivers in order for one worker, without acknowledgement. On a local runner the listener is
called in place, with the message itself, so one path serves every mode.
"""

from __future__ import annotations

from typing import Any

import msgspec

from users.board import Recordings
from users.run import Run
from users.seat import Seat


class Hello(msgspec.Struct, frozen=True):
    """A worker has begun the test and asks for the run."""

    boot: str


class Welcome(msgspec.Struct, frozen=True):
    """The run, and what the worker needs to keep evidence and traces of it."""

    run: Run
    worker: str
    segment_path: str
    evidence: str
    llm_parallel: int
    reference_s: float
    langfuse_env: str
    spool_path: str
    corpora_poll_s: float
    corpus_sizes: dict[str, int]


class Lease(msgspec.Struct, frozen=True):
    """A user asks for a seat. ``ticket`` comes back with the grant."""

    run_uid: str
    persona: str
    ticket: int


class Granted(msgspec.Struct, frozen=True):
    """The seat for a ticket."""

    ticket: int
    seat: Seat
    users: int


class Release(msgspec.Struct, frozen=True):
    """A user stopped; the seat is free."""

    run_uid: str
    seat: Seat


class Revoked(msgspec.Struct, frozen=True):
    """The worker was taken for lost; all seats that it held are free for others."""


class Move(msgspec.Struct, frozen=True):
    """After its round the seat's holder is to take a lower one, for its trio has gone."""

    seat: Seat


class BeginRound(msgspec.Struct, frozen=True):
    """A seat's holder begins a round."""

    run_uid: str
    seat: Seat
    round: int


class Done(msgspec.Struct, frozen=True):
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


class Partner(msgspec.Struct, frozen=True):
    """A seat was leased, to begin with ``first_round``, or is empty (None).

    After ``last_round`` its holder has done all her rounds.
    """

    persona: str
    trio: int
    first_round: int | None
    last_round: int | None = None


class Spawned(msgspec.Struct, frozen=True):
    """Whether every user that was asked for is there."""

    complete: bool


class Users(msgspec.Struct, frozen=True):
    """The number of living coordinators."""

    users: int


class Delta(msgspec.Struct, frozen=True):
    """What a worker's metrics saw since its last delta. ``number`` counts from 1 on each boot.

    ``state`` is that of a ``Figures``; on a local runner, where nothing travels, itself.
    ``own_faults`` are the worker's, from the beginning on: what it could not do.
    """

    run_uid: str
    worker: str
    boot: str
    number: int
    events_made: int
    user_errors: list[str]
    tracing: dict[str, Any]
    state: Any
    own_faults: list[str] = []


class Drain(msgspec.Struct, frozen=True):
    """Stop your users and hand over all you have."""

    run_uid: str


class Drained(msgspec.Struct, frozen=True):
    """All is handed over: these are the totals. ``unheard``: because the master was silent."""

    run_uid: str
    worker: str
    boot: str
    deltas: int = 0
    events_made: int = 0
    events_kept: int = 0
    events_lost: int = 0
    segment_path: str = ""
    segment_bytes: int = 0
    evidence_fault: str | None = None
    unheard: bool = False


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


class Trace(msgspec.Struct, frozen=True):
    """Finish tracing."""

    run_uid: str


class Traced(msgspec.Struct, frozen=True):
    """The worker's observations are delivered, spooled or past the deadline."""

    run_uid: str
    worker: str
    counts: dict[str, Any]


class Dismissed(msgspec.Struct, frozen=True):
    """The worker may go. ``copied``: the master has a copy of its segment, which may be removed."""

    run_uid: str
    copied: bool
