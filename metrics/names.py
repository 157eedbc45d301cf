"""The names of all figures: what each means, and the samples, plan and phases behind it.

One table for checks, the documentation and the page. A name is the path of the figure in a run's
JSON, without the leading ``metrics.``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from mcstress.metrics.band import OUTCOMES
from mcstress.metrics.faults import FAULTS
from mcstress.metrics.inbox import RATINGS
from mcstress.metrics.phase import PHASES

COUNT, JACCARD, RATE = "count", "Jaccard, 0 to 1", "share, 0 to 1"

STEP_PHASES: dict[str, tuple[str, ...]] = {
    "matrix_search": (),
    "playbook_record": ("baseline",),
    "observerd_inbox_record": ("inbox",),
    "llm_parse_demand": ("inbox",),
    "llm_judge_top1": ("inbox",),
    "llm_paraphrase": ("handover_paraphrase",),
    "embed": ("fresh_resume",),
    "index_add": ("fresh_resume",),
}
"""The phases of ours that take each step; steps as JSON and checks spell them.

None: all phases, and those of a user's own, which may take any step, too.
"""


OUR_PHASES = frozenset(PHASES)

PLANNED_SHARE = 0.8
"""Of the samples that were planned, the share below which a figure says nothing."""


class MetricName(msgspec.Struct, frozen=True):
    """One figure. ``samples``, ``planned`` and ``interval`` are names of other figures.

    ``phases`` are those that it comes from: a check of it is skipped where none was chosen.
    """

    name: str
    meaning: str
    unit: str
    phases: tuple[str, ...]
    samples: str
    planned: str | None = None
    interval: str | None = None


class _Section(msgspec.Struct, frozen=True):
    """Figures that share a path, phases, samples and a plan."""

    path: str
    phases: tuple[str, ...]
    samples: str
    planned: str | None = "planned"

    def name(
        self,
        leaf: str,
        unit: str,
        meaning: str,
        interval: str | None = None,
        samples: str | None = None,
    ) -> MetricName:
        """The figure at ``leaf``; the other leaves are of this section too."""
        return MetricName(
            f"{self.path}.{leaf}",
            meaning,
            unit,
            self.phases,
            f"{self.path}.{samples or self.samples}",
            self.planned and f"{self.path}.{self.planned}",
            interval and f"{self.path}.{interval}",
        )


def _diversity(figure: str, whose: str) -> Iterator[MetricName]:
    of = _Section(f"diversity.{figure}", ("baseline",), "pairs").name
    yield of(
        "mean_jaccard", JACCARD, f"how alike the lists of {whose} are; lower is better", "ci95"
    )
    yield of("pairs", COUNT, f"pairs of lists of {whose}, within a trio and a round")
    yield of("planned", COUNT, "pairs that were attempted or planned")
    yield of("trios", COUNT, "trios with lists of their own; those of one variant count once")
    yield of("sharing_pairs", COUNT, "pairs that share anyone")
    yield of("empty_pairs", COUNT, "pairs of two empty lists, which are alike")
    yield of("chance", JACCARD, "what random lists from the same pool would have")


def _determinism() -> Iterator[MetricName]:
    of = _Section("determinism", ("reissue",), "pairs").name
    yield of("mean_jaccard", JACCARD, "reissues against their baselines; higher is better", "ci95")
    yield of("pairs", COUNT, "reissues compared with their baseline")
    yield of("planned", COUNT, "reissues that were attempted or planned")
    yield of("trios", COUNT, "trios with lists of their own; those of one variant count once")
    yield of("identical", COUNT, "reissues with the same hits in the same order")
    yield of("identical_rate", RATE, "identical reissues by pairs", "identical_ci95")
    yield of("top1", COUNT, "reissues with the same hit at top-1")
    yield of("top1_rate", RATE, "reissues with the same hit at top-1 by pairs", "top1_ci95")
    yield of("mean_overlap_at_k", RATE, "mean share of a list that the other has too")
    yield of("mean_rbo", "RBO, 0 to 1", "mean rank-biased overlap, p = 0.9, extrapolated")
    changed = "changed_corpora_pairs"
    yield of(changed, COUNT, "pairs whose corpora changed in between, counted apart")
    mean = "mean Jaccard of the pairs whose corpora changed"
    yield of("changed_corpora_mean_jaccard", JACCARD, mean, samples=changed)


def _handover_arm(of: Any, prefix: str, arm: str) -> Iterator[MetricName]:
    queries = f"{prefix}queries"
    at_top1, in_list = "the recorded answer at top-1", "the recorded answer in the top-K"
    yield of(queries, COUNT, f"queries that succeeded, {arm}", samples=queries)
    yield of(f"{prefix}top1", COUNT, f"{at_top1}, {arm}", samples=queries)
    yield of(f"{prefix}top1_rate", RATE, f"{at_top1}, {arm}", f"{prefix}ci95", queries)
    yield of(f"{prefix}top_k", COUNT, f"{in_list}, {arm}", samples=queries)
    yield of(f"{prefix}top_k_rate", RATE, f"{in_list}, {arm}", f"{prefix}top_k_ci95", queries)


def _handover(kind: str, phase: str) -> Iterator[MetricName]:
    of = _Section(f"handover.{kind}", (phase,), "pairs").name
    yield from _handover_arm(of, "", "with her memory")
    yield from _handover_arm(of, "control_", "without memory")
    lift = "top-1 rate with memory less that without, by pairs; higher is better"
    yield of("planned", COUNT, "queries that were attempted or planned", samples="queries")
    yield of("lift", "difference of shares, -1 to 1", lift, "lift_ci95")
    yield of("mcnemar_p", "probability", "exact McNemar test of the lift")
    yield of("pairs", COUNT, "queries that succeeded in both arms")
    yield of("both", COUNT, "pairs with the answer at top-1 in both arms")
    yield of("memory_only", COUNT, "pairs with the answer at top-1 with memory only")
    yield of("control_only", COUNT, "pairs with the answer at top-1 without memory only")
    yield of("neither", COUNT, "pairs with the answer at top-1 in no arm")
    yield of("by_boost", COUNT, "hits at top-1 that the control's list holds too")
    yield of("by_injection", COUNT, "hits at top-1 that the control's list does not hold")
    yield of("trios", COUNT, "trios with lists of their own; those of one variant count once")
    boosted = "results that the service says it boosted"
    injected = "results that the service says it injected"
    yield of("reported_boosted", COUNT, boosted, samples="queries")
    yield of("reported_injected", COUNT, injected, samples="queries")


def _freshness() -> Iterator[MetricName]:
    of = _Section("freshness", ("fresh_resume",), "resumes").name
    yield of("resumes", COUNT, "new resumes that were searched for")
    yield of("planned", COUNT, "new resumes that were attempted or planned")
    yield of("top1", COUNT, "new resumes found at top-1")
    yield of("top1_rate", RATE, "new resumes found at top-1; higher is better", "top1_ci95")
    yield of("top_k", COUNT, "new resumes found in the top-K")
    yield of("top_k_rate", RATE, "new resumes found in the top-K; higher is better", "ci95")


def _swap() -> Iterator[MetricName]:
    of = _Section("swap", ("swap",), "swaps").name
    yield of("swaps", COUNT, "lists that came after a rejection")
    yield of("planned", COUNT, "swaps that were attempted or planned")
    yield of("returned", COUNT, "rejected hits (corpus and id) that returned; 0 is right")
    yield of("pairs", COUNT, "rejected lists compared with the ones after")
    both = "the rejected list against the one after; lower is better"
    yield of("mean_jaccard", JACCARD, both, "ci95", "pairs")


def _inbox() -> Iterator[MetricName]:
    of = _Section("inbox", ("inbox",), "messages").name
    yield of("messages", COUNT, "emails and SMS that came, but for those cut off")
    yield of("planned", COUNT, "messages that came or were planned")
    yield of("accepted", COUNT, "messages that the observer took")
    yield of("parsed", COUNT, "messages that the LLM made a demand of")
    yield of("unparseable", COUNT, "messages whose parse was not what was asked for")
    yield of("parse_failed", COUNT, "messages whose parse failed")
    for rating in RATINGS:
        yield of(f"ratings.{rating}", COUNT, f"messages whose top hit was rated {rating}")
    yield of("rated", COUNT, "messages whose top hit was rated")
    mean = "mean rating of the top hit; higher is better"
    yield of("mean_rating", "rating, 1 to 5", mean, samples="rated")
    yield of("unrated", COUNT, "messages accepted and never rated")
    yield of("unparseable_ratings", COUNT, "ratings that were not what was asked for")


def _llm() -> Iterator[MetricName]:
    of = _Section("llm", ("inbox", "handover_paraphrase"), "answers", None).name
    yield of("answers", COUNT, "LLM steps that the service answered")
    yield of("unparseable", COUNT, "answers of the LLM that could not be used")
    rate = "answers of the LLM that could not be used, by all of them; lower is better"
    yield of("unparseable_rate", RATE, rate, "ci95")


def _errors() -> Iterator[MetricName]:
    of = _Section("errors", tuple(PHASES), "steps", None).name
    yield of("steps", COUNT, "steps, failed ones too")
    yield of("failed", COUNT, "steps that failed")
    yield of("rate", RATE, "failed steps by all steps; lower is better", "ci95")
    yield of("resent", COUNT, "steps sent twice, for their idle connection had been closed")
    for step, phases in _steps():
        of = _Section(f"errors.by_step.{step}", phases, "steps", None).name
        yield of("steps", COUNT, f"{step} steps")
        yield of("failed", COUNT, f"{step} steps that failed")
        yield of("rate", RATE, f"failed {step} steps by all of them; lower is better")


def _steps() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each step, and the phases that may take it: those of a user's own may take any."""
    own = tuple(name for name in PHASES if name not in OUR_PHASES)
    for step, phases in STEP_PHASES.items():
        yield step, (*phases, *own) if phases else tuple(PHASES)


def _events() -> Iterator[MetricName]:
    total = "events.total"
    yield MetricName(total, "events of all outcomes", COUNT, tuple(PHASES), total)
    for phase in PHASES:
        meaning = f"events of {phase}"
        yield MetricName(f"events.by_phase.{phase}", meaning, COUNT, (phase,), total)
    for outcome in OUTCOMES:
        name, meaning = f"events.by_outcome.{outcome}", f"events whose outcome is {outcome}"
        yield MetricName(name, meaning, COUNT, tuple(PHASES), total)
    for fault, meaning in FAULTS.items():
        yield MetricName(f"faults.{fault}", meaning, COUNT, tuple(PHASES), total)


def _latency() -> Iterator[MetricName]:
    for step, phases in _steps():
        yield from _percentiles(f"latency.{step}", f"latency of {step} steps", phases)
        if step.startswith("llm_"):
            waits = f"wait of {step} for an LLM slot"
            yield from _percentiles(f"latency.queue.{step}", waits, phases)
    for phase in PHASES:
        whole = f"latency of whole {phase} events"
        yield from _percentiles(f"latency.phases.{phase}", whole, (phase,))


def _percentiles(path: str, whose: str, phases: tuple[str, ...]) -> Iterator[MetricName]:
    of = _Section(path, phases, "count", None).name
    yield of("count", COUNT, f"samples of the {whose}")
    for leaf, percentile in PERCENTILE_WORDS.items():
        yield of(leaf, "ms", f"{percentile} of the {whose}; lower is better")


PERCENTILE_WORDS = {
    "p50_ms": "median",
    "p90_ms": "90th percentile",
    "p95_ms": "95th percentile",
    "p99_ms": "99th percentile",
    "p999_ms": "99.9th percentile",
    "max_ms": "largest",
}


def _all() -> Iterator[MetricName]:
    yield from _diversity("same_role_across_contracts", "one role in two contracts")
    yield from _diversity("different_roles_within_contract", "two roles in one contract")
    yield from _determinism()
    yield from _handover("verbatim", "handover")
    yield from _handover("paraphrase", "handover_paraphrase")
    yield from _freshness()
    yield from _swap()
    yield from _inbox()
    yield from _llm()
    yield from _errors()
    yield from _events()
    yield from _latency()


class _MetricNames(Mapping[str, MetricName]):
    """Every figure by name, of the phases that are known when it is asked."""

    def __getitem__(self, name: str) -> MetricName:
        return _named(tuple(PHASES))[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_named(tuple(PHASES)))

    def __len__(self) -> int:
        return len(_named(tuple(PHASES)))


@lru_cache(maxsize=1)
def _named(_phases: tuple[str, ...]) -> dict[str, MetricName]:
    return {metric.name: metric for metric in _all()}


METRICS: Mapping[str, MetricName] = _MetricNames()
"""Every figure that a check can name, by name, in the order of the report."""


def metric_names() -> list[MetricName]:
    """Every figure, in the order of the report."""
    return list(METRICS.values())


NOT_OF_METRICS = ("latency", "faults")
"""The sections of figures that a run's JSON has beside ``metrics``."""


def find(results: Mapping[str, Any], name: str) -> Any:
    """What ``results`` (a run's JSON, or what Figures gives) hold at ``name``, or None."""
    section = name.partition(".")[0]
    found: Any = results if section in NOT_OF_METRICS else results.get("metrics")
    for key in name.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(key)
    return found
