"""Whether a worker still hears its master."""

from __future__ import annotations

from locust.runners import WorkerRunner

from mcstress.locust_compat import has_ended, last_heartbeat

SILENT_S = 15.0
"""A master answers the heartbeat of every second; one that is so long silent is gone."""


class MasterHeartbeat:
    """Looks at Locust's heartbeats, now and then, and adds up for how long none came.

    It trusts no clock: a worker that was frozen itself has heard nothing either.
    """

    def __init__(self, runner: WorkerRunner) -> None:
        self._runner = runner
        self._last: float | None = None
        self._silent_s = 0.0

    def is_lost(self, since_s: float) -> bool:
        """Whether the master is gone; ``since_s`` is the time since the last look."""
        heard = last_heartbeat(self._runner)
        self._silent_s = 0.0 if heard != self._last else self._silent_s + since_s
        self._last = heard
        return has_ended(self._runner) or self._silent_s >= SILENT_S
