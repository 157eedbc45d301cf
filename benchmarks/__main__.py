"""All benchmarks, one after the other: ``python -m benchmarks [NAME …]``.

Prints each table and, where all were run, writes benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import msgspec

from benchmarks.row import Row

MODULES = (
    "step",
    "target",
    "event_cost",
    "deltas",
    "users",
    "many_users",
    "workers",
    "embedded",
    "percentiles",
    "jaccard",
    "report",
    "tracing",
    "tracing_runs",
    "masking",
    "page",
)
PACKAGES = ("locust", "gevent", "geventhttpclient", "httptools", "httpx", "msgspec", "numpy")
INTRODUCTION = """\
Measured on {machine}. Each table is one interleaved run: rank by ratios and by CPU time, for
absolute figures swing with the neighbours. `make bench` writes this page;
`python -m benchmarks NAME` runs one."""
RESULTS = Path(__file__).with_name("RESULTS.md")
ROWS_OF = "benchmarks.rows_of"


def rows_of(name: str) -> list[Row]:
    """The rows of one benchmark, run in a process of its own: none warms another's caches."""
    command = [sys.executable, "-m", ROWS_OF, name]
    told = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(told.stdout.splitlines()[-1], type=list[Row])


def table(rows: list[Row]) -> list[str]:
    """The rows as Markdown."""
    lines = ["| what | value | ratio |", "| --- | ---: | --- |"]
    for row in rows:
        against = f"{row.ratio:.2f} x {row.against}" if row.ratio is not None else ""
        lines.append(f"| {row.name} | {row.value:,.4g} {row.unit} | {against} |")
    return lines


def machine() -> str:
    """What the figures were measured on."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.machine()}, "
        f"{platform.system()}, Python {platform.python_version()}, {packages}"
    )


def main(names: list[str]) -> None:
    """Run them; a benchmark's first docstring line is its heading."""
    parts = [
        "# What it costs",
        INTRODUCTION.format(machine=machine()),
    ]
    for name in names or MODULES:
        begun_s = time.monotonic()
        module = importlib.import_module(f"benchmarks.{name}")
        heading = (module.__doc__ or name).splitlines()[0].rstrip(".")
        text = "\n".join(table(rows_of(name)))
        took_s = time.monotonic() - begun_s
        parts += [f"## {heading}", f"`python -m benchmarks {name}`, {took_s:.0f} s", text]
        print(f"{heading} ({took_s:.0f} s)\n{text}\n", flush=True)
    if not names:
        RESULTS.write_text("\n\n".join(parts) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", metavar="NAME", nargs="*", help=", ".join(MODULES))
    chosen = parser.parse_args().names
    if unknown := [name for name in chosen if not RESULTS.with_name(f"{name}.py").is_file()]:
        parser.error(f"NAME: there is no {', '.join(unknown)}; all of them: {', '.join(MODULES)}")
    main(chosen)
