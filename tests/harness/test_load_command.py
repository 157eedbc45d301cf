"""``mcstress load``: what it writes, that it goes on, and what it says."""

from __future__ import annotations

import json
import textwrap

import pytest
from click.testing import CliRunner

from mcstress.cli import main
from mcstress.commands import load as load_command
from mcstress.services.corpus_file import CorpusItem, write_corpus
from mcstress.services.target_class import target_class

OWN = """
    from mcstress import Target
    from mcstress.metrics.event import Hit
    from mcstress.services.target import Found, Sizes

    class Store(Target):
        batch = 4
        items, told, calls = {}, {}, []
        refuses = None
        hides = 0

        def search(self, search, trace):
            def work():
                if Store.hides:
                    Store.hides -= 1
                    return Found([])
                found = [id_ for id_, one in self.items.items() if one.text == search.text]
                return Found([Hit(id_, search.corpora[0], 0.1) for id_ in found])
            return self.timed("matrix.search", search, work)

        def add(self, item, trace):
            raise NotImplementedError

        def add_all(self, items, trace):
            def work():
                Store.calls.append([item.id for item in items])
                if self.refuses in Store.calls[-1]:
                    raise OSError("disk full")
                self.items.update({item.id: item for item in items})
            yield self.timed("index.add", None, work)

        def sizes(self):
            return self.timed("sizes", None, lambda: Sizes({"docs": len(self.items)}))

        def record(self, recording, trace):
            def work():
                self.told.setdefault(recording.namespace, []).append(recording)
            return self.timed("playbook.record", recording, work)

    class OneStep(Store):
        def add_all(self, items, trace):
            return self.timed("index.add", None, lambda: None)

    class Unconnected(Store):
        def connect(self):
            raise OSError("no more connections")

    class Searcher(Target):
        def search(self, search, trace):
            return self.timed("matrix.search", search, lambda: Found([]))
"""


@pytest.fixture
def loads(tmp_path, monkeypatch):
    """Runs the command for a store of its own and a file of ten items."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(load_command, "LOOK_EVERY_S", 0.01)
    path = tmp_path / "own_store.py"
    path.write_text(textwrap.dedent(OWN))
    corpus = tmp_path / "docs.jsonl"
    write_corpus(corpus, [CorpusItem(f"d-{n}", f"text {n}", {"n": n}) for n in range(10)])

    def run(*arguments, kind="Store", files=True):
        given = ["load", "--target", f"{path}:{kind}", *map(str, arguments)]
        return CliRunner().invoke(main, [*given, *(["--corpus", str(corpus)] if files else [])])

    return target_class(f"{path}:Store"), run


def test_all_items_are_written_in_batches_and_the_last_is_looked_for(loads):
    store, run = loads
    store.hides = 3
    told = run()
    assert told.exit_code == 0, told.output
    assert sorted(store.calls) == [
        [f"d-{n}" for n in range(first, min(first + 4, 10))] for first in (0, 4, 8)
    ]
    item = store.items["d-7"]
    assert (item.corpus, item.text, item.metadata) == ("docs", "text 7", {"n": 7})
    assert told.stdout.startswith("docs: 10 items, ")
    assert "the last is found after 0." in told.stdout
    assert store.hides == 0


def test_it_goes_on_where_it_was_stopped_and_writes_nothing_twice(loads):
    store, run = loads
    store.refuses = "d-9"
    told = run()
    assert told.exit_code == 2
    assert told.stderr == (
        "mcstress: docs: items 9 to 10 were not taken, index.add: OSError: disk full; 8 of 10 are "
        "in, the same command goes on from there\n"
    )
    store.refuses = None
    store.calls.clear()
    assert "docs: 10 items (8 were there), " in run().stdout
    assert store.calls == [["d-8", "d-9"]]
    assert run().stdout == "docs: all 10 items were written before; --again writes them\n"
    assert len(store.calls) == 1
    run("--again")
    assert len(store.calls) == 4


def test_a_target_that_was_emptied_gets_everything_again(loads):
    store, run = loads
    run()
    store.items.clear()
    store.calls.clear()
    assert "docs: 10 items, " in run().stdout
    assert len(store.items) == 10


def test_the_last_that_is_not_found_is_told(loads, monkeypatch):
    store, run = loads
    monkeypatch.setattr(load_command, "FINDABLE_WITHIN_S", 0.05)
    store.hides = 10**9
    assert "; the last, d-9, is not found within 0 s: not among the 0 nearest" in run().stdout


def test_memories_go_over_the_tenants(loads):
    store, run = loads
    told = run("--memories", 11, "--tenants", 3, files=False)
    assert told.exit_code == 0, told.output
    assert {name: len(those) for name, those in store.told.items()} == {
        "load_1": 4, "load_2": 4, "load_3": 3,
    }  # fmt: skip
    assert told.stdout.startswith("memories in 3 namespaces, load_1 to load_3: 11 records, ")
    assert "were written before" in run("--memories", 11, "--tenants", 3, files=False).stdout
    assert "were written before" not in run("--memories", 12, "--tenants", 3, files=False).stdout


def test_the_scenarios_own_corpora_are_written_where_no_file_is_named(loads, monkeypatch):
    store, run = loads
    monkeypatch.setattr(load_command, "FINDABLE_WITHIN_S", 0.0)
    told = run("--scenario", "medical_library", files=False)
    assert told.exit_code == 0, told.output
    assert {item.corpus for item in store.items.values()} == {"medical_articles"}


def test_truth_is_written_beside(loads, tmp_path):
    _, run = loads
    told = run("--truth", tmp_path / "truth.jsonl", files=False, kind="Searcher")
    assert "cannot add" in told.stderr
    lines = (tmp_path / "truth.jsonl").read_text().splitlines()
    assert json.loads(lines[0])["ids"][0].startswith(("workers:", "ethereal_workers:"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["load"], "found neither --target nor --host, expected where the items go"),
        (["load", "--target", "gone.py:Store"], "gone.py cannot be imported"),
        (["load", "--target", "gone.toml"], "gone.toml: cannot be read"),
    ],
)
def test_what_is_wrong_is_one_line(arguments, says):
    told = CliRunner().invoke(main, arguments)
    assert told.exit_code == 2
    assert says in told.stderr
    assert told.stderr.count("\n") == 1


def test_what_a_target_cannot_is_told_before_anything_is_written(loads):
    store, run = loads
    assert "cannot add, expected one with add" in run(kind="Searcher").stderr
    assert "has no memory" in run("--memories", 5, kind="Searcher").stderr
    assert (
        "--tenants: found 9, expected at most --memories, 5"
        in run("--memories", 5, "--tenants", 9).stderr
    )
    assert store.calls == []


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("OneStep", "OneStep.add_all gave a Step, expected steps one after another: yield self."),
        ("Unconnected", "--target: Unconnected.connect raised OSError: no more connections (own"),
    ],
)
def test_what_a_class_does_otherwise_than_it_must_is_told_in_a_line(loads, kind, says):
    told = loads[1](kind=kind)
    assert told.exit_code == 2
    assert says in told.stderr
    assert len(told.stderr.splitlines()) == 1


def test_a_number_of_a_target_file_is_taken_as_a_run_takes_it(loads):
    _, run = loads
    told = run("--set", "add.batch=7")
    assert told.exit_code == 2
    assert "--set add.batch=7: found --target " in told.stderr
    assert "expected a target of a TOML file" in told.stderr
