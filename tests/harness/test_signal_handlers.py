"""What a signal does, by where the run is. The real signals of real processes: tests/endtoend."""

from __future__ import annotations

import os
import signal

import pytest

from mcstress import signals as module
from mcstress.exit_codes import SIGNALLED
from mcstress.signals import Interrupts


class Life:
    """Stands for a lifecycle; ``did`` is what it was told."""

    def __init__(self):
        self.is_idle = self.quitting = self.follows_shape = False
        self.has_a_run = True
        self.did = []

    def note_signal(self, number):
        self.did.append(number)

    def abandon(self):
        self.did.append("abandon")

    def give_up(self):
        self.did.append("give up")
        return "To make it: mcstress report FILE"


@pytest.fixture
def life():
    return Life()


@pytest.fixture
def raised(monkeypatch):
    """What was raised in the main greenlet."""
    found = []
    monkeypatch.setattr(module, "raise_in_main", found.append)
    return found


@pytest.fixture
def sent(monkeypatch):
    """The signals that the process sent to itself."""
    found = []
    monkeypatch.setattr(module.os, "kill", lambda pid, number: found.append((pid, number)))
    return found


@pytest.fixture
def heard(life, monkeypatch):
    """The listener of each signal, as a process that was not started with nohup has them."""
    listeners = {}

    def listen(number, handler, *arguments):
        listeners[number] = lambda: handler(*arguments)

    defaults = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    monkeypatch.setattr(module.gevent, "signal_handler", listen)
    monkeypatch.setattr(module.signal, "getsignal", defaults.get)
    Interrupts(life)
    return listeners


def codes(raised):
    """Kinds and exit codes."""
    return [(type(one), getattr(one, "code", None)) for one in raised]


def test_the_first_ctrl_c_ends_the_run_and_the_second_gives_up_its_report(heard, life, raised):
    heard[signal.SIGINT]()
    assert codes(raised) == [(KeyboardInterrupt, None)]
    assert life.did == [signal.SIGINT]
    heard[signal.SIGINT]()
    assert life.did == [signal.SIGINT, "give up"]
    assert codes(raised)[1:] == [(SystemExit, SIGNALLED + signal.SIGINT)]


def test_the_first_ctrl_c_of_a_run_that_already_ends_gives_up_its_report(heard, life, raised):
    life.quitting = True
    heard[signal.SIGINT]()
    assert life.did == ["give up"]
    assert codes(raised) == [(SystemExit, SIGNALLED + signal.SIGINT)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_where_nothing_has_begun_every_signal_ends_the_process(heard, life, raised, sent, number):
    life.is_idle = True
    heard[number]()
    assert life.did == ["abandon"]
    assert codes(raised) == [(SystemExit, SIGNALLED + number)]
    assert sent == []


def test_sigterm_is_left_to_locust_and_sighup_passed_on_as_sigterm(heard, life, raised, sent):
    heard[signal.SIGTERM]()
    assert (life.did, sent) == ([signal.SIGTERM], [])
    heard[signal.SIGHUP]()
    assert life.did == [signal.SIGTERM, signal.SIGHUP]
    assert sent == [(os.getpid(), signal.SIGTERM)]
    assert raised == []


def test_a_shape_is_left_once_however_often_it_is_told(heard, life, raised):
    life.follows_shape = True
    heard[signal.SIGTERM]()
    heard[signal.SIGTERM]()
    assert codes(raised) == [(KeyboardInterrupt, None)]


def test_what_the_starter_chose_to_ignore_stays_ignored(life, monkeypatch):
    heard = []
    monkeypatch.setattr(module.gevent, "signal_handler", lambda number, *_: heard.append(number))
    monkeypatch.setattr(module.signal, "getsignal", lambda _: signal.SIG_IGN)
    Interrupts(life)
    assert heard == [signal.SIGTERM]
