import errno
import json
import os
import signal
import subprocess
import sys

import pytest
from made_events import made_event

from mcstress.errors import UsageError
from mcstress.evidence.store import segment as segment_module
from mcstress.evidence.store.segment import Segment
from mcstress.metrics.event import decoder

FIRST = {"run_uid": "u", "record": "segment"}


def lines(path):
    return path.read_bytes().splitlines()


def test_events_and_records_stand_in_their_order_and_come_back_whole(tmp_path):
    segment = Segment(tmp_path / "x.events.jsonl", FIRST)
    event = made_event(7, role='a "quoted"\nrole')
    segment.append(event)
    segment.record({"record": "users", "time": 1.5, "users": 3})
    segment.close()
    first, second, third = lines(segment.path)
    assert first == b'{"record":"segment","run_uid":"u"}'
    assert decoder.decode(second) == event
    assert json.loads(third) == {"record": "users", "time": 1.5, "users": 3}
    assert segment.events == 1
    assert segment.bytes_written == segment.path.stat().st_size


def test_events_kept_at_once_stand_as_if_they_were_kept_one_by_one(tmp_path):
    events = [made_event(seq, role=f"ümlaut\n{seq}") for seq in range(5)]
    one_by_one, at_once = (Segment(tmp_path / name, FIRST) for name in ("one", "all"))
    for event in events:
        one_by_one.append(event)
    at_once.extend(events[:3])
    at_once.extend(events[3:])
    at_once.extend([])
    for segment in (one_by_one, at_once):
        segment.close()
    assert at_once.path.read_bytes() == one_by_one.path.read_bytes()
    assert at_once.events == one_by_one.events == 5


def test_of_events_kept_at_once_only_those_that_no_json_can_hold_are_lost(tmp_path):
    segment = Segment(tmp_path / "x", FIRST)
    segment.extend([made_event(1), made_event(2, role="half of a pair: \ud800"), made_event(3)])
    segment.close()
    assert [decoder.decode(line).seq for line in lines(segment.path)[1:]] == [1, 3]
    assert (segment.events, segment.lost) == (3, 1)
    assert "surrogates" in segment.error


def test_nothing_touches_the_disk_before_flush_or_size(tmp_path):
    segment = Segment(tmp_path / "x", FIRST)
    segment.append(made_event())
    assert len(lines(segment.path)) == 1
    segment.flush()
    assert len(lines(segment.path)) == 2
    while len(lines(segment.path)) == 2:
        segment.append(made_event())
    assert segment.bytes_written > segment_module.FLUSH_BYTES
    segment.close()


def test_a_file_that_holds_something_is_refused(tmp_path):
    path = tmp_path / "x"
    path.write_text("{}\n")
    with pytest.raises(UsageError, match="already holds events"):
        Segment(path, FIRST)
    assert path.read_text() == "{}\n"


def test_a_folder_that_is_missing_is_refused(tmp_path):
    with pytest.raises(UsageError, match="cannot be written: No such file"):
        Segment(tmp_path / "none" / "x", FIRST)


class FullDisk:
    """Stands for os.writev on a disk with ``room`` bytes left."""

    def __init__(self, room):
        self.room = room

    def __call__(self, descriptor, pieces):
        data = b"".join(pieces)
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = min(self.room, len(data))
        self.room -= taken
        return os.write(descriptor, data[:taken])


def test_a_full_disk_is_said_and_counted_and_raises_nothing(tmp_path, monkeypatch):
    segment = Segment(tmp_path / "x", FIRST)
    monkeypatch.setattr(os, "writev", FullDisk(room=100))
    for seq in range(3):
        segment.append(made_event(seq))
    segment.flush()
    assert segment.error == f"{segment.path}: No space left on device"
    segment.close()
    assert segment.lost == 3
    assert len(lines(segment.path)) == 2  # the second is torn


def test_a_disk_that_has_room_again_loses_nothing(tmp_path, monkeypatch):
    segment = Segment(tmp_path / "x", FIRST)
    monkeypatch.setattr(os, "writev", disk := FullDisk(room=100))
    for seq in range(3):
        segment.append(made_event(seq))
    segment.flush()
    disk.room = 1_000_000
    segment.close()
    assert segment.lost == 0
    assert "No space left" in segment.error
    assert [decoder.decode(line).seq for line in lines(segment.path)[1:]] == [0, 1, 2]


@pytest.mark.parametrize("at_once", [1, 10])
def test_a_full_disk_bounds_what_is_held_back(tmp_path, monkeypatch, at_once):
    monkeypatch.setattr(segment_module, "FLUSH_BYTES", 1000)
    monkeypatch.setattr(segment_module, "HELD_BYTES", 20_000)
    segment = Segment(tmp_path / "x", FIRST)
    monkeypatch.setattr(os, "writev", FullDisk(room=0))
    for seq in range(0, 100, at_once):
        segment.extend([made_event(seq + number) for number in range(at_once)])
    waiting = b"".join(segment._waiting)
    held = waiting.count(b"\n")
    longest = max(map(len, waiting.splitlines(keepends=True)))
    assert len(waiting) == segment._waiting_bytes
    assert len(waiting) < 20_000 + longest * at_once
    assert segment.lost == 100 - held > 0
    segment.close()
    assert segment.lost == segment.events == 100


WRITER = """
import sys, time
from pathlib import Path
sys.path[:0] = ["tests/evidence"]
from made_events import made_event
from mcstress.evidence.store.segment import Segment
segment = Segment(Path(sys.argv[1]), {"record": "segment"})
for seq in range(1, 101):
    segment.append(made_event(seq))
segment.flush()
print("flushed", flush=True)
for seq in range(101, 10**9):
    segment.append(made_event(seq))
"""


def test_after_sigkill_everything_flushed_is_there(tmp_path):
    path = tmp_path / "x"
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
    whole = path.read_bytes().split(b"\n")[1:-1]
    assert [decoder.decode(line).seq for line in whole[:100]] == list(range(1, 101))


def test_a_private_segment_is_its_owners_also_where_the_file_was_there(tmp_path):
    (tmp_path / "claimed").touch(0o644)
    for name in ("claimed", "new"):
        Segment(tmp_path / name, {"record": "run"}, private=True).close()
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_removed_is_noticed_and_none_of_its_events_kept(tmp_path):
    segment = Segment(tmp_path / "x", FIRST)
    segment.append(made_event(1))
    segment.flush()
    assert (segment.kept, segment.error) == (1, None)
    segment.path.unlink()
    segment.append(made_event(2))
    segment.flush()
    assert segment.kept == 0
    assert "was removed during the run" in segment.error
    segment.end()
    segment.close()
    assert not segment.path.exists()


def test_a_file_that_is_not_whole_does_not_say_that_it_ended(tmp_path, monkeypatch):
    segment = Segment(tmp_path / "x", FIRST)
    segment.append(made_event(1))
    segment.flush()
    monkeypatch.setattr(os, "writev", disk := FullDisk(room=100))
    segment.append(made_event(2))
    segment.end()
    assert b'"record":"end"' not in segment.path.read_bytes()
    disk.room = 1_000_000
    segment.end()
    last = json.loads(lines(segment.path)[-1])
    assert (last["record"], last["events"]["lines"], last["lost"]) == ("end", 2, 0)
    segment.close()
