"""A second Ctrl-C reaches the workers a little after the master: their traces are spooled."""

from __future__ import annotations

import signal
import time
from collections import Counter
from contextlib import ExitStack

import psutil
from endtoend.deployments import processes
from endtoend.langfuse_process import Langfuse
from endtoend.locust_run import until
from standin.process import Standin

from mcstress.tracing.observation import Observation
from mcstress.tracing.spool.line import entry_of

LATER_S = (0.005, 0.012, 0.025, 0.05)
"""The master has let the workers go by then, and they spool what waits."""
AT_LEAST = 1000


def observations(report_dir):
    """How many observations the spool of each worker holds."""
    found = Counter()
    for spool in report_dir.glob("*.worker-*.spool.jsonl"):
        entries = map(entry_of, spool.read_bytes().splitlines())
        spans = sum(isinstance(entry, Observation) for entry in entries)
        found[spool.name.split(".")[1]] += spans
    return found


def test_each_worker_spools_all_that_it_traced(tmp_path):
    with ExitStack() as stack:
        langfuse = stack.enter_context(Langfuse(mode="hang"))
        env_file = langfuse.env_file(tmp_path / "secret")
        runs = []
        for later_s in LATER_S:
            standin = stack.enter_context(Standin())
            arguments = ("-u", 6, "-r", 6, "--stop-timeout", 10, "--langfuse-env", env_file)
            services = ("--host", standin.url, "--llm-host", standin.url, "--think-time", 0.01)
            run = processes(tmp_path / str(later_s) / "reports", *arguments, *services)
            runs.append((stack.enter_context(run), standin))
        for (run, standin), later_s in zip(runs, LATER_S, strict=True):
            until(lambda: sum(standin.calls().values()) > AT_LEAST)  # noqa: B023  (called at once)
            workers = psutil.Process(run.master.process.pid).children()
            assert len(workers) == 2
            run.interrupt_all()
            report = run.report_dir / "multi_coord_stress_001.md"  # after the JSON
            until(report.exists, what="the report, which tracing does not hold up")
            run.master.send(signal.SIGINT)
            time.sleep(later_s)  # the very thing that is tried
            for worker in workers:
                worker.send_signal(signal.SIGINT)
            assert run.master.wait(60) == 130, run.output
            assert not psutil.wait_procs(workers, timeout=60)[1]
            made = Counter()
            for event in run.master.document()["events"]:
                made[event["worker"]] += len(event["steps"])
            assert len(made) == 2
            assert observations(run.report_dir) == made
            assert "Quit before " in run.output, run.output
