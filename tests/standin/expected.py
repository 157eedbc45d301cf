"""What arithmetic says of each mode: one trio, one round, three_cities, K = 8, rank 2 recorded.

Worked out by hand from modes.py, never from the metrics. Paths are those of a run's JSON, without
``metrics.`` in front.
"""

from __future__ import annotations

from typing import Any

import msgspec

SAME_ROLE = "diversity.same_role_across_contracts"
OTHER_ROLES = "diversity.different_roles_within_contract"


class Expected(msgspec.Struct):
    """``failing``: the figures whose checks fail; ``unknown``: those that have no samples."""

    metrics: dict[str, Any]
    failing: set[str]
    calls: dict[str, int]
    unknown: set[str] = set()

    @property
    def exit_code(self) -> int:
        """3 where a check fails, else 0."""
        return 3 if self.failing else 0


CALLS = {
    # Baseline 12, fresh 3, inbox 6, surge 12, swap 2, merge 6, split 4, reissue 12; the handovers
    # 4 queries in 2 arms each, 8 and 8.
    "matrix.search": 12 + 3 + 6 + 12 + 2 + 6 + 8 + 8 + 4 + 12,
    "playbook.record": 12,
    "observerd.inbox.record": 6,
    "llm.parse_demand": 6,
    "llm.judge_top1": 6,
    "embed": 3,
    "index.add": 3,
}
LOOKS = 3
"""For new resumes: searches to the service, and steps of freshness alone."""

HEALTHY: dict[str, Any] = {
    # Three roles are in all three contracts: 3 roles x 3 pairs of contracts. No id is in two lists.
    f"{SAME_ROLE}.pairs": 9,
    f"{SAME_ROLE}.mean_jaccard": 0.0,
    # Four roles a contract: 3 contracts x 6 pairs of roles.
    f"{OTHER_ROLES}.pairs": 18,
    f"{OTHER_ROLES}.mean_jaccard": 0.0,
    # Three coordinators x 4 roles.
    "determinism.pairs": 12,
    "determinism.mean_jaccard": 1.0,
    "determinism.identical_rate": 1.0,
    "determinism.top1_rate": 1.0,
    "determinism.mean_overlap_at_k": 1.0,
    "determinism.mean_rbo": 1.0,
    # The choice was rank 2, distance 0.31; remembered at distance 0 it is boosted to 0.155, before
    # rank 1 at 0.30. The control still has it at rank 2.
    "handover.verbatim.queries": 4,
    "handover.verbatim.top1": 4,
    "handover.verbatim.top_k": 4,
    "handover.verbatim.top1_rate": 1.0,
    "handover.verbatim.top_k_rate": 1.0,
    "handover.verbatim.control_queries": 4,
    "handover.verbatim.control_top1": 0,
    "handover.verbatim.control_top_k": 4,
    "handover.verbatim.control_top1_rate": 0.0,
    "handover.verbatim.lift": 1.0,
    "handover.verbatim.by_boost": 4,
    "handover.verbatim.by_injection": 0,
    "handover.verbatim.reported_boosted": 4,
    "handover.verbatim.reported_injected": 0,
    # The paraphrase's own list lacks the choice. Remembered at distance 0.2, within 0.30, it is
    # injected at 0.1.
    "handover.paraphrase.queries": 4,
    "handover.paraphrase.top1": 4,
    "handover.paraphrase.top_k": 4,
    "handover.paraphrase.top1_rate": 1.0,
    "handover.paraphrase.top_k_rate": 1.0,
    "handover.paraphrase.control_queries": 4,
    "handover.paraphrase.control_top1": 0,
    "handover.paraphrase.control_top_k": 0,
    "handover.paraphrase.control_top1_rate": 0.0,
    "handover.paraphrase.lift": 1.0,
    "handover.paraphrase.by_boost": 0,
    "handover.paraphrase.by_injection": 4,
    "handover.paraphrase.reported_boosted": 0,
    "handover.paraphrase.reported_injected": 4,
    "freshness.resumes": 3,
    "freshness.top1": 3,
    "freshness.top_k": 3,
    "freshness.top1_rate": 1.0,
    "freshness.top_k_rate": 1.0,
    "freshness.judged": 3,
    "freshness.visible": 3,
    "freshness.never": 0,
    "freshness.visible_rate": 1.0,
    # The second list is the query's next 8 ids.
    "swap.swaps": 1,
    "swap.pairs": 1,
    "swap.mean_jaccard": 0.0,
    "swap.returned": 0,
    "inbox.messages": 6,
    "inbox.accepted": 6,
    "inbox.parsed": 6,
    "inbox.unparseable": 0,
    "inbox.ratings": {"1": 0, "2": 0, "3": 0, "4": 6, "5": 0},
    "inbox.parsed_rate": 1.0,
    "inbox.rated_rate": 1.0,
    "inbox.mean_rating": 4.0,
    "inbox.unrated": 0,
    "inbox.unparseable_ratings": 0,
    "errors.rate": 0.0,
    "errors.failed": 0,
    "errors.steps": 109 - LOOKS,
}
NO_RATINGS = dict.fromkeys("12345", 0)


def _expected(
    *failing: str,
    calls: dict[str, int] | None = None,
    unknown: set[str] = frozenset(),
    **metrics: dict[str, Any],
) -> Expected:
    changed = {
        f"{section}.{leaf}".replace("__", "."): value
        for section, leaves in metrics.items()
        for leaf, value in leaves.items()
    }
    assert changed.keys() <= HEALTHY.keys()
    return Expected(HEALTHY | changed, set(failing), CALLS | (calls or {}), set(unknown))


def _diversity(jaccard: float, **others: dict[str, Any]) -> Expected:
    """Both diversities are ``jaccard``, and too high."""
    return _expected(
        f"{SAME_ROLE}.mean_jaccard",
        f"{OTHER_ROLES}.mean_jaccard",
        diversity__same_role_across_contracts={"mean_jaccard": jaccard},
        diversity__different_roles_within_contract={"mean_jaccard": jaccard},
        **others,
    )


EXPECTED: dict[str, Expected] = {
    "healthy": _expected(),
    # What it says, it says in other spellings.
    "odd": _expected(),
    # One list for all, so Jaccard 8/8; a paraphrase finds the choice at rank 2, as anything does.
    "same_lists": _diversity(
        1.0,
        handover__paraphrase={
            "control_top_k": 4,
            "by_boost": 4,
            "by_injection": 0,
            "reported_boosted": 4,
            "reported_injected": 0,
        },
    ),
    # 4 ids shared, 4 + 4 not: 4/12. Rank 2, the choice, is in the half that is the query's own.
    "half_lists": _diversity(4 / 12),
    # 7 ids shared, 1 + 1 not: 7/9. Rank-biased overlap to depth 8 with agreement 1 down to rank 7
    # and 7/8 at rank 8, p = 0.9: (1-p)/p * (sum of p**d to 7, and 7/8 p**8) + 7/8 p**8
    # = 1 - p**7 + 7/8 p**7 = 1 - p**7 / 8.
    "restless": _expected(
        "determinism.mean_jaccard",
        determinism={
            "mean_jaccard": 7 / 9,
            "identical_rate": 0.0,
            "mean_overlap_at_k": 7 / 8,
            "mean_rbo": 1 - 0.9**7 / 8,
        },
    ),
    # Memory's list is the control's: verbatim at rank 2, by paraphrase absent.
    "forgetful": _expected(
        "handover.verbatim.top1_rate",
        "handover.paraphrase.top1_rate",
        handover__verbatim={
            "top1": 0,
            "top1_rate": 0.0,
            "lift": 0.0,
            "by_boost": 0,
            "reported_boosted": 0,
        },
        handover__paraphrase={
            "top1": 0,
            "top_k": 0,
            "top1_rate": 0.0,
            "top_k_rate": 0.0,
            "lift": 0.0,
            "by_injection": 0,
            "reported_injected": 0,
        },
    ),
    "literal": _expected(
        "handover.paraphrase.top1_rate",
        handover__paraphrase={
            "top1": 0,
            "top_k": 0,
            "top1_rate": 0.0,
            "top_k_rate": 0.0,
            "lift": 0.0,
            "by_injection": 0,
            "reported_injected": 0,
        },
    ),
    "stale": _expected(
        "freshness.visible_rate",
        freshness={
            "top1": 0,
            "top_k": 0,
            "top1_rate": 0.0,
            "top_k_rate": 0.0,
            "visible": 0,
            "never": 3,
            "visible_rate": 0.0,
        },
    ),
    # The rejected list again, all 8 of it.
    "stubborn": _expected("swap.returned", swap={"mean_jaccard": 1.0, "returned": 8}),
    # Nothing parsed, so neither searched for nor judged: 12 steps fewer.
    "prose": _expected(
        "inbox.parsed_rate",
        unknown={"inbox.rated_rate", "inbox.mean_rating"},
        calls={"matrix.search": CALLS["matrix.search"] - 6, "llm.judge_top1": 0},
        inbox={
            "parsed": 0,
            "parsed_rate": 0.0,
            "rated_rate": None,
            "unparseable": 6,
            "ratings": NO_RATINGS,
            "mean_rating": None,
            "unrated": 6,
        },
        errors={"steps": 109 - LOOKS - 12},
    ),
    "prose_judge": _expected(
        "inbox.rated_rate",
        unknown={"inbox.mean_rating"},
        inbox={
            "rated_rate": 0.0,
            "ratings": NO_RATINGS,
            "mean_rating": None,
            "unrated": 6,
            "unparseable_ratings": 6,
        },
    ),
    # One trio is no crowd.
    "crowded": _expected(),
}
