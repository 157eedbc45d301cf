"""Processes killed or frozen at any moment: what is missing is a second's, and it is said."""

from __future__ import annotations

import json
import signal
import time

import psutil
import pytest
from chaos.process_signals import TRIALS, Counted, session_of, stack_of
from endtoend.accounts import check_nothing_is_double, looks_of, report_again, steps_kept, steps_of
from endtoend.deployments import apart, local
from endtoend.locust_run import until

pytestmark = pytest.mark.chaos

RUN = ("-u", 6, "-r", 6, "--think-time", "0.05", "--stop-timeout", 10)
MISSING_S, STOPS_S, ENDS_S = 60, 60, 180
ACKNOWLEDGED_S = 1.5
"""What is older is on the disk: it is written each second, and later by as much as a busy machine
gives its turn late, of which the test's own turns are the measure (``Counted.late_s``)."""
READ_LATE_S = 1.0
"""An answer that was there already is read so late by a client that has no turn: at most."""
IN_FLIGHT = 24
"""Steps of events that are not over: six users, at most four steps each."""

trials = pytest.mark.parametrize("chance", range(TRIALS), indirect=True)


def begun(deployment, service) -> None:
    """Wait until every process of it makes load."""
    until(lambda: service.calls > 60 and steps_kept(deployment) > 0, what="load")


def check_counts(document, service, *, killed_s=None) -> None:
    """Nothing is invented or double, the figures are of what is there, little is missing."""
    made, found = service.calls, steps_of(document)
    assert found <= made
    check_nothing_is_double(document)
    assert document["metrics"]["errors"]["steps"] + looks_of(document) == found
    if killed_s is None:
        assert document["completeness"]["complete"], document["completeness"]["faults"]
        assert found == made
    else:
        assert document["verdict"] == "unknown"
        assert document["completeness"]["faults"]
        written_s = killed_s - ACKNOWLEDGED_S - service.late_s(killed_s)
        assert found >= service.before(written_s) - IN_FLIGHT


def document_of(deployment) -> dict:
    """The report's."""
    return json.loads((deployment.report_dir / "multi_coord_stress_001.json").read_text())


@trials
def test_a_local_run_is_killed(tmp_path, chance):
    with Counted() as service, local(tmp_path / "reports", *RUN, *service.services) as deployment:
        begun(deployment, service)
        time.sleep(chance.uniform(0, 2.5))
        if chance.random() < 1 / 3:  # while its users stop and its report is written
            deployment.master.send(signal.SIGTERM)
            time.sleep(chance.uniform(0, 1.5))
        deployment.master.send(signal.SIGKILL)
        killed_s = time.monotonic()
        deployment.master.process.wait(STOPS_S)
        until(service.is_still, STOPS_S)
        assert not session_of(deployment.master.process.pid)
        if (deployment.report_dir / "multi_coord_stress_001.events.jsonl").exists():
            found = report_again(deployment.report_dir)
        else:  # the report was whole by then
            found = document_of(deployment)
        ended = found["completeness"]["complete"]
        check_counts(found, service, killed_s=None if ended else killed_s)


@trials
def test_a_worker_is_killed(tmp_path, chance):
    with Counted() as service, apart(tmp_path / "reports", *RUN, *service.services) as deployment:
        begun(deployment, service)
        time.sleep(chance.uniform(0, 2.5))
        ending = chance.random() < 1 / 3
        if ending:
            deployment.master.send(signal.SIGTERM)
            time.sleep(chance.uniform(0, 1.0))
        deployment.workers[1].send(signal.SIGKILL)
        killed_s = time.monotonic()
        if not ending:
            until(lambda: "is lost" in deployment.master.output, MISSING_S)
            deployment.master.send(signal.SIGTERM)
        deployment.master.wait(ENDS_S)
        found = document_of(deployment)
        handed_over = found["completeness"]["complete"]
        assert ending or not handed_over
        check_counts(found, service, killed_s=None if handed_over else killed_s)
        deployment.workers[0].wait(ENDS_S)
        until(service.is_still, STOPS_S)
        for run in (deployment.master, *deployment.workers):
            assert not session_of(run.process.pid)


@trials
def test_a_master_is_killed(tmp_path, chance):
    with Counted() as service, apart(tmp_path / "reports", *RUN, *service.services) as deployment:
        begun(deployment, service)
        time.sleep(chance.uniform(0, 2.5))
        deployment.master.send(signal.SIGKILL)
        killed_s = time.monotonic()
        for worker in deployment.workers:
            until(lambda it=worker: "users stop" in it.output, STOPS_S)
        until(service.is_still, STOPS_S, what="an end of the load")
        check_counts(report_again(deployment.report_dir), service, killed_s=killed_s)
        for worker in deployment.workers:
            worker.send(signal.SIGTERM)
            assert worker.wait(ENDS_S) == 4
            assert not session_of(worker.process.pid)


@trials
def test_an_embedded_stack_is_killed(tmp_path, chance):
    arguments = ("-u", 6, "-r", 6, "--think-time", "0.05", "--stop-timeout", 5)
    with local(tmp_path / "reports", *arguments) as deployment:
        until(lambda: steps_kept(deployment) > 60)
        stack = stack_of(deployment.master.process.pid)
        time.sleep(chance.uniform(0, 2.5))
        stack.kill()
        killed_s = time.monotonic()
        psutil.wait_procs([stack], timeout=STOPS_S)
        time.sleep(chance.uniform(1.5, 3.5))
        silent_s = time.monotonic() - killed_s
        deployment.master.send(signal.SIGTERM)
        assert deployment.master.wait(ENDS_S) in (3, 4), deployment.output
        assert "Traceback" not in deployment.output
        found = document_of(deployment)
        assert found["completeness"]["complete"], found["completeness"]["faults"]
        check_nothing_is_double(found)
        assert longest_silence_s(found) > silent_s - READ_LATE_S
        assert not session_of(deployment.master.process.pid)


def longest_silence_s(document) -> float:
    """Of the gateway, as the availability has it."""
    return document["metrics"]["availability"]["longest_silence_s"]


FROZEN = ("local", "worker", "master", "stack")


@trials
@pytest.mark.parametrize("who", FROZEN)
def test_a_process_is_frozen_and_goes_on(tmp_path, chance, who):
    """For less than anybody calls a death: nothing is lost, and the outage of a stack is named."""
    deploy = apart if who in ("worker", "master") else local
    with Counted() as service:
        services = () if who == "stack" else service.services
        with deploy(tmp_path / "reports", *RUN, *services) as deployment:
            until(lambda: steps_kept(deployment) > 60)
            time.sleep(chance.uniform(0, 2))
            pid = deployment.master.process.pid
            if who == "worker":
                pid = deployment.workers[1].process.pid
            frozen = stack_of(pid) if who == "stack" else psutil.Process(pid)
            frozen_s = chance.uniform(0.1, 3.0)
            frozen.suspend()
            time.sleep(frozen_s)
            frozen.resume()
            time.sleep(chance.uniform(0, 1.5))
            deployment.master.send(signal.SIGTERM)
            deployment.master.wait(ENDS_S)
            found = document_of(deployment)
            assert found["completeness"]["complete"], found["completeness"]["faults"]
            check_nothing_is_double(found)
            if who == "stack":
                assert frozen_s < 1.5 or longest_silence_s(found) > frozen_s - READ_LATE_S
            else:
                assert steps_of(found) == service.calls
