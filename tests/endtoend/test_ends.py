"""However a run ends, all that was made at the services is in its one report."""

from __future__ import annotations

import signal
from contextlib import ExitStack

import pytest
from endtoend.accounts import EXIT_CODES, LOOKS, looks_of
from endtoend.deployments import DEPLOYMENTS, Deployment
from endtoend.locust_run import until
from standin.modes import STEPS
from standin.process import Standin

SLOW_S = 2
"""An answer's time; the stop time-out is well above an event's."""
SLOW_STEPS = ["matrix.search", "playbook.record", "observerd.inbox.record"]
"""Searches and what is quick otherwise: a service that is as slow in all is not a silent one."""


def terminate(deployment: Deployment) -> None:
    """As a supervisor does."""
    deployment.master.send(signal.SIGTERM)


def interrupt(deployment: Deployment) -> None:
    """Ctrl-C, but to the master alone."""
    deployment.master.send(signal.SIGINT)


def do_nothing(_: Deployment) -> None:
    """It ends by itself."""


ENDS = {
    "all rounds completed": (("--rounds", 1, "--tags", "swap", "inbox"), do_nothing, "pass"),
    "run time reached": (("--run-time", "5s"), do_nothing, "unknown"),
    "SIGTERM": ((), terminate, "unknown"),
    "SIGINT": ((), interrupt, "unknown"),
    "Ctrl-C in a terminal": ((), Deployment.interrupt_all, "unknown"),
}
"""How it ends, and the verdict: a round cut short has too few samples."""


@pytest.mark.parametrize("end", ENDS)
def test_all_that_was_made_is_in_the_one_report(end, tmp_path):
    arguments, send, verdict = ENDS[end]
    with ExitStack() as stack:
        runs = {}
        for name, deploy in DEPLOYMENTS.items():
            slow = {"fault": "slow", "slow_s": SLOW_S, "fault_steps": SLOW_STEPS}
            standin = stack.enter_context(Standin("healthy", **slow))
            deployment = deploy(
                tmp_path / name / "reports",
                *("-u", 6, "-r", 6, "--stop-timeout", 10, *arguments),
                *("--host", standin.url, "--llm-host", standin.url),
            )
            runs[name] = (stack.enter_context(deployment), standin)
        for deployment, standin in runs.values():
            if send is not do_nothing:
                until(lambda: standin.calls().get("matrix.search", 0) >= 6, what="searches")  # noqa: B023  (called at once)
                send(deployment)
        for name, (deployment, standin) in runs.items():
            code = deployment.master.wait(60)
            document = deployment.master.document()
            assert (document["verdict"], code) == (verdict, EXIT_CODES[verdict])
            assert len(document["completeness"]["workers"]) == (1 if name == "local" else 2)
            check(document, deployment, standin)


def check(document: dict, deployment: Deployment, standin: Standin) -> None:
    """Steps made at the service are the steps in the one report, and nothing is left over."""
    output = deployment.output
    made = {step: calls for step, calls in standin.calls().items() if step in STEPS}
    kept: dict[str, int] = dict.fromkeys(made, 0)
    for event in document["events"]:
        for step in event["steps"]:
            kept["matrix.search" if step["name"] in LOOKS else step["name"]] += 1
    assert kept == made, output
    steps = document["metrics"]["errors"]["steps"] + looks_of(document)
    assert steps == sum(made.values()), output
    counted = document["completeness"]
    assert counted["complete"], counted
    assert counted["events_made"] == counted["events_merged"] == len(document["events"])
    files = sorted(path.name for path in deployment.report_dir.iterdir())
    reports = [f"multi_coord_stress_001.{ending}" for ending in ("html", "json", "md")]
    assert files == ["index.html", *reports]
    assert "Traceback" not in output, output
    for worker in deployment.workers:
        assert worker.wait(60) == 0, worker.output
