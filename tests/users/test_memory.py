"""The filler of a memory that is asked by itself, and how it is written."""

from __future__ import annotations

from itertools import islice

import pytest
from gevent import sleep

from mcstress.metrics.event import Hit, Item
from mcstress.services.target import Recording, Target, TargetSetup
from mcstress.users.bulk_write import TRIES, batches, write_all
from mcstress.users.memory import fill, filler, leaks, remembering
from mcstress.users.scenarios.load import load_scenario

NAMES = ["three_cities", "medical_library"]


class Rememberer(Target):
    """It remembers what it is told; of ``failing`` texts the first tries fail."""

    batch = 4

    def __init__(self, failing=None):
        super().__init__(TargetSetup())
        self.told, self.sizes_told, self.failing = [], [], failing or {}
        self.at_once = self.most_at_once = 0

    def record(self, recording, trace):
        def work():
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            sleep(0)
            self.at_once -= 1
            if self.failing.get(recording.text):
                self.failing[recording.text] -= 1
                raise ConnectionError("busy")
            self.told.append(recording)

        return self.timed("playbook.record", recording, work)

    def record_all(self, recordings, trace):
        self.sizes_told.append(len(recordings))
        yield from super().record_all(recordings, trace)


def recordings(number):
    return [Recording(f"q{n}", Item(f"a{n}", "c"), "ns", "cook") for n in range(number)]


def record_all(target, those, trace):
    return target.record_all(those, trace)


@pytest.mark.parametrize("name", NAMES)
def test_filler_asks_for_what_no_demand_asks_and_is_the_seeds(name):
    scenario = load_scenario(name)
    made = [*islice(filler(scenario, 42, "p_alice"), 300)]
    assert made == [*islice(filler(scenario, 42, "p_alice"), 300)]
    assert made != [*islice(filler(scenario, 43, "p_alice"), 300)]
    demands = [d for v in scenario.variants for c in v.contracts for d in c.demands]
    queries = {words for d in demands for words in (d.query, d.surge_query, *d.paraphrases)}
    assert not queries & {one.text for one in made}
    assert {one.role for one in made} <= {demand.role for demand in demands}
    assert {one.namespace for one in made} == {"p_alice"}
    assert len({(one.answer.corpus, one.answer.id) for one in made}) == len(made)
    assert "None" not in " ".join(one.text for one in made)


def test_filler_of_places_goes_where_a_demand_of_the_role_is_not():
    scenario = load_scenario("three_cities")
    demands = [d for v in scenario.variants for c in v.contracts for d in c.demands]
    for one in islice(filler(scenario, 1, "p_bob"), 300):
        places = {demand.location for demand in demands if demand.role == one.role}
        assert not any(f"{one.role} in {place};" in one.text for place in places)


def test_those_are_filled_who_give_or_take_over():
    scenario = load_scenario("three_cities")
    them = {p for h in scenario.handovers for p in (h.from_persona, h.to_persona)}
    assert remembering(scenario, 3, "p_") == [f"p_{persona}" for persona in sorted(them)]
    assert len(remembering(scenario, 4, "p_")) == 2 * len(them)


def test_what_is_filled_is_told_to_each_namespace_once():
    target, scenario = Rememberer(), load_scenario("three_cities")
    done = sum(one.count for one in fill(target, scenario, 42, ["p_alice", "p_bob"], 50))
    assert done == len(target.told) == 100
    for namespace in ("p_alice", "p_bob"):
        own = {one.answer.id for one in target.told if one.namespace == namespace}
        assert own == {f"filler:{namespace}:{number}" for number in range(1, 51)}


def test_a_leak_is_filler_of_another_namespace_even_of_a_longer_name():
    hits = [
        Hit(f"filler:{name}:7", "c", 0.1) for name in ("p_alice", "p_alice_2", "p_alic", "p_bob")
    ]
    others = [Hit("w-1", "c", 0.2), Hit("w-2", "c", 0.3), Hit("w-1", "d", 0.4)]
    assert leaks([*hits, *others], "p_alice") == 3
    assert leaks([*hits, *others], "p_alice", {Item("w-1", "c")}) == 5


def test_writing_is_bounded_and_tried_again():
    target = Rememberer(failing={"q5": TRIES - 1})
    batches_done = [*write_all(target, recordings(43), record_all, at_once=3)]
    assert sum(one.count for one in batches_done) == 43
    assert sorted(one.first for one in batches_done) == [*range(0, 43, 4)]
    assert {one.text for one in target.told} == {f"q{n}" for n in range(43)}
    assert max(target.sizes_told) == 4
    assert 1 < target.most_at_once <= 3


def test_what_fails_for_good_is_given_last_and_ends_it():
    target = Rememberer(failing={"q9": 10**6})
    *good, bad = write_all(target, recordings(400), record_all, at_once=2)
    assert (bad.first, bad.error) == (8, "playbook.record: ConnectionError: busy")
    assert all(one.error is None for one in good)
    assert len(target.told) < 100, "nothing new was begun"


def test_what_was_written_before_is_left_out():
    target = Rememberer()
    done = [*write_all(target, recordings(20), record_all, skip=[0, 1, 2, 3, 9])]
    assert {one.text for one in target.told} == {
        f"q{n}" for n in range(20) if n not in (0, 1, 2, 3, 9)
    }
    assert sum(one.count for one in done) == 15
    places = {place for one in done for place in range(one.first, one.first + one.count)}
    assert places == {*range(4, 9), *range(10, 20)}
    assert [*batches(range(5), 2, frozenset({0, 1}))] == [(2, [2, 3]), (4, [4])]
