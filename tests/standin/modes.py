"""How the stand-in behaves: well, or badly in one known way. expected.py has the exact figures.

In every mode a list is made from the query's words alone: its n-th id is the same at every asking,
and two queries share none. Distances are 0.30, 0.31, … by rank. In a memory the same words lie at
distance 0, a paraphrase of the scenario's at 0.2, anything else at 1; a remembered answer of score
1 so comes to distance 0 or 0.1 (injected) or to at most 0.19 (boosted): always top-1.

Figures below are those of one trio's one round of three_cities with K = 8 and the second hit
recorded; what is not mentioned is as in ``healthy``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

STEPS = (
    "matrix.search",
    "playbook.record",
    "observerd.inbox.record",
    "llm.parse_demand",
    "llm.judge_top1",
    "llm.paraphrase",
    "embed",
    "index.add",
)
"""The requests that are steps. ``health``, ``corpora``, ``index.create``, ``llm.tags`` are not."""
FAULTY = (*STEPS, "untraced search")
"""What faults can hit: the search before a run, and that of ``mcstress check``, too."""

Fault = Literal[
    "500",
    "html",
    "cut_json",
    "cut_body",
    "wrong_types",
    "id_twice",
    "nan",
    "too_many",
    "redirect",
    "empty",
    "closed",
    "silent",
    "slow",
]
"""500: an error. html: 200 with a page. cut_json: half the JSON, whole as HTTP. cut_body: closed
half way. wrong_types: texts for numbers and numbers for texts. id_twice, nan, too_many: of a
search's results, elsewhere as without a fault. closed: without an answer, after which a client
may ask again where the connection had served before. silent: no answer until
the client gives up. slow: the right answer after ``slow_s``."""

Share = Annotated[float, Meta(ge=0, le=1)]


class Mode(msgspec.Struct, forbid_unknown_fields=True):
    """Every setting; each can be changed while the stand-in runs.

    ``fault`` hits every ``fault_every``-th request of each of ``fault_steps``, counted from when it
    was set. From ``crowd`` clients on (open connections that have searched: one a user), the last
    hit is a new one, and a memory forgets, each with its ``crowd_…`` probability.
    """

    lists: Literal["own", "same", "half"] = "own"
    last_hit: Literal["same", "new"] = "same"
    memory: Literal["all", "same_words", "none"] = "all"
    resumes_found: bool = True
    excludes: bool = True
    llm: Literal["json", "prose", "prose_judge"] = "json"
    odd: bool = False
    fault: Fault | None = None
    fault_steps: list[Literal[FAULTY]] = msgspec.field(default_factory=lambda: list(STEPS))
    fault_every: Annotated[int, Meta(ge=1)] = 1
    slow_s: Annotated[float, Meta(ge=0)] = 1.0
    crowd: Annotated[int, Meta(ge=1)] = 20
    crowd_new_last: Share = 0.0
    crowd_forgets: Share = 0.0


def healthy() -> Mode:
    """Nothing is wrong.

    Diversity 0 (9 pairs) and 0 (18); determinism 1 (12). Handover, verbatim: top-1 4 of 4 by boost,
    in the control 0 of 4 but 4 of 4 in the top-K, for they were recorded at rank 2; paraphrase: 4
    of 4 by injection, in the control not at all; lift 1 and 1. Freshness 3 of 3 at top-1. Swap:
    Jaccard 0, none returned. Inbox: 6 accepted, parsed and rated 4. No errors.
    """
    return Mode()


def same_lists() -> Mode:
    """Every query gets one list.

    Both diversities 1. Paraphrases find their answer in the control's top-K, as the list is the
    same, and memory's 4 are boosts. Fails both checks of diversity.
    """
    return Mode(lists="same")


def half_lists() -> Mode:
    """The first half of a list is the query's own, the second everybody's.

    8 ids, 4 of them shared, so 4 of 12: both diversities 1/3. Fails both checks of diversity.
    """
    return Mode(lists="half")


def restless() -> Mode:
    """The last hit of every list was never seen before.

    Determinism: 7 shared of 9, 7/9, no list identical, top-1 the same, overlap 7/8, rank-biased
    overlap 1 - 0.9**7 / 8. Fails the check of determinism.
    """
    return Mode(last_hit="new")


def forgetful() -> Mode:
    """The memory takes everything and is never used.

    Handover as in its control: verbatim 0 of 4 at top-1 and 4 of 4 in the top-K, paraphrase 0 and
    0; lift 0 and 0. Fails both checks of handover.
    """
    return Mode(memory="none")


def literal() -> Mode:
    """The memory knows the same words only.

    Handover by paraphrase 0 of 4 at top-1 and in the top-K, lift 0. Fails its check.
    """
    return Mode(memory="same_words")


def stale() -> Mode:
    """New resumes are taken and never found.

    Freshness 0 of 3. Fails its check.
    """
    return Mode(resumes_found=False)


def stubborn() -> Mode:
    """``exclude_ids`` is ignored.

    Swap: Jaccard 1 and 8 returned. Fails its check.
    """
    return Mode(excludes=False)


def prose() -> Mode:
    """The LLM answers prose where JSON was asked for.

    Inbox: 6 accepted, 0 parsed, 6 unparseable and unrated, and so 6 searches fewer. Fails nothing.
    """
    return Mode(llm="prose")


def prose_judge() -> Mode:
    """The LLM parses messages and judges in prose.

    Inbox: 6 accepted and parsed, 0 rated, 6 ratings unparseable. Fails nothing.
    """
    return Mode(llm="prose_judge")


def odd() -> Mode:
    """As in ``healthy``, in the spelling of other languages (oddities.py)."""
    return Mode(odd=True)


def crowded() -> Mode:
    """Healthy below 20 clients. From 20 on every last hit is new and half of the memory forgotten.

    One trio: as in ``healthy``. With all of a pair or query in the crowd: determinism 7/9 exactly;
    handover at top-1 an independent chance of 1/2 for each query of the memory arm, verbatim always
    in the top-K, by paraphrase only where it is at top-1.
    """
    return Mode(crowd_new_last=1.0, crowd_forgets=0.5)


MODES: dict[str, Callable[[], Mode]] = {
    mode.__name__: mode
    for mode in (
        healthy,
        same_lists,
        half_lists,
        restless,
        forgetful,
        literal,
        stale,
        stubborn,
        prose,
        prose_judge,
        odd,
        crowded,
    )
}
