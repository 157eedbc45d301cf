"""docs/metrics.md is what the code says."""

from __future__ import annotations

from pathlib import Path

from mcstress.metrics.docs_page import table
from mcstress.metrics.readings import ranges

DOCUMENT = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()


def test_the_table_of_figures_is_the_codes():
    assert DOCUMENT.endswith(table()), "run: python -m mcstress.metrics.docs_page"


def test_every_healthy_range_is_in_the_document():
    for name, its in ranges().items():
        row = next(line for line in DOCUMENT.splitlines() if line.startswith(f"| `{name}` | "))
        healthy, others = (cell.strip() for cell in row.split("|")[2:4])
        operator, limit = healthy.split()
        assert (operator, float(limit)) == (its[0].operator, its[0].limit)
        assert all(other.word in others for other in its[1:])
