"""Ports on loopback where nobody listens, for servers that are to begin, end and come back."""

from __future__ import annotations

import random
import socket

CHOICE = range(10_000, 32_768)
"""Below those that Linux gives to clients: a client that looks for a server which is gone would
meet another test's, or itself."""


def free_port() -> int:
    """A port that nobody listens on."""
    while True:
        port = random.SystemRandom().choice(CHOICE)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
