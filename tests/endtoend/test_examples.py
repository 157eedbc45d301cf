"""The examples do what docs/extending.md says of them."""

from __future__ import annotations

import json
import subprocess
import sys

import httpx
import pytest
from endtoend.locust_run import CHECKOUT, LocustRun, forked, until
from endtoend.test_bad_input import free_port
from standin.process import Standin

EXAMPLES = CHECKOUT / "examples"


@pytest.fixture(scope="module")
def services():
    with Standin() as standin:
        yield ("--host", standin.url, "--llm-host", standin.url)


def outcome(tmp_path, example, *arguments, **environment):
    """Exit code, document and output of a headless run of one of the examples."""
    locustfile = EXAMPLES / example
    with LocustRun(
        "--headless",
        *arguments,
        report_dir=tmp_path / "reports",
        locustfile=locustfile,
        **environment,
    ) as run:
        code = run.wait()
        return code, run.document(), run.output


ROUND = ("-u", 3, "-r", 3, "--rounds", 1)


@pytest.mark.parametrize("processes", [0, 2])
def test_a_phase_of_ones_own_has_tags_checks_and_figures(tmp_path, services, processes):
    check = "events.by_phase.spot_check == 3; latency.phases.spot_check.p50_ms < 30000"
    workers = forked(processes) if processes else ()
    arguments = (*ROUND, *services, *workers, "--tags", "spot_check", "--check", check)
    code, document, output = outcome(tmp_path, "own_phase.py", *arguments)
    assert code == 0, output
    assert document["run"]["phases"] == ["spot_check"]
    assert {event["phase"] for event in document["events"]} == {"spot_check"}
    assert document["latency"]["phases"]["spot_check"]["count"] == 3
    markdown = (tmp_path / "reports" / "multi_coord_stress_001.md").read_text()
    assert "spot check` |" in markdown


def test_its_report_can_be_made_again_without_its_locustfile(tmp_path, services):
    code, document, output = outcome(tmp_path, "own_phase.py", *ROUND, *services)
    assert code == 0, output
    assert document["metrics"]["events"]["by_phase"]["spot_check"] == 3
    path = tmp_path / "reports" / "multi_coord_stress_001.json"
    command = [sys.executable, "-m", "mcstress.cli", "report", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    again = json.loads(path.read_text())
    assert again["metrics"] == document["metrics"]
    assert again["latency"] == document["latency"]
    assert "spot check` |" in path.with_suffix(".md").read_text()


def test_a_fourth_persona_and_its_scenario(tmp_path):
    scenario = ("--scenario", EXAMPLES / "four_coordinators.toml")
    with Standin(scenario=str(EXAMPLES / "four_coordinators.toml")) as standin:
        hosts = ("--host", standin.url, "--llm-host", standin.url)
        code, document, output = outcome(
            tmp_path, "own_persona.py", "-u", 4, "-r", 4, "--rounds", 1, *scenario, *hosts
        )
    assert code == 0, output
    assert {event["coordinator"] for event in document["events"]} == {
        "alice",
        "bob",
        "carol",
        "dave",
    }
    assert document["metrics"]["handover"]["verbatim"]["queries"] == 2


def test_a_listener_hears_every_event(tmp_path, services):
    code, document, output = outcome(tmp_path, "own_listener.py", *ROUND, *services)
    assert code == 0, output
    (line,) = (line for line in output.splitlines() if line.startswith("heard: "))
    heard = eval(line.removeprefix("heard: "))  # a dict of our own words and numbers
    steps = heard.pop("steps")
    by_phase = document["metrics"]["events"]["by_phase"]
    assert heard == {phase: count for phase, count in by_phase.items() if count}
    assert steps == document["metrics"]["errors"]["steps"]


def test_a_load_shape(tmp_path, services):
    code, document, output = outcome(
        tmp_path, "load_shape.py", "--think-time", 0.05, *services, STAGE_S="3"
    )
    assert code in (0, 3, 4), output  # so short a run may leave checks unknown
    assert document["run"]["peak_users"] == 9, output
    assert document["completeness"]["complete"], output


def test_a_login(tmp_path, services):
    port = free_port()
    arguments = ("--web-login", "--web-host", "127.0.0.1", "--web-port", port, *services)
    with (
        LocustRun(
            *arguments,
            report_dir=tmp_path / "reports",
            locustfile=EXAMPLES / "web_login.py",
            LOGIN_PASSWORD="right",
        ) as run,
        httpx.Client(base_url=f"http://127.0.0.1:{port}") as client,
    ):

        def is_up():
            assert run.process.poll() is None, run.output
            try:
                return client.get("/login").is_success
            except httpx.TransportError:
                return False

        until(is_up, what="the web UI")
        assert client.get("/coordination/").status_code == 302
        client.post("/login_submit", data={"username": "any", "password": "wrong"})
        assert client.get("/coordination/").status_code == 302
        client.post("/login_submit", data={"username": "any", "password": "right"})
        assert client.get("/coordination/").status_code == 200


@pytest.mark.parametrize("processes", [2])
def test_a_metric_of_ones_own_has_checks_figures_and_rows(tmp_path, services, processes):
    check = "spread.lists == 12; spread.mean_corpora >= 1"
    arguments = (*ROUND, *services, *forked(processes), "--check", check)
    code, document, output = outcome(tmp_path, "own_metric.py", *arguments)
    assert code == 0, output
    surges = [one["top_k"] for one in document["events"] if one["phase"] == "surge"]
    corpora = [len({hit["corpus"] for hit in hits}) for hits in surges]
    expected = {"lists": len(surges), "mean_corpora": sum(corpora) / len(corpora)}
    assert document["metrics"]["spread"] == expected
    assert document["load_curve"][0]["spread"] == expected
    markdown = (tmp_path / "reports" / "multi_coord_stress_001.md").read_text()
    assert f"| corpora in a list | {expected['mean_corpora']:.3f} |" in markdown
