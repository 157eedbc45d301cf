"""No more users than a process has open files for, refused with the number that would do."""

from __future__ import annotations

import resource

import pytest

from mcstress.errors import UsageError
from mcstress.process import file_limit
from mcstress.process.file_limit import A_USER, SPARE, check_asked, most_users


@pytest.fixture
def limit(monkeypatch):
    """Let the system have this many open files for a process."""
    return lambda number: monkeypatch.setattr(file_limit, "open_files", lambda: number)


@pytest.mark.parametrize(
    ("files", "users"),
    [(SPARE, 0), (SPARE - 50, 0), (SPARE + A_USER, 1), (1024, (1024 - SPARE) // A_USER)],
)
def test_the_users_that_there_are_files_for(limit, files, users):
    limit(files)
    assert most_users() == users


def test_without_a_limit_there_is_none(limit):
    limit(resource.RLIM_INFINITY)
    assert most_users() > 10**9


def test_one_too_many_is_refused_and_the_number_that_is_named_suffices(limit):
    limit(1024)
    check_asked(most_users(), processes=None, local=True)
    with pytest.raises(UsageError, match=r"--users: 413 users .*ulimit -n (\d+)") as refused:
        check_asked(most_users() + 1, processes=None, local=True)
    limit(int(str(refused.value).split("ulimit -n ")[1].split(",")[0]))
    check_asked(413, processes=None, local=True)


def test_each_of_several_processes_has_its_share(limit):
    limit(1024)
    check_asked(2 * most_users(), processes=2, local=False)
    with pytest.raises(UsageError, match="--users 825, on each of 2 processes: 413 users"):
        check_asked(2 * most_users() + 1, processes=2, local=False)


@pytest.mark.parametrize("asked", [None, "many", ""])
def test_of_what_is_no_number_locust_says_what_is_wrong(asked):
    check_asked(asked, processes=None, local=True)


def test_workers_of_other_machines_see_for_themselves(limit):
    limit(SPARE)
    check_asked(10**6, processes=None, local=False)
