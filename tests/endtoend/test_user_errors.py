"""An exception in our own code: the run goes on, its verdict is unknown, and the fault is named."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from endtoend.accounts import calls, check_nothing_is_double, steps_of
from endtoend.deployments import apart, local
from standin.process import Standin

BROKEN = Path(__file__).with_name("broken_locustfile.py")


def test_a_coordinator_that_breaks_down_makes_the_verdict_unknown_and_repeats_no_round(tmp_path):
    with ExitStack() as stack:
        runs = []
        for deploy in (local, apart):
            standin = stack.enter_context(Standin())
            services = ("--host", standin.url, "--llm-host", standin.url)
            deployment = deploy(
                tmp_path / deploy.__name__ / "reports",
                *("-u", 3, "-r", 3, "--rounds", 3, *services),
                locustfile=BROKEN,
            )
            runs.append((stack.enter_context(deployment), standin))
        for deployment, standin in runs:
            assert deployment.master.wait(60) == 4, deployment.output
            document = deployment.master.document()
            assert document["verdict"] == "unknown"
            faults = document["completeness"]["faults"]
            assert faults == ["a coordinator broke down: ZeroDivisionError: bob broke down"]
            assert document["completeness"]["user_errors"] == 1
            check_nothing_is_double(document)
            assert steps_of(document) == calls(standin)
            rounds = {e["round"] for e in document["events"] if e["coordinator"] == "bob"}
            assert rounds == {1, 2, 3}
