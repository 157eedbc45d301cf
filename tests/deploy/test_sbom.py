"""The wheel of ``make wheel`` lists all that it needs, at the pinned versions: ``-m slow``."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

CHECKOUT = Path(__file__).parents[2]
NOT_COPIED = (".venv*", ".git", "reports", "build", "dist", ".*_cache", ".cache", "__pycache__")


def plain(name):
    return re.sub(r"[-_.]+", "-", name).casefold()


@pytest.mark.slow
def test_the_wheel_lists_what_it_needs(tmp_path):
    folder = tmp_path / "checkout"
    shutil.copytree(CHECKOUT, folder, symlinks=True, ignore=shutil.ignore_patterns(*NOT_COPIED))
    subprocess.run(["make", "wheel", f"PYTHON={sys.executable}"], cwd=folder, check=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    with ZipFile(wheel) as packed:
        (name,) = [name for name in packed.namelist() if ".dist-info/sboms/" in name]
        (record,) = [each for each in packed.namelist() if each.endswith("/RECORD")]
        assert f"{name},sha256=" in packed.read(record).decode()
        listed = json.loads(packed.read(name))
    assert listed["bomFormat"] == "CycloneDX"
    assert listed["metadata"]["component"]["name"] == "multi-coordinator-stress"
    found = {plain(each["name"]): each["version"] for each in listed["components"]}
    lines = (CHECKOUT / "constraints.txt").read_text().split()
    pinned = {plain(line.partition("==")[0]): line.partition("==")[2] for line in lines}
    ours = found.keys() - {"multi-coordinator-stress"}
    assert {name: found[name] for name in ours} == {name: pinned.get(name) for name in ours}
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    needed = {plain(re.match(r"[\w.-]+", each)[0]) for each in project["dependencies"]}
    assert needed <= found.keys()
    assert "ruff" not in found
    assert str(tmp_path) not in json.dumps(listed)
