"""Where no report is made, what it would have been made of is there, and traces are spooled."""

from __future__ import annotations

import signal
from contextlib import ExitStack

import pytest
from endtoend.accounts import calls, go_on, report_again, steps_of
from endtoend.deployments import local, processes
from endtoend.langfuse_process import Langfuse
from endtoend.locust_run import until
from standin.process import Standin

from tracing.observation import Observation
from tracing.spool_line import entry_of

RUN = ("-u", 6, "-r", 6, "--think-time", 0.1, "--stop-timeout", 10)


@pytest.fixture
def started(tmp_path):
    """Starts a run whose Langfuse takes nothing and does not say so; gives it and its services."""
    with ExitStack() as stack:

        def start(deploy):
            langfuse = stack.enter_context(Langfuse(mode="hang"))
            standin = stack.enter_context(Standin())
            services = ("--host", standin.url, "--llm-host", standin.url)
            traced = ("--langfuse-env", langfuse.env_file(tmp_path / "secret"))
            run = stack.enter_context(deploy(tmp_path / "reports", *RUN, *services, *traced))
            go_on(standin, 100)
            return run, standin

        yield start


def spooled(folder):
    """How many observations lie in the spools."""
    lines = [
        line for spool in folder.glob("*.spool.jsonl") for line in spool.read_bytes().splitlines()
    ]
    return sum(isinstance(entry_of(line), Observation) for line in lines)


def test_a_second_ctrl_c_gives_up_the_report_and_no_trace(started):
    run, standin = started(local)
    run.interrupt_all()
    until(lambda: "stopping; the report follows" in run.output)
    until((run.report_dir / "multi_coord_stress_001.json").exists, what="a report")
    run.interrupt_all()
    assert run.master.wait(60) == 130, run.output
    until(lambda: spooled(run.report_dir) >= calls(standin), what="all traces spooled")
    assert spooled(run.report_dir) == calls(standin)


@pytest.mark.parametrize("deploy", [local, processes])
def test_a_report_that_cannot_be_written_says_what_is_left(started, deploy):
    run, standin = started(deploy)
    in_the_way = run.report_dir / "multi_coord_stress_001.json"
    in_the_way.mkdir()
    run.master.send(signal.SIGTERM)
    assert run.master.wait(60) == 2, run.output
    assert "the report is not whole: " in run.output
    assert "Is a directory" in run.output
    assert "Traceback" not in run.output
    until(lambda: spooled(run.report_dir) >= calls(standin), what="all traces spooled")
    assert spooled(run.report_dir) == calls(standin)
    in_the_way.rmdir()
    assert steps_of(report_again(run.report_dir)) == calls(standin)
