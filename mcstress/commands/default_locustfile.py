"""What ``mcstress run`` loads in a folder without a locustfile of its own."""

from mcstress import install

install()
