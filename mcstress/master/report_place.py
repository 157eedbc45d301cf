"""Where a report is written: into the run's folder, or, where that refuses it, to another."""

from __future__ import annotations

import logging
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import msgspec

from mcstress.evidence.report.readings import verdict_of
from mcstress.evidence.report.write import update_head, write_report
from mcstress.evidence.run_document import RunDocument
from mcstress.evidence.store.history import History
from mcstress.evidence.store.paths import STEM, ReportPaths
from mcstress.master.run_state import RunState


class FinishedRun(msgspec.Struct, frozen=True):
    """A run's files, its verdict, and whether nothing of it is left unsettled."""

    paths: ReportPaths
    verdict: str
    is_settled: bool


class FinishedRuns:
    """All of them in their order; ``document`` is the last one's."""

    def __init__(self) -> None:
        self.runs: list[FinishedRun] = []
        self.document: RunDocument | None = None

    def add(self, paths: ReportPaths, document: RunDocument) -> None:
        """Note the run that has just ended."""
        is_settled = verdict_of(document).tone == "good"
        self.runs.append(FinishedRun(paths, document.verdict, is_settled))
        self.document = document


logger = logging.getLogger(__name__)


def write(run: RunState, document: RunDocument, history: History | None) -> bool:
    """Write the report; whether it is in the run's own folder.

    Else ``document`` and ``run.paths`` say where it is; with room nowhere,
    ``run.report_fault`` why.
    """
    try:
        _write(run.paths, document, history)
    except OSError as fault:
        told = f"{fault.filename or run.paths.folder}: {fault.strerror}"
        _write_elsewhere(run, document, history, told)
        return False
    return True


def _write_elsewhere(
    run: RunState, document: RunDocument, history: History | None, fault: str
) -> None:
    logger.error("the report could not be written: %s", fault)
    own, counted = run.paths, document.completeness
    notices, again = counted.notices, f"mcstress report {run.segment.path}"
    folder = None
    try:
        folder = Path(mkdtemp(prefix=f"{STEM}_{run.run.label}_"))
        run.paths = ReportPaths(folder, own.run_id, own.assets)
        told = f"The report could not be written to {own.folder} ({fault}): {folder} has it"
        counted.notices = [*notices, told]
        document.run.evidence_path = str(run.paths.json)
        _write(run.paths, document, history)
    except OSError as second:
        run.paths = own
        run.report_fault = f"{second.filename or folder}: {second.strerror}"
        told = (
            f"The report could not be written, neither to {own.folder} ({fault}) nor elsewhere "
            f"({run.report_fault}): {again} makes it"
        )
        counted.notices = [*notices, told]
        logger.error("%s", told)  # noqa: TRY400  (a full disk is no defect)
        if folder is not None:
            rmtree(folder, ignore_errors=True)
    else:
        logger.error("the report is in %s; %s makes it again", folder, again)


def _write(paths: ReportPaths, document: RunDocument, history: History | None) -> None:
    write_report(paths, document, [] if history is None else history)


def write_again(run: RunState, document: RunDocument) -> None:
    """Write the head anew, where there is a report."""
    if run.report_fault:
        return
    try:
        update_head(run.paths, document)
    except OSError as fault:
        logger.error(  # noqa: TRY400  (likewise)
            "the report lacks what became of the traces: %s: %s", fault.filename, fault.strerror
        )


def index(run: RunState) -> None:
    """Bring ``index.html`` of the run's folder up to date; without room the old one stays."""
    from mcstress.evidence.report.folder_index import write_index  # noqa: PLC0415  (Bokeh loads slowly)

    if run.report_fault:
        return
    try:
        write_index(run.paths.folder, run.paths.assets)
    except OSError as fault:
        logger.warning("no index of %s: %s", run.paths.folder, fault.strerror)
