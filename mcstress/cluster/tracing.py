"""Tracing as the harness uses it: on every node its spans, on the master the session's own."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from mcstress.cluster.messages import Welcome
from mcstress.evidence.store.paths import ReportPaths
from mcstress.options import DEFAULT_LANGFUSE_ENV
from mcstress.settings import Settings
from mcstress.tracing.counts import Tally, TraceCounts
from mcstress.tracing.langfuse.settings import is_asked_for, load_settings
from mcstress.tracing.trace import Level, TraceRun
from mcstress.users.run import Run
from mcstress.worker.untraced import Untraced

if TYPE_CHECKING:
    from mcstress.tracing.tracer import Tracer

FLUSH_DEADLINE_S = 10.0
MOST = 2**53
"""More than a worker can count, and the largest whole number that every reader of JSON has."""
LONGEST_PATH = 4096
MOST_SPOOLS = 100
"""That a process names; it has one."""
READ_BACK_WITHIN_S = 15.0
"""Servers ingest late; a headless run waits as long at its end for what they delivered to show."""

logger = logging.getLogger(__name__)


def open_tracer(welcome: Welcome, own_env: Path | None = None) -> Tracer | Untraced | None:
    """The tracer of a worker; None where the master traces nothing.

    What the worker was given (``own_env``, where it is not the default) comes first, then the file
    that the master names, so that both send to one project. That may be another machine's: without
    it the default file counts. To each of them the environment adds what it does not have.
    """
    if not welcome.langfuse_env:
        return None
    given = own_env if own_env is not None and own_env != Path(DEFAULT_LANGFUSE_ENV) else None
    named = Path(welcome.langfuse_env)
    named_here = named if os.access(named, os.R_OK) else None
    run = _of(welcome.run, welcome.mask)
    reasons: list[str] = []
    for env_file in dict.fromkeys((given, named_here, own_env, named)):
        if env_file is None:
            continue
        tracer, warnings = _open(
            env_file,
            run,
            welcome.worker,
            Path(welcome.spool_path),
            sample=welcome.run.trace_sample,
            learns_project=False,
        )
        if tracer is not None:
            return tracer
        if env_file in (given, named):
            reasons += warnings
    reason = "; ".join(reasons)
    logger.warning("%s: %s", welcome.worker, reason)
    return Untraced(reason)


def finish_tracing(tracer: Tracer | None, deadline_s: float = FLUSH_DEADLINE_S) -> dict[str, Any]:
    """Deliver or spool all that is there, by the deadline; what became of every observation."""
    return msgspec.to_builtins(tracer.finish(deadline_s)) if tracer else {}


def total_counts(counts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The sum of what processes said became of their observations and scores."""
    told = (msgspec.convert(each, TraceCounts) for each in counts)
    total: dict[str, Any] = msgspec.to_builtins(TraceCounts.total(told))
    return total


def _of(run: Run, mask: Level) -> TraceRun:
    return TraceRun(run.uid, run.label, run.scenario.name, mask)


def are_counts(counts: dict[str, Any]) -> bool:
    """Whether they are what a process may say of its observations."""
    try:
        total = msgspec.convert(counts, TraceCounts)
    except msgspec.ValidationError:
        return False
    fault = counts.get("fault", "")
    if len(total.spools) > MOST_SPOOLS or any(len(path) > LONGEST_PATH for path in total.spools):
        return False
    return isinstance(fault, str) and all(map(_is_possible, (total, total.scores)))


def _is_possible(tally: Tally) -> bool:
    numbers = (tally.made, tally.sampled_out, tally.delivered, tally.spooled)
    return all(0 <= number <= MOST for number in (*numbers, *tally.dropped.values()))


def _open(
    env_file: Path, run: TraceRun, worker: str, spool: Path, *, sample: float, learns_project: bool
) -> tuple[Tracer | None, tuple[str, ...]]:
    """A tracer, and what the user should be warned of; without one, the reason."""
    settings, warnings = load_settings(env_file, os.environ)
    if settings is None:
        return None, warnings
    try:
        # What delivers takes 12 MB and 0.2 s, which a run without a Langfuse need not have.
        from mcstress.tracing.tracer import Tracer  # noqa: PLC0415

        tracer = Tracer(
            settings,
            run,
            worker=worker,
            spool_path=spool,
            sample=sample,
            learns_project=learns_project,
        )
        tracer.start()
    except Exception as fault:  # noqa: BLE001  (best-effort border: a run without tracing is a run)
        reason = settings.redact(f"{type(fault).__name__}: {fault}")
        return None, (f"Langfuse tracing is off: {reason}",)
    return tracer, warnings


class SessionTraces:
    """The master's part: the project's address, the verdict's score, and reading back.

    On a local runner the one ``tracer`` of the process also has its users' steps.
    """

    def __init__(self, settings: Settings, run: Run, paths: ReportPaths, *, local: bool) -> None:
        name = "local" if local else "master"
        spool = paths.spool(name)
        self.tracer, warnings = _open(
            settings.langfuse_env,
            _of(run, settings.mask),
            name,
            spool,
            sample=run.trace_sample,
            learns_project=True,
        )
        self._local = local
        asked = is_asked_for(settings.langfuse_env, DEFAULT_LANGFUSE_ENV, os.environ)
        for warning in warnings:
            logger.log(logging.WARNING if asked else logging.INFO, "%s", warning)

    @property
    def on(self) -> bool:
        """Whether there is a Langfuse to send to."""
        return self.tracer is not None

    @property
    def url(self) -> str:
        """The project's page; empty where it is not known."""
        return (self.tracer.project_url or "") if self.tracer else ""

    @property
    def counts(self) -> dict[str, Any]:
        """What became of a master's own scores; it makes no observations."""
        own = [self.tracer.counts()] if self.tracer is not None and not self._local else []
        return total_counts(map(msgspec.to_builtins, own))

    def say(self, verdict: str) -> None:
        """Put the verdict on the session."""
        if self.tracer is not None:
            self.tracer.score("verdict", verdict)

    def close(self) -> None:
        """Deliver it, by the deadline; on a local runner that is the node's part."""
        if self.tracer is not None and not self._local:
            self.tracer.finish(FLUSH_DEADLINE_S)

    def let_go(self) -> None:
        """Spool at once what is left, where the run's end did not come so far as to deliver it."""
        if self.tracer is not None:
            self.tracer.finish(0.0)

    def read_back(self, delivered: int) -> int | None:
        """How many observations of the run the server has; None where that cannot be told.

        A server that gave no answer just now is not waited for a second time. Of what workers
        delivered, whether it answered a master's own verdict says nothing.
        """
        if self.tracer is None or not delivered:
            return None
        if self._local and not self.tracer.answered:
            return None
        return self.tracer.read_back(delivered, READ_BACK_WITHIN_S)
