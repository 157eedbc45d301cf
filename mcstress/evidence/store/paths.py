"""Names of a run's files: ``multi_coord_stress_NNN``, NNN the next free number or the run's id."""

from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec

from mcstress.errors import UsageError
from mcstress.evidence.report.writers import DOCUMENT, Assets, forms

STEM = "multi_coord_stress"
_NUMBERED = re.compile(rf"{STEM}_(\d+)\.")
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")


class ReportPaths(msgspec.Struct, frozen=True):
    """Where one run leaves its files. ``run_id`` is the number as text (``007``) or --run-id.

    ``assets``: where its page has its library.
    """

    folder: Path
    run_id: str
    assets: Assets = "inline"

    @property
    def json(self) -> Path:
        """The JSON document."""
        return self._file(DOCUMENT)

    def report(self, ending: str) -> Path:
        """The report in one of ``forms()``."""
        return self._file(ending)

    @property
    def reports(self) -> dict[str, Path]:
        """Every file of the report, by its ending."""
        return {ending: self._file(ending) for ending in forms()}

    @property
    def events(self) -> Path:
        """The append-only file of the master or of a local run."""
        return self._file("events.jsonl")

    def segment(self, worker: str) -> Path:
        """The append-only file of ``worker``, beside the main one."""
        return self._file(f"{_NOT_IN_NAMES.sub('-', worker)}.events.jsonl")

    def spool(self, worker: str) -> Path:
        """Where the observations of ``worker`` wait that Langfuse did not take."""
        return self._file(f"{_NOT_IN_NAMES.sub('-', worker)}.spool.jsonl")

    def _file(self, ending: str) -> Path:
        return self.folder / f"{STEM}_{self.run_id}.{ending}"


def claim(folder: Path, run_id: str | None = None, assets: Assets = "inline") -> ReportPaths:
    """The paths of a new run, claimed by creating its empty events file.

    Two runs that claim at once get different numbers; nothing that is there is overwritten.
    Raises UsageError where ``run_id`` is no plain name or taken, or ``folder`` cannot be written.
    """
    if run_id is not None and not _RUN_ID.fullmatch(run_id):
        raise UsageError(
            f"--run-id {run_id!r}: expected letters, digits, '-' and '_', a letter or digit first, "
            "at most 100 of them; it becomes part of file names"
        )
    try:
        str(folder.resolve()).encode()
    except UnicodeEncodeError:
        raise UsageError(
            f"--report-dir {os.fsencode(folder.resolve())!r}: found a path that is not UTF-8, "
            "expected one that is: it stands in the report"
        ) from None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = _claim_number(folder) if run_id is None else _claim_id(folder, run_id)
    except OSError as error:
        raise UsageError(
            f"--report-dir {folder}: cannot write there: {error.strerror}; "
            "expected a folder that this user may write to"
        ) from error
    return msgspec.structs.replace(found, assets=assets)


def release(paths: ReportPaths) -> None:
    """Give up a claim whose run never began."""
    paths.events.unlink(missing_ok=True)


def _claim_number(folder: Path) -> ReportPaths:
    number = _highest_number(folder) + 1
    while not _create(paths := ReportPaths(folder, f"{number:03d}")):
        number += 1
    return paths


def _claim_id(folder: Path, run_id: str) -> ReportPaths:
    paths = ReportPaths(folder, run_id)
    if not _create(paths):
        raise UsageError(
            f"--run-id {run_id}: {folder} already holds a run with this id; runs are never "
            "overwritten, choose another id"
        )
    return paths


def _highest_number(folder: Path) -> int:
    found = (_NUMBERED.match(path.name) for path in folder.iterdir())
    return max((int(match[1]) for match in found if match), default=0)


def _create(paths: ReportPaths) -> bool:
    """Whether the claim is ours: its events file was created, and no report of it is there."""
    try:
        paths.events.open("xb").close()
    except FileExistsError:
        return False
    # A run that began and ended since the folder was read has left its report and no events file.
    if any(path.exists() for path in paths.reports.values()):
        paths.events.unlink()
        return False
    return True
