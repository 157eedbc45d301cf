"""A collector as a destination, as a sink of a run, and as ``mcstress check`` looks at it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic

from mcstress.tracing.delivery import SEND_POLICY
from mcstress.tracing.http.batch_posting import TIMEOUT_S, Poster, SendPolicy
from mcstress.tracing.http.client import make_client
from mcstress.tracing.http.delivery_outcome import DeliveryOutcome, NoAnswer, Sent, read_status
from mcstress.tracing.otlp.encoding import Spans
from mcstress.tracing.tracer import Tracer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mcstress.tracing.notices import ThrottledWarnings
    from mcstress.tracing.observation import TraceEntry
    from mcstress.tracing.otlp.settings import OtlpSettings
    from mcstress.tracing.queue import Queued
    from mcstress.tracing.trace import TraceRun


class Collector(Generic[Sent]):
    """Sends observations and scores alike as spans. It needs no introduction."""

    has_questions = False

    def __init__(
        self,
        settings: OtlpSettings,
        entry_of: Callable[[Sent], TraceEntry | None],
        policy: SendPolicy | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._peer = settings.peer
        self._http = make_client(settings.url, timeout_s, headers=dict(settings.headers))
        policy = policy or SendPolicy()
        self._poster = Poster(self._peer, self._http, entry_of, policy, timeout_s)
        self._spans = Spans(self._peer, gzip=settings.gzip)

    def send_observations(self, observations: Sequence[Sent]) -> DeliveryOutcome[Sent]:
        """Send ``observations``, each as a span."""
        return self._poster.send(self._spans, observations)

    def send_scores(self, scores: Sequence[Sent]) -> DeliveryOutcome[Sent]:
        """Send ``scores``, each as a span of its own."""
        return self._poster.send(self._spans, scores)

    def introduce(self) -> DeliveryOutcome[Any] | None:
        """Nothing to ask."""
        return None

    def look(self) -> str:
        """Send a body without spans; what is wrong with the answer, or nothing."""
        nothing: list[Sent] = []
        batch = self._spans.batch()
        path, content = self._spans.path, batch.close()
        answer = self._poster.call("POST", path, content=content, headers=self._spans.headers)
        if isinstance(answer, NoAnswer):
            return answer.fault.text
        outcome = read_status(answer, nothing, self._peer) or batch.read(answer, nothing)
        return outcome.faults[0].text if outcome.faults else ""

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


class OtlpTracer(Tracer):
    """A Tracer to one collector."""

    def __init__(self, settings: OtlpSettings, run: TraceRun, **process: Any) -> None:
        self._settings = settings
        super().__init__(settings.where, run, redact=settings.redact, **process)

    def _connect(
        self,
        entry_of: Callable[[Queued], TraceEntry | None],
        notices: ThrottledWarnings,  # noqa: ARG002  (the collector tells nothing of itself)
        timeout_s: float,
    ) -> Collector[Queued]:
        return Collector(self._settings, entry_of, SEND_POLICY, timeout_s=timeout_s)


def check_otlp(settings: OtlpSettings) -> tuple[bool, str]:
    """Whether the collector takes what it is sent, and one line about it."""
    collector: Collector[TraceEntry] = Collector(settings, lambda entry: entry)
    try:
        fault = settings.redact(collector.look())
    finally:
        collector.close()
    return not fault, f"OTLP traces: {fault or f'the collector at {settings.url} takes them'}"
