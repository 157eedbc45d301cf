"""How much of a message an LLM read: texts folded, near numbers equal, lists as sets of texts."""

from __future__ import annotations

import pytest

from mcstress.services.embedded.demand_parsing import read_demand
from mcstress.services.embedded.lexicon import load_lexicon
from mcstress.services.llm.prompts import demand_type
from mcstress.users.scenarios.load import load_scenario
from mcstress.users.scenarios.understood import understood

SCENARIO = load_scenario("three_cities")
Demand = demand_type(SCENARIO.parse)
READ = Demand(
    role="Warehouse Workers",
    count=41,
    location="West Allis, WI",
    certs=["Forklift certification", "OSHA 10"],
    skills=[],
    shift="night shift",
)


@pytest.mark.parametrize(
    ("expected", "came"),
    [
        ({"role": "warehouse worker"}, True),
        ({"role": "warehouse supervisor"}, False),
        ({"location": "West Allis"}, True),
        ({"location": "Allis, West"}, True),
        ({"location": "Milwaukee"}, False),
        ({"count": 41}, True),
        ({"count": 40}, True),
        ({"count": 39}, False),
        ({"certs": ["osha 10"]}, True),
        ({"certs": ["OSHA 10", "forklift certification"]}, True),
        ({"certs": ["OSHA 30"]}, False),
        ({"skills": ["RF scanner"]}, False),
        ({"shift": "night"}, True),
        ({"shift": "day"}, False),
    ],
)
def test_a_field_came_or_not(expected, came):
    assert understood(expected, READ) == dict.fromkeys(expected, came)


@pytest.mark.parametrize(
    ("expected", "found", "came"), [(4, 5, False), (4, 4, True), (20, 21, True), (20, 22, False)]
)
def test_a_count_is_near(expected, found, came):
    read = Demand("", found, "", [], [], "")
    assert understood({"count": expected}, read) == {"count": came}


def test_an_answer_that_repeats_the_message_has_not_understood_it():
    """What a small model did: "8 newline, in Indiana, Soldiers, Floats" counted as parsed."""
    body = "Send 3 welders to Carmel, IN for the evening shift today, thanks, Jim"
    read = Demand(body, 8, body, [body], [], body)
    expect = {"role": "welder", "count": 3, "location": "Carmel", "certs": None, "shift": "evening"}
    assert understood(expect, read) == {
        "role": False, "count": False, "location": False, "shift": False,
    }  # fmt: skip


def test_the_default_scenario_says_what_every_message_asks_for_and_it_can_be_read():
    lexicon, told = load_lexicon(), 0
    for variant in SCENARIO.variants:
        for message in variant.inbox:
            fields = {name: value for name, value in message.expect.items() if value}
            assert fields.keys() >= {"role", "count", "location", "shift"}
            assert str(fields["location"]) in message.body
            assert str(fields["count"]) in message.body
            came = understood(message.expect, read_demand(message.body, lexicon))
            assert all(came.values()), (message.body, came)
            told += 1
    assert told == 48
