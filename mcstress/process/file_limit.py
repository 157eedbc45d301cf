"""As many open files as the system allows: a coordinator holds a connection to each service."""

from __future__ import annotations

import resource
from contextlib import suppress

from mcstress.errors import UsageError

A_USER = 2
"""A connection to the gateway, and one to the LLM."""
SPARE = 200
"""For evidence, spools, the master's or workers' connections, what Python has open, and a hundred
connections that look for new resumes."""


def raise_nofile_limit() -> None:
    """Raise the soft limit to the hard one; Locust stops at 10,000, half of what as many need."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # A system may have a limit of its own below; then Locust's must do.
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def open_files() -> int:
    """How many files this process may have open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def most_users() -> int:
    """How many users this process has files for."""
    limit = open_files()
    # Where there is no limit, the largest one that the system can tell.
    return 1 << 31 if limit == resource.RLIM_INFINITY else max(0, limit - SPARE) // A_USER


def number_of(users: object) -> int | None:
    """A number of users as an option or a form has it; None where it is none."""
    try:
        number = int(str(users))
    except ValueError:  # of thousands of digits too
        return None
    return number if number >= 0 else None


def check_asked(users: object, *, processes: int | None, local: bool) -> None:
    """Refuse more users than a process of this machine has open files for; raises UsageError.

    ``local``: they live in this process. Workers of other machines see for themselves how many
    they can take. Of what is no number Locust says what is wrong with it.
    """
    number = number_of(users)
    if number is None:
        return
    if local:
        check_users(number, "--users")
    elif processes:
        share = -(-number // processes)
        check_users(share, f"--users {number:,}, on each of {processes} processes")


def check_users(users: int, where: str) -> None:
    """Refuse more users of one process than it has files for; ``where`` they were asked for."""
    if users > most_users():
        needs = users * A_USER + SPARE
        raise UsageError(
            f"{where}: {users:,} users need about {needs:,} open files; the limit is "
            f"{open_files():,}: ulimit -n {needs}, or more workers"
        )
