"""A ramp up and down in the web UI with two workers, and a second run after it."""

from __future__ import annotations

from collections import Counter

import httpx
import pytest
from endtoend.accounts import calls, check_nothing_is_double, go_on, steps_of
from endtoend.deployments import Deployment
from endtoend.locust_run import until
from free_ports import free_port
from standin.process import Standin

BEGINNING, PEAK, REST = 6, 45, 9
CATCHING_UP = 600
"""Calls: two rounds of the three trios that are left. On a busy machine those who are put together
may have been so far apart, and whoever is behind skips handovers until it has caught up."""


class WebUI:
    """Locust's own routes, as its page calls them."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def start(self, users: int, spawn_rate: int) -> dict:
        """Start, or change the ramp of what is on; what the form is told."""
        form = {"user_count": users, "spawn_rate": spawn_rate}
        return httpx.post(f"{self._url}/swarm", data=form, timeout=60).json()

    def swarm(self, users: int, spawn_rate: int) -> None:
        """The same, until all users are there."""
        answer = self.start(users, spawn_rate)
        assert answer["success"], answer
        until(lambda: self._is(users), what=f"{users} users")

    def _is(self, users: int) -> bool:
        found = httpx.get(f"{self._url}/stats/requests").json()
        return found["user_count"] == users and found["state"] == "running"

    def is_served(self) -> bool:
        """Whether the page is there."""
        try:
            return httpx.get(self._url).is_success
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        """Stop the test."""
        httpx.post(f"{self._url}/stop", timeout=60).raise_for_status()


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The documents of a ramp and of a second run, and the steps made at the service in each."""
    folder = tmp_path_factory.mktemp("ramp")
    with Standin() as standin, Deployment(folder / "reports") as deployment:
        port = free_port()
        deployment.start_master(
            *("--web-host", "127.0.0.1", "--web-port", port, "--stop-timeout", 3),
            *("--host", standin.url, "--llm-host", standin.url, "--think-time", 0.05),
            workers=2,
        )
        web = WebUI(port)
        until(web.is_served, what="the web UI")
        refused = web.start(BEGINNING, spawn_rate=40)
        assert "no worker is ready" in refused["message"]
        for _ in range(2):
            deployment.start_worker()
        until(lambda: "2 workers connected" in deployment.master.output)
        for users in (BEGINNING, PEAK, REST):
            web.swarm(users, spawn_rate=40)
            go_on(standin, 40 * users)
        go_on(standin, CATCHING_UP + 600)
        web.stop()
        first = until(lambda: finished(deployment, "001"))
        made = calls(standin)
        until(lambda: deployment.master.output.count("2 workers connected") == 2)
        web.swarm(BEGINNING, spawn_rate=40)
        go_on(standin, 400)
        web.stop()
        second = until(lambda: finished(deployment, "002"))
        yield [(first, made), (second, calls(standin) - made)]
        assert "Traceback" not in deployment.output


def finished(deployment: Deployment, number: str) -> dict | None:
    """The run's document once it is there."""
    path = deployment.report_dir / f"multi_coord_stress_{number}.json"
    return deployment.master.document(number) if path.exists() else None


@pytest.mark.parametrize("number", [0, 1])
def test_all_of_each_run_is_in_its_own_report(runs, number):
    document, made = runs[number]
    assert document["completeness"]["complete"], document["completeness"]
    assert steps_of(document) == made
    check_nothing_is_double(document)
    assert document["run"]["peak_users"] == (PEAK, BEGINNING)[number]


def test_the_two_runs_share_no_namespace_and_no_event(runs):
    first, second = ({event["namespace"] for event in run["events"]} for run, _ in runs)
    assert not first & second
    assert min(event["round"] for event in runs[1][0]["events"]) == 1


def test_the_figures_are_as_with_one_trio(runs):
    metrics = runs[0][0]["metrics"]
    assert metrics["determinism"]["mean_jaccard"] == 1
    assert metrics["handover"]["verbatim"]["top1_rate"] == 1
    assert metrics["freshness"]["top1"] == metrics["freshness"]["resumes"] > 100
    assert metrics["swap"]["returned"] == 0
    assert metrics["errors"]["failed"] == 0


def test_those_who_stay_after_the_ramp_are_whole_trios_again(runs):
    document, _ = runs[0]
    last = document["events"][-300:]
    assert {event["trio"] for event in last} == {1, 2, 3}
    handovers = Counter(event["outcome"] for event in last if event["phase"] == "handover")
    assert handovers["ok"] > 10
    assert handovers["ok"] > 5 * handovers["skipped"]
