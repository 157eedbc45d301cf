"""A list under load against the one at rest, and who hears of the first ones."""

from __future__ import annotations

import pytest

from mcstress.metrics.event import Event, Hit, utc
from mcstress.users.lists_at_rest import ListsAtRest, list_of, overlap_at_rest


def listed(*ids):
    hits = [Hit(id_, "workers", 0.1 * place) for place, id_ in enumerate(ids)]
    return Event(
        time=utc(1.0), round=1, trio=1, phase="baseline", coordinator="alice", contract="c",
        role="r", query="q", k=8, users=1, top_k=hits,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("now", "at_rest", "share"),
    [("abcd", "abcd", 1.0), ("abcd", "dcba", 1.0), ("abcd", "abxy", 0.5), ("abcd", "wxyz", 0.0),
     ("ab", "abcdef", 0.5), ("", "", 1.0), ("", "ab", 0.0)],
)  # fmt: skip
def test_the_overlap_is_dices_of_the_two_sets(now, at_rest, share):
    assert overlap_at_rest(listed(*now), [f"workers:{one}" for one in at_rest]) == share


def test_one_of_another_corpus_is_another():
    assert overlap_at_rest(listed("a"), ["others:a"]) == 0.0


def test_a_question_of_the_reference_is_told_once_and_then_held_against():
    told = []
    lists = ListsAtRest({}, told.append)
    first, again, other = listed(*"abcd"), listed(*"abxy"), listed("z")
    lists.compare(first, "q1")
    lists.compare(again, "q1")
    lists.compare(other, "q2")
    assert told == [{"q1": list_of(first)}, {"q2": list_of(other)}]
    assert (first.rest_overlap, again.rest_overlap, other.rest_overlap) == (None, 0.5, None)


def test_once_the_reference_is_over_new_questions_have_none():
    told = []
    lists = ListsAtRest({}, told.append)
    lists.compare(listed("a"), "q1")
    lists.settle({"q3": ["workers:a"]})
    known, unknown, gone = listed("a"), listed("a"), listed("a")
    lists.compare(known, "q3")
    lists.compare(unknown, "q4")
    lists.compare(gone, "q1")
    assert (known.rest_overlap, unknown.rest_overlap, gone.rest_overlap) == (1.0, None, None)
    assert len(told) == 1
