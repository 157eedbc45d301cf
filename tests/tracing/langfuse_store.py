"""What the stand-in for a Langfuse server holds: whatever way it came, in one form."""

from __future__ import annotations

import json
from datetime import datetime

from langfuse_rules import APP_ROOT, attributes_of, spans_of


class Store:
    """``observations``, ``traces`` and ``scores`` by id; ``faults`` should be empty.

    ``received`` says how often something came: the same id takes its own place. ``traces`` are as
    a server shows them: a span of OTLP without a parent puts its input, output and metadata into
    its trace. ``said_of`` is what was said of each trace, which must be the same every time.
    """

    def __init__(self):
        self.observations = {}
        self.traces = {}
        self.said_of = {}
        self.scores = {}
        self.faults = []

    def take_otlp(self, body, rejecting):
        """Store the spans of a checked body, and say how many were rejected."""
        spans = list(spans_of(body, []))
        taken = [span for span in spans if not (rejecting and is_third(span["spanId"]))]
        for span in taken:
            self._store_span(span, attributes_of(span, []))
        return len(spans) - len(taken)

    def _store_span(self, span, attributes):
        def of(prefix):
            return {
                key.removeprefix(prefix): value
                for key, value in attributes.items()
                if key.startswith(prefix)
            }

        detail = of("langfuse.observation.")
        self._store_trace(
            span["traceId"],
            name=attributes["langfuse.trace.name"],
            tags=attributes["langfuse.trace.tags"],
            session=attributes["session.id"],
            user=attributes["user.id"],
            environment=attributes["langfuse.environment"],
            input=attributes.get("langfuse.trace.input"),
            output=attributes.get("langfuse.trace.output"),
            metadata=of("langfuse.trace.metadata."),
        )
        if "parentSpanId" not in span:
            self._merge_root(span, detail)
        self._store_observation(
            span["spanId"],
            trace=span["traceId"],
            parent=span.get("parentSpanId"),
            app_root=APP_ROOT in attributes,
            name=span["name"],
            type=detail["type"].upper(),
            start_s=int(span["startTimeUnixNano"]) / 1e9,
            end_s=int(span["endTimeUnixNano"]) / 1e9,
            input=detail.get("input"),
            output=detail.get("output"),
            level=detail.get("level", "DEFAULT"),
            message=detail.get("status_message"),
            model=detail.get("model.name"),
            usage=json.loads(detail.get("usage_details", "{}")),
            metadata=json.loads(detail.get("metadata", "{}")),
        )

    def take_event(self, event):
        """Store a checked event of an ingestion batch."""
        body, kind = event["body"], event["type"]
        if kind == "trace-create":
            self._store_trace(
                body["id"],
                name=body["name"],
                tags=body["tags"],
                session=body["sessionId"],
                user=body["userId"],
                environment=body.get("environment", "default"),
                input=body.get("input"),
                output=body.get("output"),
                metadata=body.get("metadata", {}),
            )
        elif kind == "score-create":
            received = self.scores.get(body["id"], {}).get("received", 0) + 1
            self.scores[body["id"]] = {**body, "received": received}
        else:
            usage = body.get("usage") or {}
            self._store_observation(
                body["id"],
                trace=body["traceId"],
                parent=body.get("parentObservationId"),
                app_root=False,
                name=body["name"],
                type=kind.removesuffix("-create").upper(),
                start_s=datetime.fromisoformat(body["startTime"]).timestamp(),
                end_s=datetime.fromisoformat(body["endTime"]).timestamp(),
                input=as_text(body.get("input")),
                output=as_text(body.get("output")),
                level=body.get("level", "DEFAULT"),
                message=body.get("statusMessage"),
                model=body.get("model"),
                usage={key: usage[key] for key in ("input", "output", "total") if key in usage},
                metadata=body.get("metadata") or {},
            )

    def _store_trace(self, trace_id, **trace):
        if self.said_of.setdefault(trace_id, trace) != trace:
            self.faults.append(f"trace {trace_id} was {self.said_of[trace_id]} and is now {trace}")
        self.traces.setdefault(trace_id, dict(trace))

    def _merge_root(self, span, detail):
        """Take a span without a parent for the root of its trace, as servers since 3 do."""
        trace = self.traces[span["traceId"]]
        metadata = json.loads(detail.get("metadata", "{}"))
        trace |= {"input": detail.get("input"), "output": detail.get("output")}
        trace["metadata"] = trace["metadata"] | metadata
        self.faults.append(f"span {span['name']} has no parent: it takes its trace's place")

    def roots(self, trace_id):
        """The ids that the server's page shows topmost: 3, whose parent is none or unknown."""
        return [
            key
            for key, each in self.observations.items()
            if each["trace"] == trace_id and self._is_root(each)
        ]

    def _is_root(self, observation):
        if self.version >= (4,):
            return observation["parent"] is None or observation["app_root"]
        return observation["parent"] not in self.observations

    def _store_observation(self, observation_id, **observation):
        known = self.observations.get(observation_id)
        received = known.pop("received") if known else 0
        if known and known != observation:
            self.faults.append(f"observation {observation_id} differs from when it came before")
        self.observations[observation_id] = {**observation, "received": received + 1}


def as_text(value):
    """A body as it would be in OTLP."""
    return value if value is None or isinstance(value, str) else json.dumps(value)


def is_third(name):
    """Every third of random ids, always the same ones."""
    return int(name[:8], 16) % 3 == 0
