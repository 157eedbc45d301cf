"""What a seat does when, by the scenario's clock: pure, and the same wherever it is worked out."""

from __future__ import annotations

import resource
from collections import Counter
from datetime import date, datetime, timedelta
from time import process_time
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcstress.metrics.phase import PHASES
from mcstress.users.appointments import (
    HOUR_MS,
    MINUTE_MS,
    PLANNED_MS,
    Timetable,
    appointments,
    hour_0,
)
from mcstress.users.scenarios.clock_model import ArrivalSource, Burst, Shift, TimelineEntry
from mcstress.users.scenarios.load import load_scenario

DEFAULT = load_scenario("three_cities")
PERSONAS = ("alice", "bob", "carol")
FIVE_MINUTES = 5 * MINUTE_MS
PLAIN = {"timeline": [], "arrivals": [], "shifts": [], "zone": "UTC"}


def run_of(hours=48.0, seed=42, phases=tuple(PHASES), *, mail=False, **scenario):
    made = msgspec.structs.replace(DEFAULT, **scenario)
    return Timetable(made, list(phases), seed, hours, mail)


def timeline(*items, **others):
    return PLAIN | {"timeline": [TimelineEntry(*item) for item in items]} | others


def of(run, persona="alice", trio=1):
    return [(one.at_ms / HOUR_MS, one.phase) for one in appointments(run, persona, trio)]


def test_the_default_has_all_ten_phases_and_a_baseline_on_both_mornings():
    run = run_of()
    for trio in (1, 2, 5):
        seats = {persona: appointments(run, persona, trio) for persona in PERSONAS}
        assert {one.phase for seat in seats.values() for one in seat} == set(PHASES)
        for persona, seat in seats.items():
            baselines = [one for one in seat if one.phase == "baseline"]
            assert [one.at_ms // HOUR_MS for one in baselines] == [8, 32], persona
            assert [one.round for one in baselines] == [1, 2]
            assert not any(one.lacks_baseline for one in seat)
            assert [one.number for one in seat] == list(range(1, len(seat) + 1))
            assert seat == sorted(seat, key=lambda one: one.at_ms)
        handed = [one for one in seats["bob"] if one.phase.startswith("handover")]
        assert [(one.phase, int(one.hour), one.asks_round) for one in handed] == [
            ("handover", 16, 1),
            ("handover_paraphrase", 31, 1),
        ], "on day two bob asks for what was recorded on day one"
        assert not any("handover" in one.phase for one in (*seats["alice"], *seats["carol"]))


def test_a_seat_is_the_same_wherever_and_in_whatever_order_it_is_worked_out():
    one, other = run_of(), run_of()
    seats = [(persona, trio) for trio in range(1, 6) for persona in PERSONAS]
    found = {seat: appointments(one, *seat) for seat in seats}
    assert {seat: appointments(other, *seat) for seat in reversed(seats)} == found
    assert appointments(run_of(seed=43), "alice", 1) != found["alice", 1]
    assert len({tuple(one.at_ms for one in seat) for seat in found.values()}) == len(seats)


def test_the_schedule_is_what_it_was():
    found = [(one.at_ms, one.phase, one.item) for one in appointments(run_of(), "bob", 2)[:6]]
    assert found == [
        (24542905, "inbox", 1),
        (29640857, "baseline", 0),
        (32400000, "inbox", 1),
        (32400000, "inbox", 2),
        (36957291, "surge", 0),
        (37250937, "inbox", 2),
    ]


def test_every_until_and_spread():
    seen = of(
        run_of(**timeline((1.5, "baseline"), (2, "reissue", [], 4, 10), (3, "surge", ["bob"])))
    )
    assert seen == [(1.5, "baseline"), (2, "reissue"), (6, "reissue"), (10, "reissue")]
    assert of(run_of(12, **timeline((0, "surge", [], 5)))) == [(h, "surge") for h in (0, 5, 10)]
    run = run_of(**timeline((8, "baseline", [], None, None, 30)))
    places = [appointments(run, persona, trio)[0].at_ms - 8 * HOUR_MS
              for trio in range(1, 101) for persona in PERSONAS]  # fmt: skip
    assert 0 <= min(places) < FIVE_MINUTES
    assert 25 * MINUTE_MS < max(places) < 30 * MINUTE_MS
    assert len(set(places)) == 300


def test_what_falls_outside_a_shift_waits_for_it_in_order_one_after_the_other():
    shifts = [Shift("alice", "UTC", 8, 17)]
    seen = of(run_of(**timeline((2, "surge"), (5, "swap"), (6, "baseline"), (10, "surge"),
                                (20, "surge"), shifts=shifts)))  # fmt: skip
    events = {"surge": 4, "swap": 2, "baseline": 4}
    expected, at_ms = [], 8 * HOUR_MS
    for phase in ("surge", "swap", "baseline"):
        expected.append((at_ms / HOUR_MS, phase))
        at_ms += events[phase] * PLANNED_MS
    assert seen == [*expected, (10, "surge"), (32, "surge")]
    assert of(run_of(**timeline((46, "surge"), shifts=shifts))) == [], "beyond the end of the clock"


def test_a_shift_goes_past_midnight_and_a_reissue_never_before_its_baseline():
    night = [Shift("alice", "UTC", 22, 6)]
    seen = of(run_of(**timeline((1, "surge"), (12, "surge"), (23, "swap"), shifts=night)))
    assert seen == [(1, "surge"), (22, "surge"), (23, "swap")]
    shifts = [Shift("alice", "UTC", 8, 17)]
    seen = of(run_of(**timeline((7, "baseline"), (8, "reissue"), shifts=shifts)))
    assert seen == [(8, "baseline"), (8 + 4 * PLANNED_MS / HOUR_MS, "reissue")]


def test_urgent_messages_do_not_wait():
    source = ArrivalSource("inbox", bursts=[Burst(3, 6)])
    shifts = [Shift(persona, "UTC", 8, 17) for persona in PERSONAS]
    run = run_of(**PLAIN | {"arrivals": [source], "shifts": shifts})
    messages = run.scenario.variants[0].inbox
    for persona in PERSONAS:
        mine = [message for message in messages if message.persona == persona]
        for one in appointments(run, persona, 1):
            urgent = mine[one.item - 1].priority == "urgent"
            assert one.hour == 3 if urgent else one.hour >= 8
    assert sum(len(appointments(run, persona, 1)) for persona in PERSONAS) == 6


@settings(max_examples=30, deadline=None)
@given(
    st.dates(date(2020, 1, 2), date(2035, 12, 1)),
    st.sampled_from(["America/Chicago", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe"]),
    st.sampled_from(["America/Chicago", "UTC", "Pacific/Auckland"]),
    st.integers(3, 18),
)
def test_a_shift_begins_by_the_wall_clock_of_its_zone_whatever_the_day(day, zone, base, begins):
    """Told against a walk through real time, minute by minute."""
    run = run_of(**timeline(
        *((hour, "surge") for hour in range(48)),
        shifts=[Shift("alice", zone, begins, begins + 5)], start=day, zone=base,
    ))  # fmt: skip
    started = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(base)).timestamp()
    assert hour_0(run.scenario).timestamp() == started

    def works(at_ms):
        wall = datetime.fromtimestamp(started + at_ms / 1000, ZoneInfo(zone))
        return begins <= wall.hour < begins + 5

    opens = [ms for ms in range(0, 48 * HOUR_MS, MINUTE_MS)
             if works(ms) and not works(ms - MINUTE_MS)]  # fmt: skip
    waits = Counter()
    expected = []
    for hour in range(48):
        at_ms = hour * HOUR_MS
        if not works(at_ms):
            begin_ms = next((one for one in opens if one > at_ms), None)
            if begin_ms is None:
                continue
            at_ms = begin_ms + waits[begin_ms] * 4 * PLANNED_MS
            waits[begin_ms] += 1
        expected.append(at_ms)
    expected = [at_ms for at_ms in expected if at_ms < 48 * HOUR_MS]
    assert [one.at_ms for one in appointments(run, "alice", 1)] == sorted(expected)


def test_a_day_on_which_clocks_change():
    """On 8 March 2026 Chicago's clocks go from 2 to 3: its second morning is an hour earlier."""
    shifts = [Shift("alice", "America/Chicago", 8, 17)]
    run = run_of(**timeline((5, "surge"), (25, "surge"), shifts=shifts, zone="America/Chicago",
                            start=date(2026, 3, 7)))  # fmt: skip
    assert of(run) == [(8, "surge"), (31, "surge")]


def test_messages_come_per_day_by_the_profile_of_who_gets_them():
    hours = [0.0] * 24
    hours[9] = hours[15] = 1.0
    shifts = [Shift("alice", "Asia/Kolkata", 0, 24), Shift("bob", "UTC", 0, 24),
              Shift("carol", "America/Chicago", 0, 24)]  # fmt: skip
    source = ArrivalSource("inbox", per_day=12.5, profile=hours, by={"sms": 0, "urgent": 0})
    run = run_of(**PLAIN | {"arrivals": [source], "shifts": shifts})
    zones = {shift.persona: ZoneInfo(shift.zone) for shift in shifts}
    seen = Counter()
    for trio in range(1, 9):
        everyone = 0
        for persona in PERSONAS:
            mine = [m for m in run.scenario.variant_of(trio).inbox if m.persona == persona]
            for one in appointments(run, persona, trio):
                message = mine[one.item - 1]
                assert (message.type, message.priority != "urgent") == ("email", True)
                at = hour_0(run.scenario) + timedelta(milliseconds=one.at_ms)
                # A clock hour is two halves of local ones where a zone is half an hour off.
                local = at.astimezone(zones[persona]) - timedelta(minutes=30 * (persona == "alice"))
                seen[local.hour] += 1
                everyone += 1
        assert everyone == 25, "12.5 a day for two days"
    assert set(seen) <= {8, 9, 14, 15}


def test_weights_of_channels_and_priorities_are_the_shares_that_are_drawn():
    by = {"email": 3.0, "sms": 1.0, "urgent": 1.0, "high": 1.0, "medium": 1.0}
    run = run_of(24, **PLAIN | {"arrivals": [ArrivalSource("inbox", per_day=3000.0, by=by)]})
    messages = run.scenario.variants[0].inbox
    weights = Counter()
    for message in messages:
        weights[message.type] += by[message.type]
    drawn = Counter()
    for persona in PERSONAS:
        mine = [message for message in messages if message.persona == persona]
        drawn += Counter(mine[one.item - 1].type for one in appointments(run, persona, 1))
    assert drawn.total() == 3000
    for channel, weight in weights.items():
        assert drawn[channel] / 3000 == pytest.approx(weight / weights.total(), abs=0.04)


def test_mail_from_outside_is_in_place_of_messages():
    source = ArrivalSource("inbox", per_day=10)
    run = run_of(**PLAIN | {"arrivals": [source]}, mail=True)
    assert appointments(run, "alice", 1) == []


def test_phases_that_were_not_chosen_are_left_out():
    run = run_of(phases=("baseline", "reissue"))
    assert {phase for _, phase in of(run)} == {"baseline", "reissue"}


def test_reissues_know_the_age_of_their_baseline():
    ages = [round(one.since_ms / HOUR_MS) for one in appointments(run_of(**timeline(
        (8, "baseline"), (10, "reissue", [], 6), (32, "baseline"))), "alice", 1)
        if one.phase == "reissue"]  # fmt: skip
    assert ages == [2, 8, 14, 20, 2, 8, 14]


def test_two_days_of_a_thousand_trios_are_made_in_two_seconds_and_200_mb():
    """Together; each seat's is made when it is asked for."""
    run, before_kb = run_of(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began_s = process_time()
    held = [appointments(run, persona, trio) for trio in range(1, 101) for persona in PERSONAS]
    assert (process_time() - began_s) * 10 < 20, "a hundred trios, on a machine ten times as slow"
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
    assert grown_kb * 10 < 200_000
    assert len(held) == 300
