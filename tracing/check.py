"""What ``mcstress check`` says about Langfuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracing.entries import as_it_is
from tracing.official import Official, Project
from tracing.server import Server

if TYPE_CHECKING:
    from tracing.observation import Entry
    from tracing.settings import Settings


def check_langfuse(settings: Settings) -> str:
    """One line: whether the server is there, its version, and whose keys these are."""
    server = Server(settings, as_it_is)
    try:
        return settings.redact(_line(server))
    finally:
        server.close()


def _line(server: Server[Entry]) -> str:
    reply = server.greet()
    if reply:
        return f"Langfuse: {reply.faults[0].text}"
    version = ".".join(map(str, server.version)) or "of a version that it does not say"
    found = Official(server.settings, server.http).project()
    if not isinstance(found, Project):
        return f"Langfuse {version} is there, but {found.text}"
    return f"Langfuse {version} at {server.settings.url}, project {found.name}, by {server.wire}"
