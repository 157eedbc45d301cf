"""A load generator that stood still for a while: no silence of the service is made of that."""

from __future__ import annotations

import signal
import time
from datetime import datetime

import psutil
import pytest
from endtoend.accounts import calls, children, go_on, report_again, steps_of
from endtoend.deployments import local, processes
from recomputation.document import differences
from standin.process import Standin

STOOD_STILL_S = 2.5
"""Less than after which Locust misses a worker."""


@pytest.mark.parametrize("deploy", [local, processes])
def test_a_pause_of_the_load_generator_is_none_of_the_service(deploy, tmp_path):
    with Standin(fault="slow", slow_s=0.3) as standin:  # so that some steps are always on their way
        services = ("--host", standin.url, "--llm-host", standin.url)
        arguments = ("-u", 6, "-r", 6, "--think-time", 0.05, "--stop-timeout", 10)
        with deploy(tmp_path / "reports", *arguments, *services) as deployment:
            go_on(standin, 60)
            stopped = children(deployment) or [psutil.Process(deployment.master.process.pid)]
            for process in stopped:
                process.suspend()
            time.sleep(STOOD_STILL_S)
            for process in stopped:
                process.resume()
            go_on(standin, 60)
            deployment.master.send(signal.SIGTERM)
            deployment.master.wait(60)
            document = deployment.master.document()
        made = calls(standin)
    assert steps_of(document) == made
    found = document["metrics"]["availability"]
    assert (found["rate"], found["longest_silence_s"]) == (1.0, 0.0), found
    assert differences(document) == []
    for worker in document["completeness"]["workers"]:
        longest_s = max(pause["seconds"] for pause in worker["pauses"])
        assert longest_s == pytest.approx(STOOD_STILL_S, abs=1)
    ran = document["run"]
    ran_s = (
        datetime.fromisoformat(ran["ended"]) - datetime.fromisoformat(ran["started"])
    ).total_seconds()
    assert STOOD_STILL_S / 2 < found["paused_s"] == pytest.approx(ran_s - found["measured_s"])
    again = report_again(deployment.report_dir, "json")
    assert again["metrics"]["availability"] == found
    report = (deployment.report_dir / "multi_coord_stress_001.md").read_text()
    told = f"{found['paused_s']:.1f} s, in which the load generator itself stood still"
    assert told in report.split("## Availability")[0], "the head"
    assert f"Left out: {told}, longest from" in report
    assert told in deployment.output
