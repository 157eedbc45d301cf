"""A Langfuse that is slow with scores and shows late what it has, as a real 3.225 is."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from endtoend.langfuse_process import Langfuse, check_accounts
from endtoend.locust_run import LocustRun
from standin.process import Standin

from mcstress.exit_codes import EXIT_CODES

RUN = ("--headless", "-u", 9, "-r", 9, "-t", "6s", "--only-summary", "--think-time", 0.05)
AT_LEAST = 100


class Run(NamedTuple):
    """What a run left, the server, and what that had at the run's end."""

    code: int
    document: dict
    output: str
    folder: Path
    langfuse: Langfuse
    env_file: Path
    stored: dict

    @property
    def tracing(self):
        return self.document["completeness"]["tracing"]


@pytest.fixture
def run(tmp_path_factory):
    """One run."""
    folder = tmp_path_factory.mktemp("slow")
    with (
        Standin() as services,
        Langfuse("3.225.4", per_batch_s=2.5, visible_after_s=600.0) as langfuse,
    ):
        env_file = langfuse.env_file(folder / "secret")
        urls = ("--host", services.url, "--llm-host", services.url, "--langfuse-env", env_file)
        with LocustRun(*RUN, *urls, report_dir=folder / "reports") as locust:
            code = locust.wait()
            stored = langfuse.state()
            yield Run(
                code,
                locust.document(),
                locust.output,
                folder / "reports",
                langfuse,
                env_file,
                stored,
            )


def test_what_a_slow_server_means(run):
    """In one, since the run takes half a minute, which each of two processes would take anew."""
    every_observation_is_delivered_and_every_score_kept(run)
    the_server_was_given_fewer_at_once(run)
    that_it_shows_nothing_yet_is_no_fault(run)
    the_last_line_names_the_command_that_sends_the_rest(run)


def every_observation_is_delivered_and_every_score_kept(run):
    tracing = check_accounts(run.document)
    # By its own figures alone; a machine that is busy asks too few questions for one of the checks.
    assert run.code == EXIT_CODES[run.document["verdict"]], run.output
    assert run.document["verdict"] != "fail", run.output
    assert run.document["completeness"]["complete"]
    assert tracing["delivered"] == tracing["made"] == len(run.stored["observations"])
    assert tracing["made"] > AT_LEAST
    scores = tracing["scores"]
    assert scores["delivered"] + scores["spooled"] == scores["made"]
    assert scores["spooled"] > 0
    assert scores["dropped"] == tracing["dropped"] == {}


def the_server_was_given_fewer_at_once(run):
    sizes = run.stored["score_batches"]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] <= 15
    assert sizes[-1] == 1


def that_it_shows_nothing_yet_is_no_fault(run):
    assert run.tracing["read_back"] == 0
    words = "0 visible so far after 15 s: the server ingests late"
    assert f"{run.tracing['made']:,} delivered, {words}" in run.output
    assert "cannot be read back" not in run.output
    markdown = (run.folder / "multi_coord_stress_001.md").read_text()
    assert f"| read back | {words} |" in markdown


def the_last_line_names_the_command_that_sends_the_rest(run):
    """The last of these: it makes the server quick."""
    scores = run.tracing["scores"]
    (line,) = [line for line in run.output.splitlines() if line.startswith("Traces: ")]
    assert f"; scores: {scores['made']:,} made, " in line
    name, *arguments = shlex.split(line.rpartition("; send the rest with: ")[2])
    assert (name, arguments[0]) == ("mcstress", "replay")
    run.langfuse.behave("ok")
    command = [str(Path(sys.executable).with_name(name)), *arguments]
    subprocess.run([*command, "--langfuse-env", str(run.env_file)], check=True, env=os.environ)
    assert len(run.langfuse.state()["scores"]) == scores["made"]
