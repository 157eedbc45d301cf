"""docs/reliability.md names a test for every fault, and every test that it names is there."""

from __future__ import annotations

import re
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
PAGE = (CHECKOUT / "docs" / "reliability.md").read_text()
ROWS = re.findall(r"^\| (?!fault )([^|]+) \| [^|]+ \| [^|]+ \| ([^|]+) \|$", PAGE, re.MULTILINE)
DEFINED = {
    name: file
    for file in (CHECKOUT / "tests").rglob("test_*.py")
    for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
}


def test_every_test_that_it_names_is_there():
    named = re.findall(r"`(test_\w+)`", PAGE)
    assert len(named) > 40
    assert not {*named} - DEFINED.keys()


def test_every_fault_has_a_test():
    assert len(ROWS) > 25
    assert not [fault for fault, tests in ROWS if "test_" not in tests and "same two" not in tests]


def test_all_tests_of_the_chaos_suite_stand_in_it():
    own = {name for name, file in DEFINED.items() if file.parent.name == "chaos"}
    beside = {"test_what_arrives_as_it_was_sent_is_complete_and_what_is_lost_is_not"}
    assert own - beside <= {*re.findall(r"`(test_\w+)`", PAGE)}


def test_what_it_says_to_run_is_there():
    assert "\nchaos: $(STAMP)\n" in (CHECKOUT / "Makefile").read_text()
