"""Real runs compared, four against four: a doubled latency is found, and no change is none."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from endtoend.locust_run import run_locust

from mcstress.cli import main

RUNS = 4
SLOW_MS = {"before": 40, "again": 40, "slow": 80}
"""What each answer of the gateway takes longer, by side: far more than a busy machine adds."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The documents of each side; the sides ran in turn."""
    folder = tmp_path_factory.mktemp("runs")
    made = {side: [] for side in SLOW_MS}
    for number in range(RUNS):
        for side, slow_ms in SLOW_MS.items():
            reports = folder / f"{side}{number}"
            load = ("--headless", "-u", 24, "-r", 24, "--rounds", 1, "--only-summary")
            fault = ("--stack-fault", f"slow_ms={slow_ms}")
            code, _, output = run_locust(*load, *fault, report_dir=reports)
            assert code == 0, output
            made[side].append(str(reports / "multi_coord_stress_001.json"))
    return made


def compared(runs, side):
    """The exit code, and what differs of the family: figure → verdict."""
    files = [*runs["before"], "--", *runs[side]]
    done = CliRunner().invoke(main, ["compare", "--format", "json", "--fail-on-regression", *files])
    found = json.loads(done.stdout)
    return done.exit_code, {
        one["name"]: one["verdict"]
        for one in found["figures"]
        if one["verdict"] in ("better", "worse")
    }


@pytest.mark.slow
def test_a_doubled_latency_is_found(runs):
    assert compared(runs, "slow") == (
        5,
        {"latency.matrix_search.p95_ms": "worse", "steps_per_s": "worse"},
    )


@pytest.mark.slow
def test_where_nothing_changed_nothing_is_found(runs):
    """Of a hundred such comparisons up to five find something: where this fails, run it again."""
    assert compared(runs, "again") == (0, {})
