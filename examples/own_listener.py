"""A listener of one's own: it hears every event with its steps, on the process that made it.

locust -f examples/own_listener.py --headless -u 3 -r 3 --rounds 1
"""

import sys
from collections import Counter
from typing import Any

from locust import events
from locust.env import Environment

from mcstress import AliceUser, BobUser, CarolUser, Event, Step, coordination_hook, install

__all__ = ["AliceUser", "BobUser", "CarolUser"]

heard: Counter[str] = Counter()


def count(event: Event, steps: list[Step[Any]]) -> None:
    """Called on the user's own greenlet: it must be quick, and must not wait."""
    heard[event.phase] += 1
    heard["steps"] += len(steps)


def listen(environment: Environment, **_: object) -> None:
    """A master makes no events: there the hook stays silent."""
    coordination_hook(environment).add_listener(count)


def tell(**_: object) -> None:
    """Print what was heard."""
    sys.stderr.write(f"heard: {dict(heard)}\n")


install()
events.init.add_listener(listen)
events.quit.add_listener(tell)
