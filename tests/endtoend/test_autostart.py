"""``--autostart -t``: the run lasts as long as it says, and the report says what ended it."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import datetime

from endtoend.deployments import Deployment
from free_ports import free_port
from standin.process import Standin

SHORT_S, LONG_S = 3, 9
"""Loading the charts takes as long on a busy machine, or longer."""


def lasted_s(document):
    began, ended = (datetime.fromisoformat(document["run"][key]) for key in ("started", "ended"))
    return (ended - began).total_seconds()


def test_the_run_time_counts_from_the_start_of_the_run(tmp_path):
    with ExitStack() as stack:
        service = stack.enter_context(Standin())
        runs = {}
        for run_time_s in (SHORT_S, LONG_S):
            run = stack.enter_context(Deployment(tmp_path / str(run_time_s) / "reports"))
            run.master = run.run(
                *("--autostart", "--autoquit", 1, "--web-host", "127.0.0.1"),
                *("--web-port", free_port(), "-u", 3, "-r", 3, "-t", f"{run_time_s}s"),
                *("--host", service.url, "--llm-host", service.url, "--think-time", 0.1),
            )
            runs[run_time_s] = run
        for run_time_s, run in runs.items():
            assert run.master.wait(90) in (0, 4), run.master.output
            document = run.master.document()
            assert document["run"]["stopped_by"] == "run time reached"
            assert document["events"]
            # Locust's timer begins a moment before the run.
            assert lasted_s(document) > run_time_s - 1
