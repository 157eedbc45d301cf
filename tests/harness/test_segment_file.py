"""A worker's evidence is in the run's folder, or apart where that is another machine's."""

from __future__ import annotations

import json

import msgspec
import pytest

from mcstress.errors import UsageError
from mcstress.evidence.store.segment import refused
from mcstress.worker import segment_file
from mcstress.worker.segment_file import open_segment


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(segment_file, "gettempdir", lambda: str(folder))
    return folder


def mode(path):
    return path.stat().st_mode & 0o777


@pytest.mark.parametrize(("evidence", "expected"), [("all", 0o644), ("full", 0o600)])
def test_it_is_in_the_folder_of_the_run(welcome, temporary, tmp_path, evidence, expected):
    path = tmp_path / "run.worker-1.events.jsonl"
    told = msgspec.structs.replace(welcome, segment_path=str(path), evidence=evidence)
    segment = open_segment(told, "boot-1")
    segment.close()
    assert segment.path == path
    assert mode(path) == expected
    first = json.loads(path.read_text().splitlines()[0])
    assert first == {
        "record": "segment",
        "run_uid": welcome.run.uid,
        "worker": "worker-1",
        "boot": "boot-1",
    }
    assert not list(temporary.iterdir())


def test_where_the_folder_is_not_here_it_is_apart_and_its_owners_alone(
    welcome, temporary, tmp_path
):
    told = msgspec.structs.replace(welcome, segment_path=str(tmp_path / "none" / "x"))
    segment = open_segment(told, "boot-1")
    segment.close()
    name = f"multi_coord_stress_{welcome.run.uid}.worker-1.boot-1.events.jsonl"
    assert segment.path == temporary / name
    assert mode(segment.path) == 0o600


def test_where_the_run_has_a_file_of_another_worker_it_is_left_alone(
    welcome, temporary, tmp_path, caplog
):
    taken = tmp_path / "taken.jsonl"
    taken.write_text("{}\n")
    told = msgspec.structs.replace(welcome, segment_path=str(taken))
    segment = open_segment(told, "boot-1")
    segment.close()
    assert taken.read_text() == "{}\n"
    assert segment.path.parent == temporary
    assert "already holds events" in caplog.text


def test_no_room_anywhere_is_refused(welcome, tmp_path, monkeypatch):
    monkeypatch.setattr(segment_file, "gettempdir", lambda: str(tmp_path / "none"))
    told = msgspec.structs.replace(welcome, segment_path=str(tmp_path / "none" / "x"))
    with pytest.raises(UsageError):
        open_segment(told, "boot")


def test_the_log_says_how_much_waits_for_room():
    said = refused("worker-1", "No space left on device")
    assert said.startswith("evidence of worker-1 cannot be written: No space left on device")
    assert "up to 64 MB" in said
