"""The registry of metrics: those of ours, in the order of the report, and those of a user's own."""

from __future__ import annotations

import re
from typing import TypeVar

from mcstress.metrics.against_rest import AgainstRest
from mcstress.metrics.arrival_figures import AppointmentFigures, ArrivalFigures
from mcstress.metrics.availability_figures import AvailabilityFigures
from mcstress.metrics.capacity import CapacityFigures
from mcstress.metrics.changes import ChangeFigures, RecordingFigures
from mcstress.metrics.determinism import Determinism
from mcstress.metrics.diversity import Diversity
from mcstress.metrics.errors import Errors
from mcstress.metrics.events import Events
from mcstress.metrics.freshness import Freshness
from mcstress.metrics.handover import HandoverFigures
from mcstress.metrics.inbox import Inbox
from mcstress.metrics.latency import Latency
from mcstress.metrics.memory import Memory
from mcstress.metrics.metric import REPORT_TABLES, Metric
from mcstress.metrics.phase import PHASES
from mcstress.metrics.rank_correlation import RankCorrelation
from mcstress.metrics.relevance_metric import Relevance, RelevanceByTruth
from mcstress.metrics.response_time import Response
from mcstress.metrics.swap import SwapFigures
from mcstress.metrics.unparseable import Unparseable

OURS: tuple[type[Metric], ...] = (
    Relevance,
    RelevanceByTruth,
    Diversity,
    Determinism,
    AgainstRest,
    HandoverFigures,
    Memory,
    Freshness,
    ChangeFigures,
    RecordingFigures,
    SwapFigures,
    Inbox,
    Unparseable,
    Errors,
    AvailabilityFigures,
    Events,
    ArrivalFigures,
    CapacityFigures,
    AppointmentFigures,
    Latency,
    Response,
    RankCorrelation,
)

REGISTRY: dict[str, type[Metric]] = {one.key: one for one in OURS}
"""The metrics by key. Whatever is made of them asks here when it is needed, not before."""

KEY = re.compile(r"[a-z][a-z0-9_]*")

Its = TypeVar("Its", bound=type[Metric])


def metric(its: Its) -> Its:
    """Register a Metric of one's own: a decorator of its class, in a locustfile.

    Raises ValueError where its key is no key or is taken, where it hears a phase that is not known
    (a phase of one's own is registered first), or where a figure is there already, outside its
    section, or of a table that the report does not have.
    """
    if not KEY.fullmatch(its.key):
        raise ValueError(
            f"metric {its.key!r}: expected small letters, digits and _, as in dwell_time"
        )
    if its.key in REGISTRY:
        raise ValueError(f"metric {its.key!r}: there is one of this key already")
    if unknown := [phase for phase in its.hears if phase not in PHASES]:
        raise ValueError(
            f"metric {its.key!r} hears {', '.join(unknown)}; known are {', '.join(PHASES)}"
        )
    taken = {one.name for other in REGISTRY.values() for one in other.names()}
    for one in its.names():
        name = one.name
        if one.table not in REPORT_TABLES:
            raise ValueError(
                f"metric {its.key!r}: {name} is of table {one.table!r}; known are "
                f"{', '.join(REPORT_TABLES)}"
            )
        if not name.startswith(f"{its.section}."):
            raise ValueError(f"metric {its.key!r}: its figure {name} is not in {its.section}")
        if name in taken:
            raise ValueError(f"metric {its.key!r}: there is a figure {name} already")
    REGISTRY[its.key] = its
    return its
