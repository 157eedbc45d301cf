"""What a process of ours sets for itself: garbage collection, greenlets, its terminal."""

from __future__ import annotations

import gc
import io
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from locust.env import Environment

YOUNG = 5_000
"""Objects made and not yet freed before the youngest are looked through; Python's own is 700."""


def tune_gc(environment: Environment) -> None:
    """Look through all objects once users are there, and never again while they live.

    A look at ten thousand users takes most of a second, in which no answer is read: a latency of
    our own making. What steps leave behind has no cycles, and is freed without the collector.
    """
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
    environment.events.spawning_complete.add_listener(_settle)


def _settle(**_: Any) -> None:
    # Those who left with the last ramp are among the frozen.
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def disable_greenlet_tree() -> None:
    """Do without the stack at which each greenlet was begun: half a KB for every user."""
    import gevent  # noqa: PLC0415  (the command line needs the terminal's part alone)

    gevent.config.track_greenlet_tree = False


def tolerate_encoding() -> None:
    """What a terminal's encoding cannot show is written as "?", and ends no command and no run."""
    for stream in (sys.stdout, sys.stderr):
        # What is no such file, somebody put in its place, and knows what it can take.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
