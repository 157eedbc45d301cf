"""What ends the stack with its parent, whatever ended the parent."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
from threading import Thread, Timer
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from types import FrameType


class Announcement(msgspec.Struct, omit_defaults=True):
    """Either the ``url`` at which the stack answers, or why it ``refused`` to start."""

    url: str = ""
    refused: str = ""


decoder = msgspec.json.Decoder(Announcement)


def line(announcement: Announcement) -> str:
    """``announcement`` as one line of JSON."""
    return msgspec.json.encode(announcement).decode()


PR_SET_PDEATHSIG = 1
LOOK_INTERVAL_S = 1.0
GRACE_S = 5.0


class Lifeline:
    """Watches the process ``parent``, which holds the other end of standard input.

    The end of the pipe tells of the parent's death, unless a process that the parent forked holds
    it too; so the kernel is asked for a signal (Linux), and the parent's id is looked at.
    """

    def __init__(self, parent: int) -> None:
        self._parent = parent

    def hold(self) -> None:
        """Begin to watch. Called from the main thread."""
        signal.signal(signal.SIGHUP, self._on_signal)
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGHUP)
        Thread(target=self._watch, name="lifeline", daemon=True).start()

    @property
    def orphaned(self) -> bool:
        return os.getppid() != self._parent

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        # the kernel sends it when the thread that started us ends, even if its process lives on
        if self.orphaned:
            leave()

    def _watch(self) -> None:
        while not self.orphaned:
            readable, _, _ = select.select([sys.stdin.fileno()], [], [], LOOK_INTERVAL_S)
            if readable and not os.read(sys.stdin.fileno(), 1):
                break
        leave()


def leave() -> None:
    """End as on SIGTERM, and by force where that takes too long."""
    by_force = Timer(GRACE_S, os._exit, [1])
    by_force.daemon = True
    by_force.start()
    os.kill(os.getpid(), signal.SIGTERM)
