import json
import shutil
import subprocess

import pytest
from made_events import made_event

from mcstress.evidence.store.document import (
    DocumentEvents,
    read_head,
    replace_head,
    write_document,
)
from mcstress.evidence.store.lines import PIECE_BYTES, Line
from mcstress.metrics.event import decoder, encoder

HEAD = {
    "completeness": {"events_made": 4},
    "run": {"run_uid": "u", "odd": 'a "[\n  1\n]"\n  "events": [\n'},
    "verdict": "pass",
    "extra": {"bins": [[1, 2.5], [3, None]]},
}
EVENTS = [
    made_event(1, phase="merge"),
    made_event(2),
    made_event(3, coordinator="bob", role="admin assistant"),
    made_event(4, phase="reissue", role="admin assistant"),
]


@pytest.fixture
def document(tmp_path):
    path = tmp_path / "x.json"
    assert write_document(path, HEAD, map(encoder.encode, EVENTS)) == len(EVENTS)
    return path


def test_it_is_one_json_object_with_its_keys_in_order(document):
    whole = json.loads(document.read_text())
    keys = ["schema", "run", "verdict", "completeness", "extra", "events"]
    assert list(whole) == keys
    assert whole["schema"] == 1
    assert {key: whole[key] for key in HEAD} == HEAD
    assert whole["events"] == [json.loads(encoder.encode(event)) for event in EVENTS]


def test_the_head_is_indented_and_an_event_is_one_line(document):
    lines = document.read_text().splitlines()
    assert '  "verdict": "pass",' in lines
    assert "      [1, 2.5]," in lines
    assert sum(line.startswith('{"seq":') for line in lines) == len(EVENTS)


def test_a_run_without_events_is_valid_too(tmp_path):
    path = tmp_path / "x.json"
    assert write_document(path, HEAD, []) == 0
    assert json.loads(path.read_text())["events"] == []
    replace_head(path, HEAD | {"verdict": "unknown"})
    assert json.loads(path.read_text())["verdict"] == "unknown"


def test_a_new_head_keeps_the_events_byte_for_byte(document):
    before = document.read_bytes()
    replace_head(document, HEAD | {"completeness": {"tracing": {"delivered": 24}}})
    after = document.read_bytes()
    marker = b'\n  "events": [\n'
    assert after.split(marker)[1] == before.split(marker)[1]
    assert read_head(document)["completeness"] == {"tracing": {"delivered": 24}}
    assert list(document.parent.iterdir()) == [document]


def test_a_failure_leaves_the_old_document_and_no_rest(document):
    before = document.read_bytes()

    def broken():
        yield b"{}"
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_document(document, HEAD, broken())
    assert document.read_bytes() == before
    assert list(document.parent.iterdir()) == [document]


QUERIES = [
    ('.events[] | select(.phase == "merge")', lambda e: e if e["phase"] == "merge" else None),
    (
        '.events[] | select(.coordinator == "alice" and .phase == "baseline")',
        lambda e: e if (e["coordinator"], e["phase"]) == ("alice", "baseline") else None,
    ),
    (
        (
            '.events[] | select(.role == "warehouse worker") | '
            "{phase, contract, top_k_ids: [.top_k[].id]}"
        ),
        lambda e: (
            {
                "phase": e["phase"],
                "contract": e["contract"],
                "top_k_ids": [hit["id"] for hit in e["top_k"]],
            }
            if e["role"] == "warehouse worker"
            else None
        ),
    ),
]


@pytest.mark.parametrize(("query", "same"), QUERIES)
def test_the_three_jq_lines_work(document, query, same):
    found = [same(event) for event in json.loads(document.read_text())["events"]]
    expected = [answer for answer in found if answer is not None]
    assert expected
    if shutil.which("jq"):
        command = ["jq", "-c", query, str(document)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        assert [json.loads(line) for line in answer.splitlines()] == expected


@pytest.mark.parametrize(
    ("kept", "listed"),
    [
        ({"top_k": None}, None),
        ({"top_k": []}, []),
        ({"top_k": [], "found": None}, None),
        ({"top_k": [], "found": 0}, []),
    ],
    ids=["older, no list", "older, nothing found", "no list", "nothing found"],
)
def test_an_event_without_a_list_is_no_search_that_found_nothing(kept, listed):
    event = json.loads(encoder.encode(made_event(1)))
    event.pop("found", None)
    assert decoder.decode(json.dumps(event | kept)).listed == listed


def _of_size(path, size):
    """A document whose events and end have so many bytes."""
    event = b'{"a":"%s"}'
    text = event % (b"x" * (size - len(event % b"") - len(b"\n  ]\n}\n")))
    write_document(path, HEAD, [text])


def _faults(path):
    return [one.fault for one in DocumentEvents(path).lines() if isinstance(one, Line)]


@pytest.mark.parametrize("beyond", range(4))
def test_its_end_is_found_where_a_piece_of_the_file_ends_within_it(tmp_path, beyond):
    path = tmp_path / "x.json"
    _of_size(path, PIECE_BYTES + beyond)
    assert _faults(path) == []


@pytest.mark.parametrize(
    ("end", "fault"),
    [
        (b"", "the document ends before its last brace"),
        (b"}", "found more after the document's end"),
        (b"}\n}\n", "found more after the document's end"),
        (b"]\n", "found more after the document's end"),
    ],
)
def test_what_else_follows_the_events_is_a_fault_wherever_it_begins(tmp_path, end, fault):
    path = tmp_path / "x.json"
    for size in (PIECE_BYTES // 2, PIECE_BYTES + len(b"}\n")):
        _of_size(path, size)
        path.write_bytes(path.read_bytes().removesuffix(b"}\n") + end)
        assert _faults(path) == [fault]
