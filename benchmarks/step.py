"""A ``matrix.search`` step against other clients that send the same POST and read the answer.

CPU time of the generator per request over 50 connections; server and clients are processes of their
own. All take turns in one run, and a ratio is the median of the turns' ratios.
"""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from benchmarks import load_tools, parsers
from benchmarks.row import Row, print_rows
from benchmarks.searchers import BODY, FAST_HTTP_USER, SEARCHERS
from benchmarks.turns import ALL_IN, Turn, turns_of
from mcstress.process.parent_death import end_with_parent
from mcstress.services.gateway.client import SEARCH

TURNS = 11


@contextlib.contextmanager
def fixed_server(takes_ms: float = 0) -> Iterator[str]:
    """The URL of a server that answers every request alike."""
    command = [sys.executable, Path(__file__).with_name("fixed_server.py"), str(takes_ms)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, preexec_fn=end_with_parent
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.wait()


def tool_turns(url: str, folder: Path) -> dict[str, Turn]:
    """A turn of each load generator that is installed."""
    body = folder / "body.json"
    body.write_bytes(BODY)
    return {
        tool.name: lambda tool=tool: load_tools.cpu_us_per_request(tool, url + SEARCH.path, body)  # type: ignore[misc]  # the default binds the loop's value
        for tool in load_tools.installed()
    }


def interleave(turns: Mapping[str, Turn], count: int) -> dict[str, list[float]]:
    """What ``count`` turns of each gave, taken in rotation."""
    measured: dict[str, list[float]] = {name: [] for name in turns}
    for _ in range(count):
        for name, turn in turns.items():
            measured[name].append(turn())
    return measured


def rows(measured: Mapping[str, list[float]], unit: str, against: str) -> list[Row]:
    """The median of each, and of its ratios to ``against``, turn by turn."""
    base = measured[against]
    return [
        Row(
            name=name,
            value=statistics.median(values),
            unit=unit,
            ratio=statistics.median(v / b for v, b in zip(values, base, strict=True)),
            against=against,
        )
        for name, values in measured.items()
    ]


def run() -> list[Row]:
    """Clients, load generators and parsers."""
    with ExitStack() as stack:
        url = stack.enter_context(fixed_server())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        turns = {
            name: stack.enter_context(turns_of(url, name)) for name in (*SEARCHERS, ALL_IN)
        } | tool_turns(url, folder)
        for turn in turns.values():
            turn()
        clients = interleave(turns, TURNS)
    bindings = {
        "parse with httptools": lambda: parsers.us_per_answer(parsers.httptools_parses()),
        "parse with geventhttpclient._parser": lambda: parsers.us_per_answer(
            parsers.geventhttpclient_parses()
        ),
    }
    return [
        *rows(clients, "µs CPU per request", FAST_HTTP_USER),
        *rows(interleave(bindings, TURNS), "µs per answer", "parse with geventhttpclient._parser"),
    ]


if __name__ == "__main__":
    print_rows(run())
