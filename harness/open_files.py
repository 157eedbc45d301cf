"""As many open files as the system allows: a coordinator holds a connection to each service."""

from __future__ import annotations

import resource
from contextlib import suppress


def allow_all_open_files() -> None:
    """Raise the soft limit to the hard one; Locust stops at 10,000, half of what as many need."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # A system may have a limit of its own below; then Locust's must do.
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
