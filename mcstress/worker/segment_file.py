"""Where a worker keeps its part of the evidence."""

from __future__ import annotations

import logging
from pathlib import Path
from tempfile import gettempdir

from mcstress.cluster.messages import PIECE_BYTES, Welcome
from mcstress.errors import UsageError
from mcstress.evidence.store.policy import parse_policy
from mcstress.evidence.store.segment import Segment

logger = logging.getLogger(__name__)


def open_segment(welcome: Welcome, boot: str) -> Segment:
    """The worker's own file: in the run's folder, or where that is on another machine, apart.

    Raises UsageError where there is no room for it at all.
    """
    record = {
        "record": "segment",
        "run_uid": welcome.run.uid,
        "worker": welcome.worker,
        "boot": boot,
    }
    path = Path(welcome.segment_path)
    if path.parent.is_dir():
        try:
            return Segment(path, record, private=parse_policy(welcome.evidence).keeps_bodies)
        except UsageError as fault:
            logger.warning("%s", fault)
    # Not by the run's number, which another master may use too.
    apart = f"multi_coord_stress_{welcome.run.uid}.{welcome.worker}.{boot}.events.jsonl"
    # A folder that all users of a machine share.
    return Segment(Path(gettempdir()) / apart, record, private=True)


def piece_of(path: Path, offset: int) -> bytes:
    """The piece of the file that begins at ``offset``; empty at its end, or where it is lost."""
    try:
        with path.open("rb") as segment:
            segment.seek(offset)
            return segment.read(PIECE_BYTES)
    except OSError as fault:
        logger.error("the evidence cannot be sent: %s", fault)  # noqa: TRY400  (no defect)
        return b""


def remove(path: Path) -> None:
    """Remove evidence of which the master has a copy; where the disk refuses that, it stays."""
    try:
        path.unlink(missing_ok=True)
    except OSError as fault:
        logger.warning("%s stays, though the master has a copy: %s", path, fault.strerror)
