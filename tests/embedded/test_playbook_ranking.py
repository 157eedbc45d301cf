"""Playbook memory against a plain reading of WIRE.md."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcstress.services.embedded.bodies import SearchBody
from mcstress.services.embedded.corpus import CorpusHit
from mcstress.services.embedded.playbook import PlaybookIndex, Recollection, Recording
from mcstress.services.embedded.playbook_ranking import RecallRules, apply_memory

A, B = ("workers", "a"), ("workers", "b")
NONE = msgspec.Raw(b"{}")
KNOWN = msgspec.Raw(b'{"known":true}')


def hit(name, distance):
    return CorpusHit(distance, name, "workers", NONE)


def recollection(name, distance, score=1.0, role=None):
    return Recollection(distance, Recording("asked before", name, "workers", score, role))


def applied(hits, recollections, rules):
    found = {(hit.corpus, hit.id): hit for hit in hits}
    return apply_memory(found, recollections, rules, lambda _play: KNOWN)


RULES = RecallRules(max_distance=0.5, max_inject_distance=0.3, role="welder")


def test_a_found_answer_is_boosted_by_its_score():
    recalled = applied([hit("a", 0.4), hit("b", 0.3)], [recollection("a", 0.5, score=0.6)], RULES)
    assert recalled.hits[A].distance == pytest.approx(0.4 * (1 - 0.5 * 0.6))
    assert recalled.hits[B].distance == 0.3
    assert (recalled.boosted, recalled.injected) == ({A}, set())


def test_an_answer_not_found_is_injected_with_its_metadata():
    recalled = applied([hit("b", 0.3)], [recollection("a", 0.3, score=1.0)], RULES)
    assert recalled.hits[A] == CorpusHit(0.15, "a", "workers", KNOWN)
    assert (recalled.boosted, recalled.injected) == (set(), {A})


def test_a_namesake_in_another_corpus_is_neither_boosted_nor_replaced():
    namesake = CorpusHit(0.4, "a", "ethereal_workers", NONE)
    recalled = applied([namesake], [recollection("a", 0.2)], RULES)
    assert recalled.hits["ethereal_workers", "a"] == namesake
    assert recalled.hits[A] == CorpusHit(0.1, "a", "workers", KNOWN)
    assert (recalled.boosted, recalled.injected) == (set(), {A})


@pytest.mark.parametrize(("found", "distance"), [(True, 0.501), (False, 0.301)])
def test_beyond_its_threshold_a_memory_does_nothing(found, distance):
    hits = [hit("a", 0.4)] if found else []
    recalled = applied(hits, [recollection("a", distance)], RULES)
    assert list(recalled.hits.values()) == hits
    assert not recalled.boosted | recalled.injected


@pytest.mark.parametrize(
    ("remembered", "asked", "works"),
    [
        ("welder", "welder", True),
        ("painter", "welder", False),
        (None, "welder", True),
        ("painter", None, True),
        (None, None, True),
    ],
)
def test_roles_matter_where_both_sides_name_one(remembered, asked, works):
    rules = RecallRules(0.5, 0.3, asked)
    for hits in ([hit("a", 0.4)], []):
        recalled = applied(hits, [recollection("a", 0.1, role=remembered)], rules)
        assert bool(recalled.boosted | recalled.injected) == works


names = st.sampled_from("abcdef")
distances = st.floats(0, 1).map(lambda number: round(number, 3))
memories = st.builds(
    recollection, names, distances, distances, st.sampled_from(["welder", "painter", None])
)


@settings(max_examples=300)
@given(
    retrieved=st.dictionaries(names, distances),
    remembered=st.lists(memories, max_size=6),
    role=st.sampled_from(["welder", None]),
)
def test_any_list_is_what_wire_md_says(retrieved, remembered, role):
    recalled = applied(
        [hit(name, distance) for name, distance in retrieved.items()],
        remembered,
        RecallRules(0.5, 0.3, role),
    )
    expected = dict(retrieved)
    for name in "abcdef":
        offers = [] if name not in retrieved else [retrieved[name]]
        for memory in remembered:
            recording = memory.recording
            if recording.answer_id != name or (role and recording.role and role != recording.role):
                continue
            factor = 1 - 0.5 * recording.score
            if name in retrieved and memory.distance <= 0.5:
                offers.append(retrieved[name] * factor)
            if name not in retrieved and memory.distance <= 0.3:
                offers.append(memory.distance * factor)
        if offers:
            expected[name] = min(offers)
    found = {name: hit.distance for (_, name), hit in recalled.hits.items()}
    assert found == pytest.approx(expected, abs=1e-6)


def test_the_nearest_plays_come_first_and_the_last_score_counts():
    vectors = np.eye(20, dtype=np.float32)
    playbook = PlaybookIndex(20)
    for number in range(20):
        playbook.record(Recording(f"query {number}", "a", "workers", 0.5), vectors[number])
    playbook.record(Recording("query 17", "a", "workers", 0.9, "welder"), vectors[17])
    asked = vectors[17] * 0.9 + vectors[3] * np.float32(0.19**0.5)
    nearest = playbook.recall(asked, 3)
    assert [recollected.recording.query_text for recollected in nearest[:2]] == [
        "query 17",
        "query 3",
    ]
    assert nearest[0].distance == pytest.approx(0.1, abs=1e-6)
    assert (nearest[0].recording.score, nearest[0].recording.role) == (0.9, "welder")
    assert len(nearest) == 3
    assert len(playbook.recall(asked, 100)) == 20


QUERY = "Need 4 welders in Racine, WI, night shift, TIG welding"


def search(matrix, namespace, query=QUERY, **more):
    body = SearchBody(
        query_text=query,
        corpora=["workers"],
        k=8,
        use_playbook=namespace is not None,
        playbook_corpus=namespace,
        playbook_max_inject_distance=0.3,
        **more,
    )
    return matrix.search(body)


def test_what_was_recorded_comes_first_to_the_same_query(matrix):
    third = search(matrix, None).results[2]
    matrix.record("recall_same", Recording(QUERY, third.id, "workers", 1.0))
    answer = search(matrix, "recall_same")
    assert answer.results[0].id == third.id
    assert answer.results[0].distance == pytest.approx(third.distance / 2, abs=1e-6)
    assert (answer.playbook_boosted, answer.playbook_injected) == (1, 0)
    assert search(matrix, "recall_of_another") == search(matrix, None)


def test_an_answer_far_from_the_query_is_injected_from_its_corpus(matrix):
    matrix.record("recall_inject", Recording(QUERY, "e-00007", "ethereal_workers", 0.5))
    answer = search(matrix, "recall_inject")
    item = matrix.corpora["ethereal_workers"].item("e-00007")
    assert answer.results[0] == CorpusHit(0.0, "e-00007", "ethereal_workers", item.metadata)
    assert (answer.playbook_boosted, answer.playbook_injected) == (0, 1)
    assert len(answer.results) == 8


def test_an_excluded_answer_comes_back_neither_by_boost_nor_by_injection(matrix):
    first = search(matrix, None).results[0]
    matrix.record("recall_exclude", Recording(QUERY, first.id, "workers", 1.0))
    matrix.record("recall_exclude", Recording(QUERY, "w-00009", "workers", 1.0))
    answer = search(matrix, "recall_exclude", exclude_ids=[first.id, "w-00009"])
    assert not {first.id, "w-00009"} & {hit.id for hit in answer.results}
    assert (answer.playbook_boosted, answer.playbook_injected) == (0, 0)
    assert len(answer.results) == 8


def test_only_the_nearest_plays_asked_for_are_looked_at(matrix):
    matrix.record("recall_top_k", Recording(QUERY, "w-00009", "workers", 1.0))
    matrix.record("recall_top_k", Recording(QUERY + " in a yard", "w-00010", "workers", 1.0))
    ids = {hit.id for hit in search(matrix, "recall_top_k", playbook_top_k=1).results}
    assert "w-00009" in ids
    assert "w-00010" not in ids
    both = {hit.id for hit in search(matrix, "recall_top_k", playbook_top_k=2).results}
    assert {"w-00009", "w-00010"} <= both
