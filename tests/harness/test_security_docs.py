"""docs/security.md says what the program does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mcstress import locust_compat
from mcstress.cluster import key as cluster_key
from mcstress.master import admission

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text()


@pytest.mark.parametrize(
    "words",
    [
        f"### `{cluster_key.VARIABLE}`",
        f"larger than {locust_compat.LARGEST_MESSAGE_BYTES >> 20} MiB",
        f"over {locust_compat.LARGEST_READ_BYTES >> 20} MiB",
        f"within {admission.GREETING_WITHIN_S:g} s",
        f"takes {cluster_key.HEAD_BYTES} bytes",
    ],
)
def test_every_limit(words):
    assert words in TEXT


def test_every_threat_has_a_test_that_is_there():
    rows = re.findall(r"^\| (.+?) \| (.+?) \| `(tests/\S+?)::(\w+)` \|$", TEXT, re.MULTILINE)
    assert len(rows) > 15
    lacking = [f"{path}::{name}" for _, _, path, name in rows if not has_test(path, name)]
    assert lacking == []


def has_test(path, name):
    file = ROOT / path
    return file.is_file() and re.search(rf"^ *def {name}\(", file.read_text(), re.MULTILINE)
