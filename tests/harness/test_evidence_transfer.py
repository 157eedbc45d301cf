"""Evidence of another machine: no more is fetched than can be it, and nothing else is kept."""

from __future__ import annotations

import gevent
import msgspec
import pytest

from mcstress.cluster import messages
from mcstress.master.evidence_transfer import collect

HEAD = b'{"record":"segment","run_uid":"%s","worker":"worker-0","boot":"boot"}\n'


@pytest.fixture
def fetch(master, worker):
    """Bring the file of a worker that said what it has and answers with what it is given."""
    run = master.current
    part = run.registry.parts["worker-0"]

    def fetch(size, *answers):
        part.hand_over(messages.Drained(run.run.uid, "worker-0", "boot", segment_bytes=size))
        collecting = gevent.spawn(collect, master, run, part)
        asked = []
        for content in answers:
            data = msgspec.msgpack.decode(worker.hears("mcstress.SendPiece"))
            asked.append(data["offset"])
            worker.tell(messages.Piece(run.run.uid, "worker-0", data["offset"], content))
        collecting.get(timeout=20)
        path = run.paths.segment("worker-0")
        return asked, path.read_bytes() if path.is_file() else None, part

    return fetch


def test_a_file_is_fetched_piece_by_piece(master, fetch):
    head = HEAD % master.current.run.uid.encode()
    rest = b"x" * 100
    asked, content, part = fetch(len(head) + 100, head, rest)
    assert (asked, content) == ([0, len(head)], head + rest)
    assert part.copied
    assert not part.evidence_missing


@pytest.mark.parametrize("size", [10**12, 65 << 20])
def test_a_file_that_cannot_be_so_large_is_not_asked_for(fetch, caplog, size):
    asked, content, part = fetch(size)
    assert (asked, content, part.evidence_missing) == ([], None, size)
    assert f"{size} bytes cannot be 1 lines" in caplog.text


def test_a_file_for_which_there_is_no_room_is_not_asked_for(fetch, caplog, monkeypatch):
    monkeypatch.setattr(
        "mcstress.master.evidence_transfer.shutil.disk_usage", lambda _: type("D", (), {"free": 0})
    )
    assert fetch(1000)[2].evidence_missing == 1000
    assert "here is room for 0" in caplog.text


def test_what_is_not_the_workers_evidence_of_this_run_is_not_kept(fetch, caplog):
    asked, content, part = fetch(50 << 20, b"A" * (1 << 20))
    assert (asked, content, part.evidence_missing) == ([0], b"", 50 << 20)
    assert "is not its evidence of this run" in caplog.text


def test_no_more_is_taken_than_was_announced(master, fetch):
    head = HEAD % master.current.run.uid.encode()
    asked, content, part = fetch(len(head) + 10, head, b"x" * 11)
    assert (asked, content, part.evidence_missing) == ([0, len(head)], head, 10)
