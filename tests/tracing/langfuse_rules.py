"""What a Langfuse server takes, field by field, from its OpenAPI description and the OTLP rules.

Every check returns the faults it found, in words. A body is also held against the official SDK's
typed models, which were generated from the same description by somebody else.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

from langfuse.api.core.pydantic_utilities import parse_obj_as
from langfuse.api.opentelemetry import OtelResourceSpan, OtelSpan
from langfuse.api.scores import ScoreBody
from pydantic import ValidationError

TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")
SPAN_ID = re.compile(r"(?!0{16})[0-9a-f]{16}")
ENVIRONMENT = re.compile(r"(?!langfuse)[a-z0-9\-_]{1,40}")
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
ANYTHING = re.compile(r".*", re.DOTALL)
KNOWN_FORMS = set()
LEVELS = {"DEBUG", "DEFAULT", "WARNING", "ERROR"}
TYPES = {"span", "generation", "event", "retriever", "embedding", "tool", "chain", "agent"}

TEXT_ATTRIBUTES = {
    "langfuse.trace.name": None,
    "langfuse.trace.input": None,
    "langfuse.trace.output": None,
    "session.id": None,
    "user.id": None,
    "langfuse.environment": ENVIRONMENT,
    "langfuse.observation.type": re.compile("|".join(TYPES)),
    "langfuse.observation.level": re.compile("|".join(LEVELS)),
    "langfuse.observation.input": None,
    "langfuse.observation.output": None,
    "langfuse.observation.status_message": None,
    "langfuse.observation.model.name": None,
    "langfuse.observation.usage_details": None,
    "langfuse.observation.cost_details": None,
    "langfuse.observation.metadata": None,
}
TRACE_METADATA = "langfuse.trace.metadata."
APP_ROOT = "langfuse.internal.is_app_root"
ON_EVERY_SPAN = {
    "langfuse.trace.name",
    "langfuse.trace.input",
    "langfuse.trace.tags",
    "session.id",
    "user.id",
    "langfuse.environment",
    "langfuse.observation.type",
}
SPAN_KEYS = {
    "traceId", "spanId", "parentSpanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano",
    "attributes", "status",
}  # fmt: skip

OBSERVATION_KEYS = {
    "id", "traceId", "parentObservationId", "name", "startTime", "endTime", "input", "output",
    "level", "statusMessage", "metadata", "environment", "version",
}  # fmt: skip
BODY_KEYS = {
    "trace-create": {
        "id", "timestamp", "name", "userId", "sessionId", "metadata", "tags", "environment",
        "input", "output", "release", "version", "public",
    },
    "span-create": OBSERVATION_KEYS,
    "generation-create": OBSERVATION_KEYS | {"model", "modelParameters", "usage", "usageDetails"},
    "score-create": {
        "id", "traceId", "sessionId", "observationId", "name", "value", "dataType", "comment",
        "environment",
    },
}  # fmt: skip
USAGE_KEYS = {"input", "output", "total", "unit", "inputCost", "outputCost", "totalCost"}


def otlp_faults(body):
    """Faults of a whole OTLP/JSON body."""
    if not isinstance(body, dict) or set(body) != {"resourceSpans"}:
        return ["the body is not {resourceSpans}"]
    faults = []
    for resource in body["resourceSpans"]:
        scopes = [{**scope, "spans": []} for scope in resource["scopeSpans"]]
        faults += model_faults(OtelResourceSpan, {**resource, "scopeSpans": scopes})
    for span in spans_of(body, faults):
        faults += model_faults(OtelSpan, span) + span_faults(span)
    return faults


def model_faults(model, content):
    """What the SDK's own model finds. It takes 2 ms, so it sees each form of content once."""
    form = (model, form_of(content))
    if form in KNOWN_FORMS:
        return []
    try:
        parse_obj_as(type_=model, object_=content)
    except ValidationError as error:
        return [f"the SDK's model: {error}"]
    KNOWN_FORMS.add(form)
    return []


def form_of(content):
    """The keys and types of ``content``: all that a model looks at."""
    if isinstance(content, dict):
        return tuple((key, form_of(content[key])) for key in sorted(content))
    if isinstance(content, list):
        return frozenset(form_of(each) for each in content)
    return type(content)


def spans_of(body, faults):
    """Every span; what is wrong with what holds them goes to ``faults``."""
    for resource in body["resourceSpans"]:
        if set(resource) != {"resource", "scopeSpans"}:
            faults.append(f"a resource span has {sorted(resource)}")
        attributes_of(resource["resource"], faults)
        for scope in resource["scopeSpans"]:
            if not scope["scope"].get("name"):
                faults.append("a scope has no name")
            yield from scope["spans"]


def span_faults(span):
    """Faults of one span."""
    faults = [f"unknown key {key}" for key in set(span) - SPAN_KEYS]
    for key, form in (("traceId", TRACE_ID), ("spanId", SPAN_ID)):
        if not form.fullmatch(str(span.get(key))):
            faults.append(f"{key} is {span.get(key)!r}")
    if "parentSpanId" in span and not SPAN_ID.fullmatch(str(span["parentSpanId"])):
        faults.append(f"parentSpanId is {span['parentSpanId']!r}")
    if not isinstance(span.get("name"), str) or not span["name"]:
        faults.append("no name")
    if span.get("kind") != 1:
        faults.append(f"kind is {span.get('kind')!r}")
    faults += nano_faults(span)
    attributes = attributes_of(span, faults)
    faults += attribute_faults(attributes)
    faults += status_faults(span.get("status"), attributes)
    return [f"span {span.get('name')}: {fault}" for fault in faults]


def nano_faults(span):
    """Faults of the times, which are strings of nanoseconds."""
    times = [span.get("startTimeUnixNano"), span.get("endTimeUnixNano")]
    if not all(isinstance(time, str) and time.isdecimal() for time in times):
        return [f"times are {times}"]
    start, end = (int(time) for time in times)
    if start > end:
        return ["ends before it starts"]
    moments = [datetime.fromtimestamp(time / 1e9, UTC) for time in (start, end)]
    return [f"time {moment} is not of today" for moment in moments if not of_today(moment)]


def of_today(moment):
    """Whether a time is within a day of now: a unit mixed up is not."""
    return abs(datetime.now(UTC) - moment) < timedelta(days=1)


def attributes_of(holder, faults):
    """The attributes as a dict, texts and lists of texts, one flag; other forms are faults."""
    attributes = {}
    for attribute in holder.get("attributes", ()):
        if set(attribute) != {"key", "value"} or len(attribute["value"]) != 1:
            faults.append(f"attribute {attribute}")
            continue
        ((form, value),) = attribute["value"].items()
        if form == "arrayValue":
            value = [item["stringValue"] for item in value["values"]]
        elif form == "boolValue" and attribute["key"] == APP_ROOT:
            if value is not True:
                faults.append(f"attribute {attribute}")
        elif form != "stringValue" or not isinstance(value, str):
            faults.append(f"attribute {attribute}")
        if attribute["key"] in attributes:
            faults.append(f"{attribute['key']} twice")
        attributes[attribute["key"]] = value
    return attributes


def attribute_faults(attributes):
    """Faults of Langfuse's attributes of one span."""
    faults = [f"no {key}" for key in ON_EVERY_SPAN - set(attributes)]
    for key, value in attributes.items():
        if key == "langfuse.trace.tags":
            if not isinstance(value, list) or not value:
                faults.append(f"tags are {value!r}")
        elif key not in {*TEXT_ATTRIBUTES, APP_ROOT} and not key.startswith(TRACE_METADATA):
            faults.append(f"unknown attribute {key}")
        elif not (TEXT_ATTRIBUTES.get(key) or ANYTHING).fullmatch(str(value)):
            faults.append(f"{key} is {value!r}")
    for key, kind in (("usage_details", int), ("cost_details", (int, float)), ("metadata", str)):
        details = json.loads(attributes.get(f"langfuse.observation.{key}", "{}"))
        if not all(isinstance(value, kind) for value in details.values()):
            faults.append(f"{key} are {details}")
    return faults


def status_faults(status, attributes):
    """Faults of the span's status, which must agree with its level."""
    level = attributes.get("langfuse.observation.level", "DEFAULT")
    message = attributes.get("langfuse.observation.status_message")
    if level != "ERROR":
        return [] if status == {} else [f"status is {status} at level {level}"]
    if status != {"code": 2, "message": message} or not message:
        return [f"status is {status} and the message {message!r} at level ERROR"]
    return []


def event_faults(event, version):
    """Faults of one event of an ingestion batch, for a server of ``version``."""
    if not isinstance(event, dict) or set(event) != {"id", "timestamp", "type", "body"}:
        return ["an event is not {id, timestamp, type, body}"]
    faults = [] if is_id(event["id"]) else [f"id is {event['id']!r}"]
    faults += time_faults("timestamp", event["timestamp"])
    body, kind = event["body"], event["type"]
    if kind not in BODY_KEYS:
        return [*faults, f"type is {kind!r}"]
    faults += [f"unknown key {key}" for key in set(body) - BODY_KEYS[kind]]
    if not is_id(body.get("id")) or not body.get("name"):
        faults.append(f"body has id {body.get('id')!r} and name {body.get('name')!r}")
    if not ENVIRONMENT.fullmatch(body.get("environment", "default")):
        faults.append(f"environment is {body['environment']!r}")
    faults += BODY_CHECKS[kind](body, version)
    return [f"{kind} {body.get('name')}: {fault}" for fault in faults]


def is_id(text):
    """Whether a server takes ``text`` as an id."""
    return isinstance(text, str) and 0 < len(text) <= 800 and "\r" not in text


def time_faults(key, value):
    """Faults of a time in RFC 3339."""
    if not isinstance(value, str) or not RFC_3339.fullmatch(value):
        return [f"{key} is {value!r}"]
    return [] if of_today(datetime.fromisoformat(value)) else [f"{key} {value} is not of today"]


def trace_body_faults(body, _version):
    """Faults of a trace-create."""
    faults = [] if TRACE_ID.fullmatch(body["id"]) else [f"trace id {body['id']}"]
    faults += time_faults("timestamp", body.get("timestamp"))
    tags = body.get("tags")
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        faults.append(f"tags are {tags!r}")
    return faults + [f"no {key}" for key in ("sessionId", "userId") if not body.get(key)]


def observation_body_faults(body, _version):
    """Faults of a span-create or generation-create."""
    faults = time_faults("startTime", body.get("startTime"))
    faults += time_faults("endTime", body.get("endTime"))
    if not faults and body["startTime"] > body["endTime"]:
        faults.append("ends before it starts")
    if not SPAN_ID.fullmatch(body["id"]) or not TRACE_ID.fullmatch(str(body.get("traceId"))):
        faults.append(f"ids are {body['id']!r}, {body.get('traceId')!r}")
    if body.get("level", "DEFAULT") not in LEVELS:
        faults.append(f"level is {body['level']!r}")
    if body.get("level") == "ERROR" and not body.get("statusMessage"):
        faults.append("an error without a message")
    usage = body.get("usage") or {}
    if set(usage) - USAGE_KEYS or usage.get("unit", "TOKENS") != "TOKENS":
        faults.append(f"usage is {usage}")
    return faults


def score_body_faults(body, version):
    """Faults of a score-create."""
    faults = model_faults(ScoreBody, body)
    if bool(body.get("traceId")) == bool(body.get("sessionId")):
        faults.append("needs either a trace or a session")
    if version < (3, 53) and not body.get("traceId"):
        faults.append("this server's scores need a traceId")
    value = body.get("value")
    expected = {
        "NUMERIC": isinstance(value, int | float) and not isinstance(value, bool),
        "BOOLEAN": value in (0, 1) and not isinstance(value, bool),
        "CATEGORICAL": isinstance(value, str),
    }
    if not expected.get(body.get("dataType")):
        faults.append(f"value {value!r} of type {body.get('dataType')!r}")
    return faults


BODY_CHECKS = {
    "trace-create": trace_body_faults,
    "span-create": observation_body_faults,
    "generation-create": observation_body_faults,
    "score-create": score_body_faults,
}
