"""What stays of the runs that this process has finished, for the web page."""

from __future__ import annotations

import msgspec

from mcstress.evidence.run_document import RunDocument
from mcstress.evidence.store.paths import ReportPaths


class FinishedRun(msgspec.Struct, frozen=True):
    """A run's files and its verdict."""

    paths: ReportPaths
    verdict: str


class FinishedRuns:
    """All of them in their order; ``document`` is the last one's."""

    def __init__(self) -> None:
        self.runs: list[FinishedRun] = []
        self.document: RunDocument | None = None

    def add(self, paths: ReportPaths, document: RunDocument) -> None:
        """Note the run that has just ended."""
        self.runs.append(FinishedRun(paths, document.verdict))
        self.document = document
