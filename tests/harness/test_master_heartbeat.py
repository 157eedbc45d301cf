"""A worker notices that its master is gone, and not that it was frozen itself."""

from __future__ import annotations

from types import SimpleNamespace

from mcstress.worker.master_connection import SILENT_S, MasterHeartbeat


def test_only_silence_that_was_listened_to_counts():
    runner = SimpleNamespace(last_heartbeat_timestamp=0.0, greenlet=["receiving"])
    hearing = MasterHeartbeat(runner)
    for second in range(100):
        runner.last_heartbeat_timestamp = second
        assert not hearing.is_lost(1.0)
    runner.last_heartbeat_timestamp = 10_000  # it was frozen, and so were its clock's owners
    assert not hearing.is_lost(1.0)
    heard = [hearing.is_lost(1.0) for _ in range(int(SILENT_S) + 1)]
    assert heard == [False] * (int(SILENT_S) - 1) + [True] * 2


def test_one_that_was_told_to_quit_hears_no_more():
    runner = SimpleNamespace(last_heartbeat_timestamp=0.0, greenlet=[])
    assert MasterHeartbeat(runner).is_lost(0.1)
