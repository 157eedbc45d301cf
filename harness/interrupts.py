"""Ctrl-C and SIGTERM, from before Locust listens to them until after a run's report."""

from __future__ import annotations

import logging
import signal
from typing import Any

import gevent

from harness.lifecycle import Lifecycle

TERMINATED = 128 + signal.SIGTERM
INTERRUPTED = 128 + signal.SIGINT

logger = logging.getLogger(__name__)


class Interrupts:
    """Sees to it that a signal ends the process in order.

    Ctrl-C reaches the main greenlet, where Locust waits for it: by default Python raises
    KeyboardInterrupt in whichever user happens to run, whose event would seem to have failed. A
    second Ctrl-C gives up the report. Where nothing has begun there is nothing to report, and the
    process ends at once.
    """

    def __init__(self, lifecycle: Lifecycle) -> None:
        self._lifecycle = lifecycle
        self._interrupted = False
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            gevent.signal_handler(signal.SIGINT, self._on_interrupt)
        gevent.signal_handler(signal.SIGTERM, self._on_terminate)

    def _on_interrupt(self) -> None:
        if self._lifecycle.is_idle():
            self._give_up(INTERRUPTED)
        elif not self._interrupted and not self._lifecycle.quitting:
            self._interrupted = True
            logger.warning("stopping; the report follows, unless Ctrl-C is pressed again")
            _raise_in_main(KeyboardInterrupt())
        else:
            logger.error("given up before the report; mcstress report makes it from the events")
            _raise_in_main(SystemExit(INTERRUPTED))

    def _on_terminate(self) -> None:
        # Later Locust listens too, and ends the test.
        if self._lifecycle.is_idle():
            self._give_up(TERMINATED)

    def _give_up(self, exit_code: int) -> None:
        self._lifecycle.abandon()
        _raise_in_main(SystemExit(exit_code))


def _raise_in_main(exception: BaseException) -> None:
    hub: Any = gevent.get_hub()
    hub.handle_system_error(type(exception), exception)
