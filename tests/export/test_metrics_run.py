"""One real run, scraped by a real Prometheus and sent to a collector; and its heartbeat."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time

import httpx
import pytest
from endtoend.locust_run import LocustRun, until
from export.otlp_receiver import Collector, labels_of
from free_ports import free_port

from mcstress.errors import UsageError
from mcstress.process.heartbeat import read_heartbeat

PROMETHEUS = shutil.which("prometheus")
RUN_S = "120s" if PROMETHEUS else "5s"
"""It is ended when it was scraped: of one that is over, Prometheus has nothing."""


class Prometheus:
    """Debian's own, with one target that it asks four times a second."""

    def __init__(self, folder, target):
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        config = folder / "prometheus.yml"
        job = {"job_name": "mcstress", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}
        # JSON is YAML.
        config.write_text(
            json.dumps({"global": {"scrape_interval": "250ms", "scrape_timeout": "250ms"}}
                       | {"scrape_configs": [job]})
        )  # fmt: skip
        self._process = subprocess.Popen(
            [
                PROMETHEUS,
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def __enter__(self):
        until(self._answers, what="Prometheus answers")
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()

    def _answers(self):
        try:
            return httpx.get(f"{self.url}/-/ready").status_code == 200
        except httpx.HTTPError:
            return False

    def query(self, expression):
        found = httpx.get(f"{self.url}/api/v1/query", params={"query": expression}).json()
        assert found["status"] == "success", found
        return found["data"]["result"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run, what Prometheus and the collector have of it, and its heartbeat while it went on."""
    folder = tmp_path_factory.mktemp("metrics-out")
    port, heartbeat = free_port(), folder / "heartbeat"
    with Collector() as collector:
        options = ("--prometheus-port", port, "--otlp-metrics", collector.url)
        with LocustRun(
            "--headless", "-u", 6, "-r", 6, "-t", RUN_S, "--stop-timeout", 5, "--web-host",
            "127.0.0.1", "--heartbeat", heartbeat, *options, report_dir=folder / "reports",
        ) as started:  # fmt: skip
            scraped, beat = {}, (False, "")
            if PROMETHEUS:
                with Prometheus(folder, port) as prometheus:
                    until(lambda: prometheus.query("mcstress_events_total"), what="a scrape")
                    beat = read_heartbeat(heartbeat, 15)
                    for name in ("events_total", "run_info", "step_duration_seconds_bucket"):
                        scraped[name] = prometheus.query(f"mcstress_{name}")
                    buckets = "sum by (le) (mcstress_step_duration_seconds_bucket)"
                    scraped["p95"] = prometheus.query(f"histogram_quantile(0.95, {buckets})")
                started.send(signal.SIGINT)
            assert started.wait() in (0, 3, 4), started.output
            document = started.document()
    return document, collector, scraped, beat, heartbeat


def test_the_last_values_at_the_collector_are_those_of_the_report(run):
    document, collector, *_ = run
    metrics = collector.metrics()
    events = {
        labels["phase"]: point.as_double or point.as_int
        for point in metrics["mcstress.events"].sum.data_points
        if (labels := labels_of(point))["outcome"] == "ok"
    }
    by_phase = {p: n for p, n in document["metrics"]["events"]["by_phase"].items() if n}
    assert set(events) <= set(by_phase)
    total = sum(p.as_double or p.as_int for p in metrics["mcstress.events"].sum.data_points)
    assert (
        total == document["metrics"]["events"]["total"] == document["completeness"]["events_made"]
    )
    for name, section in (("relevance.precision_at_k", "relevance"), ("errors.rate", "errors")):
        (point,) = metrics[f"mcstress.{name}"].gauge.data_points
        assert point.as_double == document["metrics"][section][name.partition(".")[2]]
    searches = document["latency"]["matrix_search"]
    points = metrics["mcstress.step.duration"].exponential_histogram.data_points
    (point,) = (one for one in points if labels_of(one) == {"step": "matrix.search"})
    assert point.count == searches["count"]
    assert point.max == pytest.approx(searches["max_ms"] / 1000)
    (point,) = metrics["mcstress.run.active"].gauge.data_points
    assert point.as_double == 0


def test_the_run_uid_is_told(run):
    document, collector, *_ = run
    (resource,) = collector.requests[-1].resource_metrics
    told = {one.key: one.value.string_value for one in resource.resource.attributes}
    assert told["mcstress.run.uid"] == document["run"]["run_uid"]


@pytest.mark.skipif(PROMETHEUS is None, reason="Debian's package prometheus is not installed")
def test_a_real_prometheus_reads_the_page(run):
    document, _, scraped, *_ = run
    (info,) = scraped["run_info"]
    assert info["metric"]["run_uid"] == document["run"]["run_uid"]
    events = sum(float(one["value"][1]) for one in scraped["events_total"])
    assert 0 < events <= document["metrics"]["events"]["total"]
    assert {one["metric"]["le"] for one in scraped["step_duration_seconds_bucket"]} >= {"+Inf"}
    ((_, p95),) = (one["value"] for one in scraped["p95"])
    assert 0 < float(p95) < 60


@pytest.mark.skipif(PROMETHEUS is None, reason="Debian's package prometheus is not installed")
def test_the_heartbeat_says_what_the_process_does(run):
    *_, beat, _ = run
    alive, told = beat
    assert alive
    assert told.startswith("local ")


def test_a_process_that_is_gone_is_found_out(run):
    *_, path = run
    os.utime(path, (time.time() - 60, time.time() - 60))
    alive, told = read_heartbeat(path, 15)
    assert not alive
    assert "heard 60" in told


def test_no_heartbeat(tmp_path):
    assert read_heartbeat(tmp_path / "none", 15)[0] is False
    for content in ("", "[]", "{}", "x" * 20_000, '"text"'):
        (tmp_path / "odd").write_text(content)
        with pytest.raises(UsageError, match="odd: no heartbeat; expected the file of --heartbeat"):
            read_heartbeat(tmp_path / "odd", 15)
    with pytest.raises(UsageError, match="directory"):
        read_heartbeat(tmp_path, 15)
