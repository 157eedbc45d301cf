"""Where a report is written: into the run's folder, or, where that refuses it, to another."""

from __future__ import annotations

import logging
from pathlib import Path
from tempfile import mkdtemp

from evidence.history import History
from evidence.numbering import STEM, ReportPaths
from evidence.section import Document
from harness.master_run import MasterRun

logger = logging.getLogger(__name__)


def write(run: MasterRun, head: Document, history: History | None) -> bool:
    """Write the report; whether it is in the run's own folder.

    Else ``head`` says where it is, and ``run.paths`` too; None where there is room for it nowhere.
    """
    try:
        _write(run.paths, head, history)
    except OSError as fault:
        told = f"{fault.filename or run.paths.folder}: {fault.strerror}"
        _write_elsewhere(run, head, history, told)
        return False
    return True


def _write_elsewhere(run: MasterRun, head: Document, history: History | None, fault: str) -> None:
    logger.error("the report could not be written: %s", fault)
    events = run.paths.events
    try:
        folder = Path(mkdtemp(prefix=f"{STEM}_{run.run.label}_"))
        paths = ReportPaths(folder, run.paths.run_id)
        notice = f"The report could not be written to {events.parent} ({fault}); it is in {folder}."
        head["completeness"]["notices"].append(notice)
        head["run"]["evidence_path"] = str(paths.json)
        _write(paths, head, history)
    except OSError as second:
        run.report_fault = f"{second.filename or 'a temporary folder'}: {second.strerror}"
        logger.error(  # noqa: TRY400  (a full disk is no defect)
            "there is no room for a report: %s; mcstress report %s makes it, once there is",
            run.report_fault,
            events,
        )
    else:
        run.paths = paths
        logger.error("the report is in %s; mcstress report %s makes it again", folder, events)


def _write(paths: ReportPaths, head: Document, history: History | None) -> None:
    # Loading Bokeh takes a second: workers do without it, and a thread does not keep them waiting.
    from evidence.report import write_report  # noqa: PLC0415  (see above)

    write_report(paths, head, [] if history is None else history)


def write_again(run: MasterRun, head: Document) -> None:
    """Write the head anew, where there is a report."""
    from evidence.report import update_head  # noqa: PLC0415  (as above)

    if run.report_fault:
        return
    try:
        update_head(run.paths, head)
    except OSError as fault:
        logger.error(  # noqa: TRY400  (likewise)
            "the report lacks what became of the traces: %s: %s", fault.filename, fault.strerror
        )
