"""``--otlp-metrics``: a run's metrics to an OpenTelemetry collector, by the official exporter.

Each time all values are sent, cumulative from the run's start: one that was lost is made good by
the next. Durations are exponential histograms; a value of ours, known to 0.25 %, goes into the
bucket that its middle belongs to, and buckets grow by 2.2 % (scale 5).
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

import requests
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Buckets,
    Gauge,
    Metric,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.metrics.export import (
    ExponentialHistogram as ExponentialHistograms,
)
from opentelemetry.sdk.metrics.export import (
    ExponentialHistogramDataPoint as HistogramPoint,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from mcstress.export.families import MS_PER_S, ExportedRun, Family, Point, families
from mcstress.metrics.histogram import Histogram
from mcstress.tracing.otlp.settings import OtlpSettings

SCALE = 5
PER_DOUBLING: int = 2**SCALE
NS_PER_S = 10**9
TIMEOUT_S = 10.0
MOST_ANSWER_BYTES = 65_536
REDIRECTED = range(300, 400)
OF_THE_CONTENT = ("content-type", "content-encoding", "user-agent")

logger = logging.getLogger(__name__)

SDK_LOGGER = logging.getLogger("opentelemetry.exporter.otlp.proto.http.metric_exporter")
"""The SDK's own words, once a try: this file says them better, and once."""


class _Session(requests.Session):
    """Sends the headers of the settings alone, follows nobody, and reads a bounded answer.

    The SDK would add what the variables say of another endpoint, take a redirect for success, and
    read an answer of any size. ``rejected``: values that the last answer says were not taken.
    """

    def __init__(self, settings: OtlpSettings) -> None:
        super().__init__()
        self._own = dict(settings.headers)
        self.rejected = 0
        self.said = ""

    def request(self, *where: Any, **how: Any) -> requests.Response:
        """Make one request; raises requests' errors, also for a redirect."""
        self.rejected, self.said = 0, ""
        given = how.get("headers") or {}
        of_content = {name: given[name] for name in given if name.lower() in OF_THE_CONTENT}
        how |= {"headers": of_content | self._own, "allow_redirects": False, "stream": True}
        try:
            response = super().request(*where, **how)
            with response:
                body = response.raw.read(MOST_ANSWER_BYTES, decode_content=True)
        except Exception as fault:
            self.said = f"{type(fault).__name__}: {fault}"
            raise
        response._content = b""  # noqa: SLF001  (what was read is all that is asked for)
        if response.status_code in REDIRECTED:
            self.said = f"HTTP {response.status_code}, which would lead elsewhere"
            raise requests.TooManyRedirects(self.said, response=response)
        if not response.ok:
            self.said = f"HTTP {response.status_code}"
        else:
            self._read(body)
        return response

    def _read(self, body: bytes) -> None:
        try:
            partial = ExportMetricsServiceResponse.FromString(body).partial_success
        except ValueError:  # protobuf's DecodeError; a collector may say OK in any words
            return
        self.rejected = partial.rejected_data_points
        if self.rejected:
            self.said = f"{self.rejected} values rejected: {partial.error_message[:200]}"


class MetricsSender:
    """Sends readings to one collector. What goes wrong is said once until it goes right again."""

    def __init__(self, settings: OtlpSettings) -> None:
        SDK_LOGGER.propagate = False
        self._settings = settings
        self._session = _Session(settings)
        self._exporter = OTLPMetricExporter(
            settings.url,
            timeout=TIMEOUT_S,
            compression=Compression.Gzip if settings.gzip else Compression.NoCompression,
            session=self._session,
        )
        self.sent: Counter[str] = Counter()
        self.fault = ""

    def send(self, reading: ExportedRun, now_s: float) -> bool:
        """Send all values of a run that began; whether they were taken."""
        try:
            result = self._exporter.export(metrics_data(reading, now_s))
        except Exception as error:  # noqa: BLE001  (the border: metrics out harm no run)
            self._session.said = f"{type(error).__name__}: {error}"
            result = MetricExportResult.FAILURE
        taken = result is MetricExportResult.SUCCESS and not self._session.rejected
        self.sent["taken" if taken else "failed"] += 1
        fault = "" if taken else self._settings.redact(self._session.said or "no reason was given")
        if fault and not self.fault:
            logger.warning(
                "--otlp-metrics: %s does not take the metrics: %s; it is tried again",
                self._settings.url,
                fault,
            )
        elif self.fault and not fault:
            logger.info("--otlp-metrics: %s takes the metrics again", self._settings.url)
        self.fault = fault
        return taken

    def close(self) -> None:
        """Close the connection."""
        self._exporter.shutdown()
        self._session.close()


def metrics_data(reading: ExportedRun, now_s: float) -> MetricsData:
    """A reading as the SDK's exporter takes it; ``now_s`` is the Unix time of its values."""
    run = reading.document.run
    began_ns = 0 if run.started is None else round(run.started.timestamp() * NS_PER_S)
    attributes = {
        "service.name": "mcstress",
        "service.version": version("multi-coordinator-stress"),
        "mcstress.run.uid": run.run_uid,
        "mcstress.run.id": run.run_id,
    }
    moment = _Moment(began_ns, round(now_s * NS_PER_S))
    scope = ScopeMetrics(
        InstrumentationScope("mcstress"), [moment.metric(one) for one in families(reading)], ""
    )
    return MetricsData([ResourceMetrics(Resource(attributes), [scope], "")])


class _Moment:
    """When the values were counted from, and when they were read, in Unix nanoseconds."""

    def __init__(self, began_ns: int, now_ns: int) -> None:
        self._began_ns = began_ns
        self._now_ns = now_ns

    def metric(self, family: Family) -> Metric:
        """A family in the SDK's words."""
        data: Gauge | Sum | ExponentialHistograms
        if family.kind == "histogram":
            data = ExponentialHistograms(
                [self._distribution(point) for point in family.points],
                AggregationTemporality.CUMULATIVE,
            )
        elif family.kind == "counter":
            data = Sum([*self._numbers(family.points)], AggregationTemporality.CUMULATIVE, True)
        else:
            data = Gauge([*self._numbers(family.points)])
        return Metric(family.name, family.meaning, family.unit, data)

    def _numbers(self, points: Iterable[Point]) -> Iterable[NumberDataPoint]:
        for point in points:
            assert not isinstance(point.value, Histogram)
            yield NumberDataPoint(point.labels, self._began_ns, self._now_ns, point.value)

    def _distribution(self, point: Point) -> HistogramPoint:
        histogram = point.value
        assert isinstance(histogram, Histogram)
        counts: Counter[int] = Counter()
        zeros = 0
        values = histogram.buckets()
        for middle_ms, count in values:
            if middle_ms <= 0:
                zeros += count
            else:
                counts[bucket_of(middle_ms / MS_PER_S)] += count
        first, last = min(counts, default=0), max(counts, default=-1)
        return HistogramPoint(
            attributes=point.labels,
            start_time_unix_nano=self._began_ns,
            time_unix_nano=self._now_ns,
            count=histogram.count,
            sum=histogram.total_ms / MS_PER_S,
            scale=SCALE,
            zero_count=zeros,
            positive=Buckets(first, [counts[bucket] for bucket in range(first, last + 1)]),
            negative=Buckets(0, []),
            flags=0,
            min=values[0][0] / MS_PER_S,
            max=histogram.summary()["max_ms"] / MS_PER_S,
        )


def bucket_of(seconds: float) -> int:
    """OpenTelemetry's bucket i of a positive value: above ``base**i``, up to ``base**(i + 1)``."""
    return math.ceil(math.log2(seconds) * PER_DOUBLING) - 1
