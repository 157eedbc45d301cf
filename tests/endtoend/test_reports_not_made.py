"""Where a report cannot be made in its place, nothing else is lost: neither figure nor trace."""

from __future__ import annotations

import json
import re
import signal
from contextlib import ExitStack

import pytest
from endtoend.accounts import EXIT_CODES, calls, go_on, report_again, steps_of
from endtoend.deployments import Deployment, local, processes
from endtoend.langfuse_process import Langfuse
from endtoend.locust_run import steps_and_looks, until
from standin.process import Standin

from mcstress.tracing.observation import Observation
from mcstress.tracing.spool.line import entry_of

RUN = ("-u", 6, "-r", 6, "--think-time", 0.1, "--stop-timeout", 10)


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """The folder of temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@pytest.fixture
def started(tmp_path):
    """Starts a run whose Langfuse takes nothing and does not say so; gives it and its services."""
    with ExitStack() as stack:

        def start(deploy):
            langfuse = stack.enter_context(Langfuse(mode="hang"))
            standin = stack.enter_context(Standin())
            services = ("--host", standin.url, "--llm-host", standin.url)
            traced = ("--langfuse-env", langfuse.env_file(tmp_path / "secret"))
            run = stack.enter_context(deploy(tmp_path / "reports", *RUN, *services, *traced))
            go_on(standin, 100)
            return run, standin

        yield start


def spooled(folder):
    """How many observations lie in the spools."""
    lines = [
        line for spool in folder.glob("*.spool.jsonl") for line in spool.read_bytes().splitlines()
    ]
    return sum(isinstance(entry_of(line), Observation) for line in lines)


def test_a_second_ctrl_c_gives_up_the_report_and_no_trace(started):
    run, standin = started(local)
    run.interrupt_all()
    until(lambda: "Stopping and writing the report." in run.output)
    until((run.report_dir / "multi_coord_stress_001.json").exists, what="a report")
    run.interrupt_all()
    assert run.master.wait(60) == 130, run.output
    until(lambda: spooled(run.report_dir) >= calls(standin), what="all traces spooled")
    assert spooled(run.report_dir) == calls(standin)


@pytest.mark.parametrize("deploy", [local, processes])
def test_a_report_that_cannot_be_written_is_written_elsewhere(started, deploy, elsewhere):
    run, standin = started(deploy)
    in_the_way = run.report_dir / "multi_coord_stress_001.json"
    in_the_way.mkdir()
    run.master.send(signal.SIGTERM)
    code = run.master.wait(60)
    assert "Is a directory" in run.output
    assert "Traceback" not in run.output
    (report,) = elsewhere.glob("multi_coord_stress_001_*/multi_coord_stress_001.json")
    assert f"the report is in {report.parent}" in run.output
    document = json.loads(report.read_bytes())
    assert code == EXIT_CODES[document["verdict"]], run.output
    assert document["completeness"]["complete"], document["completeness"]["faults"]
    assert document["run"]["evidence_path"] == str(report)
    assert steps_of(document) == calls(standin)
    until(lambda: spooled(run.report_dir) >= calls(standin), what="all traces spooled")
    assert spooled(run.report_dir) == calls(standin)
    in_the_way.rmdir()
    again = report_again(run.report_dir)
    assert steps_of(again) == calls(standin)
    assert again["metrics"] == document["metrics"]
    assert again["verdict"] == document["verdict"], "the run ended well: its events say so"


ROOM_BYTES = 1 << 20


@pytest.mark.parametrize("kept", ["all", "none"])
def test_a_full_disk_is_said_at_once_counted_and_costs_no_figure(elsewhere, tmp_path, kept):
    reports = tmp_path / "reports"
    small = f'mount -t tmpfs -o size={ROOM_BYTES},mode=0777 none "$0" && exec "$@"'
    reports.mkdir()
    within = ("unshare", "-rm", "sh", "-c", small, str(reports))
    with Standin() as standin, Deployment(reports) as run:
        services = ("--host", standin.url, "--llm-host", standin.url)
        arguments = ("--headless", "--evidence", kept, "--json-progress", "-u", 12, "-r", 12)
        run.master = run.run(*arguments, *services, "--stop-timeout", 10, within=within)
        until(lambda: "No space left on device; up to 64 MB" in run.output, what="said in the log")
        until(lambda: '"evidence_fault":"evidence of local: ' in run.output, what="and shown")
        run.master.send(signal.SIGTERM)
        assert run.master.wait(60) == EXIT_CODES["unknown"], run.output
        made = calls(standin)
    (report,) = elsewhere.glob("multi_coord_stress_001_*/multi_coord_stress_001.json")
    assert f"Report: {report.with_suffix('.md')}" in run.output
    document = json.loads(report.read_bytes())
    assert steps_and_looks(document) == made
    counted = document["completeness"]
    lost = counted["events_made"] - counted["events_kept"]
    if kept == "all":
        assert len(document["events"]) == counted["events_kept"] > 0
        assert any(f"; {lost:,} events were not kept" in one for one in counted["faults"])
    assert "Run 001: UNKNOWN" in run.output
    assert re.search(r"unknown errors.rate .* missing; 0.000 over [\d,]+ samples that", run.output)
    assert "Traceback" not in run.output


def test_where_there_is_room_nowhere_the_figures_are_printed(elsewhere, tmp_path):
    limit = 'ulimit -f 1200 && exec "$0" "$@"'  # between the events and the HTML
    with Standin() as standin, Deployment(tmp_path / "reports") as run:
        services = ("--host", standin.url, "--llm-host", standin.url)
        arguments = ("--headless", "--only-summary", "-u", 3, "-r", 3, "--rounds", 1, *services)
        run.master = run.run(*arguments, within=("sh", "-c", limit))
        code = run.master.wait(60)
    assert "No report could be written: " in run.output
    assert "File too large" in run.output
    assert "determinism.mean_jaccard >= 0.95: 1.000 (12 questions)" in run.output
    assert code == EXIT_CODES["pass"], "its events are all there"
    assert "Traceback" not in run.output
    assert not list(elsewhere.glob("multi_coord_stress*"))
    assert report_again(run.report_dir)["verdict"] == "pass"
