"""The workers' evidence files, brought together: read in place, or fetched piece by piece."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
from gevent.pool import Pool
from gevent.queue import Empty, Queue

from mcstress.cluster.messages import (
    PIECE_BYTES,
    Dismissed,
    Drained,
    FinishTraces,
    Piece,
    SendPiece,
)
from mcstress.errors import UsageError
from mcstress.evidence.store.atomic import owners_alone
from mcstress.evidence.store.lines import first_record
from mcstress.master.controller import RunController
from mcstress.master.drain import RETURN_S, wait_until
from mcstress.master.run_state import RunState
from mcstress.master.stages import WorkerStage
from mcstress.master.worker_registry import WorkerState

AT_ONCE = 4
"""Workers whose files come at the same time: the wait for one's disk and network is another's."""
PIECE_DEADLINE_S = 30.0
"""Without the piece that was asked for, of a worker that is there."""
ASKED_AGAIN_S = 5.0
"""A piece, or the question for it, may have been lost with a connection."""
TRACED_DEADLINE_S = 20.0
POLL_S = 1.0
LONGEST_LINE_BYTES = 64 << 20
"""Of evidence: an event with all its bodies. A file has a line for each event and each delta."""
ROOM_LEFT_BYTES = 256 << 20
"""On the disk, beside the evidence that is fetched: the report has to go there too."""
WAITING_PIECES = 2
"""One is asked for at a time; a late one, or the same twice, may come before it."""

logger = logging.getLogger(__name__)


def gather(controller: RunController, run: RunState) -> list[Path]:
    """The run's files that are there, the main one first; a worker's is fetched where it is not."""
    parts = sorted(run.registry.parts.values(), key=lambda part: part.name)
    coming = Pool(AT_ONCE)
    for part in parts:
        coming.spawn(collect, controller, run, part)
    coming.join(raise_error=True)
    elsewhere = (run.paths.segment(part.name) for part in parts if not part.local)
    return [run.paths.events, *(path for path in elsewhere if path.is_file())]


def collect(controller: RunController, run: RunState, part: WorkerState) -> None:
    """Have the file of a worker that has handed over on this machine, whole; once."""
    with part.collecting:
        if part.drained is None or part.stage is not WorkerStage.HANDED_OVER:
            return
        part.go(WorkerStage.COLLECTED)
        if part.local or not part.drained.segment_bytes:
            return
        path, size = run.paths.segment(part.name), part.drained.segment_bytes
        is_own = _is_own(path, part)
        if is_own and path.stat().st_size == size:
            return
        # On a disk that both see, late, what was fetched takes the place of the worker's own file.
        # That is not a copy: the worker must not remove its file then.
        part.copied = _fetch(controller, run, part, size) and not is_own


def _is_own(path: Path, part: WorkerState) -> bool:
    """Whether the worker itself wrote the file, to this machine's disk or one that both see."""
    if not path.is_file():
        return False
    try:
        return bool(first_record(path).get("boot") == part.boot)
    except UsageError:
        return False


def _fetch(controller: RunController, run: RunState, part: WorkerState, size: int) -> bool:
    """Bring the worker's file of ``size`` bytes here; whether all came."""
    path = run.paths.segment(part.name)
    if part.drained is not None and (
        reason := _too_large(part.drained, path.parent, _still_to_come(controller, run))
    ):
        part.evidence_missing = size
        logger.error("the evidence of %s is not fetched: %s", part.name, reason)
        return False
    # On a disk that both see, late, the worker still reads the file that has this name.
    fetched = path.with_suffix(".fetched")
    part.evidence_missing = size
    try:
        opener = owners_alone if run.private else None
        with open(fetched, "wb", buffering=0, opener=opener) as file:
            for content in _pieces(controller, run, part, size):
                if not file.tell() and not _begins_well(content, run, part):
                    logger.error("what %s sent is not its evidence of this run", part.name)
                    break
                part.evidence_missing -= file.write(content)
    except OSError as fault:
        logger.error("%s: %s", fetched, fault.strerror)  # noqa: TRY400  (a full disk is no defect)
    finally:
        with suppress(OSError):
            came = size - part.evidence_missing
            if part.evidence_missing and _is_own(path, part) and path.stat().st_size > came:
                fetched.unlink()
            else:
                fetched.replace(path)
    if part.evidence_missing:
        came = size - part.evidence_missing
        logger.error("%s sent %d of %d bytes of its evidence", part.name, came, size)
    return not part.evidence_missing


def _pieces(
    controller: RunController, run: RunState, part: WorkerState, size: int
) -> Iterator[bytes]:
    """Ask the worker for its file, one bounded piece after the other, while they come.

    Where a piece does not come, it is asked for again, and what is here already stays.
    """
    arrived: Queue[Piece] = Queue()

    def take(piece: Piece) -> None:
        if len(piece.content) > PIECE_BYTES or arrived.qsize() >= WAITING_PIECES:
            controller.dropped.note("of evidence that was not asked for", part.client_id)
        else:
            arrived.put(piece)

    controller.on_piece[part.name] = take
    offset = 0
    try:
        while offset < size:
            piece = _piece_at(controller, run, part, arrived, offset)
            if piece is None or not 0 < len(piece.content) <= size - offset:
                return
            yield piece.content
            offset += len(piece.content)
    finally:
        del controller.on_piece[part.name]


def _still_to_come(controller: RunController, run: RunState) -> int:
    """The bytes of the files that are on their way, which have room on the disk by now."""
    coming = (run.registry.parts.get(name) for name in controller.on_piece)
    return sum(part.evidence_missing for part in coming if part is not None)


def _too_large(drained: Drained, folder: Path, taken: int) -> str | None:
    """Why a worker's file cannot be as large as it says, or has no room here beside ``taken``."""
    lines = 1 + drained.events_kept + drained.deltas
    if drained.segment_bytes > lines * LONGEST_LINE_BYTES:
        return f"{drained.segment_bytes} bytes cannot be {lines} lines"
    free = shutil.disk_usage(folder).free - ROOM_LEFT_BYTES - taken
    if drained.segment_bytes > free:
        return f"it has {drained.segment_bytes} bytes, and here is room for {max(free, 0)}"
    return None


def _begins_well(content: bytes, run: RunState, part: WorkerState) -> bool:
    """Whether a file begins with the line that the worker began it with."""
    line = content.partition(b"\n")[0]
    try:
        record = msgspec.json.decode(line, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    own = {"run_uid": run.run.uid, "worker": part.name, "boot": part.boot}
    return own.items() <= record.items()


def _piece_at(
    controller: RunController, run: RunState, part: WorkerState, arrived: Queue[Piece], offset: int
) -> Piece | None:
    """The piece that begins at ``offset``; None where the worker stays away or silent."""
    waited_s = away_s = asked_s = 0.0
    controller.notify(run, part.name, SendPiece(run.run.uid, offset))
    while waited_s < PIECE_DEADLINE_S and away_s < RETURN_S:
        try:
            piece = arrived.get(timeout=POLL_S)
        except Empty:
            waited_s, asked_s = waited_s + POLL_S, asked_s + POLL_S
            away_s = 0.0 if controller.is_there(part) else away_s + POLL_S
            if asked_s >= ASKED_AGAIN_S and not away_s:
                asked_s = 0.0
                controller.notify(run, part.name, SendPiece(run.run.uid, offset))
            continue
        if piece.offset == offset:
            return piece
    return None


def release_worker(controller: RunController, run: RunState, part: WorkerState) -> None:
    """Take all from a worker that leaves before the run's end, and let it go."""
    logger.warning("%s leaves before the end; it handed over all that it had", part.name)
    controller.look_for_lost()
    collect(controller, run, part)
    if run.traces.on:
        controller.notify(run, part.name, FinishTraces(run.run.uid))
        wait_until(lambda: part.traced or not controller.is_there(part), TRACED_DEADLINE_S)
    controller.notify(run, part.name, Dismissed(run.run.uid, part.copied))
