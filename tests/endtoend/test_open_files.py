"""More users than open files: said before the run, or of the worker that could not take them."""

from __future__ import annotations

import signal

import httpx
import pytest
from endtoend.deployments import HEADLESS, Deployment
from endtoend.locust_run import until
from free_ports import free_port
from standin.process import Standin

LIMIT, ROOM = 240, 20
"""Of open files, and for how many users that is enough."""
LIMITED = ("sh", "-c", f'ulimit -n {LIMIT} && exec "$@"', "sh")


@pytest.mark.parametrize(
    ("processes", "users", "told"),
    [
        (1, 400, "--users: 400 users need about 1,000 open files"),
        (2, 400, "--users 400, on each of 2 processes: 200 users need about 600 open files"),
    ],
)
def test_a_run_that_would_run_out_of_them_is_refused(processes, users, told, tmp_path):
    with Deployment(tmp_path / "reports") as deployment:
        ports = ("--master-bind-port", deployment.port, "--master-port", deployment.port)
        forks = ("--processes", processes, *ports) if processes > 1 else ()
        run = deployment.run(*HEADLESS, *forks, "-u", users, "-r", users, within=LIMITED)
        assert run.wait(60) == 2
        (line,) = [line for line in run.output.splitlines() if line.startswith("mcstress: ")]
        assert line.startswith(f"mcstress: {told}; the limit is {LIMIT}: ulimit -n ")
        assert "Traceback" not in run.output


def test_the_web_form_refuses_them_at_the_start_and_while_a_run_is_on(tmp_path):
    with Standin() as standin, Deployment(tmp_path / "reports") as deployment:
        port = free_port()
        web = ("--web-host", "127.0.0.1", "--web-port", port)
        services = ("--host", standin.url, "--llm-host", standin.url, "--think-time", 1)
        deployment.master = deployment.run(*web, *services, within=LIMITED)

        def swarm(users):
            form = {"user_count": users, "spawn_rate": users}
            return httpx.post(f"http://127.0.0.1:{port}/swarm", data=form, timeout=60).json()

        until(lambda: is_served(f"http://127.0.0.1:{port}"))
        assert "--users: 400 users need about 1,000 open files" in swarm(400)["message"]
        assert swarm(3)["success"]
        until(lambda: sum(standin.calls().values()) > 3)
        assert "--users: 21 users need about 242 open files" in swarm(21)["message"]
        assert swarm(20)["success"]


def is_served(url):
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


def test_a_worker_takes_as_many_users_as_it_has_files_for_and_the_report_says_so(tmp_path):
    with Standin() as standin, Deployment(tmp_path / "reports") as deployment:
        services = ("--host", standin.url, "--llm-host", standin.url, "--think-time", 1)
        users = ("-u", 4 * ROOM, "-r", 4 * ROOM, "--stop-timeout", 10)
        deployment.start_master(*HEADLESS, *users, *services, workers=2)
        deployment.start_worker()
        limited = deployment.start_worker(within=LIMITED)
        told = f"took {ROOM} users and no more: each needs 2 open files, and the limit is {LIMIT}"
        until(lambda: told in limited.output)
        until(lambda: sum(standin.calls().values()) > 500)
        deployment.master.send(signal.SIGTERM)
        assert deployment.master.wait(60) == 4
        document = deployment.master.document()
    assert any(told in fault for fault in document["completeness"]["faults"])
    assert document["faults"]["unsent_steps"] == document["metrics"]["errors"]["failed"] == 0
    assert document["run"]["peak_users"] == 3 * ROOM
    assert "missing worker-" in deployment.master.output
