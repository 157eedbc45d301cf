"""The way out of a master: whoever wants to go waits for the report."""

from __future__ import annotations

import gevent
from locust.runners import MasterRunner

from mcstress.locust_compat import is_in_receive_loop, replace_quit
from mcstress.master.controller import RunController
from mcstress.master.stages import RunStage


class QuitGuard:
    """Stands in place of the runner's ``quit``.

    Locust's run time, a signal and the last round may each want the process to end. Whoever comes
    while the run is being ended would find its stop in hand, and cut the message loop off under it.
    """

    def __init__(self, runner: MasterRunner, controller: RunController) -> None:
        self._controller = controller
        self._quit = replace_quit(runner, self.leave)
        self.taken = False

    def leave(self) -> None:
        """Quit, after the report where one is being made."""
        self.taken = True
        run = self._controller.current
        if run is not None and run.stage >= RunStage.DRAINING:
            if is_in_receive_loop(self._controller.runner):
                # It is the message loop, where the workers' last words come in.
                gevent.spawn(self.leave)
                return
            self._controller.wait_until_over()
        self._quit()
