"""What the rules read, judge and reword: real messages, and the words they cannot know."""

import pytest

from mcstress.services.embedded.demand_parsing import ReadDemand, read_demand
from mcstress.services.embedded.judge import (
    NO_ROLE_ASKED,
    NO_ROLE_FOUND,
    HitToRate,
    RatingRequest,
    judge,
    question_decoder,
)
from mcstress.services.embedded.lexicon import load_lexicon
from mcstress.services.embedded.paraphrase import paraphrase
from mcstress.users.scenarios.load import load_scenario

EMAIL = """
Hi Alice,
a carrier dropped eleven extra trailers on us this afternoon. We need 5 forklift operators in
Milwaukee, WI for the night shift, starting today. Forklift certification is a must, hazmat
handling would help, and they should be used to reach trucks and trailer loading.
Thanks, Marge (dock office)
"""


@pytest.fixture(scope="module")
def lexicon():
    return load_lexicon()


def test_an_email_is_read_for_what_it_asks(lexicon):
    assert read_demand(EMAIL, lexicon) == ReadDemand(
        role="forklift operator",
        count=5,
        location="Milwaukee, WI",
        certs=["forklift certification", "hazmat handling"],
        skills=["reach truck", "trailer loading"],
        shift="night",
    )


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (
            "Send a dozen order pickers to Carmel for nights",
            ("warehouse worker", 12, "Carmel, IN", "night"),
        ),
        (
            "Need three pastry chefs in New Orleans, LA, overnight",
            ("pastry chef", 3, "New Orleans, LA", "night"),
        ),
        ("Painters near Gary, IN, 7 people, OSHA 10", ("painter", 7, "Gary, IN", "")),
        ("plumber wanted", ("plumber", 1, "", "")),
        ("The receptionist says: 2 line cooks, please", ("line cook", 2, "", "")),
        ("certified flagger, OSHA-10, for the welders", ("welder", 1, "", "")),
        ("Hello, how are you?", ("", 1, "", "")),
        ("", ("", 1, "", "")),
    ],
)
def test_short_and_strange_texts(lexicon, text, read):
    demand = read_demand(text, lexicon)
    assert (demand.role, demand.count, demand.location, demand.shift) == read


def test_the_demands_of_the_scenario_are_read_as_they_were_meant(lexicon):
    for variant in load_scenario("three_cities").variants:
        for contract in variant.contracts:
            for meant in contract.demands:
                found = read_demand(meant.query, lexicon)
                assert (found.role, found.count) == (meant.role, meant.headcount)
                assert found.location == meant.location
                assert set(found.certs) == set(meant.certs)
                assert set(found.skills) == set(meant.skills)
                assert f"{found.shift} shift" == meant.shift


FITTING = {
    "role": "forklift operator",
    "city": "Milwaukee",
    "certs": ["forklift certification", "hazmat handling"],
    "skills": ["reach truck", "trailer loading"],
    "shift": "night",
}


@pytest.mark.parametrize(
    ("metadata", "rating"),
    [
        (FITTING, 5),
        (FITTING | {"shift": "day"}, 4),
        (FITTING | {"shift": "day", "city": "Racine"}, 3),
        ({"role": "forklift operator"}, 3),
        ({"title": "tow motor operator"}, 3),
        (FITTING | {"role": "painter"}, 2),
        ({"role": "painter", "city": "Gary"}, 1),
    ],
)
def test_ratings_follow_what_is_missing(lexicon, metadata, rating):
    judgement = judge(RatingRequest(EMAIL, HitToRate(metadata)), lexicon)
    assert judgement.rating == rating
    assert judgement.reason.endswith(".")


@pytest.mark.parametrize("metadata", ['"metadata": null', '"metadata": 7', '"id": "w-1"'])
def test_a_hit_of_which_nothing_is_known_is_not_rated(lexicon, metadata):
    """Lowest would say that the search is bad."""
    text = '{"body": "We need 2 painters.", "hit": {' + metadata + "}}"
    question = question_decoder.decode(text)
    assert judge(question, lexicon) == NO_ROLE_FOUND


def test_a_hit_of_a_role_that_nobody_asked_for_is_rated_lowest(lexicon):
    hit = HitToRate({"role": "warehouse worker", "city": "Ulm"})
    assert judge(RatingRequest("We need 2 painters in Racine, WI.", hit), lexicon).rating == 1


def test_a_reason_names_what_is_missing(lexicon):
    judgement = judge(RatingRequest(EMAIL, HitToRate(FITTING | {"city": "Racine"})), lexicon)
    assert judgement.reason == "A forklift operator; missing Milwaukee."


def test_a_message_without_a_role_is_not_rated_and_says_so(lexicon):
    assert judge(RatingRequest("Hello?", HitToRate(FITTING)), lexicon) == NO_ROLE_ASKED


QUERY = "Need 12 warehouse workers in Milwaukee, WI for the day shift, OSHA 10, order picking"


def test_a_paraphrase_keeps_the_meaning_and_changes_the_words(lexicon):
    reworded = {paraphrase(QUERY, lexicon, seed) for seed in range(20)}
    assert len(reworded) > 5
    for words in reworded:
        assert words != QUERY
        assert words.startswith("Need 12 ")
        assert "in Milwaukee, WI for the " in words
        assert read_demand(words, lexicon) == read_demand(QUERY, lexicon)


def test_the_same_query_and_seed_give_the_same_paraphrase(lexicon):
    assert paraphrase(QUERY, lexicon, 3) == paraphrase(QUERY, lexicon, 3)


def test_a_query_of_unknown_words_stays_as_it_is(lexicon):
    assert paraphrase("Wer kann fliegen?", lexicon, 1) == "Wer kann fliegen?"
