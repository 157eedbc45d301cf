"""Trace: what all observations of a trio's phase in a round have in common."""

from __future__ import annotations

from hashlib import sha256
from typing import Literal

import msgspec

from mcstress.metrics.phase import PHASES
from mcstress.services.trace_context import phase_trace_id

ENVIRONMENT = "stress"
MASK = "mask"
"""Under which a trace's metadata say how it is masked, for whoever reads or replays it."""

MaskLevel = Literal["off", "on", "strict"]
LEVELS: tuple[MaskLevel, ...] = ("off", "on", "strict")
"""off: nothing is masked. on: what ``personal_data`` finds. strict: the bodies as well, whole."""


class TraceRun(msgspec.Struct, frozen=True):
    """The run that traces belong to: ``uid`` is their session; ``number`` only names files.

    ``mask`` is the level of ``mask.py`` at which they leave the machine; a spool carries it along.
    """

    uid: str
    number: str
    scenario: str = ""
    mask: MaskLevel = "on"


class Trace(msgspec.Struct, frozen=True):
    """What Langfuse shows as one trace. Every observation carries it, since any may come first.

    Servers take it from whichever comes last, so that it must be the same on all of them: what is
    known before the first step, and nothing of what comes out. ``id`` is 32 hex digits; ``session``
    the run's uid; ``user`` the trio; ``input`` a sentence.
    """

    id: str
    name: str
    tags: tuple[str, ...]
    session: str
    user: str
    metadata: dict[str, str]
    environment: str = ENVIRONMENT
    input: str = ""

    @classmethod
    def of_phase(cls, run: TraceRun, trio: int, round_: int, phase: str) -> Trace:
        """The trace of a trio's phase in a round: the same on every worker."""
        trace_id = phase_trace_id(run.uid, trio, round_, phase)
        about = PHASES[phase]
        return cls(
            id=trace_id,
            name=about.title,
            tags=about.tags,
            session=run.uid,
            user=f"trio-{trio}",
            metadata={
                "run": run.number,
                "scenario": run.scenario,
                "trio": str(trio),
                "round": str(round_),
                "phase": phase,
                MASK: run.mask,
            },
            input=(
                f"Phase {about.number}, {about.words}: trio {trio}, round {round_}, "
                f"run {run.number}, scenario {run.scenario}"
            ),
        )

    @property
    def root_id(self) -> str:
        """The span id, 16 hex digits, that the first steps of events have as parent in OTLP.

        No span has it. A server takes every span *without* a parent for the root of its trace, and
        puts that span's input, output and metadata in the place of the trace's own.
        """
        return sha256(f"{self.id}/root".encode()).hexdigest()[:16]
