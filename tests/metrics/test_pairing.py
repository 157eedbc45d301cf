"""A reissue against its baseline, where the corpora grew in between."""

import pytest

from mcstress.metrics.event import Event, Hit, Inserts, utc
from mcstress.metrics.identity import identities
from mcstress.metrics.pairing import Remembered

CELL = ("alpha", "cook")


def ids_of(names):
    return tuple(identities([Hit(name, "workers", 0.1) for name in names]))


def pair_of(baseline, reissue, *, before=None, after=None, inserts=None):
    """The pair of two lists, each a text of one-letter ids."""
    event = Event(
        seq=2, worker="w", time=utc(1000.0), round=1, trio=1, phase="reissue",
        coordinator="alice", k=4, latency_ms=5.0, lasted_ms=5.0, steps=[], users=3,
        corpus_sizes=after, inserts=inserts,
    )  # fmt: skip
    remembered = Remembered("baseline", CELL, ids_of(baseline), before, None)
    return remembered.against(event, ids_of(reissue))


SIZES = {"workers": 100, "resumes": 5}


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        (SIZES, SIZES, False),
        (SIZES, SIZES | {"workers": 101}, True),
        (None, SIZES, False),  # sizes that are not known say nothing
        (SIZES, None, False),
    ],
)
def test_without_inserts_of_ours_any_change_of_size_is_a_change(before, after, changed):
    assert pair_of("abcd", "abcd", before=before, after=after).changed == changed


@pytest.mark.parametrize(
    ("after", "changed"),
    [
        (SIZES, False),
        (SIZES | {"workers": 103}, False),  # what the run itself adds to
        (SIZES | {"workers": 99}, True),  # nobody of the run takes anything out
        (SIZES | {"resumes": 6}, True),
        (SIZES | {"workers": 103, "resumes": 4}, True),
        ({"workers": 100}, True),
    ],
)
def test_the_growth_that_the_run_itself_makes_is_no_change(after, changed):
    inserts = Inserts(corpus="workers", ids=["n"])
    assert pair_of("abcd", "abcd", before=SIZES, after=after, inserts=inserts).changed == changed


@pytest.mark.parametrize(
    ("reissue", "ids", "shared", "union", "adjusted"),
    [
        ("abcd", [], 4, 4, False),
        ("nabc", ["n"], 3, 3, True),  # d was pushed out by n: both are judged without the last
        ("nabx", ["n"], 2, 4, True),  # the run did not insert x; c was removed
        ("abcd", ["n"], 4, 4, False),  # an insert that is not in the list costs nothing
        ("nmab", ["n", "m"], 2, 2, True),
    ],
)
def test_a_later_list_is_judged_without_what_the_run_added(reissue, ids, shared, union, adjusted):
    pair = pair_of("abcd", reissue, inserts=Inserts(corpus="workers", ids=ids))
    assert (pair.shared, pair.union, pair.adjusted) == (shared, union, adjusted)


def test_an_insert_is_known_by_its_corpus_too():
    pair = pair_of("abcd", "abcx", inserts=Inserts(corpus="resumes", ids=["x"]))
    assert (pair.shared, pair.union, pair.adjusted) == (3, 5, False)
