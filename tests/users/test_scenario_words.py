"""What a scenario says itself: its words, what the LLM is told and reads, its own fields."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from mcstress.metrics.check import parse_check
from mcstress.metrics.wording import STAFFING, Words
from mcstress.services.llm.language_model import schema_of
from mcstress.services.llm.prompts import demand_type
from mcstress.users.relevance import Rules
from mcstress.users.scenarios.expand import inbox_query
from mcstress.users.scenarios.load import load_scenario, scenario_of
from mcstress.users.scenarios.scenario_error import FaultError

SMALL = (Path(__file__).parent / "small_scenario.toml").read_text()
DEFAULT = load_scenario("three_cities")


def changed(*pairs):
    text = SMALL
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new, 1)
    return scenario_of("small", tomllib.loads(text))


@pytest.mark.parametrize(
    ("read", "query"),
    [
        ((3, "welder", "Gary, IN", ["OSHA 10", "TWIC"], ["MIG"], "night"),
         "3 welder, in Gary, IN, OSHA 10, TWIC, MIG, night shift"),
        ((1, "cook", "", [], [], "Second Shift"), "1 cook, Second Shift"),
        ((0, "", "", [], [], ""), "0 "),
        ((2, "clerk", "Gary", [], ["filing"], ""), "2 clerk, in Gary, filing"),
    ],
)  # fmt: skip
def test_the_default_searches_for_a_message_in_the_words_that_it_always_used(read, query):
    names = ("count", "role", "location", "certs", "skills", "shift")
    parsed = SimpleNamespace(**dict(zip(names, read, strict=True)))
    assert inbox_query(DEFAULT.templates.inbox_query, parsed) == query


def test_the_schema_of_a_message_is_made_of_the_scenarios_fields():
    schema = schema_of(demand_type({"topic": "text", "since": "number", "designs": "list"}))
    assert schema["properties"] == {
        "topic": {"type": "string"},
        "since": {"type": "integer", "minimum": 0},
        "designs": {"type": "array", "items": {"type": "string"}},
    }
    assert schema["required"] == ["topic", "since", "designs"]


def test_the_default_writes_what_is_expected_as_it_always_did():
    """Runs from before are compared with those from now by the words of their scenario."""
    first = msgspec.to_builtins(DEFAULT.variants[0])
    assert list(first["inbox"][0]["expect"]) == [*DEFAULT.parse]
    assert first["inbox"][0]["expect"]["skills"] is None
    assert "fields" not in first["contracts"][0]["demands"][0]


def test_fields_of_ones_own_are_placeholders_and_what_rules_ask_for():
    scenario = changed(
        ('in_other_words = "watchmen"', 'in_other_words = "w", fields = { dog = ["Rex", "Ada"] }'),
        ('name = "south"\nlocation', 'name = "south"\nfields = { since = 1999 }\nlocation'),
        ('{shift}"', '{shift}"\n'),
        ("[[thresholds]]", '[[relevance]]\nfield = "dogs"\nhas = "{dog}"\n[[thresholds]]'),
        ('role = "guard", headcount = 3',
         'role = "guard", query = "{role} since {since} with {dog}", headcount = 3'),
    )  # fmt: skip
    variant = scenario.variants[0]
    guard = variant.contract("south").demand("guard")
    assert guard.query == "guard since 1999 with Rex, Ada"
    assert guard.fields == {"since": 1999, "dog": ["Rex", "Ada"]}
    rules = Rules(scenario)
    assert rules.of(1, "south", "guard") is not None
    assert rules.of(1, "south", "cook") is None, "a demand without the field is asked nothing"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('parse = "Read the message."', "", "prompts.parse: found nothing, .*there is an inbox"),
        ('judge = "Judge the hit."', 'judge = " "', 'prompts.judge: found " ", expected text that'),
        ("[prompts]", '[prompts]\njugde = "x"', 'prompts.jugde: .*did you mean "judge"'),
        ('count = "number"', 'count = "int"', 'parse.count: found "int", expected one of text, n'),
        ('count = "number"', 'Count = "number"', 'parse.Count: found "Count", expected small'),
        ('in {location}"]', 'in {town}"]', r"inbox_query.#2.: found the placeholder {town}, exp"),
        ('in {location}"]', 'in {location"]', "inbox_query.#2.: .*expected each brace"),
        ('inbox_query = ["{count} {role}", "in {location}"]', "", "templates.inbox_query: found n"),
        ("[names]", '[words]\nitem = ""\n[names]', 'words.item: found "", expected text'),
        ("[names]", '[words]\nthing = "x"\n[names]', "words.thing: found a key that is not known"),
        ('role = "guard"', 'fields = { role = "x" }, role = "guard"', "fields.role: found the "),
        ('role = "guard"', 'fields = { "a b" = 1 }, role = "guard"', "fields.a b: found .a b."),
        ('role = "guard"', 'fields = { a = true }, role = "guard"', "fields.a: found true, expec"),
        ('role = "guard"', 'fields = { a = [] }, role = "guard"', "fields.a: found an empty list"),
        ("[playbook]", 'paraphrases_by = "llm"\n[playbook]', "prompts.paraphrase: found nothing"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(old, new, expected):
    with pytest.raises(FaultError) as fault:
        changed((old, new))
    assert re.search(expected, str(fault.value)), str(fault.value)


def test_words_stand_for_their_placeholders_and_nothing_else_does():
    words = Words(item="person", items="people", new_item="resume", role="category")
    said = "{Items} in two {contracts}: {new_items}, {roles}, {unknown} {x"
    # Only a plural with an s is made: another is given.
    assert words.fill(said) == "People in two contracts: resumes, categorys, {unknown} {x"
    assert Words(item="article").fill("New {new_items}") == "New articles"
    assert words.phase("fresh_resume") == "fresh resume"
    assert Words(item="article").phase("fresh_resume") == "fresh article"
    assert words.phase("handover_paraphrase") == "handover paraphrase"


def test_the_default_calls_its_things_as_reports_did_before():
    assert DEFAULT.words == STAFFING


def test_a_check_may_name_any_field_that_messages_are_read_for():
    assert parse_check("inbox.fields.topic.accuracy >= 0.9").metric == "inbox.fields.topic.accuracy"


def test_a_scenario_passes_whole_to_a_worker():
    """A key that is left out must not reach the worker as an empty text."""
    scenario = changed()
    packed = msgspec.msgpack.encode(scenario)
    assert msgspec.msgpack.decode(packed, type=type(scenario)) == scenario
    assert scenario.prompts.paraphrase is None
