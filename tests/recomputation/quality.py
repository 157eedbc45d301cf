"""What a document says of quality, worked out again from its events: none of the product's code."""

from __future__ import annotations

from collections import Counter
from math import log2
from typing import Any

from recomputation.estimates import lift, rate

Events = list[dict[str, Any]]
MOST = 10
"""How many seconds a new resume has."""


def attempted(events: Events, phase: str) -> Events:
    return [e for e in events if e["phase"] == phase and e["outcome"] != "cut"]


def hits(event: dict[str, Any]) -> list[tuple[str, str]] | None:
    """Corpus and id in rank order, repeats left out; None where there is no list that counts."""
    if event["found"] is None or event["outcome"] == "cut":
        return None
    return list(dict.fromkeys((hit["corpus"], hit["id"]) for hit in event["top_k"]))


def key(event: dict[str, Any]) -> tuple[int, str]:
    """The unit that asked, and the question."""
    return (event["variant"] or event["trio"]), event["question"]


def figures(name: str, ci95: str, samples: list, questions: str = "") -> dict[str, Any]:
    """A rate with its interval, by the names that the document has for them."""
    mean, interval, label, number = rate(samples)
    found = {name: mean, ci95: interval, f"{ci95}_label": label}
    return found | ({questions: number} if questions else {})


def relevance(events: Events) -> dict[str, Any]:
    lists = [e for e in attempted(events, "baseline") if hits(e) is not None]
    judged = [e for e in lists if e["gains"] is not None]
    without = [e for e in lists if e["gains"] is None and e["other_values"] is not None]
    strange = [e for e in judged if e["other_values"] is not None]
    empty = [e for e in judged if not e["gains"]]
    counts = {
        "lists": len(judged),
        "questions": len({key(e) for e in judged}),
        "planned": len(attempted(events, "baseline")),
        "without_fields": len(without),
        "other_words": len(strange),
    }
    if (without and not judged) or (strange and len(judged) == len(strange) + len(empty)):
        return counts | dict.fromkeys(("precision_at_k", "top1_rate", "mean_gain_at_k"))
    each = [(key(e), gains_of(e), e["k"]) for e in judged]
    precision = [(q, sum(g > 0 for g in gains) / k) for q, gains, k in each]
    top1 = [(q, bool(gains) and gains[0] > 0) for q, gains, _ in each]
    gain = [(q, discounted(gains) / discounted([1] * k)) for q, gains, k in each]
    return (
        counts
        | figures("precision_at_k", "ci95", precision)
        | without_label(figures("top1_rate", "top1_ci95", top1))
        | without_label(figures("mean_gain_at_k", "mean_gain_ci95", gain))
    )


def gains_of(event: dict[str, Any]) -> list[float]:
    """Those of the hits; of one that stands twice the first."""
    first = {}
    for hit, gain in zip(event["top_k"], event["gains"], strict=True):
        first.setdefault((hit["corpus"], hit["id"]), gain)
    return [*first.values()][: event["k"]]


def discounted(gains: list[float]) -> float:
    return sum(gain / log2(rank + 1) for rank, gain in enumerate(gains, 1))


def without_label(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if not name.endswith("_label")}


def by_truth(events: Events) -> dict[str, Any]:
    lists = [e for e in attempted(events, "baseline") if hits(e) is not None and e["truth"]]
    graded = [e for e in lists if e["truth"]["relevant"]]
    if not graded:
        return {}
    recall, ndcg, rank = [], [], []
    for event in graded:
        truth, k = event["truth"], event["k"]
        grades = [max(grade, 0) for grade in truth["grades"][:k]]
        places = [place for place, grade in enumerate(grades, 1) if grade]
        recall.append((key(event), len(places) / truth["relevant"]))
        ndcg.append((key(event), discounted(grades) / discounted(truth["best"][:k])))
        rank.append((key(event), 1 / places[0] if places else 0))
    return without_label(
        figures("recall_at_k", "recall_ci95", recall, "graded_questions")
        | figures("ndcg_at_k", "ndcg_ci95", ndcg)
        | figures("mrr", "mrr_ci95", rank)
        | {"graded_lists": len(graded)}
    )


def against_rest(events: Events) -> dict[str, Any]:
    lists = [
        (key(e), e["rest_overlap"])
        for e in attempted(events, "baseline")
        if hits(e) is not None and e["rest_overlap"] is not None
    ]
    return figures("mean_overlap", "ci95", lists, "questions") | {"lists": len(lists)}


def determinism(events: Events) -> dict[str, Any]:
    pairs = []
    for event in attempted(events, "reissue"):
        before = earlier(events, event, "baseline")
        if before is None or hits(event) is None or event["inserts"]:
            continue
        if before["corpus_sizes"] == event["corpus_sizes"]:
            pairs.append((key(event), hits(before), hits(event)))
    jaccard = [(q, len({*a} & {*b}) / len({*a} | {*b}) if a or b else 1.0) for q, a, b in pairs]
    overlap = [(q, 2 * len({*a} & {*b}) / len(a + b) if a or b else 1.0) for q, a, b in pairs]
    return {
        "pairs": len(pairs),
        "questions": len({q for q, _, _ in pairs}),
        "mean_overlap_at_k": rate(overlap)[0],
        **{name: rate(jaccard)[0] for name in ("mean_jaccard",)},
        **figures("identical_rate", "identical_ci95", [(q, a == b) for q, a, b in pairs]),
        **figures("top1_rate", "top1_ci95", [(q, a[:1] == b[:1]) for q, a, b in pairs]),
    }


def earlier(events: Events, event: dict[str, Any], phase: str) -> dict[str, Any] | None:
    """The event with a list that ``event`` names as its other end, or the one of its place."""
    same = ("worker", "coordinator", "round")
    mine = [
        one
        for one in events
        if one["phase"] == phase
        and all(one[name] == event[name] for name in same)
        and one["seq"] < event["seq"]
        and hits(one) is not None
        and one["arm"] != "control"
    ]
    if event["paired_seq"] is not None:
        return next((one for one in mine if one["seq"] == event["paired_seq"]), None)
    place = ("contract", "role")
    return next((one for one in mine if all(one[name] == event[name] for name in place)), None)


def handover(events: Events, phase: str) -> dict[str, Any]:
    asked = [e for e in attempted(events, phase) if hits(e) is not None]
    found: dict[str, Any] = {}
    for arm, prefix in (("memory", ""), ("control", "control_")):
        mine = [e for e in asked if e["arm"] == arm]
        top1, top_k = [(key(e), is_top1(e)) for e in mine], [(key(e), is_listed(e)) for e in mine]
        found |= figures(f"{prefix}top1_rate", f"{prefix}ci95", top1, f"{prefix}questions")
        found |= figures(f"{prefix}top_k_rate", f"{prefix}top_k_ci95", top_k)
        found |= {
            f"{prefix}queries": len(mine),
            f"{prefix}top1": sum(hit for _, hit in top1),
            f"{prefix}top_k": sum(hit for _, hit in top_k),
        }
    pairs = [
        (memory, control)
        for control in asked
        if control["arm"] == "control"
        for memory in [earlier(events, control, phase)]
        if memory is not None
    ]
    table = Counter((is_top1(m), is_top1(c)) for m, c in pairs)
    return (
        found
        | lift((key(c), is_top1(m) - is_top1(c)) for m, c in pairs)
        | {
            "pairs": len(pairs),
            "both": table[True, True],
            "memory_only": table[True, False],
            "control_only": table[False, True],
            "neither": table[False, False],
        }
    )


def is_top1(event: dict[str, Any]) -> bool:
    return hits(event)[:1] == [(event["expected_corpus"], event["expected"])]


def is_listed(event: dict[str, Any]) -> bool:
    return (event["expected_corpus"], event["expected"]) in hits(event)


def freshness(events: Events) -> dict[str, Any]:
    asked = attempted(events, "fresh_resume")
    lists = [e for e in asked if hits(e) is not None]
    looked = [
        e
        for e in asked
        if any(s["name"].startswith("freshness.") and s["error"] is None for s in e["steps"])
    ]
    seen = [e for e in asked if e.get("visible_after_s") is not None]
    never = [e for e in looked if e.get("visible_after_s", 0) is None]
    undecided = [e for e in looked if e not in seen and e not in never]
    judged = [*seen, *never]
    found = figures(
        "visible_rate",
        "visible_ci95",
        [(key(e), e in seen) for e in judged],
        "judged_questions",
    )
    if undecided and found["visible_ci95"]:
        low, high = found["visible_ci95"]
        number = len(judged) + len(undecided)
        ends = len(seen) / number, (len(seen) + len(undecided)) / number
        found["visible_ci95"] = [min(low, ends[0]), max(high, ends[1])]
    return {
        **found,
        **figures("top1_rate", "top1_ci95", [(key(e), is_top1(e)) for e in lists], "questions"),
        **figures("top_k_rate", "ci95", [(key(e), is_listed(e)) for e in lists]),
        "resumes": len(lists),
        "judged": len(judged),
        "visible": len(seen),
        "never": len(never),
        "undecided": len(undecided),
        "time_to_top_k_s": times(seen, len(judged)),
        "time_to_top1_s": times([e for e in seen if e["visible_at_top1"]], len(judged)),
    }


def times(seen: Events, judged: int) -> dict[str, Any]:
    """Of all that were judged, the median and the 95th percentile; those never seen come last."""
    ranked = sorted(round(1000 * e["visible_after_s"]) / 1000 for e in seen)
    ranked += [None] * (judged - len(ranked))
    found = {}
    for name, percent in (("p50", 50), ("p95", 95)):
        enough = judged * (100 - percent) >= 100
        found[name] = ranked[-(-percent * judged // 100) - 1] if enough else None
    return found


def inbox(events: Events) -> dict[str, Any]:
    asked = attempted(events, "inbox")
    parses = [(key(e), e["parse_status"] == "parsed") for e in asked if e["parse_status"]]
    judged = [
        (key(e), e["rating"] is not None)
        for e in asked
        if any(s["name"] == "llm.judge_top1" and not unsent(s) for s in e["steps"])
    ]
    fields = [
        (key(e), name, came) for e in asked for name, came in (e["expected_fields"] or {}).items()
    ]
    ratings = [(key(e), e["rating"]) for e in asked if e["rating"] is not None]
    return {
        **figures("parsed_rate", "parsed_ci95", parses, "parse_questions"),
        **figures("rated_rate", "rated_ci95", judged, "judged_questions"),
        **figures(
            "parse_accuracy",
            "accuracy_ci95",
            [(q, came) for q, _, came in fields],
            "expected_questions",
        ),
        "mean_rating": rate(ratings)[0],
        "rated": len(ratings),
        "questions": len({q for q, _ in ratings}),
        "parses": len(parses),
        "judged": len(judged),
        "expected_fields": len(fields),
        "came_fields": sum(came for _, _, came in fields),
        "ratings": {str(rating): sum(r == rating for _, r in ratings) for rating in range(1, 6)},
    }


def unsent(step: dict[str, Any]) -> bool:
    """Whether the load generator had no means to send it."""
    return (step["error"] or "").startswith("load generator: ")


def swap(events: Events) -> dict[str, Any]:
    after = [
        e for e in attempted(events, "swap") if e["exclude_ids"] is not None and hits(e) is not None
    ]
    rejected = [{(one["corpus"], one["id"]) for one in e["rejected"] or ()} for e in after]
    back = [len({*hits(e)} & out) for e, out in zip(after, rejected, strict=True)]
    return {"swaps": len(after), "returned": sum(back) if after else None}


def faults(events: Events) -> dict[str, Any]:
    lists = [e for e in events if hits(e) is not None]
    searches = [s for e in events for s in e["steps"] if s["name"] == "matrix.search"]
    refused = [s for s in searches if (s["error"] or "").startswith("results: id ")]
    return {
        "nothing_found": sum(not e["top_k"] for e in lists),
        "short_lists": sum(0 < len(e["top_k"]) < e["k"] for e in lists),
        "repeated_ids": sum(len(hits(e)) < len(e["top_k"]) for e in lists)
        + len([s for s in refused if s["error"].endswith(" twice")]),
    }


def llm(events: Events) -> dict[str, Any]:
    steps = [
        s
        for e in events
        for s in e["steps"]
        if s["name"].startswith("llm.") and s["error"] is None and not s["cut"]
    ]
    reasons = Counter((s["name"], s["unparseable"]) for s in steps if s["unparseable"])
    number = sum(reasons.values())
    return {
        "answers": len(steps),
        "unparseable": number,
        "unparseable_rate": number / len(steps) if steps else None,
        "by_reason": sorted(
            ({"step": s, "reason": r, "count": n} for (s, r), n in reasons.items()),
            key=lambda row: (-row["count"], row["step"], row["reason"]),
        ),
    }
