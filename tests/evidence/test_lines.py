"""How files of a run are read line by line: long ones in pieces, and what no run writes by name."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest

from mcstress.errors import UsageError
from mcstress.evidence.store import document, lines
from mcstress.evidence.store.document import DocumentEvents, write_document
from mcstress.evidence.store.event_line import ReadOptions
from mcstress.evidence.store.lines import Batch, first_record, lines_in, lines_of
from mcstress.metrics.event import Event, StepRecord, encoder, utc

PIECE, LONGEST = 16, 40


@pytest.fixture
def small(monkeypatch):
    """Pieces of 16 bytes, and lines of 40 at most."""
    monkeypatch.setattr(lines, "PIECE_BYTES", PIECE)
    monkeypatch.setattr(lines, "LINE_BYTES", LONGEST)


def told(content):
    """Each line: its number, offset and text, whether it is torn, and what is wrong with it."""
    found = []
    for some in lines_in(io.BytesIO(content)):
        each = some.lines() if isinstance(some, Batch) else [some]
        found += [(one.number, one.offset, one.text, one.torn, one.fault) for one in each]
    return found


@pytest.mark.usefixtures("small")
def test_a_line_longer_than_a_piece_is_whole_where_it_may_be_json():
    long = b'{"a":"' + b"x" * 25 + b'"}'
    assert told(b"{1}\n" + long + b"\n{2}\n{3") == [
        (1, 0, b"{1}", False, ""),
        (2, 4, long, False, ""),
        (3, 4 + len(long) + 1, b"{2}", False, ""),
        (4, 4 + len(long) + 5, b"{3", True, ""),
    ]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("end", [b"\n", b""], ids=["whole", "torn"])
def test_of_a_long_line_that_is_no_json_only_the_begin_is_held(end):
    content = b"\0" * 200 + end
    assert told(content) == [(1, 0, b"\0" * PIECE, not end, "found no JSON object")]


@pytest.mark.usefixtures("small")
def test_a_line_that_is_too_long_is_not_held_and_the_next_is_read():
    too_long = b"{" + b"x" * LONGEST
    assert told(too_long + b"\n{2}\n") == [
        (1, 0, too_long[:PIECE], False, f"longer than {LONGEST} bytes"),
        (2, len(too_long) + 1, b"{2}", False, ""),
    ]
    longest = b"{" + b"x" * (LONGEST - 2)
    assert told(longest + b"\n") == [(1, 0, longest, False, "")]


@pytest.mark.parametrize("read", [first_record, lambda path: [*lines_of(path)]])
def test_what_cannot_be_read_is_named(tmp_path, read):
    with pytest.raises(UsageError, match=f"{tmp_path}: cannot be read: Is a directory"):
        read(tmp_path)


def event(seq=1, **changed):
    fields = {
        "seq": seq, "worker": "w", "time": utc(1.7e9), "round": 1, "trio": 1, "k": 8,
        "phase": "baseline", "coordinator": "alice", "contract": "c", "role": "r",
    }  # fmt: skip
    return Event(**fields | changed)


IMPOSSIBLE = [
    ({"k": 9}, "k is 9; the run's is 8"),
    ({"time": datetime(1969, 12, 31, tzinfo=UTC)}, "time is in the year 1969"),
    ({"time": datetime(2200, 1, 1, tzinfo=UTC)}, "time is in the year 2200"),
    ({"seq": -1}, "seq is out of range"),
    ({"users": 10**13}, "users is out of range"),
    ({"round": -2}, "round is out of range"),
    ({"trio": 10**13}, "trio is out of range"),
    ({"latency_ms": -0.5}, "latency_ms is out of range"),
    ({"latency_ms": 1e300}, "latency_ms is out of range"),
    ({"steps": [StepRecord(name="s", time=utc(1.7e9), latency_ms=-1.0)]},
     "a latency of s is out of range"),
    ({"steps": [StepRecord(name="s", time=utc(1.7e9), latency_ms=1.0, queue_ms=1e13)]},
     "a latency of s is out of range"),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "fault"), IMPOSSIBLE)
def test_an_event_that_no_run_writes_is_refused_where_it_is_looked_at(changed, fault):
    text = encoder.encode(event(**changed))
    with pytest.raises(ValueError, match=f"^{fault}$"):
        ReadOptions(strict=True, k=8).marks([encoder.encode(event()), text])
    (mark,) = ReadOptions().marks([text])
    assert mark.worker == "w", "what only orders them is read as it is"


def test_what_a_run_writes_is_let_through():
    step = StepRecord(name="s", time=utc(1.7e9), latency_ms=0.0, queue_ms=0.0)
    (found,) = ReadOptions(strict=True, k=8).marks([encoder.encode(event(steps=[step]))])
    assert found.steps == [step]


def texts_of(path):
    for some in DocumentEvents(path).lines():
        yield from some.lines() if isinstance(some, Batch) else [some]


def test_events_are_written_in_parts_and_read_back_whatever_their_size(tmp_path, monkeypatch):
    monkeypatch.setattr(document, "PIECE_BYTES", 500)
    monkeypatch.setattr(lines, "PIECE_BYTES", 500)
    path = tmp_path / "x.json"
    sizes = (0, 1, 600, 3, 450, 450, 2000, 0)
    events = [
        encoder.encode(event(number, role="r" * size)) for number, size in enumerate(sizes, 1)
    ]
    assert write_document(path, {"run": {}}, events) == len(sizes)
    found = [*texts_of(path)]
    assert [(one.text, one.fault) for one in found] == [(text, "") for text in events]
    assert [one.number for one in found] == [*range(1, len(sizes) + 1)]
    whole = path.read_bytes()
    assert [whole[one.offset :].startswith(one.text) for one in found] == [True] * len(sizes)


def test_a_record_among_a_documents_events_is_a_fault(tmp_path):
    path = tmp_path / "x.json"
    events = [encoder.encode(event()), b'{"record":"end"}', encoder.encode(event(2))]
    write_document(path, {"run": {}}, events)
    assert [one.fault for one in texts_of(path)] == ["", "found a record", ""]


def test_a_document_that_ends_after_a_long_event_says_after_which(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "PIECE_BYTES", 500)
    path = tmp_path / "x.json"
    events = [encoder.encode(event(number, role="r" * 900 * number)) for number in (1, 2)]
    write_document(path, {"run": {}}, events)
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(events[1])])
    last = [*texts_of(path)][-1]
    assert (last.number, last.fault) == (2, "the document ends in the middle of its events")
