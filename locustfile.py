"""The front door: names the personas, hangs up the listeners, nothing else."""

from harness.front import hang_up
from users.persona import AliceUser, BobUser, CarolUser

__all__ = ["AliceUser", "BobUser", "CarolUser"]

hang_up()
