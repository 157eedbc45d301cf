"""The front door: the listeners, and a user class for each persona of the scenario."""

from mcstress import install

install()
