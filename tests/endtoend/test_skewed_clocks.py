"""A worker whose clock is wrong: its times are the master's, and a sound service has no silence."""

from __future__ import annotations

import shutil
from collections import defaultdict
from datetime import datetime, timedelta

import pytest
from endtoend.deployments import HEADLESS, Deployment
from endtoend.faulty_stacks import FaultyStacks
from recomputation.document import differences
from standin.process import Standin

SKEWS_S = (0, 30, -3600)
ALLOWED_S = 0.5
"""Far less than any skew, and more than round trips on a busy machine err by."""


def run_of(folder, url, run_time):
    """The document of a run with a worker for each skew, made with libfaketime."""
    faketime = shutil.which("faketime")
    if faketime is None:
        pytest.skip("there is no faketime; Debian and Ubuntu have it: apt-get install faketime")
    with Deployment(folder / "reports") as deployment:
        load = ("-u", 9, "-r", 9, "--rounds", 0, "-t", run_time, "--think-time", "0.05")
        services = ("--host", url, "--llm-host", url)
        deployment.start_master(*HEADLESS, *load, *services, workers=len(SKEWS_S))
        for skew_s in SKEWS_S:
            within = (faketime, "-f", f"{skew_s:+d}s") if skew_s else ()
            deployment.start_worker(within=within, FAKETIME_DONT_FAKE_MONOTONIC="1")
        deployment.master.wait(120)
        return deployment.master.document()


@pytest.fixture(scope="module")
def skewed(tmp_path_factory):
    """A run on a sound service."""
    with Standin() as standin:
        return run_of(tmp_path_factory.mktemp("skewed"), standin.url, "8s")


@pytest.fixture(scope="module")
def silenced(tmp_path_factory):
    """A run on a service that hangs for four seconds, 20 s after the search before the load."""
    with FaultyStacks() as stacks:
        return run_of(tmp_path_factory.mktemp("silenced"), stacks.url("outage=20+4"), "32s")


@pytest.mark.slow
def test_each_workers_offset_is_estimated_and_stands_in_the_report(skewed):
    workers = skewed["completeness"]["workers"]
    assert len(workers) == len(SKEWS_S)
    offsets = sorted(worker["clock_offset_s"] for worker in workers)
    # What must be added to a worker's clock: a clock that is ahead has a negative one.
    assert offsets == pytest.approx(sorted(-skew for skew in SKEWS_S), abs=ALLOWED_S)
    assert all(worker["clock_error_s"] < ALLOWED_S for worker in workers)


@pytest.mark.slow
def test_a_sound_service_is_available_all_the_time(skewed):
    found = skewed["metrics"]["availability"]
    assert found["rate"] == 1.0
    assert found["longest_silence_s"] == 0.0
    assert found["silences"] == []
    assert skewed["completeness"]["complete"], skewed["completeness"]


@pytest.mark.slow
def test_all_events_lie_within_the_run(skewed):
    began, ended = (datetime.fromisoformat(skewed["run"][key]) for key in ("started", "ended"))
    slack = timedelta(seconds=ALLOWED_S)
    by_worker = {event["worker"] for event in skewed["events"]}
    assert len(by_worker) == len(SKEWS_S)
    for event in skewed["events"]:
        assert began - slack <= datetime.fromisoformat(event["time"]) <= ended + slack


@pytest.mark.slow
def test_an_outage_is_one_silence_by_all_clocks(silenced):
    """All that hung was answered at one moment, which each worker tells by its own clock."""
    error_s = max(worker["clock_error_s"] for worker in silenced["completeness"]["workers"])
    answered = defaultdict(list)
    for event in silenced["events"]:
        for step in event["steps"]:
            if step["latency_ms"] > 2000 and not step["name"].startswith("freshness."):
                began = datetime.fromisoformat(step["time"]).timestamp()
                answered[event["worker"]].append(began + step["latency_ms"] / 1000)
    assert len(answered) == len(SKEWS_S)
    moments = [min(its) for its in answered.values()]
    assert max(moments) - min(moments) < 2 * error_s + ALLOWED_S
    found = silenced["metrics"]["availability"]
    longest = max(found["silences"], key=lambda one: one["seconds"])
    slot_s = found["slot_s"] + 1e-6
    assert longest["begin"] + longest["seconds"] == pytest.approx(min(moments), abs=slot_s)
    assert longest["seconds"] == pytest.approx(4, abs=2 * slot_s + ALLOWED_S)
    assert differences(silenced) == []
