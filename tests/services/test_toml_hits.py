"""Hits are read out of an answer as rows or columns; what cannot be one is named with its place."""

import json
from math import isfinite

import msgspec
import pytest

from mcstress.errors import UsageError
from mcstress.metrics.event import Hit
from mcstress.services.toml.hits import HitReader, HitRow
from mcstress.services.toml.pointer import PointerError
from mcstress.services.toml.target_file import HitsTable, RecallTable

COLUMNS = HitsTable(post="/q", ids="/ids", distances="/d", metadata="/m", corpora="/c")
ROWS = HitsTable(post="/q", rows="", id="/id", score="/s", metric="l2", corpus="/in")


def read(table, answer, corpus="workers"):
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return HitReader("my.toml: search", table).read(body, corpus, metadata=True)


def test_columns_that_are_null_are_no_hits_and_those_beside_them_are_as_long():
    assert read(COLUMNS, {"ids": None, "d": None, "m": None, "c": None}).rows == []
    assert read(COLUMNS, {"ids": ["a"], "d": [1], "m": [7], "c": ["x"]}).rows == [
        HitRow(Hit("a", "x", 1.0), 7)
    ]


@pytest.mark.parametrize(
    ("table", "answer", "says"),
    [
        (
            COLUMNS,
            {"ids": ["a"], "d": [1, 2], "m": [7], "c": ["x"]},
            "/d: 2 entries for 1 ids",
        ),
        (COLUMNS, {"ids": ["a"], "d": None, "m": [7], "c": ["x"]}, "/d: null where a list was"),
        (
            msgspec.structs.replace(COLUMNS, corpora=None, corpus="/in"),
            {"ids": ["a"], "d": [1], "m": [{"in": 7}]},
            "/in: a number where a corpus was due",
        ),
        (ROWS, [{"id": "a", "s": 1, "in": None}], "/in: null where a corpus was due"),
        (ROWS, [{"id": "a", "s": 0, "in": "x"}], "score: 0.0 where more than 0 was due, as 1 / ("),
        (ROWS, [{"id": "a", "s": -1, "in": "x"}], "score: -1.0 where more than 0 was due"),
        (ROWS, [{"id": "a", "s": 5e-324, "in": "x"}], "score: 5e-324, whose distance is beyond al"),
    ],
)
def test_what_is_no_hit_is_said_with_its_place(table, answer, says):
    with pytest.raises(PointerError) as fault:
        read(table, answer)
    assert str(fault.value).startswith(says)


def test_the_smallest_score_that_has_a_distance_has_a_finite_one():
    (row,) = read(ROWS, [{"id": "a", "s": 1e-308, "in": "x"}]).rows
    assert isfinite(row.hit.distance)
    assert row.hit.distance == pytest.approx(1e308)


def test_without_a_list_of_ids_they_lead_into_the_metadata():
    """As of a memory whose hits are answers to be found in their metadata."""
    table = RecallTable(post="/q", metadata="/m", answer_id="/a", answer_corpus="/of")
    (row,) = read(table, {"m": [{"a": 17, "of": "others"}]}).rows
    assert row.hit == Hit("17", "others", 0.0)


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"ids": "/i", "distance": "/d"}, "found distance without rows, expected distances or sco"),
        ({"ids": "/i", "score": "/d"}, "found score without rows, expected distances or scores"),
        ({"ids": "/i", "corpus": "/c"}, "found corpus without rows and without metadata, expected"),
    ],
)
def test_pointers_that_lead_nowhere_are_refused(keys, says):
    with pytest.raises(UsageError) as refused:
        HitReader("my.toml: search", HitsTable(post="/q", **keys))
    assert str(refused.value).startswith(f"my.toml: search: {says}")
