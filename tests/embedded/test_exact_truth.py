"""``mcstress truth``: ids that brute force over the corpora finds too."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from mcstress.cli import main
from mcstress.commands import truth as exact
from mcstress.services.embedded.system import build_matrix
from mcstress.services.embedded.vocabulary import load_vocabulary
from mcstress.users.scenarios.load import FOLDER, load_scenario
from mcstress.users.truth import read_truth


@pytest.fixture(scope="module")
def matrix():
    return build_matrix(load_vocabulary(), 7)


@pytest.fixture(autouse=True)
def built(matrix, monkeypatch):
    """The corpora are built once for all tests here."""
    monkeypatch.setattr(exact, "build_matrix", lambda _, seed: {7: matrix}[seed])


def test_it_names_the_nearest_of_all_items_and_is_read_again(matrix, tmp_path):
    told = CliRunner().invoke(main, ["truth", "--seed", "7", "--top-k", "5"])
    assert told.exit_code == 0, told.output
    lines = [json.loads(line) for line in told.output.splitlines()]
    queries = [line["query"] for line in lines]
    vectors, names = [], []
    for corpus in matrix.corpora.values():
        for key, item in enumerate(corpus._items):
            vectors.append(corpus._index.get(key))
            names.append(f"{corpus.name}:{item.id}")
    asked = np.array([matrix.embedding.encode(query) for query in queries])
    nearness = asked @ np.array(vectors, np.float32).T
    for line, row in zip(lines, nearness, strict=True):
        fifth = np.sort(row)[-5]
        near = {names[at] for at in np.flatnonzero(row >= fifth - 1e-3)}
        assert len({*line["ids"]}) == 5
        assert {*line["ids"]} <= near
    path = tmp_path / "truth.jsonl"
    path.write_text(told.output)
    read = read_truth(path, load_scenario("three_cities"))
    assert (len(read.questions), read.not_asked) == (96, 0)


def test_a_scenario_of_other_corpora_is_refused(tmp_path):
    path = tmp_path / "other.toml"
    text = (FOLDER / "three_cities.toml").read_text()
    path.write_text(text.replace('["workers", "ethereal_workers"]', '["workers", "people"]'))
    told = CliRunner().invoke(main, ["truth", "--seed", "7", "--scenario", str(path)])
    assert told.exit_code == 2
    assert "found the corpora people, expected those of the embedded stack" in told.output
