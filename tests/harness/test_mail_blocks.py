"""Each message from outside goes to one process, once; what is not known is counted."""

from __future__ import annotations

from collections import deque

import gevent
import pytest
from locust.exception import RPCSendError

from mcstress.cluster.messages import MailBlock
from mcstress.master.mail_blocks import BLOCK, MailBlocks
from mcstress.master.worker_registry import WorkerState
from mcstress.users.mail import Mail, MailSource
from mcstress.worker import mailbox
from mcstress.worker.mailbox import Mailbox


def mail(number):
    return Mail("sms", "+1", "", f"body {number}", "low", key=str(number))


def blocks(messages=120, *, repeat=False):
    source = MailSource("mail/", [mail(number) for number in range(messages)], left_out=2)
    return MailBlocks(source, repeat=repeat)


def test_blocks_are_dealt_once_and_then_there_are_none():
    dealt = blocks()
    leased = [dealt.lease(worker) for worker in "abab"]
    assert [block.number for block in leased] == [1, 2, 3, 4]
    assert [len(block.mail) for block in leased] == [BLOCK, BLOCK, 20, 0]
    assert len({message.key for block in leased for message in block.mail}) == 120


def test_with_repeat_they_begin_again():
    dealt = blocks(60, repeat=True)
    keys = [message.key for _ in range(4) for message in dealt.lease("a").mail]
    assert keys == [str(number) for number in range(60)] * 2


def test_what_a_lost_worker_had_and_did_not_report_is_counted():
    dealt = blocks()
    dealt.lease("a")
    dealt.lease("b")
    there, lost = (WorkerState(name, f"client-{name}", "boot") for name in "ab")
    there.mail_taken, lost.mail_taken = 30, 12
    lost.lose()
    count = dealt.count([there, lost])
    assert (count.messages, count.taken, count.lost, count.left_out) == (120, 42, 38, 2)


class Master:
    """Answers with the next block of ``blocks`` when it is told to."""

    def __init__(self, *numbers):
        self.blocks = deque(
            MailBlock(place, [mail(n) for n in range(count)])
            for place, count in enumerate((*numbers, 0), start=1)
        )
        self.asked = 0
        self.mailbox = Mailbox(self._ask)

    def _ask(self):
        self.asked += 1

    def answer(self):
        self.mailbox.put(self.blocks.popleft())


def test_users_wait_for_a_block_and_ask_for_it_once():
    master = Master(50)
    waiting = [gevent.spawn(master.mailbox.take) for _ in range(3)]
    gevent.idle()
    assert master.asked == 1
    master.answer()
    gevent.joinall(waiting, timeout=60)
    assert [user.value.key for user in waiting] == ["0", "1", "2"]
    assert master.asked == 1


def test_the_next_block_is_asked_for_before_the_last_is_empty():
    master = Master(50)
    master.answer()
    for left in range(50, 0, -1):
        master.mailbox.take()
        assert master.asked == int(left < mailbox.FEW)
    assert master.asked == 1


def test_used_up_is_none_for_all_who_ask_and_no_more_is_asked_for():
    master = Master(1)
    master.answer()
    master.mailbox.take()
    waiting = [gevent.spawn(master.mailbox.take) for _ in range(2)]
    gevent.idle()
    master.answer()
    gevent.joinall(waiting, timeout=60)
    assert [user.value for user in waiting] == [None, None]
    assert master.mailbox.take() is None
    assert master.asked == 1


def test_a_master_that_gives_none_is_an_error(monkeypatch):
    monkeypatch.setattr(mailbox, "DEADLINE_S", 0.01)
    with pytest.raises(RuntimeError, match="no block of mail"):
        Master().mailbox.take()


def test_a_question_that_did_not_go_out_is_asked_again():
    """Else no user of the process would ever get mail again."""
    master = Master(50)
    ask, fails = master._ask, [RPCSendError("no connection")]

    def ask_of_a_broken_connection():
        if fails:
            raise fails.pop()
        ask()

    master.mailbox = Mailbox(ask_of_a_broken_connection)
    with pytest.raises(RPCSendError):
        master.mailbox.take()
    user = gevent.spawn(master.mailbox.take)
    gevent.idle()
    assert master.asked == 1
    master.answer()
    assert user.get(timeout=60).key == "0"


def test_a_question_that_nobody_answered_is_asked_again(monkeypatch):
    monkeypatch.setattr(mailbox, "DEADLINE_S", 0.01)
    master = Master(50)
    with pytest.raises(RuntimeError, match="no block of mail"):
        master.mailbox.take()
    monkeypatch.undo()
    user = gevent.spawn(master.mailbox.take)
    gevent.idle()
    assert master.asked == 2
    master.answer()
    assert user.get(timeout=60).key == "0"
