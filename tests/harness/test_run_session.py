"""Whose message it is: of the run that is on, of a part in it, in its own name."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from locust.runners import MasterRunner

from mcstress.cluster import messages
from mcstress.master.run_session import RunSession
from mcstress.master.stages import RunStage, WorkerStage


class Post:
    """Stands for the channel: keeps what was sent, calls who listens."""

    def __init__(self):
        self.sent, self.handlers = [], {}

    def listen(self, kind, handler):
        self.handlers[kind] = handler

    def send(self, message, to=None):
        self.sent.append((to, message))

    def send_soon(self, message, to):
        self.sent.append((to, message))

    def hear(self, message, sender):
        self.handlers[type(message)](message, sender)


class Master(MasterRunner):
    """Locust's master without its port."""

    def __init__(self):
        self.clients = {"client-a": SimpleNamespace(state="running")}
        self.target_user_count = 3
        self.target_user_classes_count = {}
        self.greenlet = None


@pytest.fixture
def session(made_run):
    session = RunSession(Master(), Post())
    session.open(made_run)
    made_run.registry.enter("a", "client-a", "boot-a")
    return session


def test_a_message_of_the_run_that_is_on_has_its_speaker(session, made_run):
    speaker = session.part_of(made_run.run.uid, "client-a")
    assert speaker.run is made_run
    assert speaker.part.name == "a"
    assert speaker.part.heard_s > 0
    assert session.dropped.notices() == []


@pytest.mark.parametrize(
    ("uid", "sender", "reason"),
    [
        ("another", "client-a", "of another run"),
        (None, "client-b", "of a worker that has no part in the run"),
    ],
)
def test_others_have_none_and_are_counted(session, made_run, uid, sender, reason):
    assert session.part_of(uid or made_run.run.uid, sender) is None
    (notice,) = session.dropped.notices()
    assert notice.endswith(f": 1 {reason}")


def test_a_late_message_of_the_last_run_is_no_strangers(session, made_run):
    session.current = None
    assert session.part_of(made_run.run.uid, "client-a") is None
    assert session.dropped.notices() == []


@pytest.mark.parametrize(("worker", "boot"), [("a", "boot-b"), ("b", "boot-a")])
def test_nobody_speaks_in_anothers_name(session, made_run, worker, boot):
    part = made_run.registry.parts["a"]
    own = messages.Drained(made_run.run.uid, "a", "boot-a")
    assert session.is_own(own, part)
    assert session.dropped.notices() == []
    assert not session.is_own(messages.Drained(made_run.run.uid, worker, boot), part)
    assert "in another worker's name" in session.dropped.notices()[0]


@pytest.mark.parametrize("forgotten", [False, True])
def test_who_was_silent_comes_back_without_seats(session, made_run, forgotten):
    """One that Locust has forgotten gets no users any more: it hands over at once."""
    part = made_run.registry.parts["a"]
    part.lose()
    if forgotten:
        session.runner.clients.clear()
    session.part_of(made_run.run.uid, "client-a")
    assert part.stage is WorkerStage.HERE
    expected = [messages.Revoked(), *([messages.Drain(made_run.run.uid)] if forgotten else [])]
    assert session.channel.sent == [("client-a", message) for message in expected]


def test_who_comes_back_after_the_drain_stays_lost(session, made_run):
    part = made_run.registry.parts["a"]
    part.lose()
    made_run.go(RunStage.DRAINING)
    made_run.go(RunStage.REPORTING)
    session.part_of(made_run.run.uid, "client-a")
    assert part.lost
    assert session.channel.sent == []


def test_a_worker_that_has_no_part_is_told_nothing(session, made_run):
    session.notify(made_run, "b", messages.Revoked())
    assert session.channel.sent == []


def test_a_local_runner_has_one_worker_that_is_always_there(made_run):
    session = RunSession(SimpleNamespace(target_user_count=3), Post())
    part = made_run.registry.enter("local", "any", "boot")
    assert session.name_of("any") == "local"
    assert session.address_of(part) is None
    assert session.is_there(part)
