"""What a seed's corpora took to build is kept; whatever becomes of it, the answers are the same."""

import os

import msgspec
import numpy as np
import pytest

from mcstress.services.embedded import build_times, system

SMALL = (("workers", "w", 300), ("ethereal_workers", "e", 2500))
QUERIES = ("forklift operator in Milwaukee", "night shift nurse", "wéldér", "")


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    """A cache of the test's own, for small corpora."""
    monkeypatch.setattr(system, "CORPORA", SMALL)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "mcstress"


def answers(matrix):
    """All that is found, and how the graph grows."""
    large = matrix.corpora["ethereal_workers"]
    vectors = [matrix.embedding.encode(query) for query in QUERIES]
    new = [system.IndexedItem(f"n-{number}", msgspec.Raw(b"{}")) for number in range(len(vectors))]
    large.add(new, np.stack(vectors))
    return [corpus.search(v, 20) for corpus in matrix.corpora.values() for v in vectors]


def test_what_was_kept_answers_as_what_was_built(vocabulary, folder, monkeypatch):
    first = answers(system.build_matrix(vocabulary, 7))
    (kept,) = folder.iterdir()
    assert kept.stat().st_mode & 0o077 == 0
    with monkeypatch.context() as patched:
        patched.setattr(system, "build", None)
        assert answers(system.build_matrix(vocabulary, 7)) == first
    assert answers(system.build_matrix(vocabulary, 8)) != first


@pytest.mark.parametrize("damage", [b"", b"\0" * 1000, "flipped", "cut"])
def test_what_is_damaged_is_built_again(vocabulary, folder, damage):
    first = answers(system.build_matrix(vocabulary, 7))
    (kept,) = folder.iterdir()
    whole = kept.read_bytes()
    edits = {"flipped": whole[:-99] + bytes([whole[-99] ^ 1]) + whole[-98:], "cut": whole[:-1]}
    kept.write_bytes(edits.get(damage, damage))
    assert build_times.load_built(7) is None
    assert answers(system.build_matrix(vocabulary, 7)) == first
    assert kept.read_bytes() == whole


def test_where_nothing_can_be_kept_all_works(vocabulary, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/none")
    assert answers(system.build_matrix(vocabulary, 7)) == answers(
        system.build_matrix(vocabulary, 7)
    )


def test_only_the_newest_are_kept(folder):
    nothing = build_times.Built([], b"", b"", [])
    for seed in range(2 * build_times.KEPT_FILES):
        build_times.keep(seed, nothing)
        os.utime(build_times.kept_at(seed), (seed, seed))
    newest = range(build_times.KEPT_FILES, 2 * build_times.KEPT_FILES)
    assert sorted(folder.iterdir()) == sorted(map(build_times.kept_at, newest))
