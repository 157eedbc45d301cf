"""Several calls at once, from one coordinator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import gevent

Result = TypeVar("Result")


def at_once(works: Sequence[Callable[[], Result]]) -> list[Result]:
    """What each of ``works`` gives, in their order; whatever cuts the wait cuts all of them."""
    if len(works) == 1:
        return [works[0]()]
    greenlets = [gevent.spawn(work) for work in works]
    try:
        gevent.joinall(greenlets)
    except BaseException:
        gevent.killall(greenlets)
        raise
    return [greenlet.get() for greenlet in greenlets]


def wait(seconds: float) -> None:
    """Let others go on for so long."""
    gevent.sleep(seconds)
