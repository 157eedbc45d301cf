"""Looks at the run that is on for Prometheus and for a collector, and keeps the last look.

Best effort: whatever goes wrong here is said, and harms no run. The figures are worked out no more
often than the live page would (snapshots.py).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import gevent

from mcstress.export.families import ExportedRun, Family, families
from mcstress.services.steady_clock import CLOCK

if TYPE_CHECKING:
    from mcstress.evidence.run_document import RunDocument
    from mcstress.export.otlp import MetricsSender
    from mcstress.export.prometheus import MetricsServer
    from mcstress.master.run_state import RunState
    from mcstress.snapshots import Snapshots
    from mcstress.tracing.otlp.settings import OtlpSettings

EVERY_S = 10.0
"""Between two sendings, as collectors are used to."""

logger = logging.getLogger(__name__)


class Exporter:
    """One per master or local runner. ``began`` and ``ended`` are called once for each run."""

    def __init__(self, snapshots: Snapshots, otlp: OtlpSettings | None = None) -> None:
        self._snapshots = snapshots
        self._otlp = otlp
        self._run: RunState | None = None
        self._reading: ExportedRun | None = None
        self._number = 0
        self.failed_looks = 0
        self._sender: MetricsSender | None = None
        self._pusher: gevent.Greenlet[..., None] | None = None
        self.server: MetricsServer | None = None

    def serve(self, host: str, port: int) -> None:
        """Serve Prometheus from now on."""
        from mcstress.export.prometheus import MetricsServer  # noqa: PLC0415  (loaded where it is asked for)

        self.server = MetricsServer(host, port, self.families)

    def families(self) -> list[Family]:
        """What there is to export now."""
        return families(self.look())

    def look(self) -> ExportedRun | None:
        """``reading``, at the border: one that goes wrong is logged and counted; the last stays."""
        try:
            return self.reading()
        except Exception:
            self.failed_looks += 1
            logger.exception("metrics out: look %d at the run failed", self.failed_looks)
            return self._reading

    def reading(self) -> ExportedRun | None:
        """The run that is on, or else the end of the last one."""
        run = self._run
        if run is not None:
            snapshot = self._snapshots.newest()
            if snapshot.number != self._number and snapshot.document is not None:
                self._number = snapshot.number
                self._reading = ExportedRun(snapshot.document, run.figures.joined(), active=True)
        return self._reading

    def began(self, run: RunState) -> None:
        """A run is on from now on."""
        self._run = run
        if self._otlp is None:
            return
        # The SDK is loaded here: --processes has forked by now.
        from mcstress.export.otlp import MetricsSender  # noqa: PLC0415

        self._sender = MetricsSender(self._otlp)
        self._pusher = gevent.spawn(self._push_forever, self._sender)

    def ended(self, document: RunDocument | None) -> None:
        """The run is over; without a document, what was seen last remains."""
        run, self._run = self._run, None
        if run is not None and document is not None:
            self._reading = ExportedRun(document, run.figures.joined(), active=False)
        if self._pusher is not None:
            self._pusher.kill()
        sender, self._sender, self._pusher = self._sender, None, None
        if sender is not None:
            if self._reading is not None and not sender.send(self._reading, CLOCK.now_s()):
                logger.error("--otlp-metrics: the last values of the run did not arrive")
            sender.close()

    def close(self) -> None:
        """The process ends."""
        if self.server is not None:
            self.server.close()

    def _push_forever(self, sender: MetricsSender) -> None:
        while True:
            gevent.sleep(EVERY_S)
            if (reading := self.look()) is not None:
                sender.send(reading, CLOCK.now_s())
