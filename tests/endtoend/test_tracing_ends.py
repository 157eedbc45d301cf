"""However a run ends, and from however many processes: all that was traced is in Langfuse."""

from __future__ import annotations

import json
import signal
from collections import Counter
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
from endtoend.accounts import steps_kept
from endtoend.deployments import Deployment, apart, local, processes
from endtoend.langfuse_process import Langfuse, check_accounts
from endtoend.locust_run import until
from standin.process import Standin

from mcstress.tracing.langfuse.settings import load_settings
from mcstress.tracing.observation import Observation
from mcstress.tracing.spool.line import entry_of
from mcstress.tracing.spool.replay import replay

RUN = ("-u", 9, "-r", 9, "--think-time", 0.2, "--stop-timeout", 10)
"""Three trios: on two workers, one of them has members on both."""
TRIOS, ROUNDS, PHASES = 3, 2, 10


def terminate(deployment: Deployment) -> None:
    """As a supervisor does."""
    deployment.master.send(signal.SIGTERM)


def interrupt(deployment: Deployment) -> None:
    """Ctrl-C, where Locust alone is in the foreground."""
    deployment.master.send(signal.SIGINT)


CUT_OFF = {
    "SIGTERM": (local, terminate),
    "Ctrl-C": (local, interrupt),
    "SIGTERM, --processes 2": (processes, terminate),
    "Ctrl-C, --processes 2": (processes, Deployment.interrupt_all),
}
STUCK, SAMPLED = "SIGTERM while Langfuse hangs, --processes 2", "--trace-sample 0.5, --processes 2"
NAMES = (*CUT_OFF, STUCK, SAMPLED)
ORPHANED = "a worker without its master"
AT_LEAST = 60
"""Observations that are delivered before a run is cut off."""


class End(msgspec.Struct):
    """What a run left, and what Langfuse and the services have of it."""

    code: int
    document: dict
    output: str
    langfuse: Langfuse
    env_file: Path
    stored: dict
    asked: list

    @property
    def steps(self):
        """Every step in the report's events: its trace, name and start."""
        return Counter(
            (event["trace_id"], step["name"], moment(step["time"]))
            for event in self.document["events"]
            for step in event["steps"]
        )

    @property
    def observations(self):
        """The same of every observation in Langfuse."""
        return Counter(
            (each["trace"], each["name"], round(each["start_s"], 6))
            for each in self.stored["observations"].values()
        )


def moment(text):
    return round(datetime.fromisoformat(text).timestamp(), 6)


@pytest.fixture(scope="module")
def ends(tmp_path_factory):
    """A run with each end; two at once, for a Langfuse has two seconds for an answer."""
    with ExitStack() as stack:
        done = {}
        for pair in (NAMES[:2], NAMES[2:4], NAMES[4:]):
            begun = {name: Begun(stack, name, tmp_path_factory.mktemp("end")) for name in pair}
            for one in begun.values():
                one.cut_off()
            done |= {name: one.end() for name, one in begun.items()}
        services = stack.enter_context(Standin())
        orphan = orphaned(stack, services.url, tmp_path_factory.mktemp("orphan"))
        orphan.workers[0].wait()
        yield done | {ORPHANED: orphan}


class Begun:
    """A run that is on, with a Langfuse and services of its own."""

    def __init__(self, stack, name, folder):
        self._name = name
        self._langfuse = stack.enter_context(Langfuse())
        self._services = stack.enter_context(Standin())
        self._env_file = self._langfuse.env_file(folder / "secret")
        arguments = (*RUN, "--langfuse-env", self._env_file)
        arguments += ("--host", self._services.url, "--llm-host", self._services.url)
        if name == SAMPLED:
            arguments += ("--trace-sample", 0.5, "--rounds", ROUNDS)
        start, self._cut_off = CUT_OFF.get(name, (processes, terminate))
        self._run = stack.enter_context(start(folder / "reports", *arguments))

    def cut_off(self):
        """End it when something is delivered; the sampled one ends by itself."""
        if self._name == SAMPLED:
            return
        until(lambda: len(self._langfuse.state()["observations"]) > AT_LEAST, what=self._name)
        if self._name == STUCK:
            self._langfuse.behave("hang")
        self._cut_off(self._run)

    def end(self):
        return End(
            code=self._run.master.wait(),
            document=self._run.master.document(),
            output=self._run.output,
            langfuse=self._langfuse,
            env_file=self._env_file,
            stored=self._langfuse.state(),
            asked=self._services.traceparents(),
        )


def orphaned(stack, url, folder):
    """A worker that is ended when its master is gone, and Langfuse leaves it no hope."""
    langfuse = stack.enter_context(Langfuse(mode="status", status=401))
    arguments = ("--host", url, "--llm-host", url, "--langfuse-env", langfuse.env_file(folder))
    run = stack.enter_context(apart(folder / "reports", *RUN, *arguments, workers=1))
    spool = folder / "reports" / "multi_coord_stress_001.worker-0.spool.jsonl"
    until(lambda: spool.exists() and steps_kept(run) > AT_LEAST, what="a spool, and steps")
    run.master.send(signal.SIGKILL)
    run.workers[0].send(signal.SIGTERM)
    return run


@pytest.mark.parametrize("name", NAMES)
def test_it_all_adds_up_worker_by_worker(ends, name):
    end = ends[name]
    counted = end.document["completeness"]
    assert counted["complete"], counted
    tracing = check_accounts(end.document)
    assert tracing["dropped"] == tracing["scores"]["dropped"] == {}
    workers = {worker["name"]: worker["tracing"]["made"] for worker in counted["workers"]}
    forked = {"worker-0", "worker-1"} if "--processes" in name else {"local"}
    assert workers.keys() == forked
    assert all(made > 0 for made in workers.values())
    assert "Traceback" not in end.output


@pytest.mark.parametrize("name", CUT_OFF)
def test_all_that_was_made_is_delivered(ends, name):
    end = ends[name]
    tracing = end.document["completeness"]["tracing"]
    assert AT_LEAST < tracing["delivered"] <= tracing["read_back"] <= tracing["made"]
    deliver_the_rest(end)
    assert end.observations == end.steps
    assert len(end.stored["scores"]) == tracing["scores"]["made"]
    headers = {header for _, header in end.asked}
    for span, each in end.stored["observations"].items():
        assert f"00-{each['trace']}-{span}-01" in headers
    (verdict,) = [score for score in end.stored["scores"].values() if score["name"] == "verdict"]
    assert verdict["value"] == end.document["verdict"]
    assert end.code == {"pass": 0, "fail": 3, "unknown": 4}[verdict["value"]]


def test_what_a_hanging_server_does_not_take_is_spooled_by_each_process(ends):
    end = ends[STUCK]
    tracing = end.document["completeness"]["tracing"]
    assert tracing["delivered"] > AT_LEAST
    assert tracing["delivered"] == len(end.stored["observations"])
    assert tracing["delivered"] + tracing["spooled"] == tracing["made"]
    spools = [*map(Path, tracing["spools"])]
    names = {path.name.split(".")[1] for path in spools}
    assert names == {"worker-0", "worker-1", "master"}
    end.langfuse.behave("ok")
    deliver_the_rest(end)
    assert end.observations == end.steps
    assert len(end.stored["scores"]) == tracing["scores"]["made"]


def test_sampling_keeps_whole_traces_the_same_on_every_worker(ends):
    end = ends[SAMPLED]
    kept = {trace for trace, _, _ in end.steps if int(trace[-13:], 16) * 2 < 16**13}
    assert 0 < len(kept) < TRIOS * ROUNDS * PHASES
    assert end.observations == Counter(
        {step: n for step, n in end.steps.items() if step[0] in kept}
    )
    tracing = end.document["completeness"]["tracing"]
    assert tracing["sampled_out"] == (end.steps - end.observations).total() > 0
    assert tracing["delivered"] == tracing["read_back"] == end.observations.total()
    of_workers = {
        trace: {each["metadata"]["event"].partition("/")[0] for each in observations}
        for trace, observations in by_trace(end.stored).items()
    }
    assert {"worker-0", "worker-1"} in of_workers.values(), "no trace was made by both"
    scored = {score.get("traceId") for score in end.stored["scores"].values()} - {None}
    assert scored <= kept
    assert tracing["scores"]["sampled_out"] > 0


def test_services_are_told_which_traces_are_kept(ends):
    flags = {}
    for _, header in ends[SAMPLED].asked:
        _, trace, _, flag = header.split("-")
        flags.setdefault(trace, set()).add(flag)
    kept = set(ends[SAMPLED].stored["traces"])
    assert flags == {trace: {"01" if trace in kept else "00"} for trace in flags}
    assert len(flags) == TRIOS * ROUNDS * PHASES


def deliver_the_rest(end):
    """Replay what a busy machine's server did not take in time."""
    settings, _ = load_settings(end.env_file, {})
    for spool in end.document["completeness"]["tracing"]["spools"]:
        assert replay(Path(spool), settings).left == 0
    end.stored = end.langfuse.state()


def by_trace(stored):
    found = {}
    for each in stored["observations"].values():
        found.setdefault(each["trace"], []).append(each)
    return found


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_worker_whose_master_is_gone_spools_all_the_same(ends):
    stem = "multi_coord_stress_001.worker-0"
    folder = ends[ORPHANED].report_dir
    events = lines_of(folder / f"{stem}.events.jsonl")
    steps = Counter(
        (event["trace_id"], step["name"]) for event in events for step in event.get("steps", ())
    )
    spooled = map(entry_of, (folder / f"{stem}.spool.jsonl").read_bytes().splitlines())
    traced = Counter(
        (each.trace.id, each.name) for each in spooled if isinstance(each, Observation)
    )
    assert traced.total() > AT_LEAST
    assert traced == steps
