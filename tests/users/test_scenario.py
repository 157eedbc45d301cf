"""The scenario that comes with the product, and what a scenario can be asked."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import pytest

from mcstress.users.scenarios.load import load_scenario
from mcstress.users.scenarios.model import InboxMessage

SHARED = {"warehouse worker", "admin assistant", "heavy equipment operator"}
SPECIALISTS = {
    "alpha_milwaukee_distribution": ("alice", "industrial electrician"),
    "beta_indianapolis_manufacturing": ("bob", "bilingual safety coordinator"),
    "gamma_chicago_construction": ("carol", "drone surveyor"),
}


@pytest.fixture(scope="module")
def three_cities():
    return load_scenario("three_cities")


def test_default_has_the_contracts_roles_and_holders(three_cities):
    assert three_cities.personas == ["alice", "bob", "carol"]
    for variant in three_cities.variants:
        assert [contract.name for contract in variant.contracts] == list(SPECIALISTS)
        for contract in variant.contracts:
            holder, specialist = SPECIALISTS[contract.name]
            assert contract.persona == holder
            assert {demand.role for demand in contract.demands} == SHARED | {specialist}
            assert variant.contract_of(holder) is contract


def test_default_settings(three_cities):
    assert (three_cities.top_k, three_cities.record_rank) == (8, 2)
    assert three_cities.corpora == ["workers", "ethereal_workers"]
    assert three_cities.fresh_corpus == "fresh_workers"
    playbook = three_cities.playbook
    assert (playbook.top_k, playbook.max_distance, playbook.max_inject_distance) == (3, 0.5, 0.3)
    assert three_cities.paraphrases_by == "scenario"
    assert [threshold.needs for threshold in three_cities.thresholds] == [
        *(12, 12, 9, 18, 12, 4, 4, 3, 5, 2, 5, 1, 1, 1, 1)
    ]


def test_default_asks_for_the_events_of_a_round(three_cities):
    variant = three_cities.variants[0]
    assert sum(len(contract.demands) for contract in variant.contracts) == 12
    assert Counter(resume.persona for resume in variant.resumes) == dict.fromkeys(
        three_cities.personas, 1
    )
    assert sum(len(merge.contracts) * len(merge.roles) for merge in three_cities.merges) == 6
    assert {(split.persona, len(split.roles)) for split in three_cities.splits} == {
        ("alice", 1),
        ("bob", 1),
        ("carol", 2),
    }
    assert [len(part) for part in (three_cities.swaps, three_cities.handovers)] == [1, 1]


def test_default_has_eight_variants_of_one_mix(three_cities):
    assert [variant.number for variant in three_cities.variants] == list(range(1, 9))
    for variant in three_cities.variants:
        assert [message.priority for message in variant.inbox] == (
            ["urgent"] * 2 + ["high"] * 2 + ["medium"] * 2
        )
        assert Counter(message.persona for message in variant.inbox) == {
            "alice": 2,
            "bob": 2,
            "carol": 2,
        }
        assert Counter(message.type for message in variant.inbox) == {"email": 3, "sms": 3}
        for contract in variant.contracts:
            assert all(len(demand.paraphrases) >= 2 for demand in contract.demands)


def test_default_cities_of_a_contract_never_meet_those_of_another(three_cities):
    cities = {
        name: {variant.contract(name).demands[0].location for variant in three_cities.variants}
        for name in SPECIALISTS
    }
    assert [len(found) for found in cities.values()] == [8, 8, 8]
    assert all(not left & right for left, right in combinations(cities.values(), 2))


def test_default_messages_come_from_the_cities_of_their_personas(three_cities):
    def speaks_of(message: InboxMessage, location: str) -> bool:
        city, state = location.split(", ")
        return city in message.body and state in message.body

    for variant in three_cities.variants:
        for message in variant.inbox:
            location = variant.contract_of(message.persona).demands[0].location
            assert speaks_of(message, location), message.body
        for resume in variant.resumes:
            location = variant.contract_of(resume.persona).demands[0].location
            assert location in resume.text
            assert location in resume.query


def test_default_queries_say_all_of_the_demand(three_cities):
    for variant in three_cities.variants:
        for contract in variant.contracts:
            for demand in contract.demands:
                for said in (demand.role, demand.location, demand.shift, *demand.certs):
                    assert said in demand.query
                    assert said in demand.surge_query
                assert all(skill in demand.query for skill in demand.skills)
                assert str(demand.headcount) in demand.query
                assert str(2 * demand.headcount) in demand.surge_query


def test_default_paraphrases_are_other_words_for_the_same_city(three_cities):
    for variant in three_cities.variants:
        for contract in variant.contracts:
            for demand in contract.demands:
                first = demand.paraphrases[0]
                assert demand.location in first
                own, others = set(demand.query.lower().split()), set(first.lower().split())
                assert len(own & others) / len(own | others) < 0.5, first


def test_trios_take_the_variants_in_turn(three_cities):
    numbers = [three_cities.variant_of(trio).number for trio in (1, 2, 8, 9, 17)]
    assert numbers == [1, 2, 8, 1, 1]


def test_a_resume_is_somebodys(three_cities):
    resume = three_cities.variants[0].resumes[0]
    made = resume.of("Ada Xu")
    assert "Ada Xu" in made.text
    assert "Ada Xu" in made.query
    assert made.metadata["name"] == "Ada Xu"
    assert "{name}" in resume.text
