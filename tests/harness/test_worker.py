"""What a process of users makes of the master's messages, without a master."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import gevent
import msgspec
import pytest
from locust.env import Environment
from locust.event import Events
from locust.exception import StopUser
from tcp.until import until

from mcstress.cluster import messages
from mcstress.cluster.key import KeyFaultError, RepeatedError
from mcstress.errors import UsageError
from mcstress.load.arrivals import Arrivals, ArrivalsPacer
from mcstress.load.schedule import ArrivalCounts, ArrivalRate, GrantedSecond, RatePlan
from mcstress.services.step import Step
from mcstress.users import coordinator_session
from mcstress.users.coordinator_session import Reporter, say_once
from mcstress.users.mail import Mail
from mcstress.users.run import Seat
from mcstress.worker import worker as module
from mcstress.worker.worker import Worker

ALICE = Seat("alice", 1)
MAIL = Mail("email", "ann@example.org", "Welders", "Two welders, please.", "high")


class Wire:
    """A channel without a network: what was sent, and a way to say something to the worker."""

    def __init__(self):
        self.listeners, self.sent = {}, []

    def listen(self, kind, listener, *, concurrent=False):
        self.listeners[kind] = listener

    def send(self, message, _to=None):
        self.sent.append(message)

    send_soon = send

    def say(self, message):
        self.listeners[type(message)](message, "")

    def of(self, kind):
        return [message for message in self.sent if isinstance(message, kind)]


@pytest.fixture
def wire():
    return Wire()


@pytest.fixture
def worker(wire, welcome, tmp_path):
    """A worker that has begun a test and waits for the master's welcome."""
    environment = Environment(events=Events())
    runner = SimpleNamespace(quits=0)
    runner.quit = lambda: setattr(runner, "quits", runner.quits + 1)
    worker = Worker(environment, runner, wire)
    wire.welcome = msgspec.structs.replace(
        welcome, segment_path=str(tmp_path / "multi_coord_stress_7.worker-1.events.jsonl")
    )
    worker.begin()
    yield worker
    worker._leave()


@pytest.fixture
def run(worker, wire):
    """What its users see, once the welcome is there."""
    wire.say(wire.welcome)
    return worker.current_run()


def test_a_user_has_the_seat_that_it_was_granted_until_it_is_taken_away(run, wire):
    user = gevent.spawn(run.lease, "alice")
    until(lambda: wire.of(messages.SeatRequest))
    (asked,) = wire.of(messages.SeatRequest)
    wire.say(messages.SeatGranted(asked.ticket, ALICE, users=3))
    assert user.get(timeout=60) == ALICE
    assert (run.users, run.holds(ALICE), run.moves(ALICE)) == (3, True, False)
    wire.say(messages.Move(ALICE))
    assert run.moves(ALICE)
    wire.say(messages.Revoked())
    assert (run.holds(ALICE), run.moves(ALICE)) == (False, False)
    run.give_back(ALICE)
    assert wire.of(messages.Release) == [], "it is another's now"


def test_a_seat_that_was_asked_for_is_asked_for_again_when_the_master_forgot_it(run, wire):
    user = gevent.spawn(run.lease, "alice")
    until(lambda: wire.of(messages.SeatRequest))
    wire.say(messages.Revoked())
    first, again = wire.of(messages.SeatRequest)
    assert again == first
    wire.say(messages.SeatGranted(first.ticket, ALICE, users=3))
    assert user.get(timeout=60) == ALICE
    second = msgspec.structs.replace(ALICE, trio=2)
    wire.say(messages.SeatGranted(first.ticket, second, users=3))
    assert wire.of(messages.Release) == [messages.Release(run.run.uid, second)]
    wire.say(messages.Revoked())
    assert len(wire.of(messages.SeatRequest)) == 2, "nobody waits any more"


def test_a_seat_that_comes_for_a_user_who_is_gone_goes_back(run, wire):
    wire.say(messages.SeatGranted(99, ALICE, users=3))
    assert wire.of(messages.Release) == [messages.Release(run.run.uid, ALICE)]


def test_users_are_told_how_many_there_are_and_of_partners(run, wire):
    wire.say(messages.UserCount(12, every_s=2.0))
    assert (run.users, run.every_s) == (12, 2.0)
    wire.say(messages.Partner("bob", 1, first_round=2))
    wire.say(messages.Spawned(complete=True))
    wire.say(messages.ReferenceOver({}))
    assert run.at_rest is None, "a run without a reference has none"


def test_mail_is_handed_out_once_and_counted_when_somebody_begins_with_it(run, wire):
    user = gevent.spawn(run.take_mail)
    until(lambda: wire.of(messages.TakeMail))
    wire.say(messages.MailBlock(1, [MAIL]))
    assert user.get(timeout=60) == MAIL
    run.mail_begun()
    wire.say(messages.MailBlock(2, []))
    assert run.take_mail() is None, "all are used up"
    run.hand_over()
    assert wire.of(messages.Delta)[-1].mail_taken == 1


def test_an_error_of_a_user_is_told_once(worker, run, wire):
    worker._environment.events.user_error.fire(
        user_instance=None, exception=ValueError("no"), tb=None
    )
    run.hand_over()
    run.hand_over()
    told = [delta.user_errors for delta in wire.of(messages.Delta)]
    assert [one for one in told if one] == [["ValueError: no"]]


def test_its_file_goes_over_piece_by_piece_and_is_removed_once_it_was_copied(run, wire):
    run.write_down()
    path = Path(run.recorder.segment.path)
    whole, uid = path.read_bytes(), run.run.uid
    wire.say(messages.SendPiece(uid, 0))
    wire.say(messages.SendPiece(uid, 5))
    wire.say(messages.SendPiece(uid, len(whole)))
    wire.say(messages.SendPiece("another run", 0))
    assert [piece.content for piece in wire.of(messages.Piece)] == [whole, whole[5:], b""]
    wire.say(messages.Dismissed("another run", copied=True))
    assert path.exists()
    wire.say(messages.Dismissed(uid, copied=True))
    assert not path.exists()
    wire.say(messages.SendPiece(uid, 0))
    assert wire.of(messages.Piece)[-1].content == b"", "a file that is gone has no more pieces"


def test_a_file_that_cannot_be_removed_keeps_no_worker_from_going(worker, run, wire, caplog):
    path = Path(run.recorder.segment.path)
    path.unlink()
    path.mkdir()  # unlink cannot remove a folder, not even as root
    wire.say(messages.Dismissed(run.run.uid, copied=True))
    assert f"{path} stays, though the master has a copy: " in caplog.text
    assert worker._dismissed.is_set()


def test_it_says_what_became_of_its_traces(run, wire):
    wire.say(messages.FinishTraces("another run"))
    wire.say(messages.FinishTraces(run.run.uid))
    (traced,) = wire.of(messages.Traced)
    assert (traced.run_uid, traced.worker) == (run.run.uid, "worker-1")


def test_after_the_drain_no_user_is_let_in(worker, run, wire):
    wire.say(messages.Drain("another run"))
    assert worker.current_run() is run
    wire.say(messages.Drain(run.run.uid))
    assert wire.of(messages.Drained)[-1].worker == "worker-1"
    with pytest.raises(StopUser):
        worker.current_run()


def test_it_takes_no_part_in_a_run_of_another_version(worker, wire):
    wire.say(msgspec.structs.replace(wire.welcome, version="0.0.1"))
    (refused,) = wire.of(messages.Refused)
    assert "0.0.1" in refused.reason
    until(lambda: worker.runner.quits == 1)
    assert worker._environment.process_exit_code == 2
    with pytest.raises(StopUser):
        worker.current_run()
    worker.begin()
    assert len(wire.sent) == 2, "one that was refused asks for no other run"


def test_without_room_for_its_evidence_it_says_so_and_lets_its_users_go(worker, wire, monkeypatch):
    def full(*_):
        raise UsageError("no room in /evidence")

    monkeypatch.setattr(module, "open_segment", full)
    wire.say(wire.welcome)
    (drained,) = wire.of(messages.Drained)
    assert drained.evidence_fault == "takes no part: no room in /evidence"
    with pytest.raises(StopUser):
        worker.current_run()


@pytest.mark.parametrize("fault", [KeyFaultError("has another key"), RepeatedError("again")])
def test_a_master_of_another_key_ends_it_before_a_run_and_a_stranger_does_not(worker, fault):
    worker._on_key_fault("client", fault)
    gevent.sleep(0)
    assert worker.runner.quits == (0 if isinstance(fault, RepeatedError) else 1)


def test_what_cannot_be_read_ends_it_only_where_it_is_the_welcome(worker, wire):
    worker._on_unreadable("mcstress.UserCount", "", "expected int")
    assert wire.of(messages.Refused) == []
    worker._on_unreadable("mcstress.Welcome", "", "expected str")
    (refused,) = wire.of(messages.Refused)
    assert refused.reason == "the master's mcstress.Welcome cannot be read: expected str"


def test_a_grant_of_its_run_is_the_pacers_and_of_another_nobodys(run, wire, monkeypatch):
    heard = []
    pacer = SimpleNamespace(grant=lambda *grant: heard.append(grant))
    monkeypatch.setattr(run, "arrivals", pacer)
    monkeypatch.setattr(run, "by_clock", pacer)
    wire.say(messages.Grant("another run", [], 1.0, 3))
    wire.say(messages.ClockGrant("another run", 1.0, 7, []))
    assert heard == []
    wire.say(messages.Grant(run.run.uid, [], 1.5, 3))
    wire.say(messages.ClockGrant(run.run.uid, 2.5, 7, []))
    assert heard == [([], 1.5, 3), (2.5, 7, [])]


def test_without_its_master_it_makes_no_load_and_its_exit_code_is_unknown(
    worker, run, wire, caplog
):
    run.arrivals = ArrivalsPacer(Arrivals("constant", 42, 10.0), "worker-1")
    plan = RatePlan(ArrivalRate(20, 20))
    second = GrantedSecond(plan.second(0), (("worker-1", 1),))
    wire.say(messages.Grant(run.run.uid, [second], 60.0, 1))
    worker._on_connection_lost()
    worker._on_connection_lost()
    until(lambda: wire.of(messages.Drained))
    (drained,) = wire.of(messages.Drained)
    assert drained.unheard
    counted = wire.of(messages.Delta)[-1].arrivals
    assert counted == ArrivalCounts(granted=20, withdrawn=20), "nothing begins any more"
    assert worker._environment.process_exit_code == 4
    assert "the connection to the master is lost: users stop" in caplog.text
    with pytest.raises(StopUser):
        worker.current_run()


def test_a_signal_to_it_alone_hands_all_over_and_waits_until_it_may_go(worker, run, wire):
    leaving = gevent.spawn(worker.drain_on_signal)
    until(lambda: wire.of(messages.Drained))
    worker._heartbeat = SimpleNamespace(is_lost=lambda _: False)
    wire.say(messages.SendPiece(run.run.uid, 0))
    assert not leaving.ready(), "its evidence is asked for yet"
    wire.say(messages.Dismissed(run.run.uid, copied=False))
    leaving.get(timeout=60)
    assert len(wire.of(messages.Drained)) == 1
    assert Path(run.recorder.segment.path).is_file()


def test_a_signal_while_the_master_is_gone_waits_for_nobody(worker, run, wire, caplog):
    gevent.spawn(worker.drain_on_signal).get(timeout=60)
    assert wire.of(messages.Drained)
    assert f"the master is gone; what was seen is in {run.recorder.segment.path}" in caplog.text


def test_a_signal_before_a_run_has_nothing_to_hand_over(worker, wire):
    worker.drain_on_signal()
    worker.give_up()
    assert not worker.takes_part
    assert worker.evidence is None
    assert wire.of(messages.Drained) == []


def test_what_is_given_up_is_written_down(worker, run):
    run.recorder.segment.record({"record": "last"})
    worker.give_up()
    assert b'"last"' in worker.evidence.read_bytes()


def test_users_beyond_the_open_files_end_and_it_is_said_once(run, wire, caplog):
    run._most_users = 1
    user = gevent.spawn(run.lease, "alice")
    until(lambda: wire.of(messages.SeatRequest))
    for _ in range(2):
        with pytest.raises(StopUser):
            run.lease("bob")
    (fault,) = run.own_faults
    assert fault.startswith("worker-1 took 1 users and no more: each needs ")
    assert caplog.text.count("open files") == 1
    assert len(wire.of(messages.SeatRequest)) == 1, "the master is not asked"
    user.kill()


def test_each_run_tells_locust_its_own_reasons_and_says_its_own_faults(worker, monkeypatch, caplog):
    """In the web UI one process has many runs, and Locust's table begins anew with each."""
    monkeypatch.setattr(coordinator_session, "MOST_REASONS", 1)
    environment, told = worker._environment, []
    environment.events.request.add_listener(lambda exception, **_: told.append(str(exception)))
    for number in (1, 2):
        worker.begin()
        report = Reporter(environment, SimpleNamespace(context=dict, environment=environment))
        for reason in (f"HTTP 500: no {number}", "HTTP 500: another"):
            report(Step("s", 0.0, 1.0, "ab", "http://x", b"", error=reason))
        say_once(environment, "connect", f"no connection {number}")
    others = coordinator_session.OTHER_REASONS
    assert told == ["HTTP 500: no 1", others, "HTTP 500: no 2", others]
    assert [record.getMessage() for record in caplog.records] == [
        "no connection 1",
        "no connection 2",
    ]
