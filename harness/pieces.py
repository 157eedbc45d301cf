"""The workers' evidence files, brought together: read in place, or fetched piece by piece."""

from __future__ import annotations

import logging
from pathlib import Path

from harness.conductor import Conductor
from harness.drain import wait_until
from harness.master_run import MasterRun
from harness.messages import Dismissed, Piece, SendPiece, Trace
from harness.roll import WorkerPart

PIECE_DEADLINE_S = 30.0
TRACED_DEADLINE_S = 20.0

logger = logging.getLogger(__name__)


def gather(conductor: Conductor, run: MasterRun) -> list[Path]:
    """The run's files that are there, the main one first; a worker's is fetched where it is not."""
    found = [run.paths.events]
    for part in sorted(run.roll.parts.values(), key=lambda part: part.name):
        path = run.paths.segment(part.name)
        if not part.local:
            bring(conductor, run, part)
            if path.is_file():
                found.append(path)
    return found


def bring(conductor: Conductor, run: MasterRun, part: WorkerPart) -> None:
    """Have the file of a worker that has drained on this machine, whole."""
    path = run.paths.segment(part.name)
    if part.drained is not None and not _is_here(path, part.drained.segment_bytes):
        _fetch(conductor, run, part, part.drained.segment_bytes)


def _is_here(path: Path, size: int) -> bool:
    """Whether the worker wrote to this machine's disk, and all that it says."""
    return path.is_file() and path.stat().st_size == size


def _fetch(conductor: Conductor, run: MasterRun, part: WorkerPart, size: int) -> None:
    """Ask the worker for its file, one bounded piece after the other."""
    arrived: list[Piece] = []
    conductor.on_piece[part.name] = arrived.append
    offset = 0
    with run.paths.segment(part.name).open("wb") as file:
        while offset < size:
            conductor.tell(run, part.name, SendPiece(run.run.uid, offset))
            if not wait_until(lambda: bool(arrived), PIECE_DEADLINE_S):
                logger.error("%s sent no more of its evidence after %d bytes", part.name, offset)
                return
            content = arrived.pop().content
            if not content:
                return
            file.write(content)
            offset += len(content)


def see_off(conductor: Conductor, run: MasterRun, part: WorkerPart) -> None:
    """Take all from a worker that leaves before the run's end, and let it go."""
    logger.warning("%s leaves before the end; it handed over all that it had", part.name)
    conductor.look_for_lost()
    bring(conductor, run, part)
    if run.traces.on:
        conductor.tell(run, part.name, Trace(run.run.uid))
        wait_until(lambda: part.traced, TRACED_DEADLINE_S)
    conductor.tell(run, part.name, Dismissed(run.run.uid))
