"""Langfuse as a sink: a Tracer that learns whose project it sends to, and reads back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mcstress.tracing.delivery import SEND_POLICY
from mcstress.tracing.langfuse.client import LangfuseServer, Wire
from mcstress.tracing.langfuse.readback import read_back
from mcstress.tracing.langfuse.sdk import LangfuseSdk, Project
from mcstress.tracing.tracer import Tracer

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcstress.tracing.http.delivery_outcome import DeliveryOutcome
    from mcstress.tracing.langfuse.settings import LangfuseSettings
    from mcstress.tracing.notices import ThrottledWarnings
    from mcstress.tracing.observation import TraceEntry
    from mcstress.tracing.queue import Queued
    from mcstress.tracing.trace import TraceRun

LOOKUPS = 5
"""How often the project's address is asked for: who does not tell keeps nobody waiting."""


class LangfuseTracer(Tracer):
    """A Tracer to one Langfuse project.

    ``learns_project``: ask whose the keys are, for addresses to link to; that loads the official
    SDK, half a second during which nothing else runs, and so is for one process of a run.
    ``wire`` is how observations travel; None: as the server's version says.
    """

    def __init__(
        self,
        settings: LangfuseSettings,
        run: TraceRun,
        *,
        wire: Wire | None = None,
        learns_project: bool = True,
        **process: Any,
    ) -> None:
        self._settings = settings
        self._wire = wire
        self._learns_project = learns_project
        super().__init__(settings.where, run, redact=settings.redact, **process)

    def _connect(
        self,
        entry_of: Callable[[Queued], TraceEntry | None],
        notices: ThrottledWarnings,
        timeout_s: float,
    ) -> _Project:
        server: LangfuseServer[Queued] = LangfuseServer(
            self._settings, entry_of, SEND_POLICY, timeout_s=timeout_s, wire=self._wire
        )
        self._project = _Project(server, notices, timeout_s, asks=self._learns_project)
        return self._project

    def read_back(self, expected: int, within_s: float = 15.0) -> int | None:
        """How many observations of the run Langfuse has, once it has ``expected`` or time is up.

        None where it cannot be told. Servers ingest late: seconds, at times minutes.
        """
        with self._border:
            return read_back(
                *(self._settings, self._run.uid, expected, within_s, self._notices),
                limit=SEND_POLICY.limit,
            )
        return None

    @property
    def project_url(self) -> str | None:
        """The project's page, once the server has said which project the keys belong to."""
        project = self._project.found
        return f"{self._settings.url}/project/{project.id}" if project else None


class _Project:
    """A destination that is asked whose project the keys belong to; ``found`` once it has said so.

    Nothing but links depends on it: what is sent finds out by itself what is wrong.
    """

    def __init__(
        self,
        server: LangfuseServer[Queued],
        notices: ThrottledWarnings,
        timeout_s: float,
        *,
        asks: bool,
    ) -> None:
        self.found: Project | None = None
        self.send_observations = server.send_observations
        self.send_scores = server.send_scores
        self.close = server.close
        self._server = server
        self._notices = notices
        self._timeout_s = timeout_s
        self._sdk = LangfuseSdk(server.settings, server.http) if asks else None
        self._lookups = LOOKUPS
        self._is_asking = False

    @property
    def has_questions(self) -> bool:
        """Whether the project may be learned yet."""
        return self._sdk is not None and self.found is None and self._lookups > 0

    def introduce(self) -> DeliveryOutcome[Queued] | None:
        """Ask whether the server is there, and for the project's address; an outcome where not."""
        if self._sdk is None or not self.has_questions or self._is_asking:
            return None
        self._is_asking = True
        try:
            return self._ask(self._sdk)
        finally:
            self._is_asking = False

    def _ask(self, sdk: LangfuseSdk) -> DeliveryOutcome[Queued] | None:
        outcome = self._server.greet()
        if outcome:
            return outcome
        self._lookups -= 1
        with SEND_POLICY.limit(2 * self._timeout_s):
            found = sdk.project()
        if isinstance(found, Project):
            self.found = found
            return None
        more = f" unless it answers later ({self._lookups} more tries)" if self._lookups else ""
        text = f"{found.text}: the report has no links to Langfuse{more}"
        self._notices.warn(found.kind, text)
        return None
