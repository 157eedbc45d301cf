"""Which events a run keeps. The metrics see all of them, whatever is kept."""

from __future__ import annotations

from hashlib import blake2b
from typing import Literal

import msgspec

from mcstress.errors import UsageError
from mcstress.metrics.event import Event

_SPAN = 2**64


class EvidencePolicy(msgspec.Struct, frozen=True):
    """``--evidence``: ``all`` events, ``full`` (with bodies), a ``sample`` of them, or ``none``.

    A sample keeps an event by the hash of (worker, seq): the same ones on every reading.
    """

    kind: Literal["all", "full", "sample", "none"]
    fraction: float = 1.0

    @property
    def text(self) -> str:
        """The option's value in its one spelling, as files hold it."""
        return f"sample={self.fraction}" if self.kind == "sample" else self.kind

    @property
    def keeps_all(self) -> bool:
        """Whether the metrics can be had again from the events alone."""
        return keeps_all(self.kind)

    @property
    def keeps_bodies(self) -> bool:
        """Whether steps keep their requests and responses."""
        return self.kind == "full"

    def keeps(self, event: Event) -> bool:
        """Whether ``event`` belongs into the evidence."""
        if self.kind == "sample":
            return _place(event) < self.fraction
        return self.keeps_all


def keeps_all(text: str) -> bool:
    """Whether a policy keeps every event, by its one spelling (``EvidencePolicy.text``)."""
    return text in ("all", "full")


def parse_policy(text: str) -> EvidencePolicy:
    """The policy that ``text`` (the option's value) asks for. Raises UsageError."""
    match text.strip().lower():
        case "all" | "full" | "none" as kind:
            return EvidencePolicy(kind, 0.0 if kind == "none" else 1.0)
        case sample if sample.startswith("sample="):
            fraction = _fraction(sample.removeprefix("sample="))
            if fraction is not None:
                return EvidencePolicy("sample", fraction)
    raise UsageError(
        f"--evidence {text!r}: expected all, full, none, or sample=X "
        "with X above 0 and at most 1 (sample=0.1 keeps a tenth of the events)"
    )


def _fraction(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value <= 1 else None


def _place(event: Event) -> float:
    """A number in [0, 1) that depends on nothing but the event's name."""
    digest = blake2b(f"{event.worker}/{event.seq}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / _SPAN
