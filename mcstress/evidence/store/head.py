"""The head of a run's document as far as it is read back: of the right types, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from mcstress.errors import UsageError
from mcstress.evidence.report.run_section import RunSection
from mcstress.evidence.store.tally import Stated

MOST_K = 10**6
Second = Annotated[float, msgspec.Meta(ge=0, le=2**40)]
Users = Annotated[int, msgspec.Meta(ge=0, le=2**40)]


class Integrity(msgspec.Struct, frozen=True):
    """What a document says of itself: ``head`` is the seal of all its keys but ``events``.

    ``workers`` are the tallies of its events.
    """

    head: str
    workers: dict[str, Stated]


class _Completeness(msgspec.Struct):
    complete: bool
    faults: list[str] = []
    notices: list[str] = []
    events_made: int | None = None
    events_merged: int | None = None
    events_kept: int | None = None
    workers: list[dict[str, Any]] = []
    tracing: dict[str, Any] = {}


class _Head(msgspec.Struct):
    run: RunSection = msgspec.field(default_factory=RunSection)
    scenario: dict[str, Any] = {}
    metrics: dict[str, dict[str, Any]] = {}
    latency: dict[str, dict[str, Any]] = {}
    load_curve: list[dict[str, Any]] = []
    checks: list[dict[str, Any]] = []
    verdict: Literal["pass", "fail", "unknown"] = "unknown"
    completeness: _Completeness | None = None
    users: list[tuple[Second, Users]] = []
    thresholds: list[dict[str, Any]] = []
    candidates: dict[str, int] | None = None
    state: dict[str, Any] = {}
    planned: dict[str, int] = {}
    integrity: Integrity | None = None


def check_head(path: Path, head: dict[str, Any]) -> int | None:
    """The run's K, where it says so. Raises UsageError, naming the place, for another's head."""
    try:
        k = msgspec.convert(head, _Head).run.k
    except msgspec.ValidationError as error:
        raise UsageError(f"{path}: {error}; expected the head of a run") from error
    if not 0 <= k <= MOST_K:
        raise UsageError(f"{path}: run.k is {_short(k)}; expected at most {MOST_K:,}")
    return k or None


def integrity_of(head: dict[str, Any]) -> Integrity | None:
    """What the document says of itself; None where an older version wrote it."""
    return msgspec.convert(head["integrity"], Integrity) if "integrity" in head else None


def _short(number: int) -> str:
    text = str(number)
    return text if len(text) <= 20 else f"a number of {len(text)} digits"  # noqa: PLR2004  (of 64 bits)
