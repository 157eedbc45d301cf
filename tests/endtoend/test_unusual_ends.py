"""Ends that come from two sides at once, or from nobody: each is one end, and says what it was."""

from __future__ import annotations

import shutil
import signal
from contextlib import ExitStack

import pytest
from endtoend.accounts import EXIT_CODES, calls, go_on, steps_of
from endtoend.deployments import Deployment, apart, local
from endtoend.locust_run import steps_and_looks, until
from standin.process import Standin

SILENT_S = 40
"""Workers give a silent master up after fifteen seconds."""
SEATED_S = 20
"""Beyond the time after which users who have no seat yet are taken for absent."""
SLOW_S = 6


class Running:
    """Deployments that are under way at the same time: these ends take long to come."""

    def __init__(self, stack: ExitStack, folder) -> None:
        self._stack = stack
        self._folder = folder

    def start(self, deploy, *arguments, **fault) -> tuple[Deployment, Standin]:
        """One more, with a stand-in of its own."""
        standin = self._stack.enter_context(Standin("healthy", **fault))
        services = ("--host", standin.url, "--llm-host", standin.url)
        folder = self._folder / str(id(standin)) / "reports"
        return self._stack.enter_context(deploy(folder, *arguments, *services)), standin


@pytest.fixture
def running(tmp_path):
    with ExitStack() as stack:
        yield Running(stack, tmp_path)


def test_load_that_went_away_is_no_pass_and_ends_the_run(running):
    steady = ("-u", 6, "-r", 6, "--think-time", 0.1, "--stop-timeout", 10)
    frozen, at_frozen = running.start(apart, *steady)
    alone, at_alone = running.start(apart, *steady)
    slow, at_slow = running.start(
        *(local, "-u", 12, "-r", 12, "--think-time", 100, "--run-time", "3s"),
        *("--stop-timeout", 60),
        fault="slow",
        slow_s=SEATED_S,
        fault_every=2,
        fault_steps=["matrix.search"],
    )
    for standin in (at_frozen, at_alone):
        go_on(standin, 100)
    frozen.master.send(signal.SIGSTOP)
    for worker in alone.workers:
        worker.send(signal.SIGKILL)
    check_nobody_was_absent(slow, at_slow)
    for worker in frozen.workers:
        until(lambda it=worker: "nothing was heard of the master" in it.output, SILENT_S)
    frozen.master.send(signal.SIGCONT)
    for deployment, told in (
        (frozen, "heard nothing of the master and stopped its users early"),
        (alone, "was lost"),
    ):
        assert deployment.master.wait(60) == 4, deployment.output
        counted = deployment.master.document()["completeness"]
        assert not counted["complete"]
        assert sum(told in fault for fault in counted["faults"]) == 2, counted["faults"]
        assert "Run 001: UNKNOWN" in deployment.master.output
    assert steps_of(frozen.master.document()) == calls(at_frozen)


def check_nobody_was_absent(deployment: Deployment, standin: Standin) -> None:
    deployment.master.wait(60)
    document = deployment.master.document()
    assert document["completeness"]["complete"], document["completeness"]["faults"]
    assert steps_of(document) == calls(standin)


def test_a_run_time_that_is_over_while_a_signal_ends_the_run_waits_for_it(running):
    arguments = ("-u", 6, "-r", 6, "--run-time", f"{SLOW_S}s", "--stop-timeout", 15)
    deployment, standin = running.start(apart, *arguments, fault="slow", slow_s=SLOW_S)
    until(lambda: calls(standin) >= 6, what="slow answers on their way")
    deployment.master.send(signal.SIGTERM)
    code = deployment.master.wait(60)
    document = deployment.master.document()
    assert "--run-time limit reached" in deployment.master.output
    assert code == EXIT_CODES[document["verdict"]]
    assert document["completeness"]["complete"], document["completeness"]["faults"]
    assert steps_of(document) == calls(standin)


@pytest.mark.parametrize("deploy", [local, apart])
def test_figures_outlive_the_folder_of_reports(running, deploy):
    deployment, standin = running.start(
        *(deploy, "-u", 6, "-r", 6, "--think-time", 0.05, "--stop-timeout", 10)
    )
    go_on(standin, 100)
    shutil.rmtree(deployment.report_dir)
    go_on(standin, 100)
    deployment.master.send(signal.SIGTERM)
    assert deployment.master.wait(60) == 4, deployment.output
    document = deployment.master.document()
    assert steps_and_looks(document) == calls(standin)
    assert any("was removed during the run" in x for x in document["completeness"]["faults"])
    assert "Traceback" not in deployment.master.output
