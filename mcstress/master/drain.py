"""The drain: every worker stops, hands over all it has and says so, before Locust lets it go.

Locust's own end loses data: it sends ``quit`` and waits half a second. This happens before that,
in ``test_stopping`` on the master, while its message loop is alive.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import gevent

from mcstress.cluster.messages import Drain
from mcstress.master.controller import RunController
from mcstress.master.run_state import RunState
from mcstress.master.stages import RunStage

GRACE_S = 30.0
"""Beyond the stop time-out: for the last deltas of a busy worker."""
RETURN_S = 10.0
"""How long one that fell silent is waited for: stopping thousands of users keeps a worker busy."""
POLL_S = 0.05

logger = logging.getLogger(__name__)


def drain(controller: RunController, run: RunState, stop_timeout_s: float) -> None:
    """Wait until every worker has drained or is lost, by a deadline; nothing is taken after it."""
    controller.channel.send(Drain(run.run.uid))
    deadline_s = stop_timeout_s + GRACE_S
    if not wait_until(lambda: _nobody_left(controller, run), deadline_s):
        for part in run.registry.waiting():
            logger.error("%s did not hand over within %.0f s", part.name, deadline_s)
    for part in run.registry.lost():
        if not part.lost:
            part.lose()
    run.go(RunStage.REPORTING)


def _nobody_left(controller: RunController, run: RunState) -> bool:
    controller.look_for_lost()
    return not run.registry.waiting(RETURN_S)


def wait_until(condition: Callable[[], bool], deadline_s: float) -> bool:
    """Whether the condition came true by the deadline."""
    end_s = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end_s:
            return False
        gevent.sleep(POLL_S)
    return True
