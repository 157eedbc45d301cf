"""One run for each of several values of ``--memory-size`` and ``--set``, and a table of them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import msgspec

from mcstress.commands.run import command_line, report_dir_of
from mcstress.errors import UsageError
from mcstress.evidence.store.paths import STEM
from mcstress.exit_codes import EXIT_CODES
from mcstress.services.toml.numbers import OPTION as SET

MEMORY_SIZE = "--memory-size"
MOST_RUNS = 50
NONE = "-"
VERDICTS = {code: verdict for verdict, code in EXIT_CODES.items()}
WORSE = [EXIT_CODES[verdict] for verdict in ("pass", "unknown", "fail")]

Json = dict[str, Any]


class Varied(msgspec.Struct, frozen=True):
    """An option at ``place`` of a command line, and what it says in each run."""

    place: int
    name: str
    values: tuple[str, ...]


def varied(arguments: Sequence[str]) -> list[Varied]:
    """The options that were given several values, ``NAME VALUES`` or ``NAME=VALUES``."""
    found = []
    for at, argument in enumerate(arguments):
        option, joined, value = argument.partition("=")
        place = at if joined else at + 1
        if option not in (MEMORY_SIZE, SET):
            continue
        if not joined:
            value = "".join(arguments[place : place + 1])
        key, _, listed = value.rpartition("=")
        if "," in listed:
            name, before = (key, f"{key}=") if option == SET else (option, "")
            values = tuple(before + one.strip() for one in listed.split(","))
            prefix = f"{option}=" if joined else ""
            found.append(Varied(place, name, tuple(prefix + one for one in values)))
    return found


def command_lines(arguments: Sequence[str], options: Sequence[Varied]) -> Iterator[list[str]]:
    """The arguments of each run. Raises UsageError where there are too many."""
    count = 1
    for one in options:
        count *= len(one.values)
    if count > MOST_RUNS:
        raise UsageError(f"found {count} runs of several values, expected at most {MOST_RUNS}")
    for values in product(*(one.values for one in options)):
        line = [*arguments]
        for one, value in zip(options, values, strict=True):
            line[one.place] = value
        yield line


def sweep(arguments: Sequence[str], tell: Callable[[str], None]) -> int:
    """Make the runs one after another; ``tell`` hears of each and gets the table.

    The exit code is the worst verdict's. A run that was refused or interrupted ends the whole with
    its code.
    """
    options = varied(arguments)
    lines = [*command_lines(arguments, options)]
    commands = [command_line(line) for line in lines]  # all are read before the first is run
    folder = report_dir_of(lines[0])
    rows, codes = [], []
    for number, (line, command) in enumerate(zip(lines, commands, strict=True), 1):
        values = [line[one.place].rpartition("=")[2] for one in options]
        named = ", ".join(f"{one.name} {value}" for one, value in zip(options, values, strict=True))
        tell(f"run {number} of {len(lines)}: {named}")
        before = _documents(folder)
        code = _run(command)
        codes.append(code)
        written = sorted(_documents(folder) - before, key=lambda path: path.stat().st_mtime)
        if code not in VERDICTS or not written:
            break
        document = json.loads(written[-1].read_bytes())
        rows.append([*values, *_row(document), VERDICTS[code], written[-1].name])
    for text in _table([one.name for one in options], rows):
        tell(text)
    return max(codes, key=lambda code: WORSE.index(code) if code in WORSE else len(WORSE))


def _run(command: Sequence[str]) -> int:
    """The exit code of a run, which hears the terminal's signals itself and ends by them."""
    with subprocess.Popen(command) as run:  # noqa: S603  (locust, with the options that were given)
        while True:
            try:
                return run.wait()
            except KeyboardInterrupt:
                continue


def _documents(folder: Path) -> set[Path]:
    return {*folder.glob(f"{STEM}_*.json")}


COLUMNS: dict[str, tuple[str, str]] = {
    "top-1": ("metrics.handover.verbatim.top1_rate", "{:.3f}"),
    "top-1, paraphrased": ("metrics.handover.paraphrase.top1_rate", "{:.3f}"),
    "recall by truth": ("metrics.relevance.recall_at_k", "{:.3f}"),
    "search p50 ms": ("latency.matrix_search.p50_ms", "{:.1f}"),
    "p95 ms": ("latency.matrix_search.p95_ms", "{:.1f}"),
    "p99 ms": ("latency.matrix_search.p99_ms", "{:.1f}"),
    "capacity, events/s": ("metrics.capacity.events_per_s", "{:.1f}"),
    "at least": ("metrics.capacity.at_least.events_per_s", "{:.1f}"),
}
"""The table's columns: where their figure stands in a run's document, and how it is written."""


def _row(document: Json) -> list[str]:
    cells = []
    for place, form in COLUMNS.values():
        value: Any = document
        for key in place.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        cells.append(NONE if value is None else form.format(value))
    return cells


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """In Markdown, with even columns; those of figures that no run has are left out."""
    head = [*names, *COLUMNS, "verdict", "report"]
    kept = [at for at in range(len(head)) if any(row[at] != NONE for row in rows)]
    cells = [[row[at] for at in kept] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ["-" * width for width in widths])
    for row in cells:
        yield f"| {' | '.join(cell.ljust(w) for cell, w in zip(row, widths, strict=True))} |"
