"""A master that dies takes its load with it, at once; what its workers saw is kept and named."""

from __future__ import annotations

import signal
from contextlib import ExitStack

import psutil
from endtoend.accounts import calls, go_on, report_again, steps_of
from endtoend.deployments import apart, processes
from endtoend.locust_run import until
from standin.process import Standin

RUN = ("-u", 6, "-r", 6, "--think-time", 0.05, "--stop-timeout", 5)
STOPS_S = 10
"""On a busy machine; silence alone is called a death after fifteen seconds."""


def workers_of(deployment):
    """The processes of a deployment's workers."""
    if deployment.workers:
        return [psutil.Process(worker.process.pid) for worker in deployment.workers]
    return psutil.Process(deployment.master.process.pid).children()


def test_the_load_ends_with_the_master_and_the_report_can_be_made(tmp_path):
    with ExitStack() as stack:
        runs = []
        for deploy in (apart, processes):
            service = stack.enter_context(Standin())
            services = ("--host", service.url, "--llm-host", service.url)
            run = deploy(tmp_path / deploy.__name__ / "reports", *RUN, *services)
            runs.append((stack.enter_context(run), service))
        for run, service in runs:
            go_on(service, 100)
            workers = workers_of(run)
            assert len(workers) == 2
            run.master.send(signal.SIGKILL)
            run.master.wait()
            if run.workers:
                for worker in run.workers:
                    until(lambda it=worker: "users stop" in it.output, STOPS_S)
            else:
                assert not psutil.wait_procs(workers, timeout=STOPS_S)[1], "they outlive it"
            until(lambda it=service: is_still(it), STOPS_S, what="an end of the load")
            segments = sorted(run.report_dir.glob("*.worker-*.events.jsonl"))
            assert len(segments) == 2
            assert all(str(segment) in run.output for segment in segments)
            found = report_again(run.report_dir)
            assert found["verdict"] == "unknown"
            assert steps_of(found) == calls(service)
        for worker in runs[0][0].workers:
            worker.send(signal.SIGTERM)
            assert worker.wait(30) == 4, worker.output


def is_still(service) -> bool:
    """Whether nobody has a connection to it: users hold theirs for as long as they live."""
    open_ = psutil.Process(service.process.pid).net_connections("tcp")
    return not any(one.raddr and one.status != psutil.CONN_TIME_WAIT for one in open_)


def test_workers_that_have_not_reached_their_master_end_with_it(tmp_path):
    elsewhere = ("--master-bind-host", "127.0.0.1", "--master-host", "127.0.0.2")
    with processes(tmp_path / "reports", *RUN, *elsewhere) as run:
        master = psutil.Process(run.master.process.pid)
        until(lambda: "Waiting for workers" in run.master.output)
        workers = [each for each in master.children() if "embedded" not in " ".join(each.cmdline())]
        assert len(workers) == 2
        run.master.send(signal.SIGKILL)
        assert not psutil.wait_procs(workers, timeout=STOPS_S)[1]
