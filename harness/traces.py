"""Tracing as the harness uses it: on every node its spans, on the master the session's own."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import msgspec

from harness.messages import Welcome
from harness.settings import Settings
from tracing.settings import load_settings
from tracing.trace import TraceRun
from tracing.tracer import Tracer
from users.run import Run

FLUSH_DEADLINE_S = 10.0
READ_BACK_WITHIN_S = 15.0
"""Servers ingest late; a headless run waits as long at its end for what they delivered to show."""

logger = logging.getLogger(__name__)


def open_tracer(welcome: Welcome) -> Tracer | None:
    """The tracer of a node; None without Langfuse. The master warns, so that it is said once."""
    return _open(Path(welcome.langfuse_env), welcome.run, welcome.worker, Path(welcome.spool_path))


def finish_tracing(tracer: Tracer | None) -> dict[str, Any]:
    """Deliver or spool all that is there, by the deadline; what became of every observation."""
    return msgspec.to_builtins(tracer.finish(FLUSH_DEADLINE_S)) if tracer else {}


def _open(env_file: Path, run: Run, worker: str, spool: Path) -> Tracer | None:
    settings, _ = load_settings(env_file, os.environ)
    if settings is None:
        return None
    trace_run = TraceRun(run.uid, run.label, run.scenario.name)
    tracer = Tracer(settings, trace_run, worker=worker, spool_path=spool, sample=run.trace_sample)
    tracer.start()
    return tracer


class SessionTraces:
    """The master's part: the project's address, the verdict's score, and reading back."""

    def __init__(self, settings: Settings, run: Run, spool: Path) -> None:
        for warning in load_settings(settings.langfuse_env, os.environ)[1]:
            logger.warning("%s", warning)
        self._tracer = _open(settings.langfuse_env, run, "master", spool)

    @property
    def on(self) -> bool:
        """Whether there is a Langfuse to send to."""
        return self._tracer is not None

    @property
    def url(self) -> str:
        """The project's page; empty where it is not known."""
        return (self._tracer.project_url or "") if self._tracer else ""

    def close(self, verdict: str) -> None:
        """Put the verdict on the session."""
        if self._tracer is not None:
            self._tracer.score("verdict", verdict)
            self._tracer.finish(FLUSH_DEADLINE_S)

    def read_back(self, delivered: int) -> int | None:
        """How many observations of the run the server has; None where that cannot be told."""
        if self._tracer is None or not delivered:
            return None
        return self._tracer.read_back(delivered, READ_BACK_WITHIN_S)
