"""Tracing as processes use it: each opens its sinks, the master has the session's own."""

from __future__ import annotations

import logging
import os
from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from mcstress.cluster.messages import Welcome
from mcstress.errors import UsageError
from mcstress.evidence.store.paths import ReportPaths
from mcstress.option_defaults import DEFAULT_LANGFUSE_ENV
from mcstress.settings import Settings
from mcstress.tracing.delivery_counts import ProcessCounts, SaidCounts, SinkCounts
from mcstress.tracing.langfuse.settings import (
    NOT_ASKED_FOR,
    LangfuseSettings,
    is_asked_for,
    load_settings,
)
from mcstress.tracing.otlp.settings import FROM_VARIABLES, OtlpSettings, load_otlp
from mcstress.tracing.sink import SinkName, TraceSink, Where
from mcstress.tracing.trace import MaskLevel, TraceRun
from mcstress.tracing.untraced import Untraced
from mcstress.users.run import Run

FLUSH_DEADLINE_S = 10.0
READ_BACK_WITHIN_S = 15.0
"""Servers ingest late; a headless run waits as long at its end for what they delivered to show."""

logger = logging.getLogger(__name__)


class _Process:
    """What all sinks of one process have in common."""

    def __init__(self, name: str, spool: Path, run: Run, mask: MaskLevel) -> None:
        self._name = name
        self._spool = spool
        self._sample = run.trace_sample
        self._run = TraceRun(run.uid, run.label, run.scenario.name, mask)

    def langfuse(
        self, env_file: Path, *, learns_project: bool
    ) -> tuple[TraceSink | None, tuple[str, ...]]:
        """A sink, and what the user should be warned of; without one, the reason."""
        settings, warnings = load_settings(env_file, os.environ)
        if settings is None:
            return None, warnings
        sink, faults = self._open(settings, learns_project=learns_project)
        return sink, (*warnings, *faults) if sink else faults

    def otlp(self, given: str) -> tuple[TraceSink | None, tuple[str, ...]]:
        """The same for a collector."""
        try:
            settings, warnings = load_otlp(given, os.environ)
        except UsageError as fault:
            return None, (f"OTLP tracing is off: {fault}",)
        sink, faults = self._open(settings)
        return sink, (*warnings, *faults)

    def _open(
        self, settings: LangfuseSettings | OtlpSettings, **details: Any
    ) -> tuple[TraceSink | None, tuple[str, ...]]:
        title = settings.where.title
        try:
            sink = self._make(settings, **details)
            sink.start()
        except Exception as fault:  # noqa: BLE001  (best-effort border: a run without tracing is a run)
            reason = settings.redact(f"{type(fault).__name__}: {fault}")
            return None, (f"{title} tracing is off: {reason}",)
        return sink, ()

    def _make(self, settings: LangfuseSettings | OtlpSettings, **details: Any) -> Any:
        """A sink. What delivers takes 12 MB and 0.2 s, which only a traced run should pay."""
        process: dict[str, Any] = {"worker": self._name, "sample": self._sample} | details
        if isinstance(settings, LangfuseSettings):
            from mcstress.tracing.langfuse.tracer import LangfuseTracer  # noqa: PLC0415

            return LangfuseTracer(settings, self._run, spool_path=self._spool, **process)
        from mcstress.tracing.otlp.collector import OtlpTracer  # noqa: PLC0415

        return OtlpTracer(settings, self._run, spool_path=spool_of(self._spool, "otlp"), **process)


def spool_of(spool: Path, sink: SinkName) -> Path:
    """Where a sink spools whose process has ``spool`` for Langfuse."""
    name = spool.name.removesuffix(".spool.jsonl")
    return spool if sink == "langfuse" else spool.with_name(f"{name}.{sink}.spool.jsonl")


def own_sinks(options: Namespace | None) -> tuple[Path | None, str]:
    """Where this process was told to trace to: the master's options replace it later."""
    env_file = getattr(options, "langfuse_env", None)
    return Path(env_file) if env_file else None, getattr(options, "otlp_traces", None) or ""


def open_sinks(
    welcome: Welcome, own_env: Path | None = None, own_collector: str = ""
) -> list[TraceSink]:
    """The sinks of a worker: as many as the master has.

    ``own_env`` and ``own_collector`` are what the worker itself was given, and come first.
    """
    spool = Path(welcome.spool_path)
    process = _Process(welcome.worker, spool, welcome.run, welcome.mask)
    sinks: list[TraceSink] = []
    if welcome.langfuse_env:
        sinks.append(_langfuse_of_worker(process, welcome, own_env))
    if welcome.otlp_traces:
        own = own_collector if own_collector != FROM_VARIABLES else ""
        url = own or welcome.otlp_traces
        sink, told = process.otlp(url)
        for text in told:
            logger.warning("%s: %s", welcome.worker, text)
        sinks.append(sink or Untraced(Where("otlp", url), "; ".join(told)))
    return sinks


def _langfuse_of_worker(process: _Process, welcome: Welcome, own_env: Path | None) -> TraceSink:
    """What the worker was given (``own_env``, where it is not the default) comes first.

    Then the file that the master names, so that both send to one project. That may be another
    machine's: without it the default file counts. To each of them the environment adds what it
    does not have.
    """
    given = own_env if own_env is not None and own_env != Path(DEFAULT_LANGFUSE_ENV) else None
    named = Path(welcome.langfuse_env)
    named_here = named if os.access(named, os.R_OK) else None
    reasons: list[str] = []
    for env_file in dict.fromkeys((given, named_here, own_env, named)):
        if env_file is None:
            continue
        sink, warnings = process.langfuse(env_file, learns_project=False)
        if sink is not None:
            return sink
        if env_file in (given, named):
            reasons += warnings
    reason = "; ".join(reasons)
    logger.warning("%s: %s", welcome.worker, reason)
    return Untraced(Where("langfuse", ""), reason)


def sink_counts(sinks: Iterable[TraceSink]) -> ProcessCounts:
    """What became of everything so far; empty where there is no tracing."""
    counts: ProcessCounts = {}
    for sink in sinks:
        counts[sink.where.sink] = told = SinkCounts.total([sink.counts()])
        told.fault = sink.fault
    return counts


def said_counts(counts: ProcessCounts) -> SaidCounts:
    """As messages have them, for ``tracing.counts.counts_of``."""
    return {sink: msgspec.to_builtins(told) for sink, told in counts.items()}


def finish_sinks(sinks: Sequence[TraceSink], deadline_s: float = FLUSH_DEADLINE_S) -> ProcessCounts:
    """Deliver or keep all that is there, by one deadline for all; what became of everything."""
    for sink in sinks:
        sink.begin_to_finish(deadline_s)
    interrupted: BaseException | None = None
    for sink in sinks:
        try:
            sink.finish(deadline_s)
        except BaseException as thrown:  # noqa: BLE001  (a signal's SystemExit, a kill: raised below)
            interrupted = interrupted or thrown
    if interrupted is not None:
        raise interrupted
    return sink_counts(sinks)


class SessionTraces:
    """The master's part: the project's address, the verdict's score, and reading back.

    On a local runner the ``sinks`` of the process also have its users' steps.
    """

    def __init__(self, settings: Settings, run: Run, paths: ReportPaths, *, local: bool) -> None:
        name = "local" if local else "master"
        process = _Process(name, paths.spool(name), run, settings.mask)
        asked = is_asked_for(settings.langfuse_env, DEFAULT_LANGFUSE_ENV, os.environ)
        opened: list[tuple[TraceSink | None, tuple[str, ...]]] = [
            process.langfuse(settings.langfuse_env, learns_project=True)
            if asked
            else (None, (NOT_ASKED_FOR,))
        ]
        if settings.otlp_traces:
            opened.append(process.otlp(settings.otlp_traces))
        self.sinks = [sink for sink, _ in opened if sink is not None]
        self._local = local
        for number, (_, warnings) in enumerate(opened):
            # A collector is there only where one was asked for.
            level = logging.WARNING if asked or number else logging.INFO
            for warning in warnings:
                logger.log(level, "%s", warning)

    def where(self, sink: SinkName) -> str:
        """The address of a sink; empty where it is off."""
        return next((one.where.url for one in self.sinks if one.where.sink == sink), "")

    @property
    def on(self) -> bool:
        """Whether there is anything to send to."""
        return bool(self.sinks)

    @property
    def url(self) -> str:
        """The page of the run's traces; empty where it is not known."""
        return next(filter(None, (sink.project_url for sink in self.sinks)), "")

    @property
    def counts(self) -> ProcessCounts:
        """What became of a master's own scores; it makes no observations."""
        return {} if self._local else sink_counts(self.sinks)

    def say(self, verdict: str) -> None:
        """Put the verdict on the session."""
        for sink in self.sinks:
            sink.score("verdict", verdict)

    def close(self) -> None:
        """Deliver it, by the deadline; on a local runner the worker does so."""
        if not self._local:
            finish_sinks(self.sinks)

    def let_go(self) -> None:
        """Spool at once what is left, where the run's end did not come so far as to deliver it."""
        finish_sinks(self.sinks, 0.0)

    def read_back(self, delivered: Mapping[str, int]) -> dict[str, int]:
        """How many observations of the run each sink's server shows, where that can be told.

        A server that gave no answer just now is not waited for a second time. Of what workers
        delivered, whether it answered a master's own verdict says nothing.
        """
        asked = [
            sink
            for sink in self.sinks
            if delivered.get(sink.where.sink) and (sink.answered or not self._local)
        ]
        found = {
            sink.where.sink: sink.read_back(delivered[sink.where.sink], READ_BACK_WITHIN_S)
            for sink in asked
        }
        return {name: number for name, number in found.items() if number is not None}
