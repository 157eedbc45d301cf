"""Locust's own watch of the processor tells a saturated generator."""

from __future__ import annotations

import pytest
from locust.env import Environment
from locust.event import Events

from mcstress.master.controller import is_saturated


@pytest.mark.parametrize("flag", ["cpu_warning_emitted", "worker_cpu_warning_emitted"])
def test_a_process_or_a_worker_without_a_core_to_spare(flag):
    runner = Environment(events=Events()).create_local_runner()
    assert not is_saturated(runner)
    setattr(runner, flag, True)
    assert is_saturated(runner)
