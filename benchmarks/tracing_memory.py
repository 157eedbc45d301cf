"""How much memory 200,000 spans take while the server hangs: a process of its own, for its peak.

``python -m benchmarks.tracing_memory URL FOLDER`` prints the MB that were added, and the counts.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import gevent
from locust.env import Environment

from benchmarks.fixed_server import search_body
from benchmarks.searchers import BODY
from benchmarks.tracing_arms import made, tracer_to

SPANS = 200_000
A_BURST = 100


def main(url: str, folder: Path) -> None:
    """Record, as fast as users that let the others take turns, and finish."""
    Environment()
    tracer = tracer_to(url, folder, "memory")
    response = search_body()
    before = _peak_mb()
    for number in range(SPANS):
        tracer.record(*made(number, BODY, response))
        if number % A_BURST == 0:
            gevent.sleep(0)
    counts = tracer.finish(2.0)
    grown = _peak_mb() - before
    dropped = sum(counts.dropped.values())
    print(json.dumps({"mb": grown, "spooled": counts.spooled, "dropped": dropped}))


def _peak_mb() -> float:
    """The peak of this process; getrusage would tell its parent's, where that was higher."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
