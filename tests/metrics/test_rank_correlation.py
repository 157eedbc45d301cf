"""Kendall's tau of reissues, against scipy's over any two lists."""

from __future__ import annotations

from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_run import K, MadeRun
from scipy.stats import kendalltau

from mcstress.metrics.figures import Figures
from mcstress.metrics.names import find
from mcstress.metrics.rank_correlation import discordant, kendall_tau

rankings = st.lists(st.sampled_from("abcdefghijkl"), unique=True, max_size=10)


def scipys(baseline, reissue):
    both = [hit for hit in baseline if hit in reissue]
    if len(both) < 2:
        return None
    ranks = [[ranking.index(hit) for hit in both] for ranking in (baseline, reissue)]
    return float(kendalltau(*ranks).statistic)


@given(rankings, rankings)
def test_it_is_scipys_of_the_hits_that_both_lists_have(baseline, reissue):
    shared, turned = discordant(baseline, reissue)
    assert shared == len({*baseline} & {*reissue})
    if shared >= 2:
        expected = pytest.approx(scipys(baseline, reissue), abs=1e-12)
        assert kendall_tau(shared, turned) == expected


def test_a_reversed_list_is_minus_one_and_the_same_one():
    forth = list("abcdefgh")
    assert kendall_tau(*discordant(forth, forth[::-1])) == -1
    assert kendall_tau(*discordant(forth, forth)) == 1
    assert discordant(["a"], ["b"]) == (0, 0)


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_the_figure_of_a_run_is_the_mean_of_scipys(workers):
    events = MadeRun(3, change=0.6).rounds(4, 3)
    parts = [Figures(K, folds=False) for _ in range(workers)]
    for event in events:
        parts[event.trio % workers].add(event)
    figures = Figures(K)
    for part in parts:
        figures.merge(part)
    taus = [tau for tau in map(scipys, *lists_of(events)) if tau is not None]
    results = figures.result()
    assert find(results, "determinism.kendall_pairs") == len(taus) > 50
    assert find(results, "determinism.kendall_tau") == pytest.approx(fmean(taus), abs=1e-12)
    assert min(taus) < 1


def lists_of(events):
    """The baselines and their reissues, as (corpus, id) in rank order."""
    asked = {
        (one.coordinator, one.round, one.cell): one for one in events if one.phase == "baseline"
    }
    pairs = [
        (asked[one.coordinator, one.round, one.cell], one)
        for one in events
        if one.phase == "reissue"
    ]
    both = [pair for pair in pairs if all(one.top_k is not None for one in pair)]
    both = [
        pair for pair in both
        if pair[0].corpus_sizes is None or pair[0].corpus_sizes == pair[1].corpus_sizes
    ]  # fmt: skip
    return [[[(hit.corpus, hit.id) for hit in pair[end].top_k] for pair in both] for end in (0, 1)]
