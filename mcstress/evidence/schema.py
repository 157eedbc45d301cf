"""The JSON Schema of a run's document: ``python -m mcstress.evidence.schema`` prints it.

Made from the typed document, and for the figures from the table of their names: each key has the
description that stands beside it in the code.
"""

from __future__ import annotations

import sys
from typing import Any

import msgspec
from msgspec import UNSET

from mcstress.evidence.run_document import Json, RunDocument
from mcstress.metrics.event import Event
from mcstress.metrics.metric import BESIDE_METRICS, MetricName
from mcstress.metrics.names import metric_names

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FIGURES = "Figures"
CAME_LATER = ("time_axis",)
"""Keys that documents of older versions lack."""
_REF = "#/$defs/{name}"
_NUMBER = ["number", "null"]
_PAIR = {"type": ["array", "null"], "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
_WORDS = ["string", "null"]


def _rows(told: str, **columns: str) -> Json:
    """A list of objects; ``columns`` are the descriptions of their keys."""
    properties = {name: {"description": meaning} for name, meaning in columns.items()}
    return {"description": told, "type": "array", "items": _object(properties)}


def _object(properties: Json) -> Json:
    return {"type": "object", "properties": properties}


_UNMEASURED = {"description": "why this was not measured; null where it was", "type": _WORDS}
_POOL = {"description": "what the lists behind chance are drawn from", "type": _WORDS}
_REASONS = {"step": "its name", "reason": "in the service's words", "count": "how often"}
_SILENCES = _rows("the first twenty", begin="in Unix seconds", seconds="its length")
_MISSED = {
    "unit": "the wording, or the trio that has one of its own",
    "question": "its key",
    "asked": "how often it was asked",
    "missed": "how often it missed",
}
_MISSED_ARM = _rows(
    "the questions that missed at top-1 with the memory, the largest shares first, at most 100",
    **_MISSED,
    in_list="how often of these the answer stood further down in the list",
)
NO_FIGURES = {
    "relevance.not_measured": _UNMEASURED,
    "relevance.found_values": {
        "description": "the commonest values of hits, where they are none that demands ask for",
        "type": "array",
        "items": {"type": "string"},
    },
    "relevance.worst": _rows(
        "the questions with the least mean gain",
        unit="the wording, or the trio that has one of its own",
        question="its key",
        lists="how often it was asked",
        precision_at_k="mean over its lists",
        mean_gain_at_k="mean over its lists",
    ),
    "handover.verbatim.missed": _MISSED_ARM,
    "handover.paraphrase.missed": _MISSED_ARM,
    "freshness.missed": _rows(
        "the new resumes not seen in 10 s, the largest shares first, at most 100", **_MISSED
    ),
    "diversity.same_role_across_contracts.chance_pool": _POOL,
    "diversity.different_roles_within_contract.chance_pool": _POOL,
    "inbox.not_measured": _UNMEASURED,
    "memory.not_measured": _UNMEASURED,
    "changes.not_measured": _UNMEASURED,
    "recordings.not_measured": _UNMEASURED,
    "llm.by_reason": _rows("why answers of the LLM could not be used", **_REASONS),
    "errors.by_reason": _rows("why steps failed", **_REASONS),
    "availability.silences": _SILENCES,
    "availability.llm.silences": _SILENCES,
}
"""What stands among figures and is none, by its path."""


def schema() -> Json:
    """The schema of a document as it lies in a file, its events included."""
    _, defs = msgspec.json.schema_components([RunDocument, Event], ref_template=_REF)
    root = defs.pop("RunDocument")
    keys, figures = root["properties"], _by_section()
    for section in BESIDE_METRICS:
        keys[section] |= figures.pop(section)
    defs[FIGURES] = _object(figures)
    keys["metrics"] |= {"$ref": _REF.format(name=FIGURES)}
    keys["load_curve"]["items"] = _band(keys["latency"])
    keys["events"] = {
        "description": "every event that was kept, in time order",
        "type": "array",
        "items": {"$ref": _REF.format(name="Event")},
    }
    return {
        "$schema": DIALECT,
        **root,
        "title": "The document of a run",
        "description": "All that a run's report says, and its events.",
        "required": [*_always_there(), "events"],
        "$defs": defs,
    }


def _always_there() -> list[str]:
    """The keys that no document lacks."""
    fields = msgspec.structs.fields(RunDocument)
    there = [field.name for field in fields if field.default is not UNSET]
    return [name for name in there if name not in CAME_LATER]


def _by_section() -> dict[str, Any]:
    """The schemas of all figures' sections, by the first word of the figures' names."""
    root: Json = {}
    for metric in metric_names():
        *path, leaf = metric.name.split(".")
        _section(root, path)[leaf] = _figure(metric)
        if metric.interval:
            *path, leaf = metric.interval.split(".")
            told = f"95 % interval of {metric.name}"
            _section(root, path)[leaf] = {"description": told, **_PAIR}
            whose = f"whose values the interval of {metric.name} is for, where it says so"
            _section(root, path)[f"{leaf}_label"] = {"description": whose, "type": _WORDS}
    for place, told_of in NO_FIGURES.items():
        *path, leaf = place.split(".")
        _section(root, path)[leaf] = told_of
    return root


def _section(root: Json, path: list[str]) -> Json:
    """The properties of the section at ``path``, which is made where it is not there."""
    properties = root
    for key in path:
        properties = properties.setdefault(key, _object({}))["properties"]
    return properties


def _figure(metric: MetricName) -> Json:
    return {"description": f"{metric.meaning} ({metric.unit})", "type": _NUMBER}


def _band(latency: Json) -> Json:
    """An entry of the load curve: the sections of metrics, and these."""
    users, pace = {"type": "integer"}, {"type": _NUMBER}
    return {
        "$ref": _REF.format(name=FIGURES),
        **_object(
            {
                "users_from": {"description": "fewest users of the band", **users},
                "users_to": {"description": "most users of the band", **users},
                "seconds": {"description": "how long there were as many", **pace},
                "requests_per_s": {"description": "steps by seconds", **pace},
                "offered_from": {"description": "lowest rate of the band; users are 0", **pace},
                "offered_to": {"description": "highest rate of the band", **pace},
                "offered_per_s": {"description": "arrivals by seconds", **pace},
                "done_per_s": {"description": "events of the schedule by seconds", **pace},
                "missed": {"description": "arrivals that nobody took in time", **users},
                "trial": {"description": "its number in a search for the capacity", **users},
                "held": {"description": "whether all checks held", "type": ["boolean", "null"]},
                "why": {"description": "what did not hold, in words", "type": "string"},
                "mix": {"description": "share of each phase in its events", "type": "object"},
                "mean_event_ms": {"description": "from begin to end", **pace},
                "latency": latency,
            }
        ),
        "required": ["users_from", "users_to", "latency"],
    }


def main() -> None:
    """Print it."""
    text = msgspec.json.format(msgspec.json.encode(schema()), indent=2)
    sys.stdout.write(text.decode() + "\n")


if __name__ == "__main__":
    main()
