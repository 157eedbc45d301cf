"""The workers' evidence files, brought together: read in place, or fetched piece by piece."""

from __future__ import annotations

import logging
from pathlib import Path

from harness.conductor import Conductor
from harness.drain import wait_until
from harness.master_run import MasterRun
from harness.messages import Piece, SendPiece
from harness.roll import WorkerPart

PIECE_DEADLINE_S = 30.0

logger = logging.getLogger(__name__)


def gather(conductor: Conductor, run: MasterRun) -> list[Path]:
    """The run's files that are there, the main one first; a worker's is fetched where it is not."""
    found = [run.paths.events]
    for part in sorted(run.roll.parts.values(), key=lambda part: part.name):
        path = run.paths.segment(part.name)
        if part.name == "local":
            continue
        if not _is_here(path, part) and part.drained is not None:
            _fetch(conductor, run, part, path)
        if path.is_file():
            found.append(path)
    return found


def _is_here(path: Path, part: WorkerPart) -> bool:
    """Whether the worker wrote to this machine's disk, and wrote all that it says."""
    drained = part.drained
    if drained is None:
        return path.is_file()
    return (
        path.is_file()
        and path.stat().st_size == drained.segment_bytes
        and str(path.resolve()) == drained.segment_path
    )


def _fetch(conductor: Conductor, run: MasterRun, part: WorkerPart, path: Path) -> None:
    """Ask the worker for its file, one bounded piece after the other."""
    arrived: list[Piece] = []
    conductor.on_piece = arrived.append
    offset = 0
    with path.open("wb") as file:
        while part.drained is not None and offset < part.drained.segment_bytes:
            conductor.tell(run, part.name, SendPiece(run.run.uid, offset))
            if not wait_until(lambda: bool(arrived), PIECE_DEADLINE_S):
                logger.error("%s sent no more of its evidence after %d bytes", part.name, offset)
                return
            content = arrived.pop().content
            if not content:
                return
            file.write(content)
            offset += len(content)
