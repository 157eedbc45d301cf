"""Who asks gets a seat, its partners hear of it, and a seat that is another's is nobody's."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from test_run_session import Master, Post

from mcstress.cluster import messages
from mcstress.master import seat_assignment, solo_phase
from mcstress.master.mail_blocks import BLOCK, MailBlocks
from mcstress.master.run_session import RunSession
from mcstress.master.seat_assignment import SeatAssignment
from mcstress.master.stages import RunStage
from mcstress.users.mail import Mail, MailSource
from mcstress.users.persona import AliceUser, BobUser, CarolUser
from mcstress.users.run import Seat


class Assigning:
    """A run with workers ``a`` and ``b``; ``arrived`` and ``done`` count what was heard."""

    def __init__(self, run):
        self.run, self.channel, self.arrived, self.done = run, Post(), 0, 0
        self.session = RunSession(Master(), self.channel)
        self.session.open(run)
        for name in "ab":
            run.registry.enter(name, f"client-{name}", "boot")
        self.seats = SeatAssignment(self.session, self._on_arrival, self._on_done)

    def _on_arrival(self, _):
        self.arrived += 1

    def _on_done(self, _):
        self.done += 1

    def lease(self, persona, worker, ticket=1):
        self.channel.hear(
            messages.SeatRequest(self.run.run.uid, persona, ticket), f"client-{worker}"
        )
        return next(
            (m.seat for _, m in reversed(self.channel.sent) if type(m) is messages.SeatGranted),
            None,
        )

    def hear(self, kind, seat, worker, *more):
        self.channel.hear(kind(self.run.run.uid, seat, *more), f"client-{worker}")

    def told(self, kind):
        return [(to, message) for to, message in self.channel.sent if type(message) is kind]


@pytest.fixture
def assigning(made_run):
    return Assigning(made_run)


def test_a_lease_is_granted_with_its_ticket(assigning):
    assert assigning.lease("alice", "a", ticket=7) == Seat("alice", 1)
    assert assigning.told(messages.SeatGranted) == [
        ("client-a", messages.SeatGranted(7, Seat("alice", 1), 1))
    ]
    assert assigning.arrived == 1


def test_a_persona_that_the_run_has_not_is_dropped(assigning):
    assert assigning.lease("mallory", "a") is None
    assert "of a persona that the run has not" in assigning.session.dropped.notices()[0]


def test_nobody_gets_a_seat_once_the_end_is_decided(assigning):
    assigning.run.go(RunStage.STOPPING)
    assert assigning.lease("alice", "a") is None
    assert (assigning.arrived, len(assigning.run.seats)) == (0, 0)


def test_partners_on_two_workers_hear_of_each_other(assigning):
    handover = assigning.run.run.scenario.handovers[0]
    giver, taker = handover.from_persona, handover.to_persona
    assigning.lease(taker, "b")
    assigning.channel.sent.clear()
    seat = assigning.lease(giver, "a")
    assert ("client-b", messages.Partner(giver, 1, 1)) in assigning.told(messages.Partner)
    assigning.channel.sent.clear()
    assigning.hear(messages.Release, seat, "a")
    assert assigning.told(messages.Partner) == [("client-b", messages.Partner(giver, 1, None))]


def test_who_replaces_another_waits_until_that_has_left(assigning, monkeypatch):
    """Locust starts a user on a new worker before it stops the one whose place it takes."""
    runner, now = assigning.session.runner, [100.0]
    monkeypatch.setattr(seat_assignment.time, "monotonic", lambda: now[0])
    names = {kind.persona: kind for kind in (AliceUser, BobUser, CarolUser)}
    runner.environment = SimpleNamespace(user_classes_by_name=names)
    first = {persona: assigning.lease(persona, "a") for persona in names}
    runner.target_user_classes_count = dict.fromkeys(names, 1)
    for ticket, persona in enumerate(names, 7):
        assigning.lease(persona, "b", ticket)
    granted = assigning.told(messages.SeatGranted)
    assert len(granted) == 3, "their seats are held yet"
    assigning.lease("bob", "b", 8)  # once more, since it was taken for lost meanwhile
    assigning.hear(messages.Release, first["bob"], "a")
    again = messages.SeatGranted(8, Seat("bob", 1, 2), 3)
    assert assigning.told(messages.SeatGranted)[3:] == [("client-b", again)]
    now[0] += seat_assignment.LEAVES_S
    assigning.seats.admit(assigning.run)
    late = [message.seat for _, message in assigning.told(messages.SeatGranted)[4:]]
    assert late == [Seat("alice", 2), Seat("carol", 2)], "who never leaves is waited for no longer"


def test_more_users_than_before_wait_for_nobody(assigning):
    """While Locust spawns, it has not counted their classes."""
    runner = assigning.session.runner
    runner.target_user_classes_count = {"alice": 1}
    runner.target_user_count = 2
    assert [assigning.lease("alice", "a").trio for _ in range(2)] == [1, 2]


def test_who_has_done_its_rounds_is_told_to_its_takers(assigning):
    handover = assigning.run.run.scenario.handovers[0]
    assigning.lease(handover.to_persona, "b")
    seat = assigning.lease(handover.from_persona, "a")
    assigning.hear(messages.BeginRound, seat, "a", 1)
    assigning.channel.sent.clear()
    assigning.hear(messages.RoundsDone, seat, "a")
    assert assigning.told(messages.Partner) == [
        ("client-b", messages.Partner(handover.from_persona, 1, 1, 1))
    ]
    assert assigning.done == 1


@pytest.mark.parametrize(("kind", "more"), [(messages.Release, ()), (messages.RoundsDone, ())])
def test_another_workers_seat_is_not_touched(assigning, kind, more):
    seat = assigning.lease("alice", "a")
    assigning.hear(kind, seat, "b", *more)
    assert assigning.run.seats.holder(seat).worker == "a"
    assert assigning.done == 0
    assert "of a seat that the worker never had" in assigning.session.dropped.notices()[0]


def test_a_late_word_of_a_seat_that_was_given_back_is_no_strangers(assigning):
    seat = assigning.lease("alice", "a")
    assigning.hear(messages.Release, seat, "a")
    assigning.hear(messages.Release, seat, "a")
    assert len(assigning.run.seats) == 0
    assert assigning.session.dropped.notices() == []


def test_all_seats_of_a_worker_are_free_again(assigning):
    mine = [assigning.lease(persona, "a") for persona in ("alice", "bob")]
    other = assigning.lease("carol", "b")
    assigning.seats.free_all(assigning.run, assigning.run.registry.parts["a"])
    assert [assigning.run.seats.holder(seat) for seat in mine] == [None, None]
    assert assigning.run.seats.holder(other).worker == "b"


def test_a_trio_that_was_left_alone_moves_down_once(assigning):
    """Only in runs without an end: with rounds, everyone stays where it began."""
    alice, bob = (assigning.lease(persona, "a") for persona in ("alice", "bob"))
    assigning.lease("alice", "b")
    stray = assigning.lease("bob", "b")
    assert (alice.trio, bob.trio, stray.trio) == (1, 1, 2)
    assigning.hear(messages.Release, bob, "a")
    assigning.run.go(RunStage.RUNNING)
    for _ in range(2):
        assigning.seats.compact_trios(assigning.run)
    moved = assigning.told(messages.Move)
    assert len(moved) == len({message.seat for _, message in moved}) > 0
    assert assigning.run.seats.strays()[0] in {message.seat for _, message in moved}


def test_all_workers_hear_what_the_reference_got_before_others_get_a_seat(assigning, monkeypatch):
    run, now = assigning.run, [100.0]
    monkeypatch.setattr(solo_phase.time, "monotonic", lambda: now[0])
    run.solo_phase = solo_phase.SoloPhase(15)
    assigning.lease("alice", "a")
    assigning.lease("alice", "b", ticket=2)
    assigning.channel.hear(messages.AtRest(run.run.uid, {"q": ["w:1"]}), "client-a")
    part = run.registry.parts["b"]
    assert run.welcome(part).at_rest is None
    assigning.seats.admit(run)
    assert len(assigning.told(messages.SeatGranted)) == 1
    now[0] += 15
    assigning.channel.sent.clear()
    assigning.seats.admit(run)
    over = (None, messages.ReferenceOver({"q": ["w:1"]}))
    kinds = [type(message) for _, message in assigning.channel.sent]
    assert assigning.channel.sent[0] == over
    assert kinds.index(messages.SeatGranted) > 0
    assert run.welcome(part).at_rest == {"q": ["w:1"]}
    assigning.seats.admit(run)
    assert assigning.told(messages.ReferenceOver) == [over]


def test_mail_goes_to_the_worker_that_asks_and_a_run_without_has_none(assigning):
    ask = messages.TakeMail(assigning.run.run.uid)
    assigning.channel.hear(ask, "client-a")
    assert assigning.told(messages.MailBlock) == []
    (notice,) = assigning.session.dropped.notices()
    assert notice.endswith("1 of mail that the run has not")
    mail = [Mail("sms", "+1", "", f"body {number}", "low") for number in range(BLOCK + 1)]
    assigning.run.mail = MailBlocks(MailSource("mail/", mail), repeat=False)
    for worker in "ab":
        assigning.channel.hear(ask, f"client-{worker}")
    told = [(to, len(block.mail)) for to, block in assigning.told(messages.MailBlock)]
    assert told == [("client-a", BLOCK), ("client-b", 1)]
    assigning.channel.hear(messages.TakeMail("another run"), "client-a")
    assert len(assigning.told(messages.MailBlock)) == 2
