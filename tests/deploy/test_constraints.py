"""What is installed is pinned: by constraints.txt, real systems by constraints-targets.txt."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).parents[2]
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
ALONE = {"protobuf": "mem0's SDK takes none from 7 on"}
"""What the targets have at another version, and why."""


def pins(name):
    lines = [line.split("==") for line in (CHECKOUT / name).read_text().split()]
    return {canonicalize_name(package): version for package, version in lines}


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_can_be_installed_as_it_is_pinned(extra):
    pinned = pins("constraints-targets.txt" if extra == "targets" else "constraints.txt")
    for needed in map(Requirement, [*PROJECT["dependencies"], *EXTRAS[extra]]):
        version = pinned[canonicalize_name(needed.name)]
        assert needed.specifier.contains(version), needed


def test_what_is_pinned_runs_on_the_oldest_python_that_we_name():
    oldest = PROJECT["requires-python"].removeprefix(">=") + ".0"
    asked = {name: asked_by(name) for name in pins("constraints.txt")}
    assert sum(map(bool, asked.values())) > 50
    assert [name for name in asked if oldest not in SpecifierSet(asked[name])] == []


def asked_by(package):
    """The versions of Python that a package asks for; empty where it is not installed here."""
    try:
        return metadata(package).get("Requires-Python") or ""
    except PackageNotFoundError:
        return ""


def test_the_targets_run_with_what_everything_runs_with():
    ours, theirs = pins("constraints.txt"), pins("constraints-targets.txt")
    differ = {name for name in ours.keys() & theirs.keys() if ours[name] != theirs[name]}
    assert differ == {*ALONE}


def test_make_test_targets_installs_by_the_pins():
    recipe = (CHECKOUT / "Makefile").read_text()
    installs = re.findall(r"\.venv-targets/bin/python -m pip install .*", recipe)
    assert installs
    assert all("-c constraints-targets.txt" in line or "--no-deps" in line for line in installs)
