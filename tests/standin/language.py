"""The stand-in's LLM: what was asked is known by the schema of the answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from standin.modes import Mode

MODEL = "qwen2.5:latest"
RATING = 4
PROSE = "Certainly! It sounds as if somebody needs a few good people, and soon."
DEMAND = {
    "role": "warehouse worker",
    "count": 3,
    "location": "Milwaukee, WI",
    "certs": ["forklift certification"],
    "skills": ["order picking"],
    "shift": "day",
}


def step_of(request: dict[str, Any]) -> str:
    """The step that a chat is."""
    asked = request["format"]["properties"]
    if "rating" in asked:
        return "llm.judge_top1"
    return "llm.paraphrase" if "paraphrase" in asked else "llm.parse_demand"


def chat(request: dict[str, Any], mode: Mode, rephrased: Mapping[str, str]) -> dict[str, Any]:
    """The body of the answer; ``rephrased`` are the scenario's own paraphrases by query."""
    return {
        "model": request["model"],
        "created_at": "2025-01-01T00:00:00Z",
        "message": {"role": "assistant", "content": _content(request, mode, rephrased)},
        "done": True,
        "done_reason": "stop",
        "total_duration": 1_000_000,
        "load_duration": 0,
        "prompt_eval_count": 1,
        "prompt_eval_duration": 500_000,
        "eval_count": 1,
        "eval_duration": 500_000,
    }


def _content(request: dict[str, Any], mode: Mode, rephrased: Mapping[str, str]) -> str:
    step, said = step_of(request), request["messages"][-1]["content"]
    if mode.llm == "prose" or (mode.llm == "prose_judge" and step == "llm.judge_top1"):
        return PROSE
    if step == "llm.judge_top1":
        return json.dumps({"rating": RATING, "reason": "the stand-in finds everybody good"})
    if step == "llm.paraphrase":
        return json.dumps({"paraphrase": rephrased.get(said, f"in other words: {said}")})
    return json.dumps(DEMAND)
