"""The front door: names the personas, hangs up the listeners, nothing else."""

from mcstress.plugin import hang_up
from mcstress.users.persona import AliceUser, BobUser, CarolUser

__all__ = ["AliceUser", "BobUser", "CarolUser"]

hang_up()
