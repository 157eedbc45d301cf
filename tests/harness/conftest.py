"""A run without its services: what a master holds, and what it tells a worker."""

from __future__ import annotations

import msgspec
import pytest

from harness.beginning import begin_run
from harness.check_command import parse
from harness.ground import Ground
from harness.settings import read_settings
from services.reach import LanguageModel


@pytest.fixture
def made_run(tmp_path):
    """A master's run, in a folder of its own."""
    options = parse(["--report-dir", str(tmp_path), "--langfuse-env", str(tmp_path / "none")])
    settings = read_settings(options, None)
    nowhere = "http://127.0.0.1:9"
    ground = Ground(settings, nowhere, nowhere, {}, LanguageModel("m", rule_based=True))
    run = begin_run(settings, ground, "distributed")
    yield run
    run.segment.close()


@pytest.fixture
def welcome(made_run):
    """What the second worker is told of it."""
    part = made_run.roll.enter("worker-1", "client", "boot")
    return msgspec.structs.replace(made_run.welcome(part), langfuse_env="")
