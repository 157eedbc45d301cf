"""The load curve: bands, how long they last, and where quality leaves its range."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_run import START_S, K, MadeRun, users_timeline

from mcstress.metrics.band import band_of
from mcstress.metrics.check import parse_check
from mcstress.metrics.event import utc
from mcstress.metrics.figures import Figures
from mcstress.metrics.load_reading import TOO_FEW, load_curve_reading
from mcstress.metrics.users_timeline import UsersTimeline


@given(st.integers(1, 10**7))
def test_bands_begin_at_1_2_5_10_and_so_on(users):
    """Without a table: the largest of 1, 2 and 5 times a power of ten that is not above."""
    power = 10 ** (len(str(users)) - 1)
    assert band_of(users) == max(m * power for m in (1, 2, 5) if m * power <= users)


def test_an_event_was_made_by_one_user_at_least():
    assert band_of(0) == 1


def test_a_band_lasts_until_the_next_row():
    rows = [[100, 3], [101, 4], [102, 5], [105, 0], [107, 3]]
    assert UsersTimeline(rows).by_band() == {2: 3.0, 5: 3.0}
    assert UsersTimeline(rows).by_slot(2, [25]) == {25: {"seconds": 4.0, "users": 17 / 4}}
    assert not UsersTimeline(None)
    assert UsersTimeline([]).by_slot(0, [1]) == {}


class Staircase:
    """Rounds at 1, 5, 20, 50 and 200 users, a stretch of time each."""

    STEPS = (1, 5, 20, 50, 200)

    def __init__(self, *, identical_at, found_at, seconds=(30, 30, 30, 30, 30)) -> None:
        self.figures, self.users = Figures(K), []
        begin = int(START_S)
        for number, (users, last) in enumerate(zip(self.STEPS, seconds, strict=True)):
            run = MadeRun(number, change=1 - identical_at(users))
            run.maybe = self.maybe(run, found_at(users))
            for event in self.rounds(run, number):
                event.users = users
                event.time = utc(begin + run.random.random() * last)
                self.figures.add(event)
            self.users += [[begin + second, users] for second in range(last)]
            begin += last
        self.results = self.figures.result(self.users)

    @staticmethod
    def rounds(run, number):
        """Six trios' rounds of their own: every user's events in their order."""
        for persona in ("alice", "bob", "carol"):
            for trio in range(1, 7):
                yield from run.round(persona, trio, number + 1, trio)

    @staticmethod
    def maybe(run, likely):
        return lambda _, wanted, ids: [wanted, *ids[:-1]] if run.random.random() < likely else ids


def falling(users):
    """What the system does: nothing changes below 50 users, then more and more."""
    return {1: 1.0, 5: 1.0, 20: 1.0, 50: 0.6, 200: 0.2}[users]


def test_the_curve_finds_where_quality_falls():
    stairs = Staircase(identical_at=falling, found_at=falling)
    curve = stairs.results["load_curve"]
    assert [entry["users_from"] for entry in curve] == [1, 5, 20, 50, 200]
    assert [entry["users_to"] for entry in curve] == [1, 9, 49, 99, 499]
    for entry, users in zip(curve, Staircase.STEPS, strict=True):
        # An id of eight is replaced by another at the chance, sometimes by itself: 7/9 on average.
        low, high = entry["determinism"]["ci95"]
        assert low <= 1 - (1 - falling(users)) * (1 - 7 / 9) <= high
        assert entry["determinism"]["pairs"] == 72
        verbatim = entry["handover"]["verbatim"]
        low, high = verbatim["ci95"]
        assert low <= falling(users) <= high
        assert entry["seconds"] == 30
        assert entry["requests_per_s"] == entry["errors"]["steps"] / 30
        assert entry["latency"]["matrix_search"]["count"] > 0
    reading = stairs.results["load_curve_reading"]
    assert "determinism falls below 0.95 from 50 users on" in reading
    assert "handover.verbatim.top1_rate falls below 0.95 from 50 users on" in reading
    assert "handover.paraphrase.top1_rate falls below 0.5 from 200 users on" in reading
    assert reading.endswith("(tried: 1 to 200 users).")


def test_the_curve_says_that_nothing_happened():
    stairs = Staircase(identical_at=lambda _: 1.0, found_at=lambda _: 1.0)
    checks = [parse_check("determinism.mean_jaccard >= 0.95", 12), parse_check("errors.rate < 0.1")]
    reading = stairs.figures.result(stairs.users, checks=checks)["load_curve_reading"]
    healthy = "No check's figure left its range within what was tried"
    said, _, beside = reading.partition(" Of figures that no check asks for: ")
    assert said == f"{healthy} (tried: 1 to 200 users)."
    assert "swap.returned is not 0 at every load tried" in beside


def test_a_dip_in_the_middle_is_no_fall_from_there_on():
    stairs = Staircase(identical_at=lambda u: 0.1 if u == 5 else 1.0, found_at=lambda _: 1.0)
    checks = [parse_check("determinism.mean_jaccard >= 0.95")]
    reading = stairs.figures.result(stairs.users, checks=checks)["load_curve_reading"]
    assert reading.startswith("determinism falls below 0.95 at 5 to 9 users (")


def test_what_has_too_few_samples_is_named_and_not_judged():
    events = MadeRun(1, change=1.0).rounds(1, 1)
    checks = [parse_check("determinism.mean_jaccard >= 0.95", 1000)]
    figures = Figures(K)
    for event in events:
        event.users = 3
        figures.add(event)
    reading = figures.result(checks=checks)["load_curve_reading"]
    assert f"2 to 4 users, one band only; {TOO_FEW}: determinism" in reading
    assert Figures(K).result()["load_curve_reading"] == "Nothing was measured."


def test_a_band_with_too_few_samples_is_named_beside_those_that_were_judged():
    """Its figure is not taken for one that held: too few were asked, or too few answered."""
    stairs = Staircase(identical_at=lambda _: 1.0, found_at=lambda _: 1.0)
    curve = stairs.results["load_curve"]
    check = parse_check("determinism.mean_jaccard >= 0.95", 12)
    for pairs, planned, said in ((11, 11, False), (72, 91, False), (72, 90, True)):
        curve[-1]["determinism"] |= {
            "pairs": pairs, "questions": min(pairs, 12), "planned": planned, "mean_jaccard": 0.1,
        }  # fmt: skip
        reading = load_curve_reading(curve, [check], 200)
        judged = "determinism falls below 0.95 from 200 users on (tried: 1 to 200 users)."
        unjudged = (
            "No check's figure left its range within what could be judged "
            f"(tried: 1 to 200 users; {TOO_FEW}: determinism at 200 users)."
        )
        assert reading.partition(" Of figures")[0] == (judged if said else unjudged)


def test_where_some_bands_cannot_be_judged_it_is_not_every_load_that_was_tried():
    stairs = Staircase(identical_at=lambda _: 0.0, found_at=lambda _: 1.0)
    curve = stairs.results["load_curve"]
    curve[0]["determinism"]["pairs"] = 3
    reading = load_curve_reading(curve, [parse_check("determinism.mean_jaccard >= 0.95", 12)])
    assert reading.startswith("determinism falls below 0.95 at every load judged (")


def test_a_band_is_not_asked_for_what_only_a_run_can_have():
    stairs = Staircase(identical_at=lambda _: 1.0, found_at=lambda _: 1.0)
    checks = [parse_check("events.total >= 1000000"), parse_check("faults.short_lists == 0")]
    reading = load_curve_reading(stairs.results["load_curve"], checks)
    assert reading.startswith("No check's figure left its range within what was tried (")


def test_a_band_under_ten_seconds_joins_the_one_below():
    stairs = Staircase(
        identical_at=lambda _: 1.0, found_at=lambda _: 1.0, seconds=(4, 9, 10, 9, 12)
    )
    curve = stairs.results["load_curve"]
    spans = [(entry["users_from"], entry["users_to"], entry["seconds"]) for entry in curve]
    assert spans == [(1, 9, 13), (20, 99, 19), (200, 499, 12)]
    assert [entry["determinism"]["pairs"] for entry in curve] == [144, 144, 72]
    assert (
        sum(entry["errors"]["steps"] for entry in curve)
        == (stairs.results["metrics"]["errors"]["steps"])
    )


def test_without_a_users_timeline_there_is_no_pace():
    figures = Figures(K)
    for event in MadeRun(2).rounds(2, 1):
        figures.add(event)
    assert {entry["requests_per_s"] for entry in figures.result()["load_curve"]} == {None}
    assert {entry["seconds"] for entry in figures.result()["load_curve"]} == {None}


def test_the_whole_is_the_sum_of_its_bands():
    events = MadeRun(3, faults=0.1).rounds(4, 3)
    figures = Figures(K)
    for event in events:
        figures.add(event)
    results = figures.result(users_timeline(events))
    for section, name in (
        ("determinism", "pairs"), ("freshness", "resumes"), ("errors", "steps"),
        ("inbox", "accepted"), ("swap", "swaps"), ("events", "total"),
    ):  # fmt: skip
        parts = [entry[section][name] for entry in results["load_curve"]]
        assert sum(parts) == results["metrics"][section][name] > 0
        assert len(parts) > 1


@pytest.mark.parametrize("operator", ["<", "<=", ">", ">=", "==", "!="])
def test_every_operator_has_words(operator):
    events = MadeRun(1, faults=0.2).rounds(1, 1)
    figures = Figures(K)
    for event in events:
        figures.add(event)
    value = figures.result()["metrics"]["errors"]["rate"]
    assert 0 < value < 1
    missed = {"<": value, "<=": 0, ">": value, ">=": 1, "==": 1, "!=": value}
    for event in events:
        event.users = 1
    alike = Figures(K)
    for event in events:
        alike.add(event)
    checks = [parse_check(f"errors.rate {operator} {missed[operator]}")]
    reading = alike.result(checks=checks)["load_curve_reading"]
    assert reading.startswith("errors.rate ")
    assert "at every load tried" in reading
