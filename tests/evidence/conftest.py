"""Fixtures of evidence/: a head that stays as it is, whatever metrics/ learn to say."""

import json
from pathlib import Path

import pytest
from made_report import typed


@pytest.fixture(scope="session")
def golden_head():
    """A small run's document, as it once was made."""
    return typed(json.loads(Path(__file__).with_name("golden_head.json").read_text()))
