"""A comparison of two checkouts: ``python -m benchmarks.against OTHER [NAME …]``.

OTHER is a checkout of an earlier state (``git worktree add ../before COMMIT``); it needs no
environment of its own. Prints, for each NAME, the ratio of this checkout's CPU time to the other's:
the median of nine interleaved pairs, with its 95 % interval from their order alone. Each half of a
pair is a process of its own, so that the memory layout of one process does not decide.

Beside it stands the ratio of the instructions, where ``perf`` can count them (few virtual machines
let it) or Valgrind is installed, which takes two minutes a NAME. It is the same to a part in a
thousand on a machine that is busy with something else, where CPU time tells nothing; it does not
know of caches. ``--instructions`` leaves CPU time out.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from scipy.stats import quantile_test

from benchmarks.step import fixed_server

HERE = Path(__file__).parents[1]
HALF = Path(__file__).with_name("against_half.py")
PAIRS = 9
NAMES = (
    "step",
    "search",
    "event_cost",
    "trace_record",
    "trace_delivery",
    "trace_delivery_unmasked",
)
NUMBERS = (1000, 3000)
"""Events or steps whose instructions are counted, each in a process of its own."""
SAME_FOR_BOTH = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": ""}
COUNTERS = {
    "perf": (["stat", "-x,", "-e", "instructions:u"], r"^(\d+),.*instructions"),
    "valgrind": (
        ["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"],
        r"I\s+refs:\s+([\d,]+)",
    ),
}
"""What counts the instructions of a command: its arguments, and where it says their number."""


def run_half(checkout: Path, *arguments: str, under: list[str]) -> tuple[str, str]:
    """What the half says of ``checkout``, and what the command says that it runs ``under``."""
    done = subprocess.run(
        [*under, sys.executable, "-P", str(HALF), *arguments],  # -P: not from the file's own folder
        cwd=checkout,
        env=os.environ | {"PYTHONPATH": str(checkout), **SAME_FOR_BOTH},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{checkout}, {arguments[0]}: {done.stderr}")
    return done.stdout, done.stderr


def cpu_ratios(other: Path, name: str, url: str) -> Iterator[float]:
    """The CPU time here by that there, pair by pair; who comes first changes with every pair."""
    for pair in range(PAIRS):
        order = (HERE, other) if pair % 2 else (other, HERE)
        cost = {at: float(run_half(at, name, url, under=[])[0]) for at in order}
        yield cost[HERE] / cost[other]


def instructions(checkout: Path, name: str, url: str) -> float:
    """The instructions of one event or step."""
    run_half(checkout, name, url, str(NUMBERS[0]), under=[])  # its modules are compiled then
    fewer, more = (counted(checkout, name, url, number) for number in NUMBERS)
    return (more - fewer) / (NUMBERS[1] - NUMBERS[0])


def counted(checkout: Path, name: str, url: str, number: int) -> int:
    """The instructions of a process that does the work for ``number`` events or steps."""
    tool = counter()
    assert tool is not None
    arguments, pattern = COUNTERS[tool]
    _, said = run_half(checkout, name, url, str(number), under=[tool, *arguments])
    found = re.search(pattern, said, re.MULTILINE)
    assert found, said
    return int(found[1].replace(",", ""))


@cache
def counter() -> str | None:
    """The first of ``COUNTERS`` that counts on this machine."""
    for tool, (arguments, pattern) in COUNTERS.items():
        if shutil.which(tool):
            command = [tool, *arguments, "true"]
            said = subprocess.run(command, capture_output=True, text=True, check=False).stderr
            if re.search(pattern, said, re.MULTILINE):
                return tool
    return None


def main(other: str, names: list[str], *, with_cpu: bool) -> None:
    """Print two lines for each benchmark."""
    there = Path(other).resolve()
    with fixed_server() as url:
        for name in names or NAMES:
            if counter():
                here_n, there_n = (instructions(at, name, url) for at in (HERE, there))
                print(
                    f"{name:24} {here_n / there_n:.3f} of {other}, instructions "
                    f"({here_n:,.0f} of {there_n:,.0f})",
                    flush=True,
                )
            if with_cpu:
                found = list(cpu_ratios(there, name, url))
                interval = quantile_test(found, q=1, p=0.5).confidence_interval(0.95)
                print(
                    f"{name:24} {statistics.median(found):.3f} of {other}, CPU time, "
                    f"95 % interval {interval.low:.3f} to {interval.high:.3f}, {PAIRS} pairs",
                    flush=True,
                )


if __name__ == "__main__":
    COMPARED = [argument for argument in sys.argv[1:] if argument != "--instructions"]
    main(COMPARED[0], COMPARED[1:], with_cpu="--instructions" not in sys.argv)
