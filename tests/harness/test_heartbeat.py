"""The file that a living process touches: who, what it does, and that it is whole."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace

import pytest
from locust.runners import LocalRunner, MasterRunner, WorkerRunner
from tcp.until import until

from mcstress.errors import UsageError
from mcstress.process import heartbeat as module
from mcstress.process.heartbeat import beat, read_heartbeat


def lifecycle(kind, **options):
    runner = object.__new__(kind)
    runner.greenlet = None
    return SimpleNamespace(
        runner=runner,
        environment=SimpleNamespace(parsed_options=SimpleNamespace(**options)),
        controller=None if kind is WorkerRunner else object(),
        stage="running",
        has_a_run=False,
    )


@pytest.fixture
def spawned(monkeypatch):
    """The greenlets that it begins, ended with the test; a second is short."""
    greenlets, spawn = [], module.gevent.spawn
    monkeypatch.setattr(module, "EVERY_S", 0.01)
    monkeypatch.setattr(
        module.gevent, "spawn", lambda *args: greenlets.append(spawn(*args)) or greenlets[-1]
    )
    yield greenlets
    for greenlet in greenlets:
        greenlet.kill()


@pytest.mark.parametrize(
    ("kind", "role", "doing"),
    [(MasterRunner, "master", "running"), (WorkerRunner, "worker", "ready"),
     (LocalRunner, "local", "running")],
)  # fmt: skip
def test_it_says_who_it_is_and_what_it_does(spawned, tmp_path, kind, role, doing):
    path = tmp_path / "beat"
    beat(lifecycle(kind), str(path))
    until(path.exists)
    assert json.loads(path.read_text()) == {"role": role, "doing": doing, "pid": os.getpid()}
    alive, told = read_heartbeat(path, 15)
    assert alive
    assert told.startswith(f"{role} {os.getpid()}, {doing}: heard ")
    os.utime(path, (0, 0))
    until(lambda: path.stat().st_mtime > 0)
    spawned[0].kill()
    assert [*tmp_path.iterdir()] == [path], "nobody reads half of it"
    os.utime(path, (0, 0))
    assert not read_heartbeat(path, 15)[0]


def test_no_name_and_a_worker_of_processes_have_none(spawned, tmp_path):
    beat(lifecycle(MasterRunner), "")
    beat(lifecycle(WorkerRunner, processes=2), str(tmp_path / "beat"))
    assert spawned == []


def test_a_place_that_cannot_be_written_is_said_once(spawned, tmp_path, caplog):
    path = tmp_path / "gone" / "beat"
    beat(lifecycle(MasterRunner), str(path))
    until(lambda: "--heartbeat" in caplog.text)
    path.parent.mkdir()
    until(path.exists)
    assert caplog.text.count("--heartbeat") == 1
    assert len(spawned) == 1


@pytest.mark.parametrize("content", ["", "{}", "[1]", "no json", '{"role": "master"}', "[" * 9000])
def test_what_is_no_heartbeat_is_refused_in_a_line(tmp_path, content):
    path = tmp_path / "beat"
    path.write_text(content)
    with pytest.raises(UsageError, match=r"beat: no heartbeat; expected the file of --heartbeat"):
        read_heartbeat(path, 15)
