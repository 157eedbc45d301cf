"""Ids of a truth that no corpus has: refused where none is there, else counted and said."""

from __future__ import annotations

import json

import pytest

from mcstress.commands.check import parse
from mcstress.errors import UsageError
from mcstress.settings import read_settings
from mcstress.truth_check import said_of_truth
from mcstress.users.scenarios.load import load_scenario

QUERY = load_scenario("three_cities").variants[0].contracts[0].demands[0].query


@pytest.fixture
def said(tmp_path):
    def of(ids, *options, others=0):
        path = tmp_path / "truth.jsonl"
        lines = [{"query": QUERY, "ids": ids}]
        lines += [{"query": f"other {n}", "ids": ["w-00001"]} for n in range(others)]
        path.write_text("\n".join(map(json.dumps, lines)))
        parsed = parse(["--report-dir", str(tmp_path), "--truth", str(path), *options])
        return said_of_truth(read_settings(parsed, parsed.host))

    return of


def test_ids_that_are_there_need_no_words(said):
    assert said(["w-00001", "workers:w-05000", "ethereal_workers:e-10000"]) == []


def test_ids_that_no_corpus_has_are_counted_and_said(said):
    (line,) = said(["w-00001", "w-05001", "workers:e-00001", "x"])
    assert "3 of its 4 ids are in no corpus (w-05001, workers:e-00001, x)" in line
    assert "recall cannot reach 1" in line


def test_a_truth_of_which_nothing_is_there_is_refused(said):
    with pytest.raises(UsageError, match=r"found 2 ids that no corpus of the embedded stack has"):
        said(["doc1", "doc2"])


def test_a_gateways_ids_are_not_known_and_queries_are_counted(said):
    (line,) = said(["doc1"], "--host", "http://127.0.0.1:9", others=2)
    assert line.endswith("2 of its queries are not asked")
