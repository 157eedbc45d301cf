"""A report's figures and checks but for what depends on how long a run took: to compare two."""

from __future__ import annotations

OF_TIME = {
    # Slots are wider where clocks err.
    "availability": {"slots", "slot_s", "measured_s", "paused_s"},
    "freshness": {"time_to_top_k_s", "time_to_top1_s"},
}
LATENCIES = {"p50_ms", "p95_ms"}


def metrics(document: dict) -> dict:
    """All figures; how many looks there were stays, how long they took does not."""
    found = dict(document["metrics"])
    for section, keys in OF_TIME.items():
        found[section] = without(found[section], keys)
    availability = found["availability"]
    if "llm" in availability:  # where a language model was asked
        availability["llm"] = without(availability["llm"], OF_TIME["availability"])
    for part in ("search", "poll"):
        found["freshness"][part] = without(found["freshness"][part], LATENCIES)
    return found


def checks(document: dict) -> list[dict]:
    """All checks; those on availability count slots, and tell how many in their reason."""
    return [
        without(check, {"samples", "reason"})
        if check["metric"].startswith("availability.")
        else check
        for check in document["checks"]
    ]


def without(mapping: dict, keys: set[str]) -> dict:
    """What is left of it."""
    return {key: value for key, value in mapping.items() if key not in keys}
