"""W3C trace context: ids that every request carries and that need no talking to agree on."""

from __future__ import annotations

import os
from hashlib import sha256
from random import Random

import msgspec

from mcstress.services.recent import Recent

_random = Random()
_bits = _random.getrandbits
os.register_at_fork(after_in_child=_random.seed)  # or workers would draw the same ids


_made: Recent[tuple[str, int, int, str], str] = Recent()


def phase_trace_id(run_uid: str, trio: int, round_: int, phase: str) -> str:
    """The trace of a trio's phase in a round, as 32 hex digits; the same on every worker.

    Made once for all of a trio: a digest takes as long as a tenth of an event.
    """
    key = (run_uid, trio, round_, phase)
    return _made.get(key) or _made.put(
        key, sha256(f"{run_uid}/{trio}/{round_}/{phase}".encode()).hexdigest()[:32]
    )


def new_span_id() -> str:
    """A random span id, 16 hex digits, never all zero."""
    return (_bits(64) or 1).to_bytes(8, "big").hex()  # formatting takes half as long again


class TraceContext(msgspec.Struct, frozen=True):
    """The trace that a call belongs to. ``sampled`` False tells services not to record it."""

    trace_id: str
    sampled: bool = True

    def traceparent(self, span_id: str) -> str:
        """The header's value for a call whose span is ``span_id``."""
        return f"00-{self.trace_id}-{span_id}-{'01' if self.sampled else '00'}"


def is_sampled(trace_id: str, rate: float) -> bool:
    """Whether a sampling ``rate`` in [0, 1] keeps the trace: whole, and alike on every worker."""
    return int(trace_id[-13:], 16) < rate * 16**13
