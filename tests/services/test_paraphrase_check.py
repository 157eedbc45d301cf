"""What can be a paraphrase: people's and the built-in LLM's can; what weak models write cannot."""

from __future__ import annotations

import msgspec
import pytest

from mcstress.services.embedded.lexicon import load_lexicon
from mcstress.services.embedded.paraphrase import paraphrase as by_rules
from mcstress.services.llm.language_model import Paraphrase, schema_of
from mcstress.services.llm.paraphrase_check import SCHEMA_WORDS, _words, paraphrase_fault
from mcstress.users.scenarios.load import load_scenario

SCENARIO = load_scenario("three_cities")

QUERY = "Need 12 warehouse workers in Milwaukee, WI for the day shift, forklift certification"
DEMANDS = [
    demand
    for variant in SCENARIO.variants
    for contract in variant.contracts
    for demand in contract.demands
]


def test_what_people_wrote_in_other_words_is_a_paraphrase():
    """Every one of the default scenario, 96 demands with one or two each."""
    pairs = [(demand.query, other) for demand in DEMANDS for other in demand.paraphrases]
    assert len(pairs) > len(DEMANDS) >= 90
    assert {paraphrase_fault(*pair) for pair in pairs} == {None}


def test_what_the_built_in_llm_writes_is_a_paraphrase():
    lexicon = load_lexicon()
    told = {(one.query, by_rules(one.query, lexicon, seed)) for one in DEMANDS for seed in (1, 2)}
    faults = {paraphrase_fault(*pair) for pair in told}
    # Where no phrase of the query has another wording, it says the query again.
    assert faults <= {None, "paraphrase: the query itself"}
    assert [pair for pair in told if paraphrase_fault(*pair) is None]


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("", "found nothing"),
        (" \n…", "found nothing"),
        (QUERY, "the query itself"),
        (QUERY.upper().replace(",", " -"), "the query itself"),
        ("paraphrase", "the schema's own words"),
        ("The same query in other words.", "the schema's own words"),
        ('{"paraphrase": "string"}', "the schema's own words"),
        ("in Milwaukee", "too few words"),
        ("12 for Milwaukee", "too few words"),
        ("I would be glad to help you with that", "nothing of what the query asks for"),
        ("No drama if they start next week", "nothing of what the query asks for"),
        ("Need some people for the job, please", "nothing of what the query asks for"),
    ],
)
def test_what_a_weak_model_writes_is_none(said, fault):
    assert paraphrase_fault(QUERY, said) == f"paraphrase: {fault}"


@pytest.mark.parametrize(
    "said",
    [
        "a dozen hands for the dock, daytime",  # the number
        "dock hands wanted near Milwaukee soon",  # the place
        "people who may drive forklifts all day long",  # a content word
    ],
)
def test_one_thing_of_the_content_is_enough(said):
    assert paraphrase_fault(QUERY, said) is None


def test_half_of_a_short_query_is_enough():
    assert paraphrase_fault("two welders in Gary", "welders, two") is None
    assert paraphrase_fault("two welders in Gary", "welders") == "paraphrase: too few words"


def test_the_schema_has_no_word_that_is_not_known_as_its_own():
    schema = _words(msgspec.json.encode(schema_of(Paraphrase)).decode())
    assert SCHEMA_WORDS.issuperset(schema)
    prompt = SCENARIO.prompts.paraphrase
    told = prompt.partition('"paraphrase", ')[2].partition(".")[0]
    assert SCHEMA_WORDS.issuperset(_words(told)), told
