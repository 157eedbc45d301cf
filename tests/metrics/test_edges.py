"""Edge rules: what counts, what does not, and what is a recorded fault."""

from __future__ import annotations

from random import Random

import pytest
from made_run import CONTRACTS, SHARED, SIZES, K, MadeRun, at

from mcstress.metrics import rounds
from mcstress.metrics.diversity import chance_jaccard
from mcstress.metrics.errors import REASONS_KEPT, Errors, Reasons
from mcstress.metrics.event import HIT_TWICE, Event, Hit, StepRecord
from mcstress.metrics.figures import Figures

ALICE, BOB = CONTRACTS["alice"], CONTRACTS["bob"]


class Seat:
    """Makes one coordinator's events, second after second."""

    def __init__(self, coordinator="alice", trio=1, worker="w#1") -> None:
        self.coordinator, self.trio, self.worker, self.seq = coordinator, trio, worker, 0

    def event(self, phase, found=None, **fields) -> Event:
        self.seq += 1
        top_k = None if found is None else [Hit(i, "workers", 0.1 * n) for n, i in enumerate(found)]
        defaults = {
            "round": 1, "contract": ALICE, "role": SHARED[0], "k": K, "users": 1,
            "corpus_sizes": dict(SIZES), "time": at(self.seq), "top_k": top_k,
        }  # fmt: skip
        return Event(
            seq=self.seq, worker=self.worker, phase=phase, trio=self.trio,
            coordinator=self.coordinator, **(defaults | fields),
        )  # fmt: skip


def result_of(*events, **options):
    figures = Figures(K)
    for event in events:
        figures.add(event)
    return figures.result(**options)


def test_two_searches_that_found_nothing_are_alike_and_counted():
    seat = Seat()
    results = result_of(seat.event("baseline", []), seat.event("reissue", [], paired_seq=1))
    assert results["metrics"]["determinism"]["mean_jaccard"] == 1.0
    assert results["metrics"]["determinism"]["mean_overlap_at_k"] == 1.0
    assert results["metrics"]["determinism"]["mean_rbo"] == 1.0
    assert results["faults"]["nothing_found"] == 2
    bob = Seat("bob")
    pair = result_of(seat.event("baseline", []), bob.event("baseline", [], contract=BOB))
    same_role = pair["metrics"]["diversity"]["same_role_across_contracts"]
    assert (same_role["mean_jaccard"], same_role["empty_pairs"]) == (1.0, 1)
    assert same_role["sharing_pairs"] == 0


def test_fewer_than_k_results_count_as_they_are():
    seat = Seat()
    results = result_of(
        seat.event("baseline", ["a", "b", "c"]), seat.event("reissue", ["a", "b"], paired_seq=1)
    )
    determinism = results["metrics"]["determinism"]
    assert determinism["mean_jaccard"] == 2 / 3
    assert determinism["mean_overlap_at_k"] == 4 / 5


def test_an_id_twice_counts_once_and_is_a_fault():
    seat = Seat()
    results = result_of(
        seat.event("baseline", ["a", "b", "a"]), seat.event("reissue", ["a", "b"], paired_seq=1)
    )
    assert results["metrics"]["determinism"]["mean_jaccard"] == 1.0
    assert results["metrics"]["determinism"]["identical"] == 1
    assert results["faults"]["repeated_ids"] == 1


def test_a_list_that_was_refused_for_a_hit_twice_is_counted():
    """Its step failed, and no figure ever sees the list; the fault is there all the same."""
    seat = Seat()
    reasons = [f'{HIT_TWICE[0]}"7" of corpus "workers"{HIT_TWICE[1]}', "results: not a list"]
    failed = [
        seat.event("surge", outcome="failed", steps=[StepRecord("matrix.search", at(1), 3.0, why)])
        for why in reasons
    ]
    assert result_of(*failed)["faults"]["repeated_ids"] == 1


def test_a_failed_search_enters_no_figure_and_counts_in_errors():
    seat = Seat()
    failed = seat.event(
        "baseline", outcome="failed", steps=[StepRecord("matrix.search", at(1), 3.0, "500")]
    )
    results = result_of(failed, seat.event("reissue", ["a"], paired_seq=1))["metrics"]
    assert results["determinism"]["pairs"] == 0
    assert results["determinism"]["planned"] == 1
    assert results["errors"]["rate"] == 1.0
    assert results["errors"]["by_reason"] == [
        {"step": "matrix.search", "reason": "500", "count": 1}
    ]


def test_the_list_of_an_event_that_failed_later_counts():
    """A recording that failed does not take back the list that was found."""
    seat = Seat()
    failed = seat.event("baseline", ["a"], outcome="failed")
    results = result_of(failed, seat.event("reissue", ["a"], paired_seq=1))["metrics"]
    assert results["determinism"]["pairs"] == 1


def test_what_was_cut_off_has_latency_and_errors_only():
    seat = Seat()
    step = StepRecord("matrix.search", at(1), 3.0, "closed")
    results = result_of(
        *(seat.event(phase, ["a"], outcome="cut", steps=[step], expected="a", arm="memory")
          for phase in ("baseline", "reissue", "handover", "fresh_resume", "swap", "inbox"))
    )  # fmt: skip
    metrics = results["metrics"]
    assert results["latency"]["matrix_search"]["count"] == 6
    assert results["latency"]["phases"] == {}
    assert metrics["errors"]["failed"] == 6
    assert metrics["events"]["by_outcome"]["cut"] == 6
    for section in ("determinism", "freshness", "swap", "inbox"):
        assert metrics[section]["planned"] == 0
    assert metrics["handover"]["verbatim"]["planned"] == 0
    assert metrics["diversity"]["same_role_across_contracts"]["planned"] == 0


def test_corpora_that_changed_are_counted_apart():
    seat = Seat()
    grown = {**SIZES, "workers": 5001}
    results = result_of(
        seat.event("baseline", ["a", "b"]),
        seat.event("reissue", ["a", "c"], paired_seq=1, corpus_sizes=grown),
    )
    determinism = results["metrics"]["determinism"]
    assert determinism["pairs"] == 0
    assert determinism["mean_jaccard"] is None
    assert determinism["changed_corpora_pairs"] == 1
    assert determinism["changed_corpora_mean_jaccard"] == 1 / 3
    assert results["faults"]["changed_corpora_pairs"] == 1
    assert results["worst_reissues"] == []


def test_a_reissue_is_never_held_against_another_rounds_baseline():
    seat = Seat()
    events = [seat.event("baseline", ["a"]), seat.event("reissue", ["a"], round=2)]
    assert result_of(*events)["metrics"]["determinism"]["pairs"] == 0


def test_a_baseline_stays_for_every_reissue_of_its_round():
    seat = Seat()
    events = [seat.event("baseline", ["a"]), *(seat.event("reissue", ["a"]) for _ in range(2))]
    assert result_of(*events)["metrics"]["determinism"]["pairs"] == 2


def handover(seat, arm, found, **fields):
    return seat.event("handover", found, arm=arm, expected="x", **fields)


def test_rates_go_by_arm_and_lift_needs_both():
    bob = Seat("bob")
    results = result_of(
        handover(bob, "memory", ["x", "a"]),
        handover(bob, "control", None, outcome="failed", paired_seq=1),
        handover(bob, "memory", None, outcome="failed", role=SHARED[1]),
        handover(bob, "control", ["a", "x"], role=SHARED[1], paired_seq=3),
        handover(bob, "memory", ["x", "a"], role=SHARED[2]),
        handover(bob, "control", ["a", "b"], role=SHARED[2], paired_seq=5),
    )
    verbatim = results["metrics"]["handover"]["verbatim"]
    assert (verbatim["queries"], verbatim["top1_rate"]) == (2, 1.0)
    assert (verbatim["control_queries"], verbatim["control_top1_rate"]) == (2, 0.0)
    assert verbatim["control_top_k_rate"] == 0.5
    assert (verbatim["pairs"], verbatim["memory_only"], verbatim["lift"]) == (1, 1, 1.0)
    assert (verbatim["by_boost"], verbatim["by_injection"]) == (0, 1)
    assert verbatim["planned"] == 3


@pytest.mark.parametrize("outcome", ["skipped", "unmet"])
def test_a_partner_who_was_not_there_is_planned_and_no_sample(outcome):
    bob = Seat("bob")
    results = result_of(*(bob.event("handover", outcome=outcome, arm=arm) for arm in
                          ("memory", "control")))  # fmt: skip
    verbatim = results["metrics"]["handover"]["verbatim"]
    assert (verbatim["queries"], verbatim["planned"], verbatim["top1_rate"]) == (0, 1, None)


def test_a_query_that_expects_nothing_is_a_fault_and_no_sample():
    seat = Seat()
    results = result_of(
        seat.event("fresh_resume", ["a"]), seat.event("handover", ["a"], arm="memory")
    )
    assert results["faults"]["nothing_expected"] == 2
    assert results["metrics"]["freshness"]["resumes"] == 0
    assert results["metrics"]["handover"]["verbatim"]["queries"] == 0


def test_an_unparseable_parse_is_neither_success_nor_failure():
    seat = Seat()
    steps = [
        StepRecord(name, at(1), 1.0) for name in ("observerd.inbox.record", "llm.parse_demand")
    ]
    results = result_of(seat.event("inbox", steps=steps, parse_status="unparseable"))["metrics"]
    assert results["inbox"]["accepted"] == 1
    assert results["inbox"]["unparseable"] == 1
    assert results["inbox"]["unrated"] == 1
    assert results["inbox"]["mean_rating"] is None
    assert results["errors"]["rate"] == 0.0


def test_the_wait_for_a_slot_stands_apart():
    seat = Seat()
    steps = [StepRecord("llm.parse_demand", at(1), 20.0, queue_ms=queue) for queue in (0.0, 500.0)]
    latency = result_of(seat.event("inbox", steps=steps, latency_ms=40.0))["latency"]
    assert latency["llm_parse_demand"]["max_ms"] == 20.0
    assert latency["queue"]["llm_parse_demand"]["max_ms"] == 500.0
    assert latency["queue"]["llm_parse_demand"]["p50_ms"] == 0.0
    assert latency["phases"]["inbox"]["max_ms"] == 40.0


def test_the_parts_of_a_step_have_times_and_are_no_steps():
    """The step's own time counts once; its parts stand beside it, those of a failed one too."""
    seat = Seat()
    parts = {"embed.query": 4.0, "store.query": 9.0}
    steps = [
        StepRecord("matrix.search", at(1), 13.0, parts=parts),
        StepRecord("matrix.search", at(2), 4.0, "embed: closed", parts={"embed.query": 4.0}),
        StepRecord("matrix.search", at(3), 1.0),
    ]
    results = result_of(*(seat.event("surge", steps=[step]) for step in steps))
    latency = results["latency"]
    counts = {name: latency[name].get("count") for name in latency}
    assert counts == {
        "matrix_search": 3, "embed_query": 2, "store_query": 1,
        "queue": None, "phases": None, "phases_service": None,
    }  # fmt: skip
    assert (latency["embed_query"]["max_ms"], latency["store_query"]["max_ms"]) == (4.0, 9.0)
    assert latency["matrix_search"]["max_ms"] == 13.0
    assert results["metrics"]["errors"]["steps"] == 3
    assert results["metrics"]["errors"]["failed"] == 1


def test_trios_of_one_variant_are_one_unit():
    """Ten trios in two wordings have no more to say about other trios than two have."""
    for variants, label, trios in ((2, "within these trios", 2), (None, "over trios", 10)):
        figures = Figures(K)
        for event in MadeRun(1).rounds(10, 1, variants=variants):
            figures.add(event)
        metrics = figures.result()["metrics"]
        for section in (
            metrics["determinism"],
            metrics["diversity"]["same_role_across_contracts"],
            metrics["diversity"]["different_roles_within_contract"],
        ):
            assert (section["ci95_label"], section["trios"]) == (label, trios)
        assert metrics["handover"]["verbatim"]["lift_ci95_label"] == label


def test_chance_is_of_the_candidates_where_they_are_known():
    events = MadeRun(2).rounds(2, 1)
    candidates = dict(zip(SHARED, (100, 200, 400), strict=True))
    for known, chance, pool in (
        (candidates, sum(chance_jaccard(K, n) for n in (100, 200, 400)) / 3,
         "candidates of the role"),
        ({SHARED[0]: 100}, chance_jaccard(K, 15_000), "whole corpora"),
        (None, chance_jaccard(K, 15_000), "whole corpora"),
    ):  # fmt: skip
        diversity = result_of(*events, candidates=known)["metrics"]["diversity"]
        same, different = diversity.values()
        assert same["chance"] == pytest.approx(chance, rel=1e-12)
        assert same["chance_pool"] == pool
        assert different["chance"] == pytest.approx(chance_jaccard(K, 15_000), rel=1e-12)
        assert different["chance_pool"] == "whole corpora"


def test_a_second_list_of_a_cell_is_a_fault():
    seat = Seat()
    results = result_of(seat.event("baseline", ["a"]), seat.event("baseline", ["b"]))
    assert results["faults"]["repeated_lists"] == 1
    worker, master = Figures(K, folds=False), Figures(K)
    for found in (["a"], ["b"]):
        worker.add(seat.event("baseline", found, role=SHARED[1]))
    master.merge(worker.take())
    worker.add(seat.event("baseline", ["c"], role=SHARED[1]))
    master.merge(worker.take())
    assert master.result()["faults"]["repeated_lists"] == 2


def test_rounds_that_never_complete_do_not_fill_the_memory(monkeypatch):
    """Alice alone: the rounds wait for bob and carol until too many do."""
    monkeypatch.setattr(rounds, "LISTS_KEPT", 40)
    figures, seat = Figures(K, cells=12), Seat()
    for number in range(1, 200):
        for role in SHARED:
            figures.add(seat.event("baseline", ["a", role], round=number, role=role))
        assert len(figures.state()["rounds"]) <= 40
    within = figures.result()["metrics"]["diversity"]["different_roles_within_contract"]
    assert within["pairs"] == 199 * 3
    assert figures.result()["faults"]["late_lists"] == 0
    bob, oldest = Seat("bob"), figures.state()["rounds"][0][1]
    figures.add(bob.event("baseline", ["a"], round=oldest - 1, contract=BOB))
    figures.add(bob.event("baseline", ["a"], round=oldest, contract=BOB))
    assert figures.result()["faults"]["late_lists"] == 1
    across = figures.result()["metrics"]["diversity"]["same_role_across_contracts"]
    assert across["pairs"] == 1


def test_reasons_beyond_a_thousand_are_counted_together_the_same_in_any_order():
    random = Random(1)
    wordings = [("matrix.search", f"fault {n}") for n in range(3 * REASONS_KEPT)]
    wordings += random.choices(wordings, k=5000)
    states = []
    for order in range(3):
        random.shuffle(wordings)
        parts = [Reasons() for _ in range(4)]
        for number, (step, reason) in enumerate(wordings):
            parts[number % 4 if order else 0].add(step, reason)
        whole = Reasons()
        for part in parts:
            whole.merge(part)
        states.append(whole.state())
    assert states[0] == states[1] == states[2]
    assert len(states[0]) == REASONS_KEPT
    errors = Errors()
    for step, reason in wordings:
        errors.add_step(step, reason)
    rows = errors.reasons.rows(errors.failed.total())
    assert sum(row["count"] for row in rows) == len(wordings)
    assert rows[-1]["step"] is None


def test_a_swap_is_planned_when_its_second_query_comes():
    def planned(*events):
        return result_of(*events)["metrics"]["swap"]["planned"]

    seat = Seat()
    failed = seat.event("swap", outcome="failed")
    assert planned(failed, seat.event("swap", outcome="skipped", paired_seq=1)) == 1
    first, second = seat.event("swap", ["a"]), seat.event("swap", ["b"], exclude_ids=["a"])
    assert planned(first, second) == 1
    assert planned(second, seat.event("swap", ["b"], exclude_ids=["a"])) == 2
    broken = seat.event("swap", outcome="failed", exclude_ids=["a"])
    assert planned(first, broken) == 1


@pytest.mark.parametrize("second", [None, "cut"])
def test_a_pair_that_the_end_of_the_run_divides_is_cut_and_not_missing(second):
    """A check would call it unknown: under 80 % of the samples that were planned."""
    seat, events = Seat(), []
    for number in range(3):
        outcome = "ok" if number < 2 else second
        events.append(seat.event("swap", ["a"]))
        events.append(seat.event("handover", ["a"], arm="memory", expected="a"))
        pairs = {"paired_seq": events[-2].seq}, {"paired_seq": events[-1].seq}
        if outcome is not None:
            found = ["b"] if outcome == "ok" else None
            ends = (
                {"outcome": outcome, "exclude_ids": ["a"]},
                {"outcome": outcome, "arm": "control"},
            )
            events.append(seat.event("swap", found, **ends[0], **pairs[0]))
            events.append(seat.event("handover", found, **ends[1], **pairs[1], expected="a"))
    metrics = result_of(*events)["metrics"]
    assert (metrics["swap"]["swaps"], metrics["swap"]["planned"]) == (2, 2)
    verbatim = metrics["handover"]["verbatim"]
    assert (verbatim["pairs"], verbatim["planned"]) == (2, 2)
