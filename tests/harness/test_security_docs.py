"""docs/security.md says what the program does."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcstress import locust_compat
from mcstress.cluster import key as cluster_key
from mcstress.master import admission

TEXT = (Path(__file__).parents[2] / "docs" / "security.md").read_text()


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
