"""The front door, as a project of one's own would write it: who acts, and the listeners."""

from mcstress import AliceUser, BobUser, CarolUser, install

__all__ = ["AliceUser", "BobUser", "CarolUser"]

install()
