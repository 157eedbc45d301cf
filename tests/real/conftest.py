"""Real systems on loopback: ``make test-targets`` has them (docs/targets-results.md).

Each is a process of its own, booted for one test; what was asked of it and what it answered is in
the summary, and one line says what could not be had.
"""

from __future__ import annotations

import importlib.util
import os

import pytest
from real.systems import NEEDS

NEVER = "agentmemory (its engine is a download), Qdrant, OpenSearch (no package has the server)"
KEY = pytest.StashKey[list]()
os.environ["MEM0_TELEMETRY"] = "False"  # before anybody imports it: nothing leaves this machine


def pytest_configure(config):
    config.stash[KEY] = []


def missing(name):
    """The packages that a system needs and that are not installed."""
    return [one for one in NEEDS[name] if importlib.util.find_spec(one) is None]


@pytest.fixture
def needs():
    """Skips where a system's packages are not installed."""

    def need(name):
        if gone := missing(name):
            pytest.skip(f"{name}: no package {', '.join(gone)}; make test-targets installs it")

    return need


@pytest.fixture
def tell(request):
    """Puts a line into the summary."""
    return request.config.stash[KEY].append


def pytest_terminal_summary(terminalreporter, config):
    if config.option.markexpr != "targets":
        return
    terminalreporter.section("real systems")
    for line in config.stash[KEY]:
        terminalreporter.write_line(line)
    gone = [f"{name} (no package {', '.join(missing(name))})" for name in NEEDS if missing(name)]
    terminalreporter.write_line(f"could not have: {', '.join([*gone, NEVER])}")
