"""``mcstress``: misuse is one line and exit code 2; compare keeps its two sides apart."""

from __future__ import annotations

import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from mcstress import cli
from mcstress.evidence.compare import comparison, render
from mcstress.evidence.store.paths import ReportPaths
from mcstress.option_defaults import DEFAULT_REPORT_DIR

DOCS = Path(__file__).resolve().parents[2] / "docs"


def run(*arguments):
    return CliRunner().invoke(cli.main, [str(argument) for argument in arguments])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report", "nothing.events.jsonl"], "nothing.events.jsonl: no such file"),
        (["compare", "a.json"], "a.json: no such file"),
        (["compare", "--", "b.json"], "b.json: no such file"),
        (["compare"], "expected at least one run on either side"),
        (["replay", "nothing.jsonl", "--langfuse-env", "/nowhere"], "nothing.jsonl: No such file"),
        (["replay", "nothing.jsonl", "--mask", "no"], "'off', 'on', 'strict'"),
        (["check", "--rounds", "x"], "--rounds"),
        (["stack", "--port", "99999"], "99999 is not in the range"),
        (["stack", "--corpus", "none.jsonl"], "mcstress: none.jsonl: No such file or directory"),
        (["corpus", "--out", "x", "--scenario", "none"], "mcstress: --scenario: found"),
        (["stack", "--fault", "nois=1"], "mcstress: --fault: found 'nois', expected NAME=VALUE"),
    ],
)
def test_misuse_is_one_line_and_exit_code_2(arguments, message):
    told = run(*arguments)
    assert told.exit_code == 2
    assert message in told.stderr
    assert "Traceback" not in told.stderr


@pytest.fixture
def sides(monkeypatch):
    """What compare was given; the files themselves are evidence's business."""
    given = []
    worse = SimpleNamespace(outcome="regression")
    monkeypatch.setattr("mcstress.evidence.store.history.read_run", str)
    monkeypatch.setattr(comparison, "compare", lambda a, b: given.append((a, b)) or worse)
    monkeypatch.setattr(render, "text", lambda _: "told\n")
    return SimpleNamespace(given=given, found=worse)


def test_the_two_sides_are_kept_apart(sides):
    told = run("compare", "a.json", "a2.json", "--", "b.json")
    assert (told.exit_code, told.stdout) == (0, "told\n")
    assert sides.given == [(["a.json", "a2.json"], ["b.json"])]


@pytest.mark.parametrize(("outcome", "code"), [("none", 0), ("unknown", 4), ("regression", 5)])
def test_the_outcome_has_its_own_exit_code_where_it_is_asked_for(sides, outcome, code):
    sides.found.outcome = outcome
    assert run("compare", "a.json", "--fail-on-regression", "--", "b.json").exit_code == code
    assert run("compare", "a.json", "--", "b.json").exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("a.json", "--", "b.json", "c.json", "--fail-on-regression", "--format", "markdown"),
        ("--format=markdown", "a.json", "--", "b.json", "--fail-on-regression", "c.json"),
        ("a.json", "--", "--format", "markdown", "--fail-on-regression", "b.json", "c.json"),
    ],
)
def test_options_may_stand_after_the_files(sides, arguments, monkeypatch):
    monkeypatch.setattr(render, "markdown", lambda _: "# told\n")
    told = run("compare", *arguments)
    assert (told.exit_code, told.stdout) == (5, "# told\n")
    assert sides.given == [(["a.json"], ["b.json", "c.json"])]


@pytest.mark.parametrize("page", ["README.md", "docs/compare.md"])
def test_the_documented_files_are_those_that_runs_write(page):
    text = (DOCS.parent / page).read_text()
    patterns = re.findall(r"\S*(?:before|after)\*\S*", text)
    assert len(patterns) == 2
    for pattern, side in zip(patterns, ("before", "after"), strict=True):
        written = ReportPaths(Path(DEFAULT_REPORT_DIR), f"{side}1")
        assert fnmatch(str(written.json), pattern)
        assert not fnmatch(str(written.events), pattern)


def test_after_a_second_dash_pair_all_are_files(sides):
    assert run("compare", "a.json", "--", "b.json", "--", "--format").exit_code == 0
    assert sides.given == [(["a.json"], ["b.json", "--format"])]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a.json", "--", "b.json", "--fail"), "No such option '--fail'"),
        (("a.json", "--", "b.json", "--format"), "Option '--format' requires an argument"),
    ],
)
def test_a_wrong_option_after_the_files_is_told(arguments, message):
    told = run("compare", *arguments)
    assert told.exit_code == 2
    assert message in told.stderr


def test_every_command_and_its_options_stand_in_the_docs():
    docs = "".join(path.read_text() for path in [*DOCS.glob("*.md"), DOCS.parent / "README.md"])
    for name, command in cli.main.commands.items():
        assert f"mcstress {name}" in docs, name
        for parameter in command.params:
            if parameter.param_type_name == "option":
                assert parameter.opts[0] in docs, (name, parameter.opts)


def test_help_imports_nothing_that_loads_slowly():
    code = "import sys; from mcstress import cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    slow = {"locust", "gevent", "numpy", "scipy", "bokeh", "jinja2", "httpx", "opentelemetry"}
    assert slow & set(done.stdout.split()) == set()


def test_the_shell_is_told_what_may_follow():
    """As docs/options.md says it is set up; then ``mcstress comp`` and the key Tab."""
    set_up = CliRunner().invoke(
        cli.main, prog_name="mcstress", env={"_MCSTRESS_COMPLETE": "bash_source"}
    )
    assert "_MCSTRESS_COMPLETE=bash_complete" in set_up.stdout
    asked = {
        "_MCSTRESS_COMPLETE": "bash_complete",
        "COMP_WORDS": "mcstress comp",
        "COMP_CWORD": "1",
    }
    told = CliRunner().invoke(cli.main, prog_name="mcstress", env=asked)
    assert told.stdout == "plain,compare\n"
