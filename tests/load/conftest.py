"""A trio under a pacer: real users of a real local runner."""

from __future__ import annotations

import gevent
import pytest
from locust.env import Environment
from locust.event import Events

from mcstress.users.coordinator_session import provide_context
from mcstress.users.persona import AliceUser, BobUser, CarolUser

TRIO = [AliceUser, BobUser, CarolUser]
DEADLINE_S = 10


@pytest.fixture
def trio():
    """Run alice, bob and carol until each has said that it is done; then stop them."""
    runners = []

    def run(context, kinds=TRIO, also=lambda: True):
        environment = Environment(user_classes=kinds, events=Events())
        provide_context(environment, lambda: context)
        runner = environment.create_local_runner()
        runners.append(runner)
        runner.start(len(kinds), spawn_rate=100)
        with gevent.Timeout(DEADLINE_S):
            while len(context.rounds_done) < len(kinds) or not also():
                gevent.sleep(0.01)
        runner.quit()

    yield run
    for runner in runners:
        runner.quit()
