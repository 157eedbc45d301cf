"""What bob is told while waiting for alice."""

import gevent
import pytest

from mcstress.metrics.event import Item
from mcstress.users.handover_board import HandoverBoard, Recordings


def recordings(round_=1):
    return Recordings("alice", 1, round_, "playbook_alice", {"welder": Item("w-1", "workers")})


def waiting(board, round_=1, deadline_s=10.0):
    greenlet = gevent.spawn(board.wait, "alice", 1, round_, deadline_s)
    gevent.sleep(0)
    return greenlet


def test_what_is_there_already_is_had_at_once():
    board = HandoverBoard()
    board.put(recordings())
    assert board.wait("alice", 1, 1, 0) == recordings()


def test_waits_until_the_partner_has_recorded():
    board = HandoverBoard()
    board.present("alice", 1, 1)
    waiter = waiting(board)
    board.put(recordings(round_=2))
    gevent.sleep(0)
    assert not waiter.ready()
    board.put(recordings(round_=1))
    assert waiter.get(timeout=60) == recordings(1)


@pytest.mark.parametrize("first_round", [None, 2])
def test_a_partner_who_is_gone_or_began_later_is_skipped(first_round):
    board = HandoverBoard()
    board.present("alice", 1, 1)
    board.spawning_complete(complete=True)
    waiter = waiting(board)
    board.present("alice", 1, first_round)
    assert waiter.get(timeout=60) == "skipped"


def test_a_partner_who_was_never_there_is_skipped_when_spawning_is_complete():
    board = HandoverBoard()
    waiter = waiting(board)
    assert not waiter.ready()
    board.spawning_complete(complete=True)
    assert waiter.get(timeout=60) == "skipped"


def test_who_waits_in_a_seat_that_went_to_another_waits_no_longer():
    """Else a user of a frozen process waits for the partner of a seat that is not its own."""
    board = HandoverBoard()
    board.present("alice", 1, 1)
    waiter = waiting(board)
    board.revoke()
    assert waiter.get(timeout=60) == "revoked"
    later = waiting(board)
    assert not later.ready(), "it is of a seat that was had since"
    board.put(recordings())
    assert later.get(timeout=60) == recordings()


def test_a_partner_who_is_there_and_silent_is_unmet_at_the_deadline():
    board = HandoverBoard()
    board.present("alice", 1, 1)
    assert board.wait("alice", 1, 1, 0.01) == "unmet"


def test_rounds_that_bob_has_passed_are_dropped():
    board = HandoverBoard()
    for round_ in (1, 2, 3):
        board.put(recordings(round_))
    assert board.wait("alice", 1, 3, 0) == recordings(3)
    board.present("alice", 1, 1)
    assert board.wait("alice", 1, 1, 0) == "unmet"
