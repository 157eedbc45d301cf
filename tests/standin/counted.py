"""One trio's one round, asked through the product's clients and counted with fractions.

Nothing here is the product's arithmetic: expected.py is held against it.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

from standin.client import SCENARIO, TRACE, VARIANT
from standin.expected import OTHER_ROLES, SAME_ROLE


def shared(a, b):
    return Fraction(len({*a} & {*b}))


def jaccard(a, b):
    return shared(a, b) / len({*a} | {*b})


def mean(numbers):
    return sum(numbers, Fraction()) / len(numbers)


def play(client):
    """The figures of one trio's one round, counted from the answers."""
    cells = {
        (contract.name, demand.role): demand
        for contract in VARIANT.contracts
        for demand in contract.demands
    }
    baseline = {cell: client.ids(demand.query) for cell, demand in cells.items()}
    for (contract, role), ids in baseline.items():
        namespace = f"playbook_{VARIANT.contract(contract).persona}"
        assert not client.record(cells[contract, role].query, ids[1], namespace, role).error
    reissue = {cell: client.ids(demand.query) for cell, demand in cells.items()}
    pairs = [(baseline[cell], reissue[cell]) for cell in cells]
    return (
        diversity(baseline)
        | {
            "determinism.pairs": len(pairs),
            "determinism.mean_jaccard": mean([jaccard(a, b) for a, b in pairs]),
            "determinism.identical_rate": mean([Fraction(a == b) for a, b in pairs]),
            "determinism.top1_rate": mean([Fraction(a[0] == b[0]) for a, b in pairs]),
            "determinism.mean_overlap_at_k": mean(
                [Fraction(len({*a} & {*b}), 8) for a, b in pairs]
            ),
        }
        | handover(client, baseline, "verbatim", lambda demand: demand.query)
        | handover(client, baseline, "paraphrase", lambda demand: demand.paraphrases[0])
        | freshness(client)
        | swap(client)
        | inbox(client)
    )


def diversity(lists):
    kinds = {SAME_ROLE: [], OTHER_ROLES: []}
    for (a_contract, a_role), (b_contract, b_role) in combinations(lists, 2):
        overlap = jaccard(lists[a_contract, a_role], lists[b_contract, b_role])
        if a_role == b_role:
            kinds[SAME_ROLE].append(overlap)
        elif a_contract == b_contract:
            kinds[OTHER_ROLES].append(overlap)
    return {f"{kind}.pairs": len(found) for kind, found in kinds.items()} | {
        f"{kind}.mean_jaccard": mean(found) for kind, found in kinds.items()
    }


def handover(client, baseline, kind, words):
    contract = VARIANT.contract_of("alice")
    top1 = top_k = control_top1 = control_top_k = boosted = injected = by_injection = 0
    for demand in contract.demands:
        expected = baseline[contract.name, demand.role][1]
        answer = client.search(words(demand), "playbook_alice", demand.role).answer
        memory, control = [hit.id for hit in answer.results], client.ids(words(demand))
        boosted += answer.playbook_boosted or 0
        injected += answer.playbook_injected or 0
        top1 += memory[0] == expected
        top_k += expected in memory
        control_top1 += control[0] == expected
        control_top_k += expected in control
        by_injection += memory[0] == expected and expected not in control
    figures = {
        "queries": 4,
        "top1": top1,
        "top_k": top_k,
        "top1_rate": Fraction(top1, 4),
        "top_k_rate": Fraction(top_k, 4),
        "control_queries": 4,
        "control_top1": control_top1,
        "control_top_k": control_top_k,
        "control_top1_rate": Fraction(control_top1, 4),
        "lift": Fraction(top1 - control_top1, 4),
        "by_boost": top1 - by_injection,
        "by_injection": by_injection,
        "reported_boosted": boosted,
        "reported_injected": injected,
    }
    return {f"handover.{kind}.{leaf}": value for leaf, value in figures.items()}


def freshness(client):
    top1 = top_k = 0
    for number, template in enumerate(VARIANT.resumes):
        resume, resume_id = template.of(f"Ada Person{number}"), f"f-{number}"
        assert not client.add(resume_id, resume).error
        found = client.ids(resume.query, corpora=[*SCENARIO.corpora, "fresh_workers"])
        top1 += found[0] == resume_id
        top_k += resume_id in found
    return {
        "freshness.resumes": 3,
        "freshness.top1": top1,
        "freshness.top_k": top_k,
        "freshness.top1_rate": Fraction(top1, 3),
        "freshness.top_k_rate": Fraction(top_k, 3),
        # What it does not find at once, it never finds.
        "freshness.judged": 3,
        "freshness.visible": top_k,
        "freshness.never": 3 - top_k,
        "freshness.visible_rate": Fraction(top_k, 3),
    }


def swap(client):
    demand = VARIANT.contract_of("alice").demands[0]
    rejected = client.ids(demand.query, "playbook_alice", demand.role)
    after = client.ids(demand.query, "playbook_alice", demand.role, rejected)
    return {
        "swap.swaps": 1,
        "swap.pairs": 1,
        "swap.mean_jaccard": jaccard(rejected, after),
        "swap.returned": len({*rejected} & {*after}),
    }


def inbox(client):
    ratings = dict.fromkeys("12345", 0)
    accepted = parsed = unparseable = unparseable_ratings = 0
    for message in VARIANT.inbox:
        accepted += client.inbox().error is None
        demand = client.ollama.parse(message.body, TRACE)
        parsed += demand.answer is not None
        unparseable += demand.unparseable is not None
        if demand.answer:
            hit = client.search(demand.answer.role).answer.results[0]
            judged = client.ollama.judge(message.body, hit, TRACE)
            unparseable_ratings += judged.unparseable is not None
            if judged.answer:
                ratings[str(judged.answer.rating)] += 1
    rated = sum(ratings.values())
    return {
        "inbox.messages": len(VARIANT.inbox),
        "inbox.accepted": accepted,
        "inbox.parsed": parsed,
        "inbox.unparseable": unparseable,
        "inbox.ratings": ratings,
        "inbox.parsed_rate": Fraction(parsed, parsed + unparseable),
        "inbox.rated_rate": Fraction(rated, parsed) if parsed else None,
        "inbox.mean_rating": Fraction(sum(int(r) * n for r, n in ratings.items()), rated)
        if rated
        else None,
        "inbox.unrated": accepted - rated,
        "inbox.unparseable_ratings": unparseable_ratings,
    }
