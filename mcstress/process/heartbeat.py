"""``--heartbeat FILE``: a file that a living process touches, and what ``mcstress health`` reads.

A process whose loop is stuck, frozen or gone touches nothing. The file has what the process is at
in a line of JSON; its time of change is the heartbeat.
"""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import gevent
from locust.runners import MasterRunner, WorkerRunner

from mcstress.errors import UsageError
from mcstress.options import option
from mcstress.services.regular_file import open_file

if TYPE_CHECKING:
    from mcstress.lifecycle import Lifecycle

EVERY_S = 1.0
MOST_BYTES = 10_000

logger = logging.getLogger(__name__)


def beat(lifecycle: Lifecycle, name: str) -> None:
    """Touch the file ``name`` every second from now on; no name, no file.

    Of the processes of ``--processes`` the master alone does: its workers end with it.
    """
    is_worker = isinstance(lifecycle.runner, WorkerRunner)
    if not name or (is_worker and option(lifecycle.environment, "processes")):
        return
    gevent.spawn(_beat_forever, lifecycle, Path(name))


def _beat_forever(lifecycle: Lifecycle, path: Path) -> None:
    said = ""
    while True:
        try:
            _touch(path, {"role": _role(lifecycle), "doing": _doing(lifecycle), "pid": os.getpid()})
            said = ""
        except OSError as fault:
            if said != str(fault):
                said = str(fault)
                logger.warning("--heartbeat: %s: %s", path, fault.strerror)
        gevent.sleep(EVERY_S)


def _touch(path: Path, content: dict[str, object]) -> None:
    """Put the new content in the old one's place at once: nobody reads half of it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(json.dumps(content) + "\n")
    beside.replace(path)


def _role(lifecycle: Lifecycle) -> str:
    if isinstance(lifecycle.runner, WorkerRunner):
        return "worker"
    return "master" if isinstance(lifecycle.runner, MasterRunner) else "local"


def _doing(lifecycle: Lifecycle) -> str:
    """The stage of the run; of a worker, whether it takes part in one."""
    if lifecycle.controller is not None:
        return lifecycle.stage
    return "running" if lifecycle.has_a_run else "ready"


def read_heartbeat(path: Path, within_s: float) -> tuple[bool, str]:
    """Whether the process touched its file in the last seconds, and a line about it.

    Raises UsageError where the file is there and is no heartbeat.
    """
    try:
        age_s = time.time() - path.stat().st_mtime
        with open_file(path) as file:
            content = json.loads(file.read(MOST_BYTES))
        told = f"{content['role']} {content['pid']}, {content['doing']}"
    except FileNotFoundError:
        return False, f"{path}: not there: no process has touched it"
    except OSError as fault:
        raise UsageError(f"{path}: {fault.strerror}") from None
    except (ValueError, TypeError, KeyError, RecursionError):
        raise UsageError(f"{path}: no heartbeat; expected the file of --heartbeat") from None
    return age_s <= within_s, f"{told}: heard {age_s:.1f} s ago"
