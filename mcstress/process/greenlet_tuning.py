"""What gevent keeps of every greenlet that nobody here asks for."""

from __future__ import annotations

import gevent


def disable_greenlet_tree() -> None:
    """Do without the stack at which each greenlet was begun: half a KB for every user."""
    gevent.config.track_greenlet_tree = False
