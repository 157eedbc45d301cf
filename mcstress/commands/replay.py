"""``mcstress replay``: what a run could not deliver, sent later."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import gevent

from mcstress.errors import UsageError
from mcstress.tracing.langfuse.settings import load_settings
from mcstress.tracing.otlp.settings import OPTION, TRACES, load_otlp
from mcstress.tracing.sink import SinkName
from mcstress.tracing.spool.line import SpoolHead
from mcstress.tracing.spool.replay import AnySettings, look_at_spool, replay
from mcstress.tracing.spool.replay_outcome import ReplayOutcome
from mcstress.tracing.trace import MaskLevel

logger = logging.getLogger(__name__)


def replay_spools(
    spools: Sequence[Path],
    langfuse_env: Path,
    otlp_traces: str = "",
    *,
    mask: MaskLevel | None = None,
    timeout_s: float,
    within_s: float | None,
) -> Iterator[tuple[Path, ReplayOutcome]]:
    """Send what is in the spools, each to the sink that it is for, and say what came of each.

    ``mask`` is in place of what their runs had. ``timeout_s`` is for an answer, ``within_s`` for
    everything. Raises UsageError without settings or a spool, before anything is sent.
    """
    heads = {spool: look_at_spool(spool) for spool in spools}
    settings: dict[SinkName, AnySettings] = {}
    for spool, head in heads.items():
        if head.sink not in settings:
            settings[head.sink] = _settings(spool, head, langfuse_env, otlp_traces)
    hub = gevent.get_hub()
    hub.NOT_ERROR = (*hub.NOT_ERROR, KeyboardInterrupt)  # Ctrl-C is told by the outcome
    until_s = float("inf") if within_s is None else time.monotonic() + within_s
    for spool, head in heads.items():
        outcome = replay(
            spool, settings[head.sink], mask=mask, timeout_s=timeout_s, until_s=until_s
        )
        yield spool, outcome
        if outcome.interrupted:
            return


def _settings(spool: Path, head: SpoolHead, langfuse_env: Path, otlp_traces: str) -> AnySettings:
    """Where a spool goes. A collector is named by the user: a file may come from anywhere."""
    if head.sink == "langfuse":
        langfuse, warnings = load_settings(langfuse_env, os.environ)
        if langfuse is None:
            raise UsageError("; ".join(warnings))
        return langfuse
    if not otlp_traces:
        raise UsageError(
            f"{spool}: found a spool for a collector (the run sent to {head.url}), expected "
            f"{OPTION} with its URL, or {OPTION} env where {TRACES.endpoint} has it"
        )
    collector, warnings = load_otlp(otlp_traces, os.environ)
    for text in warnings:
        logger.warning("%s", text)
    return collector
