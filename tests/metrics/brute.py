"""Every metric worked out again from a list of events, slowly and with fractions."""

from __future__ import annotations

from collections import Counter, defaultdict
from fractions import Fraction
from itertools import combinations
from math import ceil

import msgspec

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


def question(event: Event) -> tuple:
    """What was asked: the event's own key, or what a scenario's key would tell apart."""
    if event.question is not None:
        return (event.question,)
    asker = event.coordinator if event.trio == 1 else event.coordinator.rpartition("-")[0]
    unit = event.trio if event.variant is None else event.variant
    if event.role is None or event.phase == "inbox":
        return (unit, event.phase, asker)
    return (unit, event.phase, event.contract, event.role)


def over_questions(samples: list[tuple[tuple, Fraction | int]]) -> Fraction | None:
    """The mean over questions of each question's mean, of (question, value)."""
    asked = defaultdict(list)
    for which, value in samples:
        asked[which].append(Fraction(value))
    return mean([mean(values) for values in asked.values()])


def different(samples: list[tuple[tuple, Fraction | int]]) -> int:
    return len({which for which, _ in samples})


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
    pairs = [(question(e), a, b) for e, a, b, changed in rows if not changed]
    alike = [(q, jaccard(a, b)) for q, a, b in pairs]
    overlap = [
        (q, Fraction(2 * len({*a} & {*b}), len(a) + len(b)) if a or b else Fraction(1))
        for q, a, b in pairs
    ]
    return {
        "mean_jaccard": over_questions(alike),
        "mean_overlap_at_k": over_questions(overlap),
        "identical_rate": over_questions([(q, a == b) for q, a, b in pairs]),
        "top1_rate": over_questions([(q, a[:1] == b[:1]) for q, a, b in pairs]),
        "pairs": len(pairs),
        "questions": different(alike),
        "planned": len(of_phase(events, "reissue")),
        "identical": len([1 for _, a, b in pairs if a == b]),
        "top1": len([1 for _, a, b in pairs if a[:1] == b[:1]]),
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
            f"{prefix}questions": len({question(e) for e in queries}),
            f"{prefix}top1": top1,
            f"{prefix}top_k": top_k,
            f"{prefix}top1_rate": over_questions([(question(e), hit[id(e)]) for e in queries]),
            f"{prefix}top_k_rate": over_questions([(question(e), listed[id(e)]) for e in queries]),
        }
    pairs = [
        (memory, control)
        for control in found["control"]
        if (memory := counterpart(events, control, phase)) is not None
    ]
    table = Counter((hit[id(m)], hit[id(c)]) for m, c in pairs)
    gains = [(question(c), hit[id(m)] - hit[id(c)]) for m, c in pairs]
    by_question = defaultdict(int)
    for which, gain in gains:
        by_question[which] += gain
    return result | {
        "pairs": len(pairs),
        "both": table[True, True],
        "memory_only": table[True, False],
        "control_only": table[False, True],
        "neither": table[False, False],
        "lift": over_questions(gains),
        "pair_questions": different(gains),
        "better_questions": len([1 for gain in by_question.values() if gain > 0]),
        "worse_questions": len([1 for gain in by_question.values() if gain < 0]),
        "by_boost": len([1 for m, c in pairs if hit[id(m)] and listed[id(c)]]),
        "by_injection": len([1 for m, c in pairs if hit[id(m)] and not listed[id(c)]]),
        "reported_boosted": sum(e.boosted or 0 for e in found["memory"]),
    }


LOOKS = ("freshness.search", "freshness.poll")


def freshness(events: list[Event]) -> dict:
    asked = of_phase(events, "fresh_resume")
    lists = [(question(e), wanted(e), ids) for e in asked for ids in [ids_of(e)] if ids is not None]
    at_top1 = [(q, ids[:1] == [expected]) for q, expected, ids in lists]
    in_list = [(q, expected in ids) for q, expected, ids in lists]
    told = [(question(e), msgspec.to_builtins(e)) for e in asked]
    seen = [(q, e) for q, e in told if isinstance(e.get("visible_after_s"), float)]
    unseen = [
        (q, e)
        for q, e in told
        if (q, e) not in seen and any(s["name"] in LOOKS and s["error"] is None for s in e["steps"])
    ]
    never = [(q, e) for q, e in unseen if e.get("visible_after_s", 0) is None]
    fates = [(q, 1) for q, _ in seen] + [(q, 0) for q, _ in never]
    steps = [step for event in events for step in event.steps]
    return {
        "resumes": len(lists),
        "planned": len(asked),
        "questions": different(in_list),
        "top1": sum(found for _, found in at_top1),
        "top_k": sum(found for _, found in in_list),
        "top1_rate": over_questions(at_top1),
        "top_k_rate": over_questions(in_list),
        "visible": len(seen),
        "never": len(never),
        "undecided": len(unseen) - len(never),
        "judged": len(fates),
        "judged_questions": different(fates),
        "visible_rate": over_questions(fates),
        "time_to_top_k_s": times([e["visible_after_s"] for _, e in seen], len(fates)),
        "time_to_top1_s": times(
            [e["visible_after_s"] for _, e in seen if e["visible_at_top1"]], len(fates)
        ),
        **{
            name.partition(".")[2]: {
                "count": len([1 for step in steps if step.name == name]),
                "failed": len([1 for step in steps if step.name == name and step.error]),
            }
            for name in LOOKS
        },
    }


def times(seconds: list[float], judged: int) -> dict:
    """Nearest rank of all judged; who has no time comes last. To the ms."""
    ranked = sorted(round(1000 * one) for one in seconds) + [None] * (judged - len(seconds))
    found = {}
    for name, share in (("p50", Fraction(1, 2)), ("p95", Fraction(19, 20))):
        at = ranked[ceil(share * judged) - 1] if judged >= 1 / (1 - share) else None
        found[name] = None if at is None else Fraction(at, 1000)
    return found


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
        "questions": len({question(e) for e in after}),
        "planned": len([e for e in asked if e.exclude_ids is not None or e.outcome == "skipped"]),
        "returned": len(returned) if after else None,
        "pairs": len(values),
        "mean_jaccard": mean(values),
    }


def inbox(events: list[Event]) -> dict:
    asked = of_phase(events, "inbox")
    answered = [[step.name for step in e.steps if step.error is None] for e in asked]
    rated = [(question(e), e.rating) for e in asked if e.rating is not None]
    ratings = [rating for _, rating in rated]
    sent = [
        [s.name for s in e.steps if not (s.error or "").startswith("load generator: ")]
        for e in asked
    ]
    parses = [(question(e), e.parse_status == "parsed") for e in asked if e.parse_status]
    judged = [
        (question(e), e.rating is not None)
        for e, names in zip(asked, sent, strict=True)
        if "llm.judge_top1" in names
    ]
    fields = [
        (question(e), name, came) for e in asked for name, came in (e.expected_fields or {}).items()
    ]
    accepted = len([1 for names in answered if "observerd.inbox.record" in names])
    return {
        "messages": len(asked),
        "planned": len(asked),
        "accepted": accepted,
        "parsed": sum(parsed for _, parsed in parses),
        "parses": len(parses),
        "parsed_rate": over_questions(parses),
        "judged": len(judged),
        "rated_rate": over_questions(judged),
        "expected_fields": len(fields),
        "parse_accuracy": over_questions([(which, came) for which, _, came in fields]),
        "fields": {
            each: {
                "expected": len([1 for _, name, _ in fields if name == each]),
                "accuracy": mean([Fraction(came) for _, name, came in fields if name == each]),
            }
            for each in ("role", "count", "location", "certs", "skills", "shift")
        },
        "unparseable": len([1 for e in asked if e.parse_status == "unparseable"]),
        "parse_failed": len([1 for e in asked if e.parse_status == "failed"]),
        "ratings": {str(n): ratings.count(n) for n in range(1, 6)},
        "rated": len(ratings),
        "questions": different(rated),
        "mean_rating": over_questions(rated),
        "unrated": accepted - len(ratings),
        "unparseable_ratings": len([
            1 for e, names in zip(asked, answered, strict=True)
            if "llm.judge_top1" in names and e.rating is None
        ]),
    }  # fmt: skip


def errors(events: list[Event]) -> dict:
    steps = [step for event in events for step in event.steps if step.name not in LOOKS]
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
