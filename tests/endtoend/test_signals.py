"""A signal ends the process in whatever state: while services start, before runs and after."""

from __future__ import annotations

import signal
from contextlib import ExitStack

import httpx
import psutil
import pytest
from endtoend.accounts import calls, children, go_on, steps_of
from endtoend.deployments import HEADLESS, Deployment, apart, local, processes
from endtoend.locust_run import until
from free_ports import free_port
from harness.stranger import Stranger
from standin.process import Standin

from mcstress.exit_codes import EXIT_CODES

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
WEB = ("--web-host", "127.0.0.1", "--web-port")
STARTING = "starting the embedded stack"


def test_a_master_that_still_waits_for_workers_leaves_nothing(tmp_path):
    with ExitStack() as stack:
        waiting = {}
        for signal_ in SIGNALS:
            deployment = stack.enter_context(Deployment(tmp_path / signal_.name / "reports"))
            deployment.start_master(*HEADLESS, "-u", 3, "-r", 3, workers=2)
            deployment.start_worker()
            waiting[signal_] = deployment
        for signal_, deployment in waiting.items():
            until(lambda: "1 workers connected" in deployment.master.output)  # noqa: B023  (at once)
            started = children(deployment)
            assert started, "the embedded stack"
            deployment.master.send(signal_)
            assert deployment.master.wait(60) == 128 + signal_
            assert deployment.workers[0].wait(60) == 0, "it was let go"
            assert not psutil.wait_procs(started, timeout=60)[1]
            assert "Traceback" not in deployment.output, deployment.output
            assert not list(deployment.report_dir.glob("*"))


def test_a_strangers_message_changes_nothing_of_it(tmp_path):
    with ExitStack() as stack:
        service = stack.enter_context(Standin())
        services = ("--host", service.url, "--llm-host", service.url)
        for signal_ in SIGNALS:
            deployment = stack.enter_context(Deployment(tmp_path / signal_.name / "reports"))
            deployment.start_master(*HEADLESS, "--loglevel", "DEBUG", *services, workers=1)
            master = deployment.master
            until(lambda: "Waiting for workers" in master.output)  # noqa: B023  (at once)
            with Stranger(deployment.port) as stranger:
                stranger.say("heartbeat", {"state": "running"})
                until(lambda: "dropped a message" in master.output)  # noqa: B023
                master.send(signal_)
                assert master.wait(60) == 128 + signal_, master.output


@pytest.mark.parametrize("how", [HEADLESS, ("--autostart", *WEB)], ids=["headless", "autostart"])
def test_a_start_of_the_embedded_stack_is_cut_short(how, tmp_path):
    with ExitStack() as stack:
        starting = {}
        for signal_ in SIGNALS:
            deployment = stack.enter_context(Deployment(tmp_path / signal_.name / "reports"))
            port = (free_port(),) if how is not HEADLESS else ()
            deployment.master = deployment.run(*how, *port)
            # Each at once: while another is waited for, this one's stack would have started.
            until(lambda: STARTING in deployment.master.output)  # noqa: B023  (at once)
            starting[signal_] = deployment, children(deployment)
            deployment.master.send(signal_)
        for signal_, (deployment, started) in starting.items():
            assert deployment.master.wait(60) == 128 + signal_, deployment.master.output
            assert not psutil.wait_procs(started, timeout=60)[1]
            assert "Traceback" not in deployment.output, deployment.output


def is_served(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


WEB_ENDS = {
    **{("before a run", signal_): 0 for signal_ in SIGNALS},
    ("during a run", signal.SIGHUP): 4,
    ("after a run", signal.SIGINT): 4,
    ("after a run", signal.SIGHUP): 4,
}
"""When which signal comes, and the exit code: of a run that was cut short nothing is known."""


def test_the_web_ui_ends_before_runs_during_them_and_after(tmp_path):
    with ExitStack() as stack:
        service = stack.enter_context(Standin())
        services = ("--host", service.url, "--llm-host", service.url, "--think-time", 0.1)
        ends = []
        for number, ((when, signal_), code) in enumerate(WEB_ENDS.items()):
            deployment = stack.enter_context(Deployment(tmp_path / str(number) / "reports"))
            port = free_port()
            deployment.master = deployment.run(*WEB, port, *services)
            ends.append((when, signal_, code, deployment, f"http://127.0.0.1:{port}"))
        for when, signal_, _, deployment, url in ends:
            until(lambda: is_served(url), what="the web UI")  # noqa: B023  (at once)
            if when != "before a run":
                form = {"user_count": 3, "spawn_rate": 3}
                httpx.post(f"{url}/swarm", data=form, timeout=60).raise_for_status()
                go_on(service, 3)
            if when == "after a run":
                httpx.post(f"{url}/stop", timeout=60).raise_for_status()
            deployment.master.send(signal_)
        for when, signal_, code, deployment, _ in ends:
            output = deployment.master.output
            assert deployment.master.wait(60) == code, (when, signal_, output)
            assert "Traceback" not in output, output
            endings = {path.suffix for path in deployment.report_dir.glob("*")}
            assert endings == ({".json", ".md", ".html"} if code else set())


@pytest.mark.parametrize("deploy", [local, processes])
def test_a_terminal_that_is_closed_ends_a_run_as_sigterm_does(deploy, tmp_path):
    with Standin() as standin:
        services = ("--host", standin.url, "--llm-host", standin.url)
        arguments = ("-u", 6, "-r", 6, "--think-time", 0.05, "--stop-timeout", 10)
        with deploy(tmp_path / "reports", *arguments, *services) as deployment:
            go_on(standin, 100)
            group = [psutil.Process(deployment.master.process.pid), *children(deployment)]
            for process in group:
                process.send_signal(signal.SIGHUP)
            code = deployment.master.wait(60)
            assert not psutil.wait_procs(group, timeout=60)[1]
            document = deployment.master.document()
            # A service that this machine let stand still in these seconds fails the run.
            assert code == EXIT_CODES[document["verdict"]], deployment.output
            assert document["verdict"] != "pass"
            assert steps_of(document) == calls(standin)
            assert document["completeness"]["complete"], document["completeness"]
            assert document["run"]["stopped_by"].startswith("stopped by a signal")
            assert "Traceback" not in deployment.output, deployment.output


def test_a_second_ctrl_c_names_the_file_that_a_report_can_be_made_from(tmp_path):
    with Standin(fault="slow", slow_s=1.5) as standin:
        services = ("--host", standin.url, "--llm-host", standin.url)
        arguments = ("-u", 3, "-r", 3, "--stop-timeout", 10, *services)
        with apart(tmp_path / "a b" / "reports", *arguments) as run:
            until(lambda: calls(standin) >= 6)
            for worker in (run.master, run.workers[0]):
                worker.send(signal.SIGINT)
            until(lambda: "Press Ctrl-C again to quit" in run.master.output)
            for worker in (run.master, run.workers[0]):
                worker.send(signal.SIGINT)
            assert run.master.wait(30) == 130
            made_from = run.report_dir / "multi_coord_stress_001.events.jsonl"
            assert f"To make one: mcstress report '{made_from}'" in run.master.output
            assert made_from.exists()
            assert run.workers[0].wait(60) in (0, 130)
            assert "Traceback" not in run.output


SHAPE = """
from locustfile import *
from locust import LoadTestShape

class Shape(LoadTestShape):
    def tick(self):
        return 3, 3
"""


def test_a_run_that_follows_a_shape_ends_by_every_signal_with_its_report(tmp_path):
    """Locust listens to SIGTERM only when a headless shape has ended, which this one never does."""
    (tmp_path / "shape.py").write_text(SHAPE)
    with ExitStack() as stack:
        service = stack.enter_context(Standin())
        services = ("--host", service.url, "--llm-host", service.url, "--think-time", 0.1)
        runs = {}
        for signal_ in SIGNALS:
            folder = tmp_path / signal_.name / "reports"
            shaped = local(folder, *services, locustfile=tmp_path / "shape.py")
            runs[signal_] = stack.enter_context(shaped)
        for signal_, deployment in runs.items():
            until(lambda: "All users spawned" in deployment.output)  # noqa: B023  (at once)
            deployment.master.send(signal_)
        for signal_, deployment in runs.items():
            code = deployment.master.wait(60)
            document = deployment.master.document()
            assert code == EXIT_CODES[document["verdict"]], (signal_, deployment.output)
            assert document["completeness"]["complete"], document["completeness"]
            assert "Traceback" not in deployment.output, deployment.output
