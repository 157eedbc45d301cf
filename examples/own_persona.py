"""A fourth persona: dave, with a contract of its own in a scenario of one's own.

``locust -f examples/own_persona.py --headless -u 4 --scenario examples/four_coordinators.toml``
"""

from mcstress import AliceUser, BobUser, CarolUser, CoordinatorUser, install

__all__ = ["AliceUser", "BobUser", "CarolUser", "DaveUser"]


class DaveUser(CoordinatorUser):
    """Plays the scenario's "dave"."""

    persona = "dave"


install()
