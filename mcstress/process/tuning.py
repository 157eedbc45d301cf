"""Python's garbage collector, kept out of what is measured."""

from __future__ import annotations

import gc
from typing import Any

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
