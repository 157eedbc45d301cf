"""The command lines of the benchmarks: what is wrong is said in a line, what is right is taken."""

from __future__ import annotations

import subprocess
import sys

import pytest
from documented import ROOT

AGAINST = "benchmarks.against"


def said_of(*arguments: object) -> str:
    """What a refused command line is told last."""
    command = [sys.executable, "-m", *map(str, arguments)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stderr.splitlines()[-1]


def test_names_of_benchmarks_stand_on_either_side_of_an_option():
    for arguments in (("--cpu", ".", "stepp"), (".", "--cpu", "stepp"), (".", "stepp", "--cpu")):
        assert "NAME: there is no stepp; expected: step, search" in said_of(AGAINST, *arguments)


@pytest.mark.parametrize("package", ["mcstress", "harness"])
def test_a_checkout_of_before_a_move_is_one(tmp_path, package):
    (tmp_path / package).mkdir()
    assert f"OTHER: {tmp_path} is not a checkout" in said_of(AGAINST, tmp_path, "step")
    (tmp_path / "locustfile.py").touch()
    assert "there is no stepp" in said_of(AGAINST, tmp_path, "stepp")


def test_a_benchmark_that_is_not_there_is_named():
    assert "stepp" in said_of("benchmarks", "stepp")
