"""The collector is out of the way once users are there, and forgets those who left."""

from __future__ import annotations

import gc
import weakref

import pytest
from locust.env import Environment
from locust.event import Events

from mcstress.process.tuning import tune_gc


@pytest.fixture
def environment():
    """An environment; the collector is put back as it was."""
    threshold = gc.get_threshold()
    yield Environment(events=Events())
    gc.unfreeze()
    gc.set_threshold(*threshold)


class Knot:
    """Garbage that only the collector can free."""

    def __init__(self):
        self.itself = self


def test_what_lives_when_all_are_there_is_never_looked_through_again(environment):
    tune_gc(environment)
    knot = Knot()
    environment.events.spawning_complete.fire(user_count=1)
    assert gc.get_freeze_count() > 1000
    left = weakref.ref(knot)
    del knot
    gc.collect()
    assert left() is not None, "it is frozen"
    environment.events.spawning_complete.fire(user_count=0)
    assert left() is None, "the next ramp frees it"
