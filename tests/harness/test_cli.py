"""``mcstress``: misuse is one line and exit code 2; compare keeps its two sides apart."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from mcstress import cli
from mcstress.evidence.compare import comparison, render

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
    worse = SimpleNamespace(regressions=["errors.rate"], damaged=[], unsent=[])
    monkeypatch.setattr("mcstress.evidence.store.history.read_run", str)
    monkeypatch.setattr(comparison, "compare", lambda a, b: given.append((a, b)) or worse)
    monkeypatch.setattr(render, "text", lambda _: "told\n")
    return SimpleNamespace(given=given, found=worse)


def test_the_two_sides_are_kept_apart(sides):
    told = run("compare", "a.json", "a2.json", "--", "b.json")
    assert (told.exit_code, told.stdout) == (0, "told\n")
    assert sides.given == [(["a.json", "a2.json"], ["b.json"])]


@pytest.mark.usefixtures("sides")
def test_a_regression_has_its_own_exit_code_where_it_is_asked_for():
    assert run("compare", "a.json", "--fail-on-regression", "--", "b.json").exit_code == 5


@pytest.mark.parametrize("fault", ["damaged", "unsent"])
def test_a_file_that_proves_nothing_fails_no_regression(sides, fault):
    setattr(sides.found, fault, ["b.json"])
    assert run("compare", "a.json", "--fail-on-regression", "--", "b.json").exit_code == 4
    assert run("compare", "a.json", "--", "b.json").exit_code == 0


def test_every_command_and_its_options_stand_in_the_docs():
    docs = "".join(path.read_text() for path in [*DOCS.glob("*.md"), DOCS.parent / "README.md"])
    for name, command in cli.main.commands.items():
        assert f"mcstress {name}" in docs, name
        for parameter in command.params:
            if parameter.param_type_name == "option":
                assert parameter.opts[0] in docs, (name, parameter.opts)
