"""``mcstress run`` is locust with our defaults; ``mcstress options`` shows each option once."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

from mcstress.cli import main
from mcstress.commands.run import DEFAULT_LOAD, GROUPS, LOCUSTFILE, OTHERS, command_line


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_option_is_shown_once_with_its_default():
    told = CliRunner().invoke(main, ["options"])
    assert told.exit_code == 0
    shown = re.findall(r"^  (--[a-z-]+)", told.output, re.MULTILINE)
    assert sorted(shown) == sorted(name for names in GROUPS.values() for name in names)
    assert len(set(shown)) == len(shown) > 40
    assert f"{OTHERS}:" not in told.output, "a new option belongs into a group"
    assert "[default: qwen2.5]" in told.output
    assert told.output in CliRunner().invoke(main, ["run", "--help"]).output


@pytest.mark.usefixtures("folder")
def test_without_a_word_of_load_it_ramps():
    assert command_line([])[1:] == [
        *("-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary"),
        *(*DEFAULT_LOAD, "--stop-timeout", "5"),
    ]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "said", [("-u", "3"), ("-t", "5s"), ("--rounds", "1"), ("--arrival-rate", "50")], ids=" ".join
)
def test_whoever_says_how_much_load_gets_that(said):
    line = command_line(said)
    assert line[-2:] == list(said)
    assert "0.75" not in line


def test_a_locustfile_of_ones_own_is_taken(folder):
    (folder / "locustfile.py").write_text("")
    assert str(LOCUSTFILE) not in command_line([])
    (folder / "locustfile.py").unlink()
    assert str(LOCUSTFILE) not in command_line(["-f", "other.py"])
    assert str(LOCUSTFILE) in command_line([])


def test_it_ends_with_the_verdict(tmp_path):
    """In an empty folder; 3: a check that cannot hold fails."""
    command = ["-c", "from mcstress.cli import main; main()", "run", "-u", "3", "-r", "3"]
    done = subprocess.run(
        [sys.executable, *command, "--rounds", "1", "--check", "events.total < 1"],
        cwd=tmp_path,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert (tmp_path / "reports" / "reality-tests" / "index.html").is_file()
