"""How much tracing may hold and how long it may try."""

from __future__ import annotations

import msgspec

from mcstress.tracing.spool.spool import LARGEST_BYTES, SPARE_BYTES


class Limits(msgspec.Struct, frozen=True):
    """Bounds of one process's tracing; the defaults suit a run.

    ``buffer``: steps that a greenlet gathers. ``post``: observations in one request.
    ``first_score_post``: scores in one request at first, ``score_post`` later: servers store each
    by itself. ``outbox_*``, ``scores_waiting``: what waits in memory. ``body_bytes``: what is kept
    of one request's or answer's body. ``sweep_s``: how often buffers that are not full are
    collected, and how long scores gather. ``tries`` of one request, with waits from
    ``first_wait_s`` on that double, then a pause of up to ``longest_pause_s``.
    """

    buffer: int = 50
    post: int = 500
    first_score_post: int = 15
    score_post: int = 50
    scores_waiting: int = 20_000
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
