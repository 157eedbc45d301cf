"""What was made at the service, held against what a report says."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import psutil
from endtoend.deployments import Deployment
from endtoend.locust_run import mcstress, until
from standin.modes import STEPS
from standin.process import Standin

EXIT_CODES = {"pass": 0, "fail": 3, "unknown": 4}


def calls(standin: Standin) -> int:
    """Steps made at the service."""
    return sum(number for step, number in standin.calls().items() if step in STEPS)


def children(deployment: Deployment) -> list[psutil.Process]:
    """What its first process has started."""
    return psutil.Process(deployment.master.process.pid).children(recursive=True)


def go_on(standin: Standin, more: int = 50) -> None:
    """Wait until so many more steps were made."""
    before = calls(standin)
    until(lambda: calls(standin) >= before + more, what="more steps")


def kept_by_workers(deployment: Deployment) -> list[int]:
    """How many lines each worker's file has: written once a second."""
    files = list(deployment.report_dir.glob("*.worker-*.events.jsonl"))
    return [len(file.read_bytes().splitlines()) for file in files] or [0]


def steps_kept(deployment: Deployment) -> int:
    """Steps in the files of a run that goes on: written once a second."""
    lines = []
    for file in deployment.report_dir.glob("*.events.jsonl"):
        lines += file.read_bytes().split(b"\n")[:-1]  # the last may be half a line
    return sum(len(json.loads(line).get("steps", ())) for line in lines)


def deltas_kept(deployment: Deployment) -> int:
    """How often a run that keeps no events, or some, has written down its figures."""
    (file,) = deployment.report_dir.glob("*.events.jsonl")
    return file.read_bytes().count(b'{"record":"delta"')


def steps_of(document: dict) -> int:
    """Steps in the report."""
    return sum(len(event["steps"]) for event in document["events"])


LOOKS = ("freshness.search", "freshness.poll")
"""Steps that are searches to the service, and of freshness alone: no figure of errors has them."""


def looks_of(document: dict) -> int:
    """Looks for new resumes, by the report's figures."""
    freshness = document["metrics"]["freshness"]
    return freshness["search"]["count"] + freshness["poll"]["count"]


def check_nothing_is_double(document: dict) -> None:
    """No event stands there twice; no namespace and no place in a round had two holders."""
    events = document["events"]
    assert max(Counter((event["worker"], event["seq"]) for event in events).values()) == 1
    holders: dict[str, set] = {}
    for event in events:
        holders.setdefault(event["namespace"], set()).add((event["coordinator"], event["worker"]))
    assert {len(who) for who in holders.values()} == {1}, holders
    lists = Counter(
        (event["trio"], event["round"], event["contract"], event["role"])
        for event in events
        if event["phase"] == "baseline"
    )
    assert max(lists.values()) == 1
    assert document["faults"]["repeated_lists"] == 0
    assert document["metrics"]["events"]["total"] == len(events)
    assert document["completeness"]["events_merged"] == len(events)


def report_again(report_dir: Path, ending: str = "events.jsonl") -> dict:
    """What ``mcstress report`` makes of the run that is there."""
    file = report_dir / f"multi_coord_stress_001.{ending}"
    done = mcstress("report", file)
    assert not done.stderr
    document = json.loads((report_dir / "multi_coord_stress_001.json").read_text())
    assert done.returncode == EXIT_CODES[document["verdict"]]
    return document
