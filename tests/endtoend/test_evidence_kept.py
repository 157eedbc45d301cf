"""Whatever --evidence keeps, the figures are those of all events."""

from __future__ import annotations

import json
import signal
from contextlib import ExitStack

import pytest
from endtoend.accounts import calls, deltas_kept, go_on, looks_of, report_again
from endtoend.deployments import local, processes
from endtoend.locust_run import until
from endtoend.test_modes import SAME, without_times
from standin.process import Standin

KEPT = {"all": local, "full": processes, "sample=0.1": processes, "none": local}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Each policy's report folder, and its document."""
    with Standin("half_lists") as standin, ExitStack() as stack:
        services = ("--host", standin.url, "--llm-host", standin.url)
        arguments = ("-u", 6, "-r", 6, "--rounds", 2, *services)
        started = {
            policy: stack.enter_context(
                deploy(tmp_path_factory.mktemp("run") / "reports", *arguments, "--evidence", policy)
            )
            for policy, deploy in KEPT.items()
        }
        for run in started.values():
            run.master.wait(90)
        yield {policy: (run.report_dir, run.master.document()) for policy, run in started.items()}


@pytest.mark.parametrize("policy", KEPT)
def test_the_figures_are_those_of_all_events(policy, runs):
    _, document = runs[policy]
    _, of_all = runs["all"]
    assert document["completeness"]["complete"], document["completeness"]
    assert document["completeness"]["events_made"] == len(of_all["events"])
    for figure in SAME:
        one, other = (its["metrics"][figure] for its in (document, of_all))
        assert without_times(one) == without_times(other), figure
    assert document["verdict"] == of_all["verdict"] == "fail"


@pytest.mark.parametrize("policy", KEPT)
def test_the_report_made_again_has_the_same_figures(policy, runs):
    folder, document = runs[policy]
    again = report_again(folder, "json")
    assert again["metrics"] == document["metrics"]
    assert again["latency"] == document["latency"]
    assert again["verdict"] == document["verdict"]


def test_as_many_events_are_kept_as_were_asked_for(runs):
    kept = {policy: len(document["events"]) for policy, (_, document) in runs.items()}
    assert kept["none"] == 0
    assert kept["all"] == kept["full"] == 2 * 2 * 73
    assert 10 <= kept["sample=0.1"] <= 55


def test_bodies_are_kept_where_they_were_asked_for(runs):
    steps = [step for event in runs["full"][1]["events"] for step in event["steps"]]
    assert all(json.loads(step["request"]) and json.loads(step["response"]) for step in steps)
    steps = [step for event in runs["all"][1]["events"] for step in event["steps"]]
    assert not any(step.get("request") or step.get("response") for step in steps)


def modes(folder):
    """The modes of the files that hold events, by how their names end."""
    files = [*folder.glob("*.json"), *folder.glob("*.jsonl")]
    return {path.name.partition(".")[2]: f"{path.stat().st_mode & 0o777:o}" for path in files}


def test_bodies_are_for_their_owner_alone(runs):
    expected = {policy: {"json": "600" if policy == "full" else "644"} for policy in KEPT}
    assert {policy: modes(folder) for policy, (folder, _) in runs.items()} == expected


def test_bodies_are_their_owners_while_they_are_written_and_after_a_crash(tmp_path):
    with Standin() as standin:
        services = ("--host", standin.url, "--llm-host", standin.url)
        arguments = ("-u", 6, "-r", 6, "--think-time", "0.02", *services, "--evidence", "full")
        with processes(tmp_path / "reports", *arguments) as run:
            go_on(standin, 100)
            until(lambda: len(modes(run.report_dir)) == 3)
            assert set(modes(run.report_dir).values()) == {"600"}
            run.master.send(signal.SIGKILL)
            run.master.process.wait()
        report_again(tmp_path / "reports")
        assert modes(run.report_dir)["json"] == "600"


@pytest.mark.parametrize("policy", ["sample=0.1", "none"])
def test_a_run_that_is_killed_has_its_figures_beside_its_sample(policy, tmp_path):
    with Standin() as standin:
        services = ("--host", standin.url, "--llm-host", standin.url)
        arguments = ("-u", 6, "-r", 6, "--think-time", "0.02", *services)
        with local(tmp_path / "reports", *arguments, "--evidence", policy) as run:
            go_on(standin, 300)
            before, deltas = calls(standin), deltas_kept(run)
            until(lambda: deltas_kept(run) >= deltas + 2)
            run.master.send(signal.SIGKILL)
            run.master.process.wait()
        found = report_again(tmp_path / "reports")
        steps = found["metrics"]["errors"]["steps"] + looks_of(found)
        assert before <= steps <= calls(standin)
    assert len(found["events"]) < found["metrics"]["events"]["total"] / 5
    assert found["verdict"] == "unknown"
