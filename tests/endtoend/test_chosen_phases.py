"""Locust's --tags and --exclude-tags choose phases, not tasks."""

from __future__ import annotations

from contextlib import ExitStack

from endtoend.deployments import local
from standin.process import Standin

from mcstress.metrics.phase import PHASES

CHOICES = {
    "tags": (("--tags", "phase-2b", "inbox"), {"inbox", "swap"}),
    "excluded": (("--exclude-tags", "baseline", "merge"), {*PHASES} - {"merge", "baseline"}),
}
NEEDS_BASELINE = {"handover", "handover_paraphrase", "reissue"}


def test_only_the_chosen_phases_run_and_the_run_ends(tmp_path):
    with Standin() as standin, ExitStack() as stack:
        services = ("--host", standin.url, "--llm-host", standin.url, "--rounds", 1)
        runs = {
            name: stack.enter_context(
                local(tmp_path / name / "reports", "-u", 3, "-r", 3, *services, *choice)
            )
            for name, (choice, _) in CHOICES.items()
        }
        for name, (_, phases) in CHOICES.items():
            assert runs[name].master.wait(60) == 0, runs[name].output
            ran = {event["phase"] for event in runs[name].master.document()["events"]}
            assert ran == phases - NEEDS_BASELINE
