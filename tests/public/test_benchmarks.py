"""The command lines of the benchmarks: errors are one line, and names and options may be mixed."""

from __future__ import annotations

import subprocess
import sys

import pytest
from documented import ROOT

AGAINST = "benchmarks.against"


def said_of(*arguments: object) -> str:
    """The last line of the error of a command that is refused."""
    command = [sys.executable, "-m", *map(str, arguments)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stderr.splitlines()[-1]


def test_an_option_may_stand_before_or_after_names():
    for arguments in (("--cpu", ".", "sprint"), (".", "--cpu", "sprint"), (".", "sprint", "--cpu")):
        assert "NAME: there is no sprint; expected: step, search" in said_of(AGAINST, *arguments)


@pytest.mark.parametrize("package", ["mcstress", "harness"])
def test_a_checkout_with_other_folders_is_accepted(tmp_path, package):
    (tmp_path / package).mkdir()
    assert f"OTHER: {tmp_path} is not a checkout" in said_of(AGAINST, tmp_path, "step")
    (tmp_path / "locustfile.py").touch()
    assert "there is no sprint" in said_of(AGAINST, tmp_path, "sprint")


def test_a_benchmark_that_is_not_there_is_named():
    assert "sprint" in said_of("benchmarks", "sprint")
