"""The seed's words for the healthy ranges."""

from __future__ import annotations

import pytest

from mcstress.metrics.figures import Figures
from mcstress.metrics.readings import ranges, read

SAME = "diversity.same_role_across_contracts.mean_jaccard"
DIFFERENT = "diversity.different_roles_within_contract.mean_jaccard"


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        (SAME, 0.0, "healthy"), (SAME, 0.2999, "healthy"), (SAME, 0.30, "high"),
        (SAME, 0.50, "high"), (SAME, 0.5001, "cycling"), (SAME, 1.0, "cycling"),
        (DIFFERENT, 0.0999, "healthy"), (DIFFERENT, 0.10, "high"), (DIFFERENT, 0.51, "cycling"),
        ("determinism.mean_jaccard", 1.0, "healthy"),
        ("determinism.mean_jaccard", 0.95, "healthy"),
        ("determinism.mean_jaccard", 0.9499, "acceptable"),
        ("determinism.mean_jaccard", 0.80, "acceptable"),
        ("determinism.mean_jaccard", 0.7999, "unstable"),
        ("determinism.mean_jaccard", 0.0, "unstable"),
        ("handover.verbatim.top1_rate", 0.95, "healthy"),
        ("handover.verbatim.top1_rate", 0.94, "low"),
        ("handover.paraphrase.top1_rate", 0.5, "healthy"),
        ("handover.paraphrase.top1_rate", 0.25, "low"),
        ("freshness.visible_rate", 1.0, "healthy"), ("freshness.visible_rate", 0.67, "low"),
        ("inbox.parsed_rate", 0.9, "healthy"), ("inbox.parsed_rate", 0.5, "unusable"),
        ("inbox.rated_rate", 0.9, "healthy"), ("inbox.rated_rate", 0.5, "unusable"),
        ("inbox.parse_accuracy", 0.9, "healthy"), ("inbox.parse_accuracy", 0.5, "misread"),
        ("inbox.mean_rating", 3.0, "healthy"), ("inbox.mean_rating", 1.31, "poor"),
        ("swap.returned", 0, "healthy"), ("swap.returned", 1, "ignored"),
        ("errors.rate", 0.01, "healthy"), ("errors.rate", 0.011, "failing"),
    ],
)  # fmt: skip
def test_a_value_has_its_word(name, value, word):
    assert read(name, value)["word"] == word


def test_without_a_value_nothing_is_said():
    readings = Figures(8).result()["readings"]
    assert set(readings) == set(ranges())
    assert {reading["word"] for reading in readings.values()} == {"unknown"}
    assert readings["determinism.mean_jaccard"]["healthy"] == ">= 0.95"
