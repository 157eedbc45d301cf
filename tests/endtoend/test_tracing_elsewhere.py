"""Workers on other machines trace with what they have there, and what they have not is said."""

from __future__ import annotations

import socket

import pytest
from endtoend.deployments import HEADLESS, Deployment
from endtoend.langfuse_process import Langfuse
from endtoend.test_other_machines import CAN_UNSHARE
from standin.process import Standin

NOWHERE = "LANGFUSE_URL=http://127.0.0.1:9\nLANGFUSE_PUBLIC_KEY=pk-lf-own\nLANGFUSE_SECRET_KEY=sk-lf-own\n"
MACHINE = socket.gethostname()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A master with a Langfuse; a worker that has its file, one that has not, one with another."""
    folder = tmp_path_factory.mktemp("run")
    here, temporary = folder / "here", folder / "temporary"
    temporary.mkdir()
    own = folder / "own.env"
    own.write_text(NOWHERE)
    own.chmod(0o600)
    with Standin() as standin, Langfuse() as langfuse, Deployment(here / "reports") as deployment:
        services = ("--host", standin.url, "--llm-host", standin.url)
        load = ("-u", 3, "-r", 3, "-t", "12s", "--stop-timeout", 5, "--think-time", "0.05")
        env_file = ("--langfuse-env", langfuse.env_file(here))
        deployment.start_master(*HEADLESS, *load, *services, *env_file, workers=3)
        started = {
            "as the master": deployment.start_worker(),
            "nothing": deployment.start_remote_worker(temporary),
            "its own": deployment.start_remote_worker(temporary, MCSTRESS_LANGFUSE_ENV=str(own)),
        }
        deployment.master.wait(90)
        for worker in started.values():
            worker.wait(30)
        yield deployment.master, started, deployment.master.document()


needs_unshare = pytest.mark.skipif(
    not CAN_UNSHARE, reason="no mount namespace of our own may be made here"
)


@needs_unshare
def test_a_worker_that_traces_nothing_is_named_and_changes_no_verdict(run):
    master, started, document = run
    counted = document["completeness"]
    (fault,) = counted["tracing"]["faults"]
    assert f"on {MACHINE} traced nothing: Langfuse tracing is off: " in fault
    assert "langfuse.env is missing" in fault
    assert counted["complete"], counted["faults"]
    assert fault in master.output
    assert fault.partition(": ")[2] in started["nothing"].output
    assert fault in (master.report_dir / "multi_coord_stress_001.md").read_text()


@needs_unshare
def test_what_was_made_are_the_steps_of_all_workers(run):
    tracing = run[2]["completeness"]["tracing"]
    steps = sum(len(event["steps"]) for event in run[2]["events"])
    untraced = {
        worker["name"]: worker["tracing"]["made"]
        for worker in run[2]["completeness"]["workers"]
        if worker["tracing"].get("fault")
    }
    ((name, untraced_steps),) = untraced.items()
    own = [event for event in run[2]["events"] if event["worker"] == name]
    assert untraced_steps == sum(len(event["steps"]) for event in own) > 0
    assert tracing["made"] == steps
    assert tracing["dropped"] == {"worker could not trace": untraced_steps}
    assert tracing["made"] == tracing["delivered"] + tracing["spooled"] + untraced_steps


@needs_unshare
def test_a_spool_on_another_machine_is_said_to_be_there(run):
    """Its own file counts first: it names a server that is not there, and all is spooled."""
    master, _, document = run
    tracing = document["completeness"]["tracing"]
    assert tracing["spools"] == []
    (spool,) = tracing["spools_elsewhere"]
    assert spool.endswith(f".spool.jsonl on {MACHINE} ({spool.rpartition('(')[2]}")
    assert f"not delivered, for mcstress replay there: {spool}" in master.output
    assert tracing["spooled"] > 0
