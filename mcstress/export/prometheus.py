"""``--prometheus-port``: the page that Prometheus asks for, in every mode, without a login.

Histograms are the classic ones. Their bounds are edges of our own buckets, those nearest to 1, 2.5
and 5 of each power of ten, so that every count is exact.
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator

from gevent.pywsgi import WSGIServer
from prometheus_client import make_wsgi_app
from prometheus_client.core import (
    CollectorRegistry,
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from mcstress.export.families import MS_PER_S, Family, Point
from mcstress.metrics.histogram import EDGES_MS, Histogram
from mcstress.process.ports import listen

PATH = "/metrics"
SUFFIXES = {"s": "_seconds", "1": "_ratio", "": ""}
LOWEST_MS, HIGHEST_MS = 0.5, 250_000.0

logger = logging.getLogger(__name__)


def _bounds() -> list[int]:
    """The buckets whose lower edges are the bounds."""
    steps = (mantissa * 10.0**power for power in range(-1, 6) for mantissa in (1, 2.5, 5))
    wanted = [step for step in steps if LOWEST_MS <= step <= HIGHEST_MS]
    return [_nearest(step) for step in wanted]


def _nearest(value_ms: float) -> int:
    above = bisect_left(EDGES_MS, value_ms)
    return min((above - 1, above), key=lambda edge: abs(EDGES_MS[edge] - value_ms))


BOUNDS = _bounds()
BOUNDS_S = [EDGES_MS[bucket] / MS_PER_S for bucket in BOUNDS]


def name_of(family: Family) -> str:
    """The family's name as Prometheus has it; a counter's without ``_total``."""
    return family.name.replace(".", "_") + SUFFIXES[family.unit]


class FamilyCollector(Collector):
    """Makes Prometheus's own objects of what ``read`` gives, whenever it is asked."""

    def __init__(self, read: Callable[[], list[Family]]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """Every family."""
        return map(_metric, self._read())


def _metric(family: Family) -> Metric:
    name, labels = name_of(family), sorted({key for one in family.points for key in one.labels})
    if family.kind == "histogram":
        histogram = HistogramMetricFamily(name, family.meaning, labels=labels)
        for values, point in _valued(labels, family.points):
            assert isinstance(point, Histogram)
            histogram.add_metric(values, _cumulative(point), point.total_ms / MS_PER_S)
        return histogram
    kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    plain = kind(name, family.meaning, labels=labels)
    for values, value in _valued(labels, family.points):
        assert not isinstance(value, Histogram)
        plain.add_metric(values, value)
    return plain


def _valued(
    labels: list[str], points: Iterable[Point]
) -> Iterator[tuple[list[str], float | Histogram]]:
    for point in points:
        yield [point.labels[label] for label in labels], point.value


def _cumulative(histogram: Histogram) -> list[tuple[str, float]]:
    below = histogram.up_to(BOUNDS)
    bounded = [(repr(bound), float(count)) for bound, count in zip(BOUNDS_S, below, strict=True)]
    return [*bounded, ("+Inf", float(histogram.count))]


class MetricsServer:
    """Serves ``/metrics`` from now on, and nothing else."""

    def __init__(self, host: str, port: int, read: Callable[[], list[Family]]) -> None:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(FamilyCollector(read))
        self._page = make_wsgi_app(registry)
        self._server = WSGIServer(listen(host, port), self._answer, log=None, error_log=logger)
        self._server.start()
        logger.info("Prometheus metrics at http://%s:%d%s", host or "*", self.port, PATH)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        port = self._server.server_port
        assert port is not None
        return port

    def _answer(self, environ: dict[str, object], start: Callable[..., object]) -> Iterable[bytes]:
        if environ["PATH_INFO"] != PATH or environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            start("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
            return [b"only GET /metrics is here\n"]
        page: Iterable[bytes] = self._page(environ, start)
        return page

    def close(self) -> None:
        """Stop listening."""
        self._server.stop(timeout=0)
