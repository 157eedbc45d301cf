"""The end of a run: figures, checks and verdict, and the report that holds them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, cast

import gevent
import msgspec

from mcstress.cluster.messages import Trace
from mcstress.errors import UsageError
from mcstress.evidence.report.section import Document
from mcstress.evidence.store.history import History, files_of_run
from mcstress.evidence.store.integrity import differences
from mcstress.evidence.store.reading import Reading
from mcstress.master.completeness import by_sink, completeness
from mcstress.master.controller import RunController
from mcstress.master.drain import wait_until
from mcstress.master.evidence_transfer import TRACED_DEADLINE_S, gather
from mcstress.master.expected_samples import plan
from mcstress.master.recount import recount
from mcstress.master.report_place import write, write_again
from mcstress.master.run_info import describe
from mcstress.master.run_state import RunState, cells
from mcstress.metrics.checks import CheckOutcome, evaluate, overall
from mcstress.metrics.figures import Figures
from mcstress.metrics.intervals import prepare
from mcstress.services.clock import CLOCK

Made = TypeVar("Made")

logger = logging.getLogger(__name__)


def finish(conductor: RunController, run: RunState) -> dict[str, Any]:
    """Write the report, and again when tracing is accounted for; its document without events.

    A disk that refuses costs no figure: what could not be read or written is a fault in it.
    """
    run.ended_s = CLOCK.now_s()
    run.clock_watch.look()
    run.write_user_counts()
    run.ensure_report_dir()
    segments = gather(conductor, run)
    history = in_thread(lambda: read_back(run))
    figures, miscounted = in_thread(lambda: _figures(run, history, len(segments)))
    in_thread(prepare)
    found = [*_found(run, history), *miscounted]
    kept = 0 if history is None else len(history.order)
    head = make_head(run, figures, kept, found)
    _end_segment(run, head, history)
    in_its_place = in_thread(lambda: write(run, head, history))
    if _trace(conductor, run, head["verdict"]):
        notices = head["completeness"]["notices"]
        head = make_head(run, figures, kept, found)
        head["completeness"]["notices"] = notices
        in_thread(lambda: write_again(run, head))
    conductor.dismiss(run)
    if in_its_place and history is not None and not found:
        _remove(run, segments)
    return head


def _found(run: RunState, history: History | None) -> list[str]:
    """What differs from what was written; the main file has no end yet that could tell."""
    if history is None:
        return [f"the events cannot be read back: {run.read_fault}"]
    name, found, own = run.paths.events.name, history.order.files[0], run.segment.tally
    return [
        *history.faults(),
        *differences(f"events of {name}", own.events.stated, found.events.stated),
        *differences(f"records of {name}", own.records.stated, found.records.stated),
    ]


def _end_segment(run: RunState, head: Document, history: History | None) -> None:
    """Say in the main file how the run ended: a report that was not written can be made of it."""
    workers = {} if history is None else history.order.workers
    run.segment.end(
        {
            "run": head["run"],
            "completeness": head["completeness"],
            "planned": plan(run.run, run.seats.ever_held()),
            "workers": {name: tally.stated for name, tally in workers.items()},
        }
    )
    run.segment.close()


def _remove(run: RunState, segments: list[Path]) -> None:
    """Remove the files whose events are in the report now; one that may still grow stays."""
    growing = {run.paths.segment(part.name) for part in run.roll.lost()}
    for segment in segments:
        if segment not in growing:
            segment.unlink(missing_ok=True)


def in_thread(work: Callable[[], Made]) -> Made:
    """What ``work`` makes, while the message loop and the web page go on: a report may be large.

    Its OSError is raised here alone: gevent prints a traceback of what leaves a thread.
    """

    def tried() -> tuple[Made | None, OSError | None]:
        try:
            return work(), None
        except OSError as fault:
            return None, fault

    made, fault = gevent.get_hub().threadpool.apply(tried)
    if fault is not None:
        raise fault
    return cast("Made", made)


def read_back(run: RunState) -> History | None:
    """The run's events as they lie on disk; None where they cannot be read.

    A file that is damaged is read again, closely and without what is damaged.
    """
    try:
        files = files_of_run(run.paths.events)
        with suppress(UsageError):
            history = History(files)
            if not history.faults():
                return history
        return History(files, Reading(strict=True, skip_damaged=True))
    except (UsageError, OSError) as fault:
        run.read_fault = str(fault)
        return None


def _figures(run: RunState, history: History | None, files: int) -> tuple[Figures, tuple[str, ...]]:
    """What the workers handed over; where one is lost, what their files hold: it may be more.

    With the fault of files that cannot be counted.
    """
    parts = run.roll.parts.values()
    if (
        history is None
        or not run.roll.lost()
        or files < 1 + len(parts)
        or any(p.evidence_missing for p in parts)
    ):
        return run.figures, ()
    try:
        return _counted_again(run, history), ()
    except Exception as fault:
        # The border: whatever damaged files hold, what was handed over is there. It is in the
        # report's faults.
        logger.debug("the events could not be counted again", exc_info=True)
        told = f"{type(fault).__name__}: {fault}"
        return run.figures, (f"the events could not be counted again: {told}",)


def _counted_again(run: RunState, history: History) -> Figures:
    """The figures of what the files hold; lost workers made as many events as those tell."""
    counted = Figures(run.run.top_k, cells=cells(run.run))
    by_worker = recount(history, counted)
    for record in history.records("delta"):
        by_worker[record["worker"]] = max(by_worker[record["worker"]], record["events_made"])
    for part in run.roll.lost():
        part.events_told = max(part.events_told, by_worker[part.name])
    return counted


def make_head(
    run: RunState, figures: Figures, events_kept: int, found: Sequence[str] = ()
) -> dict[str, Any]:
    """The report's document without its events; ``found`` are faults of the evidence files."""
    results = results_of(run, figures)
    counted = completeness(run, results["metrics"]["events"]["total"], events_kept, found)
    checks = judge(run, results, complete=counted["complete"])
    head = {
        "run": msgspec.to_builtins(describe(run)),
        "scenario": msgspec.to_builtins(run.run.scenario),
        "verdict": overall(checks),
        "checks": msgspec.to_builtins(checks),
        **results,
        "completeness": counted,
        "users": run.users_timeline,
        "thresholds": msgspec.to_builtins(run.settings.checks),
        "candidates": run.ground.candidates,
    }
    if run.settings.evidence not in ("all", "full"):
        head["state"] = figures.state()
    return head


def results_of(run: RunState, figures: Figures) -> dict[str, Any]:
    """Every figure of the run."""
    planned = plan(run.run, run.seats.ever_held())
    candidates, checks = run.ground.candidates, run.settings.checks
    return figures.result(run.users_timeline, planned, candidates, checks)


def judge(run: RunState, results: dict[str, Any], *, complete: bool) -> list[CheckOutcome]:
    """What becomes of the run's checks."""
    phases = run.run.phases
    return evaluate(run.settings.checks, results, selected_phases=phases, complete=complete)


def _trace(conductor: RunController, run: RunState, verdict: str) -> bool:
    """Have every worker finish tracing, by a deadline; whether there was any tracing."""
    if not run.traces.on:
        return False
    run.traces.say(verdict)
    parts = [part for part in run.roll.parts.values() if part.drained and not part.traced]
    for part in parts:
        conductor.tell(run, part.name, Trace(run.run.uid))
    run.traces.close()
    if not wait_until(
        lambda: all(part.traced or not conductor.is_there(part) for part in parts),
        TRACED_DEADLINE_S,
    ):
        logger.warning("tracing was not accounted for within %.0f s", TRACED_DEADLINE_S)
    run.read_back = run.traces.read_back(
        {name: counts["delivered"] for name, counts in by_sink(run).items()}
    )
    return True
