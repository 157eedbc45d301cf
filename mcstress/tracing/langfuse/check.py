"""What ``mcstress check`` says about Langfuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcstress.tracing.entries import as_it_is
from mcstress.tracing.langfuse.client import LangfuseServer
from mcstress.tracing.langfuse.sdk import LangfuseSdk, Project

if TYPE_CHECKING:
    from mcstress.tracing.langfuse.settings import LangfuseSettings
    from mcstress.tracing.observation import TraceEntry


def check_langfuse(settings: LangfuseSettings) -> tuple[bool, str]:
    """Whether the server takes these keys, and one line: its version, and whose keys they are."""
    server = LangfuseServer(settings, as_it_is)
    try:
        reached, line = _look(server)
        return reached, settings.redact(line)
    finally:
        server.close()


def _look(server: LangfuseServer[TraceEntry]) -> tuple[bool, str]:
    outcome = server.greet()
    if outcome:
        return False, f"Langfuse: {outcome.faults[0].text}"
    version = ".".join(map(str, server.version)) or "of a version that it does not say"
    found = LangfuseSdk(server.settings, server.http).project()
    if not isinstance(found, Project):
        return False, f"Langfuse {version} is there, but {found.text}"
    return (
        True,
        f"Langfuse {version} at {server.settings.url}, project {found.name}, by {server.wire}",
    )
