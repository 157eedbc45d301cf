"""The embedded stack on files of a user's own: it serves them, and finds by their words."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest
from click.testing import CliRunner

from mcstress.cli import main
from mcstress.errors import ServiceRefusalError, UsageError
from mcstress.services.corpus_file import CorpusItem, read_corpora, write_corpus
from mcstress.services.embedded import system
from mcstress.services.embedded.embedding import DIMENSION, fit_any, fit_embedding
from mcstress.services.embedded.people import make_workers
from mcstress.services.embedded.store import Store
from mcstress.services.embedded.system import matrix_of

SUBJECTS = ("cardiology", "asthma", "dialysis", "vaccination", "sleep", "migraine")
KINDS = ("trial", "review", "case report", "guideline")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two corpora that have nothing to do with staffing."""
    folder = tmp_path_factory.mktemp("files")
    for name, start in (("articles", 0), ("preprints", 3)):
        made = [
            CorpusItem(f"{name}-{subject}-{kind}", f"A {kind} on {subject}", {"role": kind})
            for subject in SUBJECTS[start:]
            for kind in KINDS
        ]
        write_corpus(folder / f"{name}.jsonl", made)
    return sorted(folder.iterdir())


@contextmanager
def served(*arguments):
    process = subprocess.Popen(
        [Path(sys.executable).with_name("mcstress"), "stack", *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline()
        yield next(word for word in line.split() if word.startswith("http"))
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def test_the_stack_serves_the_files_and_keeps_what_is_added_to_them(files, tmp_path):
    arguments = [part for file in files for part in ("--corpus", file)]
    body = {"query_text": "guideline for migraine", "corpora": ["articles", "preprints"], "k": 3}
    with served(*arguments, "--data", tmp_path) as url, httpx.Client(base_url=url) as client:
        told = client.get("/v1/matrix/corpora").json()
        found = client.post("/v1/matrix/search", json=body).json()["results"]
        new = {"id": "new", "vector": [1.0] * DIMENSION, "metadata": {}}
        client.post("/v1/vectors/index/articles/add", json={"items": [new]}).raise_for_status()
    sizes = {one["name"]: one["size"] for one in told["corpora"]}
    assert sizes == {"articles": 24, "preprints": 12}
    assert {(one["corpus"], one["id"]) for one in found[:2]} == {
        (name, f"{name}-migraine-guideline") for name in ("articles", "preprints")
    }
    assert found[0]["metadata"] == {"role": "guideline"}
    with served(*arguments, "--data", tmp_path) as url, httpx.Client(base_url=url) as client:
        told = client.get("/v1/matrix/corpora").json()
    assert {one["name"]: one["size"] for one in told["corpora"]}["articles"] == 25


def test_a_folder_of_other_corpora_is_refused(tmp_path):
    Store(tmp_path, -5).close()
    with pytest.raises(ServiceRefusalError, match="found format 1 and corpora of files, digest 5"):
        Store(tmp_path, 42)


def test_the_stacks_own_corpora_as_files_are_searched_alike(vocabulary, tmp_path, monkeypatch):
    """What is learnt from the texts is the same, so that distances are."""
    small = (("workers", "w", 300), ("ethereal_workers", "e", 500))
    monkeypatch.setattr(system, "CORPORA", small)
    monkeypatch.setattr("mcstress.commands.corpus.CORPORA", small)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    told = CliRunner().invoke(main, ["corpus", "--seed", "7", "--out", str(tmp_path)])
    assert told.stdout == "".join(f"{tmp_path}/{name}.jsonl: {n} items\n" for name, _, n in small)
    own = matrix_of(read_corpora(tmp_path / f"{name}.jsonl" for name, _, _ in small))
    seeded = system.build_matrix(vocabulary, 7)
    vectors = [seeded.embedding.encode(text) for text in ("welder in Gary", "night nurse", "")]
    for name, _, _ in small:
        for vector in vectors:
            assert own.corpora[name].search(vector, 5) == seeded.corpora[name].search(vector, 5)
    assert own.corpora["workers"].roles == seeded.corpora["workers"].roles


def test_vectors_are_written_where_they_are_asked_for(vocabulary, tmp_path, monkeypatch):
    small = (("workers", "w", 30), ("ethereal_workers", "e", 40))
    monkeypatch.setattr(system, "CORPORA", small)
    monkeypatch.setattr("mcstress.commands.corpus.CORPORA", small)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    told = CliRunner().invoke(main, ["corpus", "--out", str(tmp_path), "--vectors"])
    assert told.exit_code == 0, told.output
    lines = (tmp_path / "workers.jsonl").read_text().splitlines()
    texts = [w.text for _, p, n in small for w in make_workers(vocabulary, 42, p, n)]
    embedding, _ = fit_embedding(texts)
    first = json.loads(lines[0])
    assert first["text"] == texts[0]
    assert np.allclose(first["vector"], embedding.encode(texts[0]))


def test_few_texts_or_one_word_are_enough_and_many_words_are_bounded(monkeypatch):
    for texts in (["nurse"], ["a welder", "a welder"], ["only the"] * 2 + ["welder"]):
        embedding, vectors = fit_any(texts)
        assert vectors.shape == (len(texts), DIMENSION)
        assert np.isfinite(vectors).all()
        assert np.array_equal(vectors[-1], embedding.encode(texts[-1]))
    monkeypatch.setattr("mcstress.services.embedded.embedding.MOST_TERMS", 200)
    many = [f"word{number} word{number + 1} common" for number in range(300)]
    embedding, vectors = fit_any(many)
    assert len(embedding.terms) == 200
    assert "common" in embedding.terms
    assert int(np.argmax(vectors @ embedding.encode("word17 word18"))) == 17
    with pytest.raises(UsageError, match="found no word in any text"):
        fit_any(["…", "!"])


def test_truth_is_of_the_files_and_a_scenario_that_searches_others_is_refused(files):
    told = CliRunner().invoke(main, ["truth", "--corpus", str(files[0])])
    assert told.exit_code == 2
    assert told.stderr.endswith(
        "found the corpora workers, ethereal_workers, expected those of the embedded stack: "
        "articles\n"
    )
