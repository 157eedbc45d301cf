"""Workers and masters that are killed or freeze: what is missing is named, nothing counts twice."""

from __future__ import annotations

import signal
from collections import Counter
from contextlib import ExitStack

from endtoend.accounts import (
    calls,
    check_nothing_is_double,
    go_on,
    kept_by_workers,
    looks_of,
    report_again,
    steps_kept,
    steps_of,
)
from endtoend.deployments import Deployment, apart, local
from endtoend.locust_run import until
from standin.process import Standin

MISSING_S = 30
"""Locust misses a worker after four to nine seconds."""


def test_a_worker_that_is_killed_is_named_and_makes_the_verdict_unknown(tmp_path):
    with ExitStack() as stack:
        services = [stack.enter_context(Standin()) for _ in range(2)]
        midst, draining = (
            stack.enter_context(
                apart(
                    tmp_path / name / "reports",
                    *("-u", 6, "-r", 6, "--think-time", "0.05", "--stop-timeout", 10),
                    *("--host", standin.url, "--llm-host", standin.url),
                )
            )
            for name, standin in zip(("midst", "draining"), services, strict=True)
        )
        for deployment in (midst, draining):
            until(lambda it=deployment: all(size > 20 for size in kept_by_workers(it)))
        midst.workers[1].send(signal.SIGKILL)
        until(lambda: "is lost" in midst.master.output, MISSING_S)
        go_on(services[0], 20)
        midst.master.send(signal.SIGTERM)
        services[1].set(fault="slow", slow_s=2.0)
        until(lambda: sum(services[1].faulted().values()) > 0, what="a slow answer on its way")
        draining.master.send(signal.SIGTERM)
        until(lambda: "Got SIGTERM" in draining.master.output)
        draining.workers[1].send(signal.SIGKILL)
        for deployment, standin in zip((midst, draining), services, strict=True):
            assert deployment.master.wait(60) == 4, deployment.output
            check_one_lost(deployment, standin)


def check_one_lost(deployment: Deployment, standin: Standin) -> None:
    document = deployment.master.document()
    assert document["verdict"] == "unknown"
    assert {check["verdict"] for check in document["checks"]} == {"unknown"}
    counted = document["completeness"]
    lost = [worker for worker in counted["workers"] if worker["lost"]]
    assert len(lost) == 1
    assert any(fault.startswith(f"{lost[0]['name']} was lost") for fault in counted["faults"])
    check_nothing_is_double(document)
    by_worker = Counter(event["worker"] for event in document["events"])
    # Its file is on this machine: all but the last second of it is in the report.
    assert lost[0]["events"] == by_worker[lost[0]["name"]] > 10
    assert steps_of(document) <= calls(standin)
    # Beside the report stays the file of the lost worker, for it could still be written to.
    left = {path.name for path in deployment.report_dir.iterdir()}
    own = f"multi_coord_stress_001.{lost[0]['name']}.events.jsonl"
    reports = {f"multi_coord_stress_001.{ending}" for ending in ("json", "md", "html")}
    assert left == {own, "index.html", *reports}


def test_a_worker_that_froze_comes_back_with_new_seats_and_nothing_is_lost(tmp_path):
    with Standin() as standin:
        arguments = ("-u", 6, "-r", 6, "--think-time", "0.05", "--stop-timeout", 10)
        services = ("--host", standin.url, "--llm-host", standin.url)
        with apart(tmp_path / "reports", *arguments, *services) as deployment:
            go_on(standin, 100)
            frozen = deployment.workers[1]
            frozen.send(signal.SIGSTOP)
            until(lambda: "is lost" in deployment.master.output, MISSING_S)
            go_on(standin, 20)
            frozen.send(signal.SIGCONT)
            until(lambda: "is back" in deployment.master.output)
            go_on(standin, 200)
            deployment.master.send(signal.SIGTERM)
            deployment.master.wait(60)
            document = deployment.master.document()
        made = calls(standin)
    assert document["completeness"]["complete"], document["completeness"]
    assert steps_of(document) == made
    check_nothing_is_double(document)
    assert any(event["namespace"].endswith("_g2") for event in document["events"])


def test_a_run_that_ends_since_all_its_workers_froze_is_unknown_and_says_so(tmp_path):
    """As on a machine that had something else to do: Locust ends such a run, and they come back."""
    with Standin() as standin:
        arguments = ("-u", 6, "-r", 6, "--think-time", "0.05", "--stop-timeout", 10)
        services = ("--host", standin.url, "--llm-host", standin.url)
        with apart(tmp_path / "reports", *arguments, *services) as deployment:
            go_on(standin, 100)
            for worker in deployment.workers:
                worker.send(signal.SIGSTOP)
            until(lambda: "The last worker went missing" in deployment.master.output, MISSING_S)
            for worker in deployment.workers:
                worker.send(signal.SIGCONT)
            assert deployment.master.wait(60) == 4, deployment.output
            document = deployment.master.document()
        made = calls(standin)
    assert document["run"]["stopped_by"] == "no worker was heard of any more"
    counted = document["completeness"]
    assert counted["faults"] == ["the run ended early: no worker was heard of any more"]
    assert {check["verdict"] for check in document["checks"]} == {"unknown"}
    assert steps_of(document) == made
    check_nothing_is_double(document)


def test_after_the_master_or_a_local_run_is_killed_the_report_is_made_from_what_it_left(tmp_path):
    with ExitStack() as stack:
        services = [stack.enter_context(Standin()) for _ in range(2)]
        arguments = ("-u", 6, "-r", 6, "--think-time", "0.05")
        deployments = [
            stack.enter_context(
                deploy(
                    tmp_path / deploy.__name__ / "reports",
                    *arguments,
                    *("--host", standin.url, "--llm-host", standin.url),
                )
            )
            for deploy, standin in zip((apart, local), services, strict=True)
        ]
        for deployment, standin in zip(deployments, services, strict=True):
            go_on(standin, 200)
            before = calls(standin)
            until(lambda it=deployment, steps=before: steps_kept(it) >= steps)
            for run in (deployment.master, *deployment.workers):
                run.send(signal.SIGKILL)
                run.process.wait()
            found = report_again(deployment.report_dir)
            assert found["verdict"] == "unknown"
            assert not found["completeness"]["complete"]
            assert "cut off" in " ".join(found["completeness"]["faults"])
            assert before <= steps_of(found) <= calls(standin)
            assert found["metrics"]["errors"]["steps"] + looks_of(found) == steps_of(found)
            check_nothing_is_double(found)
