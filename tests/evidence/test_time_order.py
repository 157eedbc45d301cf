"""Events of several files in order: against plain sorting, in memory and in many parts on disk."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcstress.evidence.store import sorted_rows
from mcstress.evidence.store.sorted_rows import SortedRows
from mcstress.evidence.store.time_order import TimeOrder

BEGIN = datetime(2026, 11, 29, tzinfo=UTC)
WORKERS = ("worker-10", "worker-2", "a", "ü")


def event(ms, worker, seq, nonce):
    time = (BEGIN + timedelta(milliseconds=ms)).isoformat().replace("+00:00", "Z")
    return {"time": time, "worker": WORKERS[worker], "seq": seq, "nonce": nonce, "ms": ms}


@st.composite
def files(draw):
    """Events in up to three files: late, early, doubled, unstamped, with gaps in their numbers."""
    number = draw(st.integers(0, 40))
    made = [
        event(draw(st.integers(0, 12)), draw(st.integers(0, 3)), draw(st.integers(0, 9)), nonce)
        for nonce in range(number)
    ]
    if stamped := [one for one in made if one["seq"]]:
        made += draw(st.lists(st.sampled_from(stamped), max_size=5))
    return [[one for n, one in enumerate(made) if n % 3 == file] for file in range(3)]


def key(one):
    return one["ms"], one["worker"], one["seq"]


def in_order(of_files):
    """By (time, worker, seq), in the order of the files where these are equal; each once."""
    kept, seen = [], set()
    for one in sorted((one for file in of_files for one in file), key=key):
        if one["seq"] == 0 or key(one) not in seen:
            kept.append(one)
        seen.add(key(one))
    return kept


def as_made(kept, place):
    """By (the latest time so far, worker, seq, place in its file)."""
    by_worker = defaultdict(list)
    for one in kept:
        by_worker[one["worker"]].append(one)
    latest = []
    for own in by_worker.values():
        so_far = -1
        for one in sorted(own, key=lambda one: (one["seq"], place(one), one["ms"])):
            so_far = max(so_far, one["ms"])
            latest.append((so_far, one["worker"], one["seq"], place(one), one))
    return [row[-1] for row in sorted(latest, key=lambda row: row[:4])]


def missing(kept):
    seqs = defaultdict(set)
    for one in kept:
        seqs[one["worker"]].add(one["seq"])
    gaps = {w: max(own) - len(own - {0}) for w, own in seqs.items()}
    return {worker: gap for worker, gap in gaps.items() if gap}


def written(folder, of_files):
    paths = [folder / f"{number}.jsonl" for number, _ in enumerate(of_files)]
    for path, file in zip(paths, of_files, strict=True):
        path.write_text("".join(json.dumps(one) + "\n" for one in file))
    return paths


@pytest.fixture(params=["in memory", "in parts of 3"])
def held(request, monkeypatch):
    if request.param != "in memory":
        plain = SortedRows.__init__

        def small(self, by, part=3, merged=6):
            plain(self, by, part, merged)

        monkeypatch.setattr(SortedRows, "__init__", small)
        monkeypatch.setattr(sorted_rows, "FEWEST", 2)
        monkeypatch.setattr("mcstress.evidence.store.lines.PIECE_BYTES", 250)
        monkeypatch.setattr("mcstress.evidence.store.time_order._TOGETHER_BYTES", 300)


@pytest.mark.usefixtures("held")
@settings(max_examples=25)
@given(of_files=files())
def test_order_repeats_and_gaps_are_those_of_plain_sorting(tmp_path_factory, of_files):
    order = TimeOrder(written(tmp_path_factory.mktemp("files"), of_files))
    kept = in_order(of_files)
    found = [json.loads(raw) for raw in order.raw_events()]
    assert list(map(key, found)) == list(map(key, kept))
    assert len(order) == len(kept)
    assert order.repeated == sum(map(len, of_files)) - len(kept)
    assert order.missing() == missing(kept)
    assert sorted(one["nonce"] for one in found if not one["seq"]) == sorted(
        one["nonce"] for one in kept if not one["seq"]
    )


@pytest.mark.usefixtures("held")
@settings(max_examples=25)
@given(of_files=files())
def test_as_made_is_each_workers_own_order_side_by_side_in_time(tmp_path_factory, of_files):
    paths = written(tmp_path_factory.mktemp("files"), of_files)
    order = TimeOrder(paths)
    texts = [path.read_bytes() for path in paths]

    def place(one):
        line = json.dumps(one).encode()
        return next(text.find(line) for text in texts if line in text)

    made = as_made(in_order(of_files), place)
    found = [json.loads(raw) for raw in order.raw_events_as_made()]
    assert [(one["worker"], one["seq"]) for one in found] == [
        (one["worker"], one["seq"]) for one in made
    ]


def with_records(folder, every, number=4000):
    """Events of one worker, and after each ``every`` of them a record, as a run writes them."""
    lines = []
    for seq in range(1, number + 1):
        lines.append(json.dumps(event(seq % 50, 0, seq, seq)))
        if seq % every == 0:
            lines.append(json.dumps({"record": "users", "time": seq, "users": 3}))
    path = folder / f"every {every}.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def test_records_stand_beside_the_events_that_they_are_among(tmp_path):
    path, plain = with_records(tmp_path, every=7), with_records(tmp_path, every=10**6)
    order, without = TimeOrder([path]), TimeOrder([plain])
    assert list(order.raw_events()) == list(without.raw_events())
    assert order.workers["worker-10"].stated == without.workers["worker-10"].stated
    lines, text = path.read_text().splitlines(), path.read_bytes()
    records = [line.encode() for line in lines if line.startswith('{"record"')]
    assert list(order.raw_records("users")) == records
    assert [place.offset for place in order.records["users"]] == [
        text.index(record) for record in records
    ]
    assert order.files[0].records.lines == len(records)


def test_events_among_records_are_read_many_at_a_time(tmp_path):
    """A slow run has a record in each piece of its file: with 100,000 events that took minutes."""

    def calls(path):
        counted = 0

        def count(_frame, kind, _what):
            nonlocal counted
            counted += kind in ("call", "c_call")

        sys.setprofile(count)
        try:
            TimeOrder([path])
        finally:
            sys.setprofile(None)
        return counted

    assert calls(with_records(tmp_path, every=100)) < 1.5 * calls(
        with_records(tmp_path, every=10**6)
    )


@given(
    keys=st.lists(st.integers(0, 20), max_size=60),
    part=st.integers(1, 9),
    merged=st.integers(1, 20),
)
def test_rows_come_in_order_and_equal_ones_in_one_block(keys, part, merged):
    rows = np.array(list(enumerate(keys)), dtype=[("number", "i8"), ("key", "i8")])
    sorted_ = SortedRows("key", part, merged)
    for row in np.split(rows, len(rows)) if keys else []:
        sorted_.add(row)
    fewest, sorted_rows.FEWEST = sorted_rows.FEWEST, 1
    try:
        blocks = list(sorted_.blocks(lambda block: np.sort(block, order=["key", "number"])))
    finally:
        sorted_rows.FEWEST = fewest
    assert [tuple(row) for block in blocks for row in block.tolist()] == sorted(
        enumerate(keys), key=lambda pair: (pair[1], pair[0])
    )
    assert all(a["key"][-1] < b["key"][0] for a, b in pairwise(blocks))
