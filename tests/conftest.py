"""Locust monkey-patches on import, and must do so before anything else imports ssl."""

import locust  # noqa: F401, I001  (first, for its monkey-patching)

import os
import sys
from pathlib import Path

import gevent
from hypothesis import HealthCheck, settings

# On a busy machine an example takes as long as it takes: slowness is no fault of what is tested.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

# Tests start hundreds of processes. Where what Python compiles must not be kept, each of them
# compiles the whole project again, half a second.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

if "PYTEST_XDIST_WORKER" in os.environ:
    # A worker waits for its next test on what is now gevent's Event, which another thread sets. A
    # hub with nothing else to do would call that a deadlock and give up (LoopExit).
    gevent.spawn(gevent.sleep, 10**9)

ENDTOEND = Path(__file__).with_name("endtoend")

# What the embedded stack builds is kept in the checkout, not in the home of who runs the tests:
# one file for all workers of xdist and for the next run (``make clean`` removes it).
CACHE = Path(__file__).parents[1] / ".pytest_cache" / "xdg"
CACHE.mkdir(parents=True, exist_ok=True)
os.environ["XDG_CACHE_HOME"] = str(CACHE)


def pytest_collection_modifyitems(items):
    """Long files first: xdist hands out whole files (--dist loadfile), and the last ones end alone.

    Files, because their tests share what takes seconds: a run, a server, a browser.
    """
    items.sort(key=lambda item: not item.path.is_relative_to(ENDTOEND))
