"""Answers as services in other languages write them, who mean the same."""

from __future__ import annotations

import json
from typing import Any

HALF_A_PAIR = "wants \ud83d"
"""What JavaScript leaves of an emoji that it cuts in two."""


def oddly(kind: str, body: Any) -> Any:
    """``body`` with floats for counts, null for nothing, and half a surrogate in metadata."""
    if kind == "matrix.search" and "results" in body:
        return _found(body)
    if kind.startswith("llm.") and "message" in body:
        content = json.loads(body["message"]["content"])
        counts = {key: float(content[key]) for key in ("rating", "count") if key in content}
        message = body["message"] | {"content": json.dumps(content | counts), "thinking": None}
        return body | {"message": message, "done_reason": None}
    if kind == "llm.tags":
        return {"models": [model | {"details": None} for model in body["models"]]}
    if kind in ("embed", "index.add"):
        return body | {key: float(body[key]) for key in ("dimension", "added") if key in body}
    return body


def _found(body: dict[str, Any]) -> dict[str, Any]:
    hits = [hit | {"metadata": {"snippet": HALF_A_PAIR}} for hit in body["results"]]
    counts = {name: float(n) if n else None for name, n in body["per_corpus_counts"].items()}
    boosted, injected = (body[f"playbook_{word}"] for word in ("boosted", "injected"))
    return {
        "results": hits or None,
        "per_corpus_counts": counts,
        "playbook_boosted": float(boosted),
        "playbook_injected": injected or None,
        "error": None,
    }
