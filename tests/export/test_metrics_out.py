"""What Prometheus and a collector are told is what the report says, and what the events hold."""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_right
from collections import Counter
from pathlib import Path

import pytest
from evidence.made_report import K, MadeRun, made_document
from export.otlp_receiver import Collector, labels_of
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from mcstress.evidence.run_document import document_of
from mcstress.export.exporter import Exporter
from mcstress.export.families import ExportedRun, families
from mcstress.export.otlp import MetricsSender, bucket_of
from mcstress.export.prometheus import BOUNDS_S, FamilyCollector, MetricsServer, name_of
from mcstress.metrics.figures import Figures
from mcstress.metrics.freshness import LOOK_STEPS
from mcstress.metrics.metric import JACCARD, RATE
from mcstress.metrics.names import metric_names
from mcstress.tracing.otlp.settings import METRICS, OtlpSettings, load_otlp

EVENTS = MadeRun(change=0.5, failing=0.05, users=[3, 60]).events(trios=2, rounds=3)
CHECKOUT = Path(__file__).parents[2]
DASHBOARD = CHECKOUT / "deploy" / "grafana-dashboard.json"
SAMPLE = CHECKOUT / "reports" / "reality-tests" / "multi_coord_stress_sample.json"
NOW_S = 1_790_000_100.0


@pytest.fixture(scope="module")
def reading():
    counted = Figures(K)
    counted.add_all(EVENTS)
    return ExportedRun(made_document(counted, EVENTS), counted.joined(), active=True)


@pytest.fixture(scope="module")
def samples(reading):
    """By name and labels: the values on the page, as Prometheus's own parser reads them."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(FamilyCollector(lambda: families(reading)))
    page = generate_latest(registry).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def sent(reading):
    with Collector() as collector:
        sender = MetricsSender(OtlpSettings(collector.url, signal=METRICS))
        assert sender.send(reading, NOW_S)
        sender.close()
    return collector


def latencies_s(name):
    return [step.latency_ms / 1000 for event in EVENTS for step in event.steps if step.name == name]


def test_every_figure_is_on_the_page_as_the_document_has_it(reading, samples):
    seen = 0
    for named in metric_names():
        value = reading.document.figure(named.name)
        if not isinstance(value, int | float) or named.name.startswith(
            ("latency.", "events.", "faults.", "errors.by_step.")
        ):
            continue
        name = "mcstress_" + named.name.replace("_s.", ".").replace(".", "_")
        if named.unit == "ms":
            name, value = name.removesuffix("_ms") + "_seconds", value / 1000
        elif named.unit == "s":
            name = name.removesuffix("_s") + "_seconds"
        elif named.unit in (RATE, JACCARD):
            name += "_ratio"
        if name.endswith("_count"):
            name = name.removesuffix("_count") + "_number"
        assert samples[name, ()] == value, name
        seen += 1
    assert seen > 60


def test_events_and_steps_are_those_that_were_counted(samples):
    asked = Counter((event.phase, event.outcome) for event in EVENTS)
    for (phase, outcome), number in asked.items():
        labels = (("outcome", outcome), ("phase", phase))
        assert samples["mcstress_events_total", labels] == number
    steps = [s for event in EVENTS for s in event.steps if s.name not in LOOK_STEPS]
    for name, number in Counter(step.name for step in steps).items():
        assert samples["mcstress_steps_total", (("step", name),)] == number
        failed = sum(step.name == name and step.error is not None for step in steps)
        assert samples["mcstress_step_failures_total", (("step", name),)] == failed
    assert any(step.error for step in steps)


def test_a_bound_has_all_latencies_below_it(samples):
    """Bounds are edges of our own buckets: counts are exact, by brute force over all events."""
    name = "matrix.search"
    values = sorted(latencies_s(name))
    told = {
        dict(labels)["le"]: value
        for (sample, labels), value in samples.items()
        if sample == "mcstress_step_duration_seconds_bucket" and ("step", name) in labels
    }
    assert [float(le) for le in told] == [*BOUNDS_S, math.inf]
    for le, count in told.items():
        assert count == bisect_right(values, float(le))
    assert any(0 < count < len(values) for count in told.values())
    labels = (("step", name),)
    assert samples["mcstress_step_duration_seconds_count", labels] == len(values)
    assert samples["mcstress_step_duration_seconds_sum", labels] == pytest.approx(
        sum(values), rel=0.0025
    )


def test_bounds_are_near_those_that_people_expect():
    for bound, wanted in zip(BOUNDS_S, (0.0005, 0.001, 0.0025, 0.005, 0.01), strict=False):
        assert bound == pytest.approx(wanted, rel=0.0026)


def test_a_collector_gets_the_values_of_the_page(reading, samples):
    metrics, seen = sent(reading).metrics(), 0
    for family in families(reading):
        metric = metrics[family.name]
        assert (metric.unit, metric.description) == (family.unit, family.meaning)
        kind = metric.WhichOneof("data")
        if kind == "exponential_histogram":
            continue
        assert kind == ("sum" if family.kind == "counter" else "gauge")
        for point in getattr(metric, kind).data_points:
            name = name_of(family) + ("_total" if family.kind == "counter" else "")
            value = getattr(point, point.WhichOneof("value"))
            assert samples[name, tuple(sorted(labels_of(point).items()))] == value
            assert point.time_unix_nano == NOW_S * 1e9
            seen += 1
    assert seen > 100
    assert metrics["mcstress.events"].sum.is_monotonic
    cumulative = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    assert metrics["mcstress.events"].sum.aggregation_temporality == cumulative


def test_the_run_is_a_resource(reading):
    (resource,) = sent(reading).requests[-1].resource_metrics
    told = {one.key: one.value.string_value for one in resource.resource.attributes}
    assert told["mcstress.run.uid"] == reading.document.run.run_uid
    assert told["service.name"] == "mcstress"


def test_exponential_buckets_hold_the_latencies_that_belong_to_them(reading):
    metric = sent(reading).metrics()["mcstress.step.duration"].exponential_histogram
    (point,) = (one for one in metric.data_points if labels_of(one) == {"step": "matrix.search"})
    values = latencies_s("matrix.search")
    base = 2 ** (2**-point.scale)
    assert point.count == len(values) == point.zero_count + sum(point.positive.bucket_counts)
    assert point.max == pytest.approx(max(values), rel=1e-6)
    assert point.sum == pytest.approx(sum(values), rel=0.0025)
    # Each latency, in order, is within its bucket or 0.25 % beside it: what ours are known to.
    ordered = iter(sorted(value for value in values if value > 0))
    for number, count in enumerate(point.positive.bucket_counts, start=point.positive.offset):
        for _ in range(count):
            value = next(ordered)
            assert base**number * 0.997 < value <= base ** (number + 1) * 1.003


@pytest.mark.parametrize("value", [1e-6, 0.001, 0.9999, 1.0, 1.0001, 3600.0])
def test_a_value_is_in_the_bucket_that_opentelemetry_defines(value):
    base = 2 ** (1 / 32)
    number = bucket_of(value)
    assert base**number < value * (1 + 1e-12)
    assert value <= base ** (number + 1) * (1 + 1e-12)


def test_no_label_holds_what_services_or_scenarios_say(reading):
    words = {
        word for event in EVENTS for word in (event.query, *(hit.id for hit in event.top_k or ()))
    }
    said = {
        value
        for family in families(reading)
        for one in family.points
        for value in one.labels.values()
    }
    assert len(words) > 20
    assert not words & said


def test_before_the_first_run_there_is_none():
    (family,) = families(None)
    assert (family.name, family.points[0].value) == ("mcstress.run.active", 0)


def test_only_the_page_is_served(reading):
    import httpx

    server = MetricsServer("127.0.0.1", 0, lambda: families(reading))
    try:
        base = f"http://127.0.0.1:{server.port}"
        page = httpx.get(f"{base}/metrics")
        assert page.status_code == 200
        assert "mcstress_users " in page.text
        assert httpx.get(f"{base}/").status_code == 404
        assert httpx.post(f"{base}/metrics").status_code == 404
    finally:
        server.close()


class TestWhatGoesWrong:
    @pytest.mark.parametrize(
        ("answer", "said"),
        [
            ((400, {}, b"no"), "HTTP 400"),
            ((307, {"location": "http://127.0.0.1:9/steal"}, b""), "HTTP 307, which would lead"),
            (
                (
                    200,
                    {},
                    ExportMetricsServiceResponse(
                        partial_success=ExportMetricsPartialSuccess(
                            rejected_data_points=3, error_message="too old"
                        )
                    ).SerializeToString(),
                ),
                "3 values rejected: too old",
            ),
        ],
        ids=("refused", "redirected", "in-part"),
    )
    def test_it_is_said_once_and_again_when_it_is_over(self, reading, caplog, answer, said):
        caplog.set_level("INFO", "mcstress.export.otlp")
        with Collector(answer, answer) as collector:
            sender = MetricsSender(OtlpSettings(collector.url, signal=METRICS))
            assert [sender.send(reading, NOW_S) for _ in range(3)] == [False, False, True]
            sender.close()
        warned = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
        assert len(warned) == 1
        assert said in warned[0]
        assert "takes the metrics again" in caplog.text
        assert sender.sent == {"failed": 2, "taken": 1}

    def test_nobody_there(self, reading, caplog):
        sender = MetricsSender(OtlpSettings("http://127.0.0.1:9/v1/metrics", signal=METRICS))
        sender._exporter._client._timeout = 0.5
        assert not sender.send(reading, NOW_S)
        assert "http://127.0.0.1:9/v1/metrics does not take the metrics" in caplog.text

    def test_headers_go_to_the_endpoint_that_they_belong_to(self, reading, monkeypatch):
        """The SDK itself would send them to whatever the option names."""
        secret = {"OTEL_EXPORTER_OTLP_HEADERS": "api-key=s3cr3t"}
        elsewhere = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://other.example:4318", **secret}
        with Collector() as collector:
            for environ in (elsewhere, secret):
                for name in elsewhere:
                    monkeypatch.delenv(name, raising=False)
                for name, value in environ.items():
                    monkeypatch.setenv(name, value)
                settings, warnings = load_otlp(collector.url, environ, METRICS)
                sender = MetricsSender(settings)
                assert sender.send(reading, NOW_S)
                sender.close()
                assert bool(warnings) == (environ is elsewhere)
        with_key = [headers.get("api-key") for headers in collector.headers]
        assert with_key == [None, "s3cr3t"]


def test_the_dashboard_asks_for_what_is_there(reading):
    """Every name in the dashboard's queries is on the page of a real run, the sample."""
    board = json.loads(DASHBOARD.read_text())
    queries = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    asked = {name for query in queries for name in re.findall(r"mcstress_\w+", query)}
    head = json.loads(SAMPLE.read_text())
    head.pop("events")
    there = names_on_the_page(ExportedRun(document_of(SAMPLE, head), reading.band, active=True))
    assert len(asked) > 15
    assert not asked - there


def names_on_the_page(reading):
    registry = CollectorRegistry(auto_describe=False)
    registry.register(FamilyCollector(lambda: families(reading)))
    page = generate_latest(registry).decode()
    return {
        sample.name for family in text_string_to_metric_families(page) for sample in family.samples
    }


def test_a_look_that_goes_wrong_is_counted_and_the_last_one_stays(reading, caplog):
    class Broken:
        def newest(self):
            raise RuntimeError("no look")

    exporter = Exporter(Broken())
    exporter._run, exporter._reading = object(), reading
    assert exporter.families() == families(reading)
    assert exporter.look() is reading
    assert exporter.failed_looks == 2
    assert "look 2 at the run failed" in caplog.text
