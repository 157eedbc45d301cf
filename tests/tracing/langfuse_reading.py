"""How the stand-in for a Langfuse server lists what it holds."""

from __future__ import annotations

import json
from datetime import UTC, datetime

PROJECT = "project-of-the-stand-in"


class Reading:
    """A part of the stand-in's handler: it has ``standin`` and ``answer``."""

    def list_traces(self, query):
        """Traces of a session with a tag, and the ids of their observations."""
        standin, visible = self.standin, self.standin.visible
        found = [
            {"id": trace_id, "name": trace["name"], "observations": of_trace(visible, trace_id)}
            for trace_id, trace in standin.traces.items()
            if trace["session"] == query["sessionId"] and query["tags"] in trace["tags"]
        ]
        page, limit = int(query["page"]), min(int(query["limit"]), 100)
        pages = -(-len(found) // limit)
        meta = {"page": page, "limit": limit, "totalItems": len(found), "totalPages": pages}
        self.answer(200, {"data": found[(page - 1) * limit : page * limit], "meta": meta})

    def list_observations(self, query):
        """Observations of a session, a page at a time."""
        (condition,) = json.loads(query["filter"])
        assert condition["column"] == "sessionId"
        assert (condition["type"], condition["operator"]) == ("string", "=")
        standin = self.standin
        found = [
            {
                "id": observation_id,
                "traceId": each["trace"],
                "startTime": datetime.fromtimestamp(each["start_s"], UTC).isoformat(),
                "endTime": datetime.fromtimestamp(each["end_s"], UTC).isoformat(),
                "projectId": PROJECT,
                "parentObservationId": each["parent"],
                "type": each["type"],
            }
            for observation_id, each in standin.visible.items()
            if standin.traces[each["trace"]]["session"] == condition["value"]
        ]
        start, limit = int(query.get("cursor", 0)), min(int(query["limit"]), 1000)
        more = {"cursor": str(start + limit)} if start + limit < len(found) else {}
        self.answer(200, {"data": found[start : start + limit], "meta": more})


def of_trace(observations, trace_id):
    """The ids of a trace's observations."""
    return [key for key, each in observations.items() if each["trace"] == trace_id]
