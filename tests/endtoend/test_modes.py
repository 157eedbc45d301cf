"""One process, --processes or workers started apart: the same seed gives the same figures."""

from __future__ import annotations

import json
import re
from collections import Counter
from contextlib import ExitStack

import pytest
from endtoend.deployments import DEPLOYMENTS, apart, local
from recomputation.document import differences
from standin.process import Standin

SAME = ("diversity", "determinism", "handover", "freshness", "swap", "inbox", "errors")
TWO_ROUNDS_OF_TWO_TRIOS = ("-u", 6, "-r", 6, "--rounds", 2)
OWN_UID = re.compile(r"[0-9a-f]{8}[-_]")
"""Against a system of the user's own, a run's id is part of the names that it writes."""


@pytest.fixture(scope="module")
def documents(tmp_path_factory):
    """The document of each way of starting it, and of a second local run."""
    with ExitStack() as stack:
        runs = {}
        for name, deploy in {**DEPLOYMENTS, "again": local}.items():
            standin = stack.enter_context(Standin("half_lists"))
            services = ("--host", standin.url, "--llm-host", standin.url)
            folder = tmp_path_factory.mktemp(name)
            runs[name] = stack.enter_context(
                # Cold: no two processes share the seed of their hashes.
                deploy(folder / "reports", *TWO_ROUNDS_OF_TWO_TRIOS, *services, cold=True)
            )
        for run in runs.values():
            run.master.wait(90)
        return {name: run.master.document() for name, run in runs.items()}


@pytest.mark.parametrize("mode", [*DEPLOYMENTS, "again"])
def test_the_figures_are_those_of_one_process(mode, documents):
    document = documents[mode]
    assert document["completeness"]["complete"], document["completeness"]
    assert document["verdict"] == "fail"
    for figure in SAME:
        one, other = (its["metrics"][figure] for its in (document, documents["local"]))
        assert without_times(one) == without_times(other), figure
    assert document["heat_map"] == documents["local"]["heat_map"]
    assert checks_of(document) == checks_of(documents["local"])
    assert document["metrics"]["availability"]["rate"] == 1.0
    assert differences(document) == []


def checks_of(document: dict) -> list[dict]:
    """The checks; of those on time what became of them only, for no two runs take as long."""
    return [
        {"check": one["check"], "verdict": one["verdict"]}
        if one["metric"].startswith("availability.")
        else one
        for one in document["checks"]
    ]


def without_times(section: dict) -> dict:
    """A section but for how long looks for new resumes took."""
    timed = {"time_to_top_k_s", "time_to_top1_s", "search", "poll"}
    return {key: value for key, value in section.items() if key not in timed}


def lists(document: dict) -> Counter[str]:
    """Every list and choice, with what was asked."""
    asked = ("coordinator", "namespace", "round", "phase", "contract", "role", "arm", "query")
    found = ("exclude_ids", "expected", "top_k", "rating", "outcome", "error")
    return Counter(
        OWN_UID.sub("", json.dumps([event.get(name) for name in asked + found]))
        for event in map(without_name, document["events"])
    )


def without_name(event: dict) -> dict:
    """A new person is each run's own: the place in the list is the same, not who follows."""
    if event["phase"] != "fresh_resume":
        return event
    at = [hit["id"] for hit in event["top_k"]].index(event["expected"])
    return event | {"query": None, "top_k": at}


@pytest.mark.parametrize("mode", [*DEPLOYMENTS, "again"])
def test_every_list_and_every_choice_is_the_same(mode, documents):
    assert lists(documents[mode]) == lists(documents["local"])


def test_each_persona_on_a_worker_of_its_own_still_does_every_phase(tmp_path):
    with Standin() as standin:
        services = ("--host", standin.url, "--llm-host", standin.url)
        arguments = ("-u", 3, "-r", 3, "--rounds", 2, *services)
        with apart(tmp_path / "reports", *arguments, workers=3) as deployment:
            code = deployment.master.wait(90)
            document = deployment.master.document()
    assert code == 0, deployment.output
    where = {event["coordinator"]: event["worker"] for event in document["events"]}
    assert len(set(where.values())) == 3, where
    assert {event["outcome"] for event in document["events"]} == {"ok"}
    assert document["metrics"]["handover"]["verbatim"]["queries"] == 2 * 4
    assert len(document["events"]) == 2 * 73
