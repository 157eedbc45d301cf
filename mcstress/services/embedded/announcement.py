"""The one line that a stack started by another process writes to its standard output."""

from __future__ import annotations

import msgspec


class Announcement(msgspec.Struct, omit_defaults=True):
    """Either the ``url`` at which the stack answers, or why it ``refused`` to start."""

    url: str = ""
    refused: str = ""


decoder = msgspec.json.Decoder(Announcement)


def line(announcement: Announcement) -> str:
    """``announcement`` as one line of JSON."""
    return msgspec.json.encode(announcement).decode()
