"""A worker that runs something else, or has another key, is refused by name on both sides."""

from __future__ import annotations

from pathlib import Path

import pytest
from endtoend.deployments import HEADLESS, Deployment
from endtoend.locust_run import CHECKOUT, until
from standin.process import Standin

OTHER = Path(__file__).with_name("other_version.py")
OURS = CHECKOUT / "locustfile.py"
KEY = {"MCSTRESS_CLUSTER_KEY": "a secret of this run"}
WRONG = {
    "no key": ({"MCSTRESS_CLUSTER_KEY": ""}, "has no MCSTRESS_CLUSTER_KEY, and there is one here"),
    "another key": ({"MCSTRESS_CLUSTER_KEY": "b"}, "has another MCSTRESS_CLUSTER_KEY"),
    "version": ({**KEY, "OTHER": "version"}, "runs 0.0.9 protocol"),
    "silent on its version": (
        {**KEY, "OTHER": "silent on its version"},
        "runs a version that is too old",
    ),
    "unreadable greeting": ({**KEY, "OTHER": "unreadable greeting"}, "that can be read"),
    "other welcome": ({**KEY, "OTHER": "other welcome"}, "takes no part: the master's"),
    "token": ({**KEY, "GATEWAY_TOKEN": "a b"}, "GATEWAY_TOKEN: holds characters"),
    "token's host": (
        {**KEY, "GATEWAY_TOKEN": "t", "GATEWAY_TOKEN_HOST": "no.scheme"},
        "GATEWAY_TOKEN_HOST: found 'no.scheme'",
    ),
}
LATE = ("other welcome", "token", "token's host")
"""Those that are refused when the run has begun."""
SAID = {
    "no key": "the master signs with a MCSTRESS_CLUSTER_KEY, and there is none here",
    "another key": "the master has another MCSTRESS_CLUSTER_KEY",
    "other welcome": "the master's mcstress.Welcome cannot be read",
    "token": "GATEWAY_TOKEN: holds characters",
    "token's host": "GATEWAY_TOKEN_HOST: found 'no.scheme'",
}
"""What such a worker says itself, where it is not the master's own sentence."""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with a key, a right worker, and one that is wrong in each way."""
    folder = tmp_path_factory.mktemp("run")
    with Standin() as standin, Deployment(folder / "reports") as deployment:
        services = ("--host", standin.url, "--llm-host", standin.url)
        load = ("-u", 3, "-r", 3, "-t", "8s", "--think-time", "0.05", *services)
        deployment.start_master(*HEADLESS, *load, workers=1 + len(LATE), **KEY)
        workers = {}
        for name, (environment, _) in WRONG.items():
            deployment.locustfile = OTHER if "OTHER" in environment else OURS
            workers[name] = deployment.start_worker(**environment)
        early = [workers[name] for name in WRONG if name not in LATE]
        until(lambda: all(worker.process.poll() is not None for worker in early))
        assert deployment.master.process.poll() is None, "it waits for right ones"
        deployment.locustfile = OURS
        right = deployment.start_worker(**KEY)
        deployment.master.wait(90)
        right.wait(30)
        for name in LATE:
            workers[name].wait(30)
        yield deployment.master, workers, right


@pytest.mark.parametrize("name", WRONG)
def test_who_is_wrong_ends_at_once_with_one_line_and_code_2(run, name):
    worker = run[1][name]
    assert worker.process.returncode == 2, worker.output
    errors = [line for line in worker.output.splitlines() if "/ERROR/" in line]
    assert len(errors) == 1, errors
    assert "this worker takes no part: " + SAID.get(name, "worker-") in errors[0]
    assert SAID.get(name, WRONG[name][1]) in errors[0]
    assert "Traceback" not in worker.output


@pytest.mark.parametrize("name", WRONG)
def test_the_master_names_it_in_log_terminal_and_report(run, name):
    master = run[0]
    notices = master.document()["completeness"]["notices"]
    (notice,) = [notice for notice in notices if WRONG[name][1] in notice]
    assert notice.startswith("worker-")
    assert f"notice  {notice}" in master.output
    assert f"/ERROR/mcstress.master.admission: {notice}" in master.output


def test_the_run_is_that_of_the_right_worker(run):
    master, _, right = run
    counted = master.document()["completeness"]
    assert len(counted["workers"]) == 1, counted
    of_workers = [notice for notice in counted["notices"] if notice.startswith("worker-")]
    assert len(of_workers) == len(WRONG), "nothing of an honest worker was dropped"
    assert counted["events_made"] == counted["events_merged"] > 0
    assert not [fault for fault in counted["faults"] if "worker" in fault]
    assert right.process.returncode == 0, right.output
    assert "Traceback" not in master.output
