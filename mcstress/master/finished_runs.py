"""What stays of the runs that this process has finished, for the web page."""

from __future__ import annotations

from typing import Any

import msgspec

from mcstress.evidence.store.paths import ReportPaths


class FinishedRun(msgspec.Struct, frozen=True):
    """A run's files and its verdict."""

    paths: ReportPaths
    verdict: str


class FinishedRuns:
    """All of them in their order; ``head`` is the last one's document without events."""

    def __init__(self) -> None:
        self.runs: list[FinishedRun] = []
        self.head: dict[str, Any] = {}

    def add(self, paths: ReportPaths, head: dict[str, Any]) -> None:
        """Note the run that has just ended."""
        self.runs.append(FinishedRun(paths, head["verdict"]))
        self.head = head
