"""The usual personas, in processes that write down once in a while how large they are."""

from __future__ import annotations

import gc
import json
import os
import time
from pathlib import Path

import gevent
import psutil
from greenlet import greenlet
from locust import events

from mcstress import AliceUser, BobUser, CarolUser, install

__all__ = ["AliceUser", "BobUser", "CarolUser"]

FOLDER = Path(os.environ["SOAK_FOLDER"])
EVERY_S = float(os.environ["SOAK_EVERY_S"])


@events.init.add_listener
def measure(runner, **_):
    gevent.spawn(write_sizes, type(runner).__name__)


def write_sizes(runner):
    """A line every ``EVERY_S``: time (s), memory (MB), open files, greenlets, bytes spooled."""
    process = psutil.Process()
    with (FOLDER / f"{runner}-{os.getpid()}.sizes.jsonl").open("a", buffering=1) as lines:
        while True:
            size = {
                "time": time.time(),
                "rss_mb": process.memory_info().rss / 1e6,
                "files": process.num_fds(),
                "greenlets": greenlets(),
                "spooled_mb": spooled_bytes() / 1e6,
            }
            print(json.dumps(size), file=lines)
            gevent.sleep(EVERY_S)


def greenlets():
    """How many there are, those of users too, which the collector does not look at any more.

    What is garbage by now has to go before the rest is frozen again: it would stay for ever.
    """
    gc.unfreeze()
    gc.collect()
    number = sum(isinstance(each, greenlet) for each in gc.get_objects())
    gc.freeze()
    return number


def spooled_bytes():
    reports = FOLDER / "reports"
    return sum(path.stat().st_size for path in reports.rglob("*.spool.jsonl"))


install()
