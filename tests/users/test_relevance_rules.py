"""Relevance by rule: gains of hits against what a demand asks, and what cannot be judged."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import msgspec
import pytest

from mcstress.metrics.event import Event, Hit, utc
from mcstress.services.target import Found
from mcstress.users.relevance import Rules
from mcstress.users.scenarios.load import load_scenario, scenario_of
from mcstress.users.scenarios.scenario_error import FaultError

SMALL = (Path(__file__).parent / "small_scenario.toml").read_text()
FITS = {
    "name": "Ann",
    "role": "warehouse worker",
    "city": "Milwaukee",
    "state": "WI",
    "certs": ["OSHA 10", "forklift certification"],
    "shift": "day",
}


@pytest.fixture(scope="module")
def rules():
    return Rules(load_scenario("three_cities")).of(
        1, "alpha_milwaukee_distribution", "warehouse worker"
    )


def judged(rules, *metadata, raw=True, hits=None):
    """The event of a list whose hits have ``metadata``."""
    given = [msgspec.Raw(json.dumps(one).encode()) for one in metadata] if raw else [*metadata]
    event = Event(time=utc(0), round=1, trio=1, phase="baseline", coordinator="alice", k=8)
    count = len(metadata) if hits is None else hits
    rules.judge(Found([Hit(str(n), "w", 0.1) for n in range(count)], metadata=given), event)
    return event


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize(
    ("changes", "gain"),
    [
        ({}, 1.0),
        ({"role": " Warehouse  WORKER"}, 1.0),
        ({"role": ["warehouse worker"]}, 1.0),
        ({"role": "cook"}, 0.0),
        ({"role": None}, 0.0),
        ({"role": ["warehouse worker", "cook"]}, 0.0),
        ({"city": "Racine"}, 0.8),
        ({"city": "Racine", "state": "IL", "certs": [], "shift": "night"}, 0.2),
        ({"certs": "OSHA 10, forklift certification"}, 1.0),
        ({"certs": "forklift certifications"}, 0.8),
        ({"certs": {"forklift certification": True}}, 0.8),
    ],
)
def test_a_gain_is_the_share_of_the_weights_that_hold(rules, changes, gain, raw):
    for _ in range(2):  # found again, it is remembered
        event = judged(rules, FITS, FITS | changes, raw=raw)
        assert (event.gains, event.other_values) == ([1.0, gain], None)


def test_of_a_list_the_share_that_a_hit_has_counts():
    scenario = scenario_of("small", tomllib.loads(SMALL + """
[[relevance]]
field = "skills"
has = "{skills}"
weight = 3
[[relevance]]
field = "people"
is = "{headcount}"
"""))  # fmt: skip
    cook = Rules(scenario).of(1, "south", "cook")
    event = judged(
        cook,
        {"skills": ["Grill", "cut"], "people": 2},
        {"skills": "fry and grill", "people": 2.0},
        {"people": True},
    )
    assert event.gains == [(3 / 2 + 1) / 4, 1.0, 0.0]


def test_hits_without_a_field_of_the_rules_are_not_judged(rules):
    assert judged(rules, {"name": "A", "job": "x"}).other_values == ["field name", "field job"]
    assert judged(rules, "text", None, 3).other_values == ["no metadata"]
    assert judged(rules, hits=2).other_values == ["no metadata"]
    assert all(judged(rules, one).gains is None for one in ({"name": "A"}, "text", [1]))
    beside = judged(rules, FITS, {"name": "A"}, hits=3)
    assert (beside.gains, beside.other_values) == ([1.0, 0.0, 0.0], None)


def test_another_vocabulary_is_told_and_a_wrong_hit_is_not(rules):
    other = {"role": "Lagerist", "city": "Ulm", "certs": ["Stapler", "ADR"], "shift": 1}
    event = judged(rules, other, other | {"city": "Bonn", "name": "B"})
    assert event.gains == [0.0, 0.0]
    assert event.other_values == [
        "role: lagerist", "city: ulm", "certs: stapler", "certs: adr", "shift: 1",
    ]  # fmt: skip
    # Somebody else's demand asks for an admin assistant: this is a bad hit, no other language.
    assert judged(rules, {"role": "admin assistant"}).other_values is None


def test_nothing_found_is_judged(rules):
    assert judged(rules).gains == []


def test_what_a_demand_does_not_ask_is_left_out():
    raw = (
        SMALL.replace("{certs}, ", "").replace('certs = ["card"]', "certs = []")
        + """
[[relevance]]
field = "role"
is = "{role}"
[[relevance]]
field = "certs"
has = "{certs}"
"""
    )
    rules = Rules(scenario_of("small", tomllib.loads(raw)))
    guard = rules.of(1, "south", "guard")
    assert judged(guard, {"role": "guard"}).gains == [1.0]


RULE = '\n[[relevance]]\nfield = "role"\n'


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("", "relevance[#1]: found neither is nor has, expected one of them"),
        ('is = "a"\nhas = "b"', "relevance[#1]: found both is and has, expected one of them"),
        ('is = "{roel}"', "relevance[#1].is: found the placeholder {roel}, expected one of"),
        ('has = "{roel}"', "relevance[#1].has: found the placeholder {roel}"),
        ('is = "{state}"', 'relevance[#1].is: found "{state}", which no demand has words for'),
        ('is = "a"\nmust = true\nweight = 0', "relevance[#1].weight: found 0 for what must hold"),
        ('is = "a"\nweight = 0', "relevance: found weight 0 in each rule, expected one above 0"),
        ('is = "a"\nweight = -1', "relevance[#1].weight: found -1, expected a number, at least 0"),
        ("is = 3", "relevance[#1].is: found 3, expected text"),
        ('iss = "a"', "relevance[#1].iss: found a key that is not known here, expected one of"),
        ('is = "a"' + RULE + 'is = "a"', 'relevance: found "role a" 2 times, expected each once'),
    ],
)  # fmt: skip
def test_a_wrong_rule_is_refused_in_one_line(rule, said):
    with pytest.raises(FaultError) as fault:
        scenario_of("small", tomllib.loads(SMALL + RULE + rule + "\n"))
    assert str(fault.value).startswith(said)
    assert "\n" not in str(fault.value)


def test_fields_that_no_hit_has_are_named_with_those_that_there_are():
    rules = Rules(load_scenario("three_cities"))
    hits = [{"name": "A", "role": "cook"}, {"city": "Ulm"}]
    assert rules.missing([msgspec.Raw(json.dumps(one).encode()) for one in hits]) == (
        "no hit has the field state, certs, shift that a rule names; found field name, field role"
    )
    assert rules.missing([FITS]) == ""
