"""``mcstress replay``: what a run could not deliver, sent later."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import gevent

from mcstress.errors import UsageError
from mcstress.tracing.langfuse.settings import load_settings
from mcstress.tracing.spool.replay import check_spool, replay
from mcstress.tracing.spool.replay_outcome import ReplayOutcome
from mcstress.tracing.trace import Level


def replay_spools(
    spools: Sequence[Path],
    langfuse_env: Path,
    *,
    mask: Level | None = None,
    timeout_s: float,
    within_s: float | None,
) -> Iterator[tuple[Path, ReplayOutcome]]:
    """Send what is in the spools, one after the other, and say what came of each.

    ``mask`` is in place of what their runs had.
    ``timeout_s`` is for an answer, ``within_s`` for everything. Raises UsageError without settings
    or a spool, before anything is sent.
    """
    for spool in spools:
        check_spool(spool)
    settings, warnings = load_settings(langfuse_env, os.environ)
    if settings is None:
        raise UsageError("; ".join(warnings))
    hub = gevent.get_hub()
    hub.NOT_ERROR = (*hub.NOT_ERROR, KeyboardInterrupt)  # Ctrl-C is told by the outcome
    until_s = float("inf") if within_s is None else time.monotonic() + within_s
    for spool in spools:
        outcome = replay(spool, settings, mask=mask, timeout_s=timeout_s, until_s=until_s)
        yield spool, outcome
        if outcome.interrupted:
            return
