"""The seam of traces: what a run tells a sink, and what differs between sinks that deliver alike.

Two sinks are there, ``langfuse.tracer.LangfuseTracer`` and ``otlp.tracer.OtlpTracer``: both are a
``tracer.Tracer``, which buffers, delivers, spools and counts, with a ``Destination`` of their own.
``untraced.Untraced`` stands in the place of one on a worker that cannot trace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mcstress.metrics.event import Event
    from mcstress.services.step import Step
    from mcstress.tracing.delivery_counts import TraceCounts
    from mcstress.tracing.http.delivery_outcome import DeliveryOutcome
    from mcstress.tracing.observation import Score

SinkName = Literal["langfuse", "otlp"]
"""What a sink is called in documents, messages and spools."""

LANGFUSE: SinkName = "langfuse"
TITLES: dict[SinkName, str] = {"langfuse": "Langfuse", "otlp": "OTLP"}

Sent = TypeVar("Sent")


class Where(NamedTuple):
    """Which ``sink``, and the ``url`` of its server, which holds no secret."""

    sink: SinkName
    url: str

    @property
    def title(self) -> str:
        """The sink's name for sentences."""
        return TITLES[self.sink]


class TraceSink(Protocol):
    """Where one process sends what its users did in one run. Nothing here raises.

    ``fault``: why nothing can be sent; empty where something can.
    """

    where: Where
    fault: str

    def record(self, event: Event, steps: Sequence[Step[Any]], /) -> None:
        """Note what an event did, on its user's greenlet, without waiting for a network."""

    def add_scores(self, scores: Sequence[Score], /) -> None:
        """Note scores on traces; nobody else has a turn meanwhile."""

    def score(self, name: str, value: bool | float | str, /) -> None:
        """Put a figure on the run's session."""

    def counts(self) -> TraceCounts:
        """What became of everything up to now."""

    def begin_to_finish(self, deadline_s: float, /) -> object:
        """Begin what ``finish`` waits for, so that several sinks can finish at once."""

    def finish(self, deadline_s: float, /) -> TraceCounts:
        """Deliver within ``deadline_s`` what there is, or keep it; what became of everything."""

    @property
    def answered(self) -> bool:
        """Whether the server still answered at the end."""

    @property
    def project_url(self) -> str | None:
        """The page under which a browser finds the run's traces; None: not known, or none."""

    def read_back(self, expected: int, within_s: float, /) -> int | None:
        """How many observations the server shows, asked until it is ``expected`` or time is up.

        None where it cannot be told.
        """


class Destination(Protocol[Sent]):
    """A server that takes observations and scores. Nothing here raises for what it does.

    What a ``DeliveryOutcome`` holds in ``again``, the caller tries again, and spools the
    ``refused``.
    """

    def send_observations(self, observations: Sequence[Sent], /) -> DeliveryOutcome[Sent]:
        """Send observations in as few bodies as the server's limits allow."""

    def send_scores(self, scores: Sequence[Sent], /) -> DeliveryOutcome[Sent]:
        """Send scores."""

    def introduce(self) -> DeliveryOutcome[Any] | None:
        """Get to know the server before anything is sent; an outcome where it is not to be had."""

    @property
    def has_questions(self) -> bool:
        """Whether ``introduce`` should be called again."""

    def close(self) -> None:
        """Close the connections."""
