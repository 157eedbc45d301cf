"""A comparison of two checkouts: ``python -m benchmarks.against OTHER [NAME …]``.

OTHER is a checkout of an earlier state (``git worktree add ../before COMMIT``); it needs no
environment of its own. Prints, for each NAME, the ratio of this checkout's CPU time to the other's:
the median of nine interleaved pairs, with its 95 % interval from their order alone. A half of a
pair is four new processes, since the memory layout of one makes it faster or slower by some per
cent for as long as it lives. Each process of this checkout alternates with one of the other, in
turns of less than a second: so quickly the speed of a shared machine changes. A pair's ratio is the
median over all its turns.

Beside it stands the ratio of the instructions, where ``perf`` can count them (few virtual machines
let it) or Valgrind is installed, which takes two minutes a NAME. It is the same to a part in a
thousand on a machine that is busy with something else, where CPU time tells nothing; it does not
know of caches. ``--instructions`` leaves CPU time out, ``--cpu`` the instructions.

``event_cost`` is of the same events on both sides: what the other's events have, and the question
and the length of its list that this checkout's always have. In ``event_cost_whole`` this checkout's
events hold all that they do now, and the other's do not: the difference is what that costs.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
from scipy.stats import quantile_test

from benchmarks.made_events import as_lines, made_events
from benchmarks.step import fixed_server

HERE = Path(__file__).parents[1]
HALF = Path(__file__).with_name("against_half.py")
PAIRS, PROCESSES, TURNS = 9, 4, 11
NAMES = (
    "step",
    "search",
    "event_cost",
    "event_cost_whole",
    "trace_record",
    "trace_delivery",
    "trace_delivery_unmasked",
)
EVENTS, TRIOS = 10_000, 20
"""What events are made for ``event_cost``: at least as many as a half takes of them."""
ALWAYS = {"question", "found"}
"""What each event has since there were any: without them, it is read as one of an older version."""
NUMBERS = (1000, 4000)
"""Events or steps whose instructions are counted, each in a process of its own: they differ by the
events of one delta."""
SAME_FOR_BOTH = {
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "",
    "OPENBLAS_NUM_THREADS": "1",  # threads that wait for work spin, and count
}
COUNTERS = {
    "perf": (["stat", "-x,", "-e", "instructions:u"], r"^(\d+),.*instructions"),
    "valgrind": (
        ["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"],
        r"I\s+refs:\s+([\d,]+)",
    ),
}
"""What counts the instructions of a command: its arguments, and where it says their number."""


def half(checkout: Path, *arguments: str, under: Sequence[str] = ()) -> subprocess.Popen[str]:
    """A half of ``checkout``, whatever it is to run ``under``."""
    return subprocess.Popen(
        [*under, sys.executable, "-P", str(HALF), *arguments],  # -P: not from the file's own folder
        cwd=checkout,
        env=os.environ
        | {"PYTHONPATH": str(checkout), "EVENTS": events_for(checkout, arguments[0])}
        | SAME_FOR_BOTH,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_half(checkout: Path, *arguments: str, under: Sequence[str] = ()) -> tuple[str, str]:
    """What the half says of ``checkout``, and what the command says that it runs ``under``."""
    process = half(checkout, *arguments, under=under)
    said, wrong = process.communicate()
    if process.returncode:
        sys.exit(f"{checkout}, {arguments[0]}: {wrong}")
    return said, wrong


def cpu_ratios(other: Path, name: str, url: str) -> Iterator[float]:
    """The CPU time here by that there, pair by pair."""
    for _ in range(PAIRS):
        with ExitStack() as stack:
            both = [
                tuple(stack.enter_context(half(at, name, url)) for at in (HERE, other))
                for _ in range(PROCESSES)
            ]
            for ours, theirs in both:  # what is not counted: they get warm
                turn_of(ours), turn_of(theirs)
            ratios = [ratio(*two, turn) for turn in range(TURNS) for two in both]
            for one in chain.from_iterable(both):
                one.communicate()
        yield statistics.median(ratios)


def ratio(ours: subprocess.Popen[str], theirs: subprocess.Popen[str], turn: int) -> float:
    """The CPU time of one turn here by that of one there; every other time we begin."""
    order = (ours, theirs) if turn % 2 else (theirs, ours)
    took = {one.pid: turn_of(one) for one in order}
    return took[ours.pid] / took[theirs.pid]


def turn_of(one: subprocess.Popen[str]) -> float:
    """CPU µs of an event or step in a process's next turn, while the others wait."""
    assert one.stdin is not None
    assert one.stdout is not None
    one.stdin.write("\n")
    one.stdin.flush()
    if said := one.stdout.readline():
        return float(said)
    sys.exit(f"{one.args}: {one.communicate()[1]}")


def instructions(checkout: Path, name: str, url: str) -> float:
    """The instructions of one event or step."""
    run_half(checkout, name, url, str(NUMBERS[0]))  # its modules are compiled then
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


_files: dict[str, str] = {}
"""The files of events, by what they hold."""


def events_for(checkout: Path, name: str) -> str:
    """The file of events that a half of ``name`` takes; empty where none was made."""
    whole = name == "event_cost_whole" and checkout == HERE
    return _files.get("whole" if whole else "shared", "")


def make_events(there: Path, folder: str) -> None:
    """Write events down: as they are here, and with what they have in the other checkout, too."""
    event_has, step_has = map(set, msgspec.json.decode(run_half(there, "fields", "")[0]))
    whole = as_lines(made_events(EVENTS, TRIOS))
    events = [msgspec.json.decode(line) for line in whole.splitlines()]
    for event in events:
        _leave(event, event_has | ALWAYS)
        for step in event["steps"]:
            _leave(step, step_has)
    for name, lines in ("whole", whole), ("shared", msgspec.json.Encoder().encode_lines(events)):
        path = Path(folder) / f"{name}.jsonl"
        path.write_bytes(lines)
        _files[name] = str(path)


def _leave(values: dict[str, Any], names: set[str]) -> None:
    """Take out what ``names`` does not name."""
    for name in values.keys() - names:
        del values[name]


def asked() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.against")
    parser.add_argument("other", metavar="OTHER", type=Path, help="a checkout of an earlier state")
    parser.add_argument("names", metavar="NAME", nargs="*", help=", ".join(NAMES))
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--cpu", action="store_true", help="CPU time only")
    only.add_argument("--instructions", action="store_true", help="instructions only")
    found = parser.parse_intermixed_args()
    if not (found.other / "locustfile.py").is_file():  # the package had other names before
        parser.error(f"OTHER: {found.other} is not a checkout of this project")
    if unknown := [name for name in found.names if name not in NAMES]:
        parser.error(f"NAME: there is no {', '.join(unknown)}; expected: {', '.join(NAMES)}")
    return found


def main(options: argparse.Namespace) -> None:
    """Print a line or two for each benchmark."""
    there, other = options.other.resolve(), options.other
    with fixed_server() as url, tempfile.TemporaryDirectory() as folder:
        make_events(there, folder)
        for name in options.names or NAMES:
            if not options.cpu and counter():
                here_n, there_n = (instructions(at, name, url) for at in (HERE, there))
                print(
                    f"{name:24} {here_n / there_n:.3f} of {other}, instructions "
                    f"({here_n:,.0f} of {there_n:,.0f})",
                    flush=True,
                )
            if not options.instructions:
                found = list(cpu_ratios(there, name, url))
                interval = quantile_test(found, q=1, p=0.5).confidence_interval(0.95)
                print(
                    f"{name:24} {statistics.median(found):.3f} of {other}, CPU time, "
                    f"95 % interval {interval.low:.3f} to {interval.high:.3f}, {PAIRS} pairs",
                    flush=True,
                )


if __name__ == "__main__":
    main(asked())
