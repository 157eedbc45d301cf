"""Locust monkey-patches on import, and must do so before anything else imports ssl."""

import locust  # noqa: F401, I001  (first, for its monkey-patching)

import os

import gevent

if "PYTEST_XDIST_WORKER" in os.environ:
    # A worker waits for its next test on what is now gevent's Event, which another thread sets. A
    # hub with nothing else to do would call that a deadlock and give up (LoopExit).
    gevent.spawn(gevent.sleep, 10**9)
