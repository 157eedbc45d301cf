"""A closed terminal takes nothing more: what is printed after it must not fail."""

from __future__ import annotations

import os
import subprocess
import sys

from endtoend.locust_run import CHECKOUT

PRINTS = """
import sys
from harness.interrupts import _forget_closed_terminal
sys.stdin.readline()
if {forgets}:
    _forget_closed_terminal()
print("the report", flush=True)
"""


def code_of(*, forgets):
    """The exit code of a process that prints after its terminal was closed."""
    terminal, its_end = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", PRINTS.format(forgets=forgets)],
        stdin=subprocess.PIPE,
        stdout=its_end,
        stderr=its_end,
        cwd=CHECKOUT,
    )
    os.close(its_end)
    os.close(terminal)
    process.communicate(b"\n", timeout=60)
    return process.returncode


def test_it_is_forgotten():
    assert code_of(forgets=False) != 0, "else this proves nothing"
    assert code_of(forgets=True) == 0
