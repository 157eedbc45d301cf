"""Locust monkey-patches on import, and must do so before anything else imports ssl."""

import locust  # noqa: F401, I001  (first, for its monkey-patching)

import os
import sys

import gevent

# Tests start hundreds of processes. Where what Python compiles must not be kept, each of them
# compiles the whole project again, half a second.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

if "PYTEST_XDIST_WORKER" in os.environ:
    # A worker waits for its next test on what is now gevent's Event, which another thread sets. A
    # hub with nothing else to do would call that a deadlock and give up (LoopExit).
    gevent.spawn(gevent.sleep, 10**9)
