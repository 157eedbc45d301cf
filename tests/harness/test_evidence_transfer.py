"""Evidence of another machine: no more is fetched than can be it, and nothing else is kept."""

from __future__ import annotations

import gevent
import msgspec
import pytest
from stranger import Stranger

from mcstress.cluster import messages
from mcstress.cluster.handshake import hello
from mcstress.master import evidence_transfer
from mcstress.master.evidence_transfer import collect, gather

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


def test_a_piece_that_is_lost_is_asked_for_again_and_what_came_stays(
    master, worker, fetch, monkeypatch
):
    monkeypatch.setattr(evidence_transfer, "POLL_S", 0.02)
    monkeypatch.setattr(evidence_transfer, "ASKED_AGAIN_S", 0.04)
    head = HEAD % master.current.run.uid.encode()
    told, lost = worker.tell, [len(head)]

    def forgets_the_first(message):
        if message.offset in lost:
            lost.clear()
        else:
            told(message)

    monkeypatch.setattr(worker, "tell", forgets_the_first)
    asked, content, part = fetch(len(head) + 9, head, b"forgotten", b"x" * 9)
    assert asked == [0, len(head), len(head)]
    assert content == head + b"x" * 9
    assert part.copied
    assert not part.evidence_missing


def test_a_worker_that_goes_away_amid_its_file_leaves_what_came(master, fetch, monkeypatch):
    monkeypatch.setattr(evidence_transfer, "POLL_S", 0.02)
    monkeypatch.setattr(evidence_transfer, "RETURN_S", 0.06)
    monkeypatch.setattr(type(master), "is_there", lambda *_: False)
    head = HEAD % master.current.run.uid.encode()
    asked, content, part = fetch(len(head) + 9, head)
    assert (asked, content, part.evidence_missing) == ([0], head, 9)
    assert not part.copied


@pytest.mark.parametrize(
    ("boot", "stays"),
    [(b"boot", True), (b"another", False)],
    ids=["its own", "of another start of the worker"],
)
def test_the_workers_own_file_on_a_shared_disk_stays_where_less_came(
    master, fetch, monkeypatch, boot, stays
):
    """A disk that both see may show the file late, without its last lines: they are looked for."""
    monkeypatch.setattr(evidence_transfer, "POLL_S", 0.02)
    monkeypatch.setattr(evidence_transfer, "RETURN_S", 0.06)
    monkeypatch.setattr(type(master), "is_there", lambda *_: False)
    head = HEAD % master.current.run.uid.encode()
    path = master.current.paths.segment("worker-0")
    there = head.replace(b'"boot":"boot"', b'"boot":"%s"' % boot) + b"all but its end\n"
    path.write_bytes(there)
    _, content, part = fetch(len(there) + 9, head)
    assert content == (there if stays else head)
    assert [one.name for one in path.parent.glob("*.fetched")] == []
    assert (part.evidence_missing, part.copied) == (len(there) + 9 - len(head), False)


def test_what_was_fetched_to_a_disk_that_both_see_is_no_copy(master, fetch):
    """The worker would remove it, for it has the name of its own file."""
    head = HEAD % master.current.run.uid.encode()
    master.current.paths.segment("worker-0").write_bytes(head)
    _, content, part = fetch(len(head) + 9, head, b"x" * 9)
    assert content == head + b"x" * 9
    assert (part.evidence_missing, part.copied) == (0, False)


def test_files_of_several_workers_come_at_the_same_time(master, worker):
    """Neither answers before both were asked."""
    run = master.current
    with Stranger(master.runner.server.port, "worker_2") as second:
        second.join(master.runner)
        second.tell(hello("boot"))
        second.hears("mcstress.Welcome")
        names = {"worker-0": worker, "worker-1": second}
        content = {
            name: b'{"record":"segment","run_uid":"%s","worker":"%s","boot":"boot"}\n'
            % (run.run.uid.encode(), name.encode())
            for name in names
        }
        for name, head in content.items():
            drained = messages.Drained(run.run.uid, name, "boot", segment_bytes=len(head))
            run.registry.parts[name].hand_over(drained)
        gathering = gevent.spawn(gather, master, run)
        for stranger in names.values():
            stranger.hears("mcstress.SendPiece")
        for name, stranger in names.items():
            stranger.tell(messages.Piece(run.run.uid, name, 0, content[name]))
        files = gathering.get(timeout=20)
    assert files == [run.paths.events, *(run.paths.segment(name) for name in names)]
    assert [file.read_bytes() for file in files[1:]] == [*content.values()]


def test_the_room_of_files_that_are_on_their_way_is_taken(fetch, master, monkeypatch):
    room = evidence_transfer.ROOM_LEFT_BYTES + 1500
    free = type("Usage", (), {"free": room})
    monkeypatch.setattr(evidence_transfer.shutil, "disk_usage", lambda _: free)
    other = master.current.registry.enter("worker-9", "elsewhere", "boot")
    other.evidence_missing = 1000
    monkeypatch.setitem(master.on_piece, "worker-9", lambda _: None)
    assert fetch(600)[2].evidence_missing == 600
    del master.on_piece["worker-9"]
