"""The same searches by the gateway's class and by a TOML file, where both send text.

CPU time of the generator per search over 50 connections, in turns of one interleaved run; the same
server answers both. A file that sends text may cost twice the class at most. What the class costs
against an earlier state says ``python -m benchmarks.against OTHER search``, apart from its event.
"""

from __future__ import annotations

from contextlib import ExitStack

from benchmarks.row import Row, print_rows
from benchmarks.searchers import BY_CLASS, TARGETS
from benchmarks.step import fixed_server, interleave, rows
from benchmarks.turns import turns_of

TURNS = 9


def run() -> list[Row]:
    """The class and the file."""
    with ExitStack() as stack:
        url = stack.enter_context(fixed_server())
        turns = {name: stack.enter_context(turns_of(url, name)) for name in TARGETS}
        for turn in turns.values():
            turn()
        return rows(interleave(turns, TURNS), "µs CPU per search", BY_CLASS)


if __name__ == "__main__":
    print_rows(run())
