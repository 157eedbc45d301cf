"""Workers that Locust forks (``--processes``) end with the process that forked them."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

import gevent

PR_SET_PDEATHSIG = 1
LOOK_INTERVAL_S = 1.0
ORPHANED = 128 + signal.SIGTERM


def end_with_parent() -> None:
    """In a process that was just forked: let the kernel send it SIGTERM once its parent is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Descent:
    """Remembers who forks. Made before Locust does; nothing else is forked until ``settle``.

    The kernel sends a worker SIGTERM when its parent is gone (Linux), from its first moment on:
    one that has yet to reach its master would try for minutes. Elsewhere the parent's id is looked
    at, once the worker is there.
    """

    def __init__(self) -> None:
        self._root = os.getpid()
        self._settled = False
        os.register_at_fork(after_in_child=self._in_child)

    @property
    def orphaned(self) -> bool:
        """Whether this process was forked, and its parent is gone."""
        return self._root not in (os.getpid(), os.getppid())

    def settle(self) -> None:
        """All workers are forked: in one of them, begin to look after the parent."""
        if not self._settled and os.getpid() != self._root:
            gevent.spawn(self._watch)
        self._settled = True

    def _in_child(self) -> None:
        if self._settled:
            return
        end_with_parent()
        if self.orphaned:  # it ended before the kernel was asked
            os._exit(ORPHANED)

    def _watch(self) -> None:
        while not self.orphaned:
            gevent.sleep(LOOK_INTERVAL_S)
        os.kill(os.getpid(), signal.SIGTERM)
