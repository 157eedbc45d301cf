"""Fixtures of evidence/: a head that stays as it is, whatever metrics/ learn to say."""

import json
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def golden_head():
    """The head of a small run's document, as it once was made."""
    return json.loads(Path(__file__).with_name("golden_head.json").read_text())
