"""Every metric worked out again from a list of events, slowly and with fractions."""

from __future__ import annotations

from collections import Counter, defaultdict
from fractions import Fraction
from itertools import combinations

from mcstress.metrics.event import Event

ATTEMPTED = ("ok", "failed", "skipped", "unmet")


Who = tuple[str, str]
"""Corpus and id."""


def ids_of(event: Event) -> list[Who] | None:
    """The hits in rank order, repeats left out; None where the event has no list that counts."""
    if event.outcome == "cut" or event.listed is None:
        return None
    found: list[Who] = []
    for hit in event.top_k:
        if (hit.corpus, hit.id) not in found:
            found.append((hit.corpus, hit.id))
    return found


def wanted(event: Event) -> Who:
    return (event.expected_corpus, event.expected)


def jaccard(a: list[Who], b: list[Who]) -> Fraction:
    union = {*a, *b}
    return (
        Fraction(len([i for i in union if i in a and i in b]), len(union)) if union else Fraction(1)
    )


def mean(values: list[Fraction]) -> Fraction | None:
    return sum(values, Fraction(0)) / len(values) if values else None


def of_phase(events: list[Event], *phases: str) -> list[Event]:
    return [e for e in events if e.phase in phases and e.outcome in ATTEMPTED]


def counterpart(events: list[Event], event: Event, phase: str) -> Event | None:
    """The ok event with a list that ``event`` is compared with."""
    mine = [
        e for e in events
        if (e.worker, e.coordinator, e.round) == (event.worker, event.coordinator, event.round)
        and e.phase == phase and ids_of(e) is not None and e.seq < event.seq
        and (phase != event.phase or e.arm == "memory" or (e.arm is None and not e.exclude_ids))
    ]  # fmt: skip
    if event.paired_seq is not None:
        return next((e for e in mine if e.seq == event.paired_seq), None)
    return next((e for e in mine if e.cell == event.cell), None)


def diversity_pairs(events: list[Event]):
    """(figure, a, b, Jaccard or None, unit, later event), within a trio and a round."""
    rounds = defaultdict(list)
    for event in of_phase(events, "baseline"):
        rounds[event.trio, event.round].append(event)
    for lists in rounds.values():
        for a, b in combinations(sorted(lists, key=lambda event: event.cell), 2):
            same_role, same_contract = a.role == b.role, a.contract == b.contract
            figure = (
                "same_role_across_contracts" if same_role
                else "different_roles_within_contract" if same_contract else None
            )  # fmt: skip
            x, y = ids_of(a), ids_of(b)
            value = None if x is None or y is None else jaccard(x, y)
            later = max(a, b, key=lambda event: (event.time, event.cell))
            unit = a.trio if a.variant is None else a.variant
            yield figure, a, b, value, unit, later


def diversity(events: list[Event], figure: str) -> dict:
    pairs = [p for p in diversity_pairs(events) if p[0] == figure]
    values = [p[3] for p in pairs if p[3] is not None]
    return {
        "mean_jaccard": mean(values),
        "pairs": len(values),
        "planned": len(pairs),
        "sharing_pairs": len([
            1 for _, a, b, value, *_ in pairs if value is not None and {*ids_of(a)} & {*ids_of(b)}
        ]),
        "empty_pairs": len([
            1 for _, a, b, value, *_ in pairs if value is not None and not a.top_k and not b.top_k
        ]),
        "trios": len({p[4] for p in pairs if p[3] is not None}),
    }  # fmt: skip


def determinism_pairs(events: list[Event]):
    """(reissue, baseline ids, reissue ids, whether the corpora changed)."""
    for event in of_phase(events, "reissue"):
        baseline, ids = counterpart(events, event, "baseline"), ids_of(event)
        if baseline is not None and ids is not None:
            yield event, ids_of(baseline), ids, baseline.corpus_sizes != event.corpus_sizes


def determinism(events: list[Event]) -> dict:
    rows = list(determinism_pairs(events))
    pairs = [(a, b) for _, a, b, changed in rows if not changed]
    return {
        "mean_jaccard": mean([jaccard(a, b) for a, b in pairs]),
        "pairs": len(pairs),
        "planned": len(of_phase(events, "reissue")),
        "identical": len([1 for a, b in pairs if a == b]),
        "top1": len([1 for a, b in pairs if a[:1] == b[:1]]),
        "changed_corpora_pairs": len(rows) - len(pairs),
        "changed_corpora_mean_jaccard": mean([jaccard(a, b) for _, a, b, c in rows if c]),
    }


def handover(events: list[Event], phase: str) -> dict:
    asked = of_phase(events, phase)
    found = {"memory": [], "control": []}
    for event in asked:
        if ids_of(event) is not None:
            found[event.arm].append(event)
    hit = {id(e): ids_of(e)[:1] == [wanted(e)] for e in asked if ids_of(e) is not None}
    listed = {id(e): wanted(e) in ids_of(e) for e in asked if ids_of(e) is not None}
    arms = Counter(event.arm for event in asked)
    result = {"planned": min(arms["memory"], arms["control"])}
    for arm, prefix in (("memory", ""), ("control", "control_")):
        queries = found[arm]
        top1, top_k = (sum(which[id(e)] for e in queries) for which in (hit, listed))
        result |= {
            f"{prefix}queries": len(queries),
            f"{prefix}top1": top1,
            f"{prefix}top_k": top_k,
            f"{prefix}top1_rate": Fraction(top1, len(queries)) if queries else None,
            f"{prefix}top_k_rate": Fraction(top_k, len(queries)) if queries else None,
        }
    pairs = [
        (memory, control)
        for control in found["control"]
        if (memory := counterpart(events, control, phase)) is not None
    ]
    table = Counter((hit[id(m)], hit[id(c)]) for m, c in pairs)
    return result | {
        "pairs": len(pairs),
        "both": table[True, True],
        "memory_only": table[True, False],
        "control_only": table[False, True],
        "neither": table[False, False],
        "lift": Fraction(table[True, False] - table[False, True], len(pairs)) if pairs else None,
        "by_boost": len([1 for m, c in pairs if hit[id(m)] and listed[id(c)]]),
        "by_injection": len([1 for m, c in pairs if hit[id(m)] and not listed[id(c)]]),
        "reported_boosted": sum(e.boosted or 0 for e in found["memory"]),
    }


def freshness(events: list[Event]) -> dict:
    asked = of_phase(events, "fresh_resume")
    lists = [(wanted(event), ids_of(event)) for event in asked if ids_of(event) is not None]
    top1 = len([1 for expected, ids in lists if ids and ids[0] == expected])
    top_k = len([1 for expected, ids in lists if expected in ids])
    return {
        "resumes": len(lists),
        "planned": len(asked),
        "top1": top1,
        "top_k": top_k,
        "top1_rate": Fraction(top1, len(lists)) if lists else None,
        "top_k_rate": Fraction(top_k, len(lists)) if lists else None,
    }


def swap(events: list[Event]) -> dict:
    asked = of_phase(events, "swap")
    after = [e for e in asked if e.exclude_ids is not None and ids_of(e) is not None]
    pairs = [(counterpart(events, e, "swap"), e) for e in after]
    values = [jaccard(ids_of(first), ids_of(second)) for first, second in pairs if first]
    returned = [
        who for e in after for who in ids_of(e) if who in [(r.corpus, r.id) for r in e.rejected]
    ]
    return {
        "swaps": len(after),
        "planned": len([e for e in asked if e.exclude_ids is not None or e.outcome == "skipped"]),
        "returned": len(returned) if after else None,
        "pairs": len(values),
        "mean_jaccard": mean(values),
    }


def inbox(events: list[Event]) -> dict:
    asked = of_phase(events, "inbox")
    answered = [[step.name for step in e.steps if step.error is None] for e in asked]
    ratings = [e.rating for e in asked if e.rating is not None]
    accepted = len([1 for names in answered if "observerd.inbox.record" in names])
    return {
        "messages": len(asked),
        "planned": len(asked),
        "accepted": accepted,
        "parsed": len([1 for e in asked if e.parse_status == "parsed"]),
        "unparseable": len([1 for e in asked if e.parse_status == "unparseable"]),
        "parse_failed": len([1 for e in asked if e.parse_status == "failed"]),
        "ratings": {str(n): ratings.count(n) for n in range(1, 6)},
        "rated": len(ratings),
        "mean_rating": Fraction(sum(ratings), len(ratings)) if ratings else None,
        "unrated": accepted - len(ratings),
        "unparseable_ratings": len([
            1 for e, names in zip(asked, answered, strict=True)
            if "llm.judge_top1" in names and e.rating is None
        ]),
    }  # fmt: skip


def errors(events: list[Event]) -> dict:
    steps = [step for event in events for step in event.steps]
    failed = [step for step in steps if step.error is not None]
    names = sorted({step.name for step in steps})
    return {
        "steps": len(steps),
        "failed": len(failed),
        "rate": Fraction(len(failed), len(steps)) if steps else None,
        "by_step": {
            name.replace(".", "_"): {
                "steps": (count := len([1 for step in steps if step.name == name])),
                "failed": (bad := len([1 for step in failed if step.name == name])),
                "rate": Fraction(bad, count),
            }
            for name in names
        },
        "by_reason": sorted(
            ({"step": s, "reason": r, "count": n}
             for (s, r), n in Counter((step.name, step.error) for step in failed).items()),
            key=lambda row: (-row["count"], row["step"], row["reason"]),
        ),
    }  # fmt: skip


def metrics(events: list[Event]) -> dict:
    """What ``Figures.result()["metrics"]`` must hold, but for intervals, tests and chance."""
    return {
        "diversity": {
            figure: diversity(events, figure)
            for figure in ("same_role_across_contracts", "different_roles_within_contract")
        },
        "determinism": determinism(events),
        "handover": {
            "verbatim": handover(events, "handover"),
            "paraphrase": handover(events, "handover_paraphrase"),
        },
        "freshness": freshness(events),
        "swap": swap(events),
        "inbox": inbox(events),
        "errors": errors(events),
    }
