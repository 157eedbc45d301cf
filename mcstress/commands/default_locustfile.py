"""What ``mcstress run`` and ``check`` load in a folder without a locustfile of its own."""

from mcstress import install

install()
