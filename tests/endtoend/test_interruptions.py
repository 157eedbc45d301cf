"""Signals at awkward moments, and workers that come late."""

from __future__ import annotations

import json
import signal
from collections import Counter
from contextlib import ExitStack

from endtoend.accounts import (
    calls,
    check_nothing_is_double,
    go_on,
    report_again,
    steps_kept,
    steps_of,
)
from endtoend.deployments import Deployment, apart, local
from endtoend.locust_run import until
from standin.process import Standin


def slow_deployments(tmp_path, stack):
    """A local run and one with workers, with slow answers in flight."""
    for deploy in (local, apart):
        standin = stack.enter_context(Standin(fault="slow", slow_s=1.5))
        deployment = deploy(
            tmp_path / deploy.__name__ / "reports",
            *("-u", 6, "-r", 6, "--stop-timeout", 10),
            *("--host", standin.url, "--llm-host", standin.url),
        )
        yield stack.enter_context(deployment), standin


def has_got(run, times):
    """Whether so many SIGTERMs were heard, or it was over sooner."""
    return run.output.count("Got SIGTERM") >= times or run.process.poll() is not None


def test_a_second_sigterm_makes_no_second_report_and_loses_none(tmp_path):
    with ExitStack() as stack:
        runs = list(slow_deployments(tmp_path, stack))
        for deployment, standin in runs:
            until(lambda: calls(standin) >= 6)  # noqa: B023  (called at once)
            for times in (1, 2, 3):
                deployment.master.send(signal.SIGTERM)
                until(lambda: has_got(deployment.master, times))  # noqa: B023  (likewise)
        for deployment, standin in runs:
            assert deployment.master.wait(60) == 4, deployment.output
            document = deployment.master.document()
            assert steps_of(document) == calls(standin)
            assert document["completeness"]["complete"]
            assert "Traceback" not in deployment.output, deployment.output


def test_a_second_ctrl_c_gives_up_the_report_and_leaves_what_it_can_be_made_from(tmp_path):
    with ExitStack() as stack:
        runs = list(slow_deployments(tmp_path, stack))
        for deployment, _ in runs:
            until(lambda: steps_kept(deployment) >= 6)  # noqa: B023  (called at once)
            deployment.master.send(signal.SIGINT)
            until(lambda: "Press Ctrl-C again to quit" in deployment.master.output)  # noqa: B023
            deployment.master.send(signal.SIGINT)
            assert deployment.master.wait(30) == 128 + signal.SIGINT, deployment.output
            assert "Quit without a report" in deployment.master.output
            assert not deployment.master.output.count("Traceback"), deployment.output
            for worker in deployment.workers:
                worker.send(signal.SIGKILL)
                worker.process.wait()
            assert report_again(deployment.report_dir)["verdict"] == "unknown"


MANY = 150_000
"""Events whose JSON takes long enough to write that a signal meets it."""


def add_many_events(folder):
    """Put the file of one more worker beside those of the run: a long run's events."""
    main = folder / "multi_coord_stress_001.events.jsonl"
    first, *lines = main.read_bytes().split(b"\n")[:-1]
    own = {"run_uid": json.loads(first)["run"]["run_uid"], "worker": "worker-9", "boot": "b"}
    event = next(line for line in lines if not line.startswith(b'{"record"'))
    with (folder / "multi_coord_stress_001.worker-9.events.jsonl").open("wb") as file:
        file.write(json.dumps({"record": "segment", **own}).encode() + b"\n")
        before, after = event.replace(b'"local"', b'"worker-9"').split(b'"seq":', 1)
        rest = after.partition(b",")[2]
        for seq in range(1, MANY + 1):
            file.write(b'%b"seq":%d,%b\n' % (before, seq, rest))


def test_a_second_ctrl_c_while_a_long_report_is_written_leaves_no_half_of_it(tmp_path):
    with Standin() as standin:
        services = ("--host", standin.url, "--llm-host", standin.url)
        with local(tmp_path / "reports", "-u", 3, "-r", 3, *services) as deployment:
            until(lambda: steps_kept(deployment))
            add_many_events(deployment.report_dir)
            deployment.master.send(signal.SIGTERM)
            half = ".multi_coord_stress_001.json.*.tmp"
            until(lambda: [*deployment.report_dir.glob(half)], what="a report half written")
            deployment.master.send(signal.SIGINT)
            assert deployment.master.wait(30) == 128 + signal.SIGINT, deployment.output
            assert "To make one: mcstress report" in deployment.output
            assert "Traceback" not in deployment.output, deployment.output
            names = sorted(file.name for file in deployment.report_dir.iterdir())
            endings = ("events.jsonl", "worker-9.events.jsonl")
            assert names == [f"multi_coord_stress_001.{ending}" for ending in endings]


def test_a_worker_that_joins_late_takes_its_part(tmp_path):
    with Standin() as standin:
        arguments = ("-u", 9, "-r", 9, "--think-time", "0.02", "--stop-timeout", 5)
        services = ("--host", standin.url, "--llm-host", standin.url)
        with apart(tmp_path / "reports", *arguments, *services, workers=1) as deployment:
            go_on(standin, 200)
            deployment.start_worker()
            until(lambda: "2 workers connected" in deployment.master.output)
            until(lambda: late_handovers(deployment) >= 16, what="handovers of the late worker")
            deployment.master.send(signal.SIGTERM)
            deployment.master.wait(60)
            document = deployment.master.document()
            made = calls(standin)
    assert document["completeness"]["complete"], document["completeness"]
    assert steps_of(document) == made
    check_nothing_is_double(document)
    late = [event for event in document["events"] if event["worker"] == "worker-1"]
    outcomes = Counter(event["outcome"] for event in late if event["phase"] == "handover")
    assert outcomes["ok"] >= 8, "it knows who is there, and waits for nobody"
    assert not outcomes["unmet"]


def late_handovers(deployment: Deployment) -> int:
    """Handover events that the second worker has written down so far."""
    files = deployment.report_dir.glob("*.worker-1.events.jsonl")
    return sum(file.read_bytes().count(b'"phase":"handover"') for file in files)
