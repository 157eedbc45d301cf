"""Who was forked ends with its parent; whoever was not, or forks later, is left alone."""

from __future__ import annotations

import signal

import pytest

from mcstress.process import parent_death as module
from mcstress.process.parent_death import ORPHANED, Descent


class Place:
    """Stands for ``os``: which process this is, and what it did."""

    def __init__(self):
        self.pid, self.parent, self.sent, self.hook = 100, 1, [], None

    def getpid(self):
        return self.pid

    def getppid(self):
        return self.parent

    def register_at_fork(self, *, after_in_child):
        self.hook = after_in_child

    def kill(self, pid, number):
        self.sent.append((pid, number))

    def _exit(self, code):
        raise SystemExit(code)

    def fork(self, parent=100):
        """Be the child from now on."""
        self.pid, self.parent = 101, parent
        self.hook()


class Kernel:
    """Stands for libc."""

    def __init__(self):
        self.asked = []

    def CDLL(self, _):  # noqa: N802  (ctypes' name)
        return self

    def prctl(self, *what):
        self.asked.append(what)


@pytest.fixture
def place(monkeypatch):
    made = Place()
    monkeypatch.setattr(module, "os", made)
    return made


@pytest.fixture
def kernel(monkeypatch):
    made = Kernel()
    monkeypatch.setattr(module, "ctypes", made)
    monkeypatch.setattr(module.sys, "platform", "linux")
    return made


@pytest.fixture
def spawned(monkeypatch):
    """The greenlets that were begun."""
    found = []
    monkeypatch.setattr(module.gevent, "spawn", found.append)
    return found


def test_who_forks_is_no_orphan_whatever_becomes_of_its_own_parent(place, spawned):
    descent = Descent()
    place.parent = 7
    assert not descent.orphaned
    descent.settle()
    assert spawned == []


def test_a_fork_asks_the_kernel_for_sigterm_at_its_parents_end(place, kernel):
    descent = Descent()
    place.fork()
    assert kernel.asked == [(module.PR_SET_PDEATHSIG, signal.SIGTERM)]
    assert not descent.orphaned


@pytest.mark.usefixtures("kernel")
def test_a_fork_whose_parent_ended_before_the_kernel_was_asked_ends(place):
    Descent()
    with pytest.raises(SystemExit) as ended:
        place.fork(parent=1)
    assert ended.value.code == ORPHANED == 143


def test_what_is_forked_after_all_workers_is_no_worker(place, kernel):
    descent = Descent()
    descent.settle()
    place.fork(parent=1)
    assert kernel.asked == []


def test_without_such_a_kernel_the_parent_is_looked_at(place, kernel, spawned, monkeypatch):
    monkeypatch.setattr(module.sys, "platform", "darwin")
    looks = []

    def sleep(_):
        looks.append(place.parent)
        place.parent = 1 if len(looks) == 2 else place.parent

    monkeypatch.setattr(module.gevent, "sleep", sleep)
    descent = Descent()
    place.fork()
    descent.settle()
    descent.settle()
    (watch,) = spawned
    assert kernel.asked == place.sent == []
    watch()
    assert looks == [100, 100]
    assert place.sent == [(101, signal.SIGTERM)]
