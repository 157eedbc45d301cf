"""The seed of all that is random here: printed, and given again to repeat a run."""

from __future__ import annotations

import os
from random import Random, SystemRandom

import pytest

SEED = "CHAOS_SEED"


def pytest_report_header() -> str:
    """The seed, at the head of the run; xdist's workers have it from their parent."""
    seed = os.environ.setdefault(SEED, str(SystemRandom().randrange(10**6)))
    return f"chaos: {SEED}={seed} repeats this run"


@pytest.fixture
def chance(request) -> Random:
    """Random numbers of the seed, for each test its own."""
    return Random(f"{os.environ.get(SEED, '0')}/{request.node.name}")
