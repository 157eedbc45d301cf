"""A comparison of two checkouts: ``python -m benchmarks.against OTHER [NAME …]``.

OTHER is a checkout of an earlier state (``git worktree add ../before COMMIT``); it needs no
environment of its own. Prints, for each NAME, the ratio of this checkout's CPU time to the other's:
the median of nine interleaved pairs, with its 95 % interval from their order alone. Each half of a
pair is a process of its own, so that the memory layout of one process does not decide.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

from scipy.stats import quantile_test

from benchmarks.step import fixed_server

HERE = Path(__file__).parents[1]
HALF = Path(__file__).with_name("against_half.py")
PAIRS = 9
NAMES = ("step", "event_cost", "trace_record", "trace_delivery")


def half(checkout: Path, name: str, url: str) -> float:
    """CPU µs of one event or step in ``checkout``."""
    done = subprocess.run(
        [sys.executable, "-P", str(HALF), name, url],  # -P: not from the file's own folder
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(done.stdout)


def ratios(other: Path, name: str, url: str) -> list[float]:
    """The cost here by the cost there, pair by pair; who comes first changes with every pair."""
    found = []
    for pair in range(PAIRS):
        order = (HERE, other) if pair % 2 else (other, HERE)
        cost = {checkout: half(checkout, name, url) for checkout in order}
        found.append(cost[HERE] / cost[other])
    return found


def main(other: str, *names: str) -> None:
    """Print a line for each benchmark."""
    with fixed_server() as url:
        for name in names or NAMES:
            found = ratios(Path(other).resolve(), name, url)
            interval = quantile_test(found, q=1, p=0.5).confidence_interval(0.95)
            print(
                f"{name:15} {statistics.median(found):.3f} of {other}, "
                f"95 % interval {interval.low:.3f} to {interval.high:.3f}, {PAIRS} pairs",
                flush=True,
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
