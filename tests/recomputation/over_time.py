"""What a document says of time, worked out again from its events: none of the product's code."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from math import ceil, floor, log2
from statistics import median_low
from typing import Any

from recomputation.estimates import left_out, wilson
from recomputation.quality import unsent

Document = dict[str, Any]
Span = tuple[str, float, float, str]
"""Name of a step, begin and end in Unix seconds, and ok, failed or cut."""


def unix(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def run_of(document: Document) -> tuple[float, float]:
    return unix(document["run"]["started"]), unix(document["run"]["ended"])


def counted_steps(document: Document) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """(event, step) of all steps that counts and rates are over."""
    return [
        (event, step)
        for event in document["events"]
        for step in event["steps"]
        if not step["name"].startswith("freshness.") and not step["cut"]
    ]


def spans(document: Document) -> dict[str, list[Span]]:
    """By service, the steps that went out to it."""
    found = defaultdict(list)
    for event in document["events"]:
        for step in event["steps"]:
            name, error = step["name"], step["error"]
            if name.startswith("freshness.") or unsent(step):
                continue
            begin = unix(step["time"])
            end = begin + step["latency_ms"] / 1000
            kind = "cut" if step["cut"] else "failed" if error else "ok"
            found["llm" if name.startswith("llm.") else "gateway"].append((name, begin, end, kind))
    return found


def availability(document: Document) -> dict[str, Any]:
    by_service = {name: of_service(document, its) for name, its in spans(document).items()}
    llm = by_service.pop("llm", None)
    return by_service.get("gateway", {}) | ({"llm": llm} if llm else {})


def of_service(document: Document, its: list[Span]) -> dict[str, Any]:
    begin, end = run_of(document)
    cap_s, wide = cap_of(its), width_of(document)
    flight, good = set(), set()
    for _, first, last, kind in its:
        lasted = last - first
        slots = set(range(slot(first, wide), slot(last, wide) + 1))
        if kind != "cut" or lasted > cap_s:
            flight |= slots
        if kind == "ok":
            good |= slots if lasted <= cap_s else {slot(last, wide)}
    within = range(slot(begin, wide), slot(end, wide) + 1)
    left_out = paused(document, wide) - good
    flight -= left_out
    silences = []
    for first, last in stretches(flight, good, within):
        if (last - first + 1) * wide >= 10:
            begin_s = max(first * wide / 10, begin)
            silences.append((begin_s, min((last + 1) * wide / 10, end) - begin_s))
            left_out -= {*range(first, last)}
    paused_s = min(len(left_out & {*within}) * wide / 10, end - begin)
    measured_s = end - begin - paused_s
    silent_s = sum(seconds for _, seconds in silences)
    slots = len([one for one in flight if one in within])
    return {
        "rate": 1 - silent_s / measured_s if slots else None,
        "longest_silence_s": max((s for _, s in silences), default=0.0) if slots else None,
        "silent_s": silent_s,
        "silence_count": len(silences),
        "silences": [{"begin": b, "seconds": s} for b, s in silences[:20]],
        "slots": slots,
        "slot_s": wide / 10,
        "cap_s": cap_s,
        "measured_s": measured_s,
        "paused_s": paused_s,
    }


def paused(document: Document, wide: int) -> set[int]:
    """Slots in which a process of the load generator stood still, and the two beside each time."""
    return {
        number
        for worker in document["completeness"]["workers"]
        for pause in worker["pauses"]
        for number in range(
            slot(pause["begin"], wide) - 1, slot(pause["begin"] + pause["seconds"], wide) + 2
        )
    }


def slot(time: float, wide: int) -> int:
    return int(time * 10) // wide


def width_of(document: Document) -> int:
    errors = [one["clock_error_s"] or 0 for one in document["completeness"]["workers"]]
    return max(1, ceil(max(errors, default=0) / 0.05))


def cap_of(its: list[Span]) -> float:
    """Four medians of the slowest kind that is not rare, by quarters of an octave; 1 s at least."""
    kinds = defaultdict(list)
    for name, begin, end, kind in its:
        if kind == "ok":
            kinds[name].append(max(-8, ceil(4 * log2(max(end - begin, 1e-9)))))
    number = sum(map(len, kinds.values()))
    medians = [median_low(one) for one in kinds.values() if 10 * len(one) >= number]
    return max(1.0, 2 ** ((max(medians, default=-8) + 8) / 4))


def stretches(flight: set[int], good: set[int], within: range) -> Iterator[tuple[int, int]]:
    """The first and the last slot in flight of each time in which nothing succeeded."""
    stretch: list[int] = []
    for number in [*within, None]:
        if number is None or number in good:
            if stretch:
                yield stretch[0], stretch[-1]
            stretch = []
        elif number in flight:
            stretch.append(number)


def errors(document: Document) -> dict[str, Any]:
    steps = [step for _, step in counted_steps(document)]
    failed = [step for step in steps if step["error"]]
    ci95 = within_run(document)
    return {
        "steps": len(steps),
        "failed": len(failed),
        "rate": len(failed) / len(steps) if steps else None,
        "resent": sum(step["resent"] for step in steps),
        "ci95": ci95,
        "ci95_label": ci95 and "within this run",
    }


def within_run(document: Document) -> list[float] | None:
    """Over 20 blocks of the run; None where that says nothing."""
    begin, end = run_of(document)
    silence = availability(document).get("longest_silence_s") or 0.0
    if end - begin < 60 or silence > (end - begin) / 20:
        return None
    width = document["timeline"]["slot_s"]
    blocks = defaultdict(list)
    for event, step in counted_steps(document):
        middle = floor(unix(event["time"]) / width) * width + width / 2
        number = min(max(int((middle - begin) * 20 / (end - begin)), 0), 19)
        blocks[number].append(float(bool(step["error"])))
    values = [value for block in blocks.values() for value in block]
    if len(blocks) <= 10:
        return None
    low, high = wilson(sum(values) / len(values), len(values))
    below, above = left_out([*blocks.values()])
    return [max(min(low, below), 0.0), min(max(high, above), 1.0)]


def latency(document: Document) -> dict[str, Any]:
    """Steps by the service's own time, whole events from begin to end, and services' share."""
    steps, whole, served = defaultdict(list), defaultdict(list), defaultdict(list)
    for _, step in counted_steps(document):
        steps[step["name"].replace(".", "_")].append(step["latency_ms"])
    for event in document["events"]:
        if event["outcome"] != "cut" and event["steps"] and not any(map(unsent, event["steps"])):
            lasted_ms = event["lasted_ms"]
            whole[event["phase"]].append(event["latency_ms"] if lasted_ms is None else lasted_ms)
            served[event["phase"]].append(event["latency_ms"])
    return {
        **{name: summary(its) for name, its in steps.items()},
        "phases": {name: summary(its) for name, its in whole.items()},
        "phases_service": {name: summary(its) for name, its in served.items()},
    }


def summary(values: list[float]) -> dict[str, Any]:
    """By nearest rank; None where as many samples do not have one beyond it."""
    ranked = sorted(values)
    found: dict[str, Any] = {"count": len(ranked), "max_ms": ranked[-1]}
    for name, of_thousand in (("p50_ms", 500), ("p90_ms", 900), ("p95_ms", 950), ("p99_ms", 990)):
        enough = len(ranked) * (1000 - of_thousand) >= 1000
        found[name] = ranked[ceil(of_thousand * len(ranked) / 1000) - 1] if enough else None
    return found


def axis(document: Document, which: str) -> list[dict[str, Any]]:
    """Events, also by phase, and steps of each slot that the document has or an event is in."""
    width = document[which]["slot_s"]
    begun = Counter(floor(unix(e["time"]) / width) * width for e in document["events"])
    steps, failed = Counter(), Counter()
    for event, step in counted_steps(document):
        at = floor(unix(event["time"]) / width) * width
        steps[at] += 1
        failed[at] += bool(step["error"])
    phases = defaultdict(Counter)
    for event in document["events"]:
        whole = "whole" if event["outcome"] == "ok" else "not_ok"
        phases[floor(unix(event["time"]) / width) * width, event["phase"]][whole] += 1
    return [
        {
            "time": at,
            "events": begun[at],
            "steps": steps[at],
            "failed": failed[at],
            "phases": {
                phase: {"events": counted.total(), "not_ok": counted["not_ok"]}
                for (its, phase), counted in phases.items()
                if its == at
            },
        }
        for at in sorted({*begun} | {slot["time"] for slot in document[which]["slots"]})
    ]


def paces(document: Document) -> list[dict[str, Any]]:
    """Steps a second of each band; None over less than a second."""
    found = []
    for band in document["load_curve"]:
        steps = [
            step
            for event, step in counted_steps(document)
            if band["users_from"] <= event["users"] <= band["users_to"]
        ]
        seconds = band["seconds"]
        found.append({"requests_per_s": len(steps) / seconds if seconds >= 1 else None})
    return found
