"""A rate of which next to nothing can begin: each arrival has a fate, and the run ends."""

from __future__ import annotations

import pytest
from endtoend.deployments import apart, local
from standin.process import Standin

RATE, RUN_S = 1_000_000, 3
ENDS_S = 120
"""For start, run and report on a busy machine; how few steps the end takes is counted in
tests/load/test_arrival_queue.py."""


@pytest.mark.parametrize("deploy", [local, apart])
def test_millions_of_arrivals_have_each_a_fate_and_the_run_ends(tmp_path, deploy):
    arguments = ("-u", 6, "-r", 6, "--stop-timeout", 5, "--max-wait", 1)
    offer = ("--arrival-rate", RATE, "-t", f"{RUN_S + 3}s")
    with Standin() as service:
        urls = ("--host", service.url, "--llm-host", service.url)
        with deploy(tmp_path / "reports", *arguments, *offer, *urls) as deployment:
            assert deployment.master.wait(ENDS_S) in (3, 4), deployment.output
            document = deployment.master.document()
    arrivals = document["completeness"]["arrivals"]
    assert arrivals["offered"] == sum(
        arrivals[fate] for fate in ("begun", "missed", "cut", "unknown")
    )
    assert arrivals["offered"] == sum(second[2] for second in document["offered"])
    assert arrivals["offered"] > RATE
    assert arrivals["missed"] > 0
    assert arrivals["unknown"] == 0
    # An event that only says why nothing was asked takes no arrival.
    assert arrivals["begun"] == sum("scheduled" in event for event in document["events"]) > 0
