"""The public door: its names, that each is documented, and that opening it costs nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import mcstress
from mcstress.services.target import Search, Target

CHECKOUT = Path(__file__).resolve().parents[2]
NAMES = [
    "AliceUser",
    "BobUser",
    "CarolUser",
    "Coordinator",
    "CoordinatorUser",
    "Event",
    "EventScope",
    "LanguageModel",
    "Metric",
    "Step",
    "Target",
    "coordination_hook",
    "install",
    "metric",
    "phase",
]


def test_its_names():
    """A name that goes is a breaking change: it belongs into CHANGELOG.md."""
    assert mcstress.__all__ == NAMES
    assert dir(mcstress) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_name_is_there_and_explained(name):
    assert getattr(mcstress, name).__doc__
    text = (CHECKOUT / "docs" / "extending.md").read_text()
    assert re.search(rf"^\| `{name}` \|", text, re.MULTILINE)


def test_another_name_is_not_there():
    with pytest.raises(AttributeError, match="has no attribute 'hang_up'"):
        mcstress.hang_up  # noqa: B018  (asked for)


def test_importing_the_package_loads_nothing():
    """The embedded stack's process must not be patched by gevent, nor wait for Locust."""
    code = "import mcstress, sys; print({'locust', 'gevent', 'numpy'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_every_example_is_named_in_the_page():
    """In docs/extending.md, or in the page of what it shows."""
    text = "".join(page.read_text() for page in (CHECKOUT / "docs").glob("*.md"))
    for example in (CHECKOUT / "examples").iterdir():
        if example.suffix in (".py", ".toml"):
            assert f"examples/{example.name}" in text


def test_the_page_explains_what_a_search_asks_for_and_every_method():
    text = (CHECKOUT / "docs" / "extending.md").read_text()
    table = text.partition("| field | what it asks |")[2].partition("\n\n")[0]
    named = re.findall(r"`(\w+)`", "".join(row.split("|")[1] for row in table.split("\n")[2:]))
    assert sorted(named) == sorted(Search.__struct_fields__)
    asked = {name for name, it in vars(Target).items() if callable(it) and name[0] != "_"}
    assert asked - {"timed", "connect", "close"} <= {*re.findall(r"`(\w+)\(", text)}


def test_contributing_says_what_each_folder_holds():
    tree = (CHECKOUT / "CONTRIBUTING.md").read_text().split("```")[1]
    rooms = {path.parent for path in (CHECKOUT / "mcstress").glob("*/__init__.py")}
    assert {f"{room.name}/" for room in rooms if not room.is_symlink()} <= {*tree.split()}
