"""The memory of a target is filled before the first user, or the run is refused."""

from __future__ import annotations

import textwrap

import msgspec
import pytest

from mcstress.commands.check import parse
from mcstress.errors import ServiceRefusalError
from mcstress.master.memory_fill import checks_of, fill_memory
from mcstress.services.preflight import ModelFacts
from mcstress.services.target_class import target_class
from mcstress.settings import read_settings
from mcstress.system_under_test import SystemUnderTest, TargetFacts

OWN = """
    from mcstress import Target
    from mcstress.metrics.event import Hit
    from mcstress.services.target import Found

    class Memory(Target):
        told = []
        fails_from = 10**9

        def search(self, search, trace):
            return self.timed("matrix.search", search, lambda: Found([]))

        recall = search

        def record(self, recording, trace):
            def work():
                if len(self.told) >= self.fails_from:
                    raise OSError("disk full")
                self.told.append(recording)
            return self.timed("playbook.record", recording, work)
"""


@pytest.fixture
def memory(tmp_path):
    """The class of a memory, and a system that it is, by further options."""
    path = tmp_path / "own_memory.py"
    path.write_text(textwrap.dedent(OWN))
    name = f"{path}:Memory"
    kind = target_class(name)

    def system(*options):
        given = ["--report-dir", str(tmp_path), "--target", name, *map(str, options)]
        settings = read_settings(parse(given), None)
        facts = TargetFacts(capabilities=kind(settings.target_setup("")).capabilities())
        model = ModelFacts("m", rule_based=True)
        return SystemUnderTest(settings, "", "http://127.0.0.1:9", facts, model)

    return kind, system


def test_each_namespace_that_is_asked_gets_as_many_pairs_as_the_option_says(memory):
    kind, system = memory
    made = system("--memory-size", 7)
    assert fill_memory(made.settings, made, 4) == 2
    counts = {}
    for one in kind.told:
        counts[one.namespace] = counts.get(one.namespace, 0) + 1
    prefix = made.playbook_prefix
    assert counts == {f"{prefix}{who}": 7 for who in ("alice", "bob", "alice_2", "bob_2")}


def test_zero_fills_none_and_a_thousand_is_the_default(memory):
    kind, system = memory
    none = system("--memory-size", 0)
    assert (fill_memory(none.settings, none, 3), kind.told) == (0, [])
    assert system().settings.memory_size == 1000


def test_a_memory_that_is_not_asked_by_itself_is_not_filled(memory):
    kind, system = memory
    made = system()
    can = msgspec.structs.replace(made.target.capabilities, recall=False)
    made.target = msgspec.structs.replace(made.target, capabilities=can)
    assert (fill_memory(made.settings, made, 3), kind.told) == (0, [])
    assert "memory.leaks == 0" not in [check.text for check in checks_of(made.settings, made)]


def test_a_memory_that_cannot_be_filled_refuses_the_run(memory):
    kind, system = memory
    kind.fails_from = 5
    made = system("--memory-size", 100)
    with pytest.raises(ServiceRefusalError) as refused:
        fill_memory(made.settings, made, 3)
    assert str(refused.value).endswith(
        "own_memory.py:Memory: its memory could not be filled, playbook.record: OSError: disk "
        "full; 5 of 200 pairs are in; --memory-size 0 fills none"
    )


def test_leaks_are_a_default_check_and_none_where_checks_are_chosen(memory):
    _, system = memory
    made = system()
    assert checks_of(made.settings, made)[-1].text == "memory.leaks == 0"
    made = system("--check", "errors.rate <= 0.5")
    texts = [check.text for check in checks_of(made.settings, made)]
    assert texts == [check.text for check in made.settings.checks]
