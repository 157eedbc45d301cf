"""Ctrl-C, SIGTERM and SIGHUP, from before Locust listens to them until after a run's report."""

from __future__ import annotations

import logging
import os
import signal

import gevent

from mcstress.exit_codes import SIGNALLED
from mcstress.lifecycle import Lifecycle
from mcstress.locust_compat import raise_in_main

logger = logging.getLogger(__name__)


class Interrupts:
    """Sees to it that a signal ends the process in order.

    Ctrl-C reaches the main greenlet, where Locust waits for it: by default Python raises
    KeyboardInterrupt in whichever user happens to run, whose event would seem to have failed. A
    second Ctrl-C gives up the report. SIGHUP, of a terminal that is closed, is what SIGTERM is:
    Locust does not listen to it. Where nothing has begun there is nothing to report, and the
    process ends at once.
    """

    def __init__(self, lifecycle: Lifecycle) -> None:
        self._lifecycle = lifecycle
        self._interrupted = False
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            gevent.signal_handler(signal.SIGINT, self._on_interrupt)
        gevent.signal_handler(signal.SIGTERM, self._on_terminate, signal.SIGTERM)
        # Whoever starts with nohup wants it to be ignored.
        if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
            gevent.signal_handler(signal.SIGHUP, self._on_terminate, signal.SIGHUP)

    def _on_interrupt(self) -> None:
        lifecycle = self._lifecycle
        if lifecycle.is_idle:
            self._abandon(signal.SIGINT)
        elif not self._interrupted and not lifecycle.quitting:
            self._interrupted = True
            lifecycle.note_signal(signal.SIGINT)
            if lifecycle.has_a_run:
                logger.warning(
                    "Stopping and writing the report. Press Ctrl-C again to quit without it."
                )
            raise_in_main(KeyboardInterrupt())
        else:
            logger.error("%s", lifecycle.give_up())
            raise_in_main(SystemExit(SIGNALLED + signal.SIGINT))

    def _on_terminate(self, number: signal.Signals) -> None:
        if number == signal.SIGHUP:
            _forget_closed_terminal()
        if self._lifecycle.is_idle:
            self._abandon(number)
            return
        self._lifecycle.note_signal(number)
        if self._lifecycle.follows_shape:
            self._leave_shape(number)
            return
        # Locust listens to SIGTERM by now, and ends the test.
        if number == signal.SIGHUP:
            logger.warning("the terminal was closed (SIGHUP): ending as on SIGTERM")
            os.kill(os.getpid(), signal.SIGTERM)

    def _leave_shape(self, number: signal.Signals) -> None:
        """End a run that Locust only ends by Ctrl-C; once: the next would cut the report short."""
        if not self._interrupted:
            self._interrupted = True
            logger.warning("Stopping on %s and writing the report.", number.name)
            raise_in_main(KeyboardInterrupt())

    def _abandon(self, number: signal.Signals) -> None:
        self._lifecycle.abandon()
        raise_in_main(SystemExit(SIGNALLED + number))


def _forget_closed_terminal() -> None:
    """Let what is still printed go nowhere where the terminal is gone: writing to it fails."""
    for descriptor in (1, 2):
        try:
            os.write(descriptor, b"")
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, descriptor)
            os.close(nowhere)
