"""How much tracing may hold and how long it may try."""

from __future__ import annotations

import msgspec

from tracing.spool import LARGEST_BYTES, SPARE_BYTES


class Limits(msgspec.Struct, frozen=True):
    """Bounds of one process's tracing; the defaults suit a run.

    ``buffer``: steps that a greenlet gathers. ``post``: observations in one request. ``outbox_*``:
    what waits in memory. ``body_bytes``: what is kept of one request's or answer's body.
    ``sweep_s``: how often buffers that are not full are collected. ``tries`` of one request, with
    waits from ``first_wait_s`` on that double, then a pause of up to ``longest_pause_s``.
    """

    buffer: int = 50
    post: int = 500
    outbox_items: int = 20_000
    outbox_bytes: int = 64 << 20
    spool_bytes: int = LARGEST_BYTES
    spare_bytes: int = SPARE_BYTES
    body_bytes: int = 64 << 10
    sweep_s: float = 1.0
    timeout_s: float = 2.0
    tries: int = 4
    first_wait_s: float = 0.5
    longest_pause_s: float = 30.0
