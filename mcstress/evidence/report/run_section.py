"""The document's ``run``: what ran, against what, how. harness/ fills it, the reports read it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec

from mcstress.errors import UsageError


class Service(msgspec.Struct, kw_only=True):
    """A service under test. ``embedded``: the built-in test server, started with the run.

    ``note`` says in a few words what a reader must know of it ("rules, no language model").
    """

    name: str
    url: str = ""
    embedded: bool = False
    note: str = ""


class CoordinatorNote(msgspec.Struct, kw_only=True):
    """A coordinator (``alice-2``), and the namespace where she recorded."""

    name: str
    namespace: str


class CapabilityNote(msgspec.Struct, kw_only=True):
    """Whether the target can do what ``name`` says, and what follows where it cannot."""

    name: str
    there: bool
    effect: str = ""


class RunSection(msgspec.Struct, kw_only=True):
    """One run. Times are UTC; texts that are unknown are empty, lists too.

    ``run_id`` is the number NNN or --run-id. ``corpora`` are sizes at the start. ``settings`` are
    the options in force, ``versions`` those of Python, Locust and the rest: shown as they are, and
    never a secret among them. ``trace_url`` is the Langfuse project's (``https://…/project/x``).
    ``stopped_by`` says in words why the run ended; ``stopped_by`` empty: it did not.
    ``generator_saturated``: a process that made the load took over 90 % of its core, so that
    latencies may hold waits of its own.
    ``capabilities`` are those of a target of the user's own; ``left_out`` are the phases that it
    cannot take part in, with the reason.
    ``user_errors`` are exceptions that users of this program ran into: each is a fault of ours.
    """

    run_uid: str = ""
    run_id: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    mode: str = ""
    workers: int = 0
    stopped_by: str = ""
    k: int = 0
    seed: int = 0
    rounds: int = 0
    phases: list[str] = []
    left_out: dict[str, str] = {}
    capabilities: list[CapabilityNote] = []
    coordinators: list[CoordinatorNote] = []
    peak_users: int = 0
    generator_saturated: bool = False
    corpora: dict[str, int] = {}
    services: list[Service] = []
    settings: dict[str, Any] = {}
    versions: dict[str, str] = {}
    evidence: str = "all"
    evidence_path: str = ""
    trace_url: str = ""
    user_errors: list[str] = []

    @property
    def session_link(self) -> str:
        """Where Langfuse shows all traces of the run; empty where that is not known."""
        return self._link("sessions", self.run_uid)

    def trace_link(self, trace_id: str | None) -> str:
        """Where Langfuse shows a trace; empty where that is not known."""
        return self._link("traces", trace_id)

    def _link(self, kind: str, name: str | None) -> str:
        if not name or not self.trace_url.startswith(("https://", "http://")):
            return ""
        return f"{self.trace_url}/{kind}/{quote(name, safe='')}"


def run_section(head: dict[str, Any]) -> RunSection:
    """The ``run`` of a document's head, typed. Raises UsageError where it is none."""
    try:
        return msgspec.convert(head.get("run", {}), RunSection)
    except msgspec.ValidationError as error:
        raise UsageError(f"run: {error}; expected the run section of a report") from error
