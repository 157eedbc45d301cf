"""A corpus as a file: what is written is read again, and what is wrong is named with its line."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcstress.errors import UsageError
from mcstress.services.corpus_file import (
    CorpusItem,
    digest_of,
    read_corpora,
    read_corpus,
    write_corpus,
)

GOOD = '{"id": "w-1", "text": "welder in Gary", "metadata": {"role": "welder"}}'
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
items = st.builds(
    CorpusItem,
    id=texts.filter(lambda text: len(text) <= 256),
    text=texts,
    metadata=st.dictionaries(texts, st.none() | st.booleans() | st.integers(-9, 9) | texts),
    vector=st.none() | st.lists(st.floats(-1, 1), min_size=1),
)


@given(st.lists(items, min_size=1, unique_by=lambda item: item.id))
def test_what_was_written_is_read_again(tmp_path_factory, many):
    path = tmp_path_factory.mktemp("corpus") / "workers.jsonl"
    assert write_corpus(path, many) == len(many)
    assert list(read_corpus(path)) == many
    assert [json.loads(line)["id"] for line in path.read_text("utf-8").split("\n")[:-1]] == [
        item.id for item in many
    ]
    assert [file.name for file in path.parent.iterdir()] == ["workers.jsonl"]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([GOOD, "nonsense"], ", line 2: found no JSON"),
        ([GOOD, "", '{"id": "w-2"}'], ", line 3: Object missing required field `text`; expected"),
        (['{"id": 7, "text": "a"}'], ", line 1: Expected `str`, got `int` - at `$.id`; expected"),
        (['{"id": " ", "text": "a"}'], ", line 1: Expected `str` matching regex"),
        (['{"id": "a", "text": "a", "metadata": []}'], ", line 1: Expected `object`, got `array`"),
        (['{"id": "a", "text": "a", "vector": []}'], ", line 1: vector: found [], expected"),
        (['["a"]'], ", line 1: Expected `object`, got `array`"),
        ([GOOD, GOOD.replace("Gary", "Rome")], ', line 2: found id "w-1" of line 1 again'),
        ([], ": found no item, expected a line for each"),
        (["", " "], ": found no item"),
    ],
)
def test_what_is_wrong_is_one_line_with_its_place(tmp_path, lines, told):
    path = tmp_path / "workers.jsonl"
    path.write_text("\n".join(lines))
    with pytest.raises(UsageError) as refusal:
        list(read_corpus(path))
    assert f"{path}{told}" in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("none.jsonl", "none.jsonl: No such file or directory; expected a file of JSON lines"),
        ("items.json", "items.json: found no name of a corpus, expected NAME.jsonl"),
        (".jsonl", ".jsonl: found no name of a corpus"),
        ("", "Is a directory"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path, name, told):
    (tmp_path / "items.json").write_text(GOOD)
    folder = tmp_path / "folder.jsonl"
    folder.mkdir()
    with pytest.raises(UsageError, match=told.replace(".", r"\.")):
        list(read_corpus(tmp_path / name if name else folder))


def test_bytes_that_are_no_text_and_json_nested_too_deep_are_named(tmp_path):
    path = tmp_path / "workers.jsonl"
    for wrong in (b'{"id": "\xff", "text": "a"}', b'{"id": "a", "text": ' + b"[" * 100_000):
        path.write_bytes(GOOD.encode() + b"\n" + wrong)
        with pytest.raises(UsageError, match="line 2: "):
            list(read_corpus(path))


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path):
    path = tmp_path / "workers.jsonl"
    path.write_text(GOOD, "utf-8-sig")
    assert [item.id for item in read_corpus(path)] == ["w-1"]


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "workers.jsonl")
    with pytest.raises(UsageError, match="found a pipe, socket or device, expected a file; expect"):
        list(read_corpus(tmp_path / "workers.jsonl"))


def test_several_files_are_corpora_by_their_names(tmp_path):
    paths = [tmp_path / f"{name}.jsonl" for name in ("workers", "others")]
    for number, path in enumerate(paths):
        path.write_text(GOOD.replace("w-1", f"w-{number}"))
    found = read_corpora(paths)
    assert {name: [item.id for item in items] for name, items in found.items()} == {
        "workers": ["w-0"], "others": ["w-1"],
    }  # fmt: skip


def test_two_files_of_one_corpus_are_refused(tmp_path):
    paths = [tmp_path / folder / "workers.jsonl" for folder in "ab"]
    for path in paths:
        path.parent.mkdir()
        path.write_text(GOOD)
    with pytest.raises(UsageError, match="found a second file of the corpus workers"):
        read_corpora(paths)


def test_the_digest_is_below_zero_and_of_the_ids_and_texts():
    one, other = CorpusItem("a", "b"), CorpusItem("a", "c")
    found = {digest_of({name: [item]}) for name in ("x", "y") for item in (one, other)}
    assert len(found) == 4
    assert max(found) < 0
    assert min(found) >= -(2**63)


def test_what_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(UsageError, match=r"cannot be written: No such file or directory"):
        write_corpus(tmp_path / "none" / "workers.jsonl", [CorpusItem("a", "b")])
    (tmp_path / "workers.jsonl").mkdir()
    with pytest.raises(UsageError, match="cannot be written"):
        write_corpus(tmp_path / "workers.jsonl", [CorpusItem("a", "b")])
    assert [file.name for file in tmp_path.iterdir()] == ["workers.jsonl"]


def test_what_is_cut_off_or_in_the_way_leaves_nothing(tmp_path):
    def cut():
        yield CorpusItem("a", "b")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_corpus(tmp_path / "workers.jsonl", cut())
    assert [*tmp_path.iterdir()] == []
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written: Not a directory"):
        write_corpus(tmp_path / "file" / "workers.jsonl", [CorpusItem("a", "b")])
