"""The end of a run: figures, checks and verdict, and the report that holds them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar, cast

import gevent
import msgspec

from evidence.history import History, files_of_run
from evidence.numbering import ReportPaths
from evidence.section import Document
from harness.completeness import completeness, tracing
from harness.conductor import Conductor
from harness.description import describe
from harness.drain import wait_until
from harness.master_run import MasterRun, cells
from harness.messages import Trace
from harness.pieces import TRACED_DEADLINE_S, gather
from harness.plan import plan
from harness.recount import recount
from metrics.checks import CheckOutcome, evaluate, overall
from metrics.figures import Figures
from metrics.intervals import prepare

Made = TypeVar("Made")

logger = logging.getLogger(__name__)


def finish(conductor: Conductor, run: MasterRun) -> dict[str, Any]:
    """Write the report, and again when tracing is accounted for; its document without events."""
    run.ended_s = time.time()
    run.tell_users()
    run.segment.close()
    run.see_to_folder()
    segments = gather(conductor, run)
    history = in_thread(lambda: History(files_of_run(run.paths.events)))
    figures = in_thread(lambda: _figures(run, history, len(segments)))
    in_thread(prepare)
    head = make_head(run, figures, len(history.order))
    in_thread(lambda: _write(run.paths, head, history))
    if _trace(conductor, run, head["verdict"]):
        head = make_head(run, figures, len(history.order))
        in_thread(lambda: _write_again(run.paths, head))
    conductor.dismiss(run)
    for segment in segments:
        segment.unlink(missing_ok=True)
    return head


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


def _write(paths: ReportPaths, head: Document, history: History) -> None:
    # Loading Bokeh takes a second: workers do without it, and a thread does not keep them waiting.
    from evidence.report import write_report  # noqa: PLC0415  (see above)

    write_report(paths, head, history)


def _write_again(paths: ReportPaths, head: Document) -> None:
    from evidence.report import update_head  # noqa: PLC0415  (as above)

    update_head(paths, head)


def _figures(run: MasterRun, history: History, files: int) -> Figures:
    """What the workers handed over; where one is lost, what their files hold: it may be more."""
    parts = run.roll.parts.values()
    if not run.roll.lost() or files < 1 + len(parts) or any(p.evidence_missing for p in parts):
        return run.figures
    counted = Figures(run.run.top_k, cells=cells(run.run))
    by_worker = recount(history, counted)
    for record in history.records("delta"):
        by_worker[record["worker"]] = max(by_worker[record["worker"]], record["events_made"])
    for part in run.roll.lost():
        part.events_told = max(part.events_told, by_worker[part.name])
    return counted


def make_head(run: MasterRun, figures: Figures, events_kept: int) -> dict[str, Any]:
    """The report's document without its events."""
    results = results_of(run, figures)
    counted = completeness(run, results["metrics"]["events"]["total"], events_kept)
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


def results_of(run: MasterRun, figures: Figures) -> dict[str, Any]:
    """Every figure of the run."""
    planned = plan(run.run, run.seats.ever_held())
    candidates, checks = run.ground.candidates, run.settings.checks
    return figures.result(run.users_timeline, planned, candidates, checks)


def judge(run: MasterRun, results: dict[str, Any], *, complete: bool) -> list[CheckOutcome]:
    """What becomes of the run's checks."""
    phases = run.run.phases
    return evaluate(run.settings.checks, results, selected_phases=phases, complete=complete)


def _trace(conductor: Conductor, run: MasterRun, verdict: str) -> bool:
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
    run.read_back = run.traces.read_back(tracing(run)["delivered"])
    return True
