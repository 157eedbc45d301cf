"""Availability against brute force, and on services that are sound and that die."""

from __future__ import annotations

import json
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from outages import BEGIN, Loop, Outage, Step, around, asked_edges, later, silences

from mcstress.metrics import availability
from mcstress.metrics.availability import Availability, Mask, Pause, ServiceSlots
from mcstress.metrics.clock_offset import DRIFT, ClockOffset

SEEDS = range(4)


def counted(steps):
    service = ServiceSlots()
    for step in steps:
        service.add(step.begin, step.end, ok=step.ok, cut=step.cut)
    return service


times = st.floats(0, 40).map(lambda s: BEGIN + s)
lengths = st.one_of(st.floats(0.001, 0.2), st.floats(0.2, 3), st.floats(3, 30))
steps_made = st.lists(
    st.builds(
        lambda begin, length, kind: Step(begin, begin + length, kind == "ok", kind == "cut"),
        times, lengths, st.sampled_from(["ok", "failed", "cut"]),
    ),
    max_size=25,
)  # fmt: skip


pauses_made = st.lists(st.builds(Pause, times, st.floats(0.2, 12)), max_size=4)


@given(
    *(steps_made, st.floats(0, 10), st.floats(0.5, 50), st.sampled_from([0, 0.05, 0.07, 0.2])),
    pauses_made,
)
def test_it_is_what_brute_force_finds_in_the_steps(steps, late, length, clock_error, pauses):
    begin = BEGIN + late
    found = counted(steps).result(begin, begin + length, clock_error, pauses)
    wide = {0: 1, 0.05: 1, 0.07: 2, 0.2: 4}[clock_error]
    expected, slots, unknown_s = silences(steps, begin, begin + length, wide, pauses)
    measured_s = max(0.0, length - unknown_s)
    assert found.measured_s == pytest.approx(measured_s, abs=1e-6)
    assert found.paused_s == pytest.approx(length - measured_s, abs=1e-6)
    assert [s.begin for s in found.silences] == pytest.approx([b for b, _ in expected])
    assert [s.seconds for s in found.silences] == pytest.approx([s for _, s in expected])
    assert found.slots == slots
    assert found.slot_s == pytest.approx(wide / 10)
    if not slots or not found.measured_s:
        assert (found.rate, found.longest_silence_s) == (None, None)
        return
    assert found.longest_silence_s == pytest.approx(
        max((s for _, s in expected), default=0), abs=1e-6
    )
    silent_s = sum(s for _, s in expected)
    assert found.rate == pytest.approx(max(0.0, 1 - silent_s / found.measured_s), abs=1e-6)


def test_a_pause_of_the_generator_is_no_silence_and_an_outage_across_it_is_one():
    asked = [Step(BEGIN + s / 10, BEGIN + s / 10 + 0.05, ok=True) for s in range(100)]
    waited = Step(BEGIN + 3.02, BEGIN + 6.31, ok=True)  # it was read when the process went on
    paused = [Pause(BEGIN + 3.0, 3.3)]
    steps = [step for step in asked if not BEGIN + 3.0 < step.begin < BEGIN + 6.3] + [waited]
    alone = counted(steps).result(BEGIN, BEGIN + 10)
    assert alone.longest_silence_s == pytest.approx(3.2, abs=0.2)
    found = counted(steps).result(BEGIN, BEGIN + 10, 0.0, paused)
    assert (found.rate, found.longest_silence_s, found.silences) == (1.0, 0.0, [])
    assert found.measured_s == pytest.approx(10 - 3.3, abs=0.2)
    dead = [step for step in steps if step.begin < BEGIN + 2.0] + [
        Step(BEGIN + s, BEGIN + s + 0.05, ok=False) for s in (2.0, 2.2, 2.4, 6.5, 7.0, 7.9)
    ]
    found = counted(dead).result(BEGIN, BEGIN + 8, 0.0, paused)
    assert found.longest_silence_s == pytest.approx(6, abs=0.1)
    assert found.measured_s == pytest.approx(8)
    assert found.rate == pytest.approx(0.25, abs=0.02)


def test_a_pause_outside_of_the_run_or_longer_than_all_of_it_is_no_fault():
    service = counted([Step(BEGIN + 1, BEGIN + 2.5, ok=False)])
    far = [Pause(0.0, 5.0), Pause(2.0**40, 2.0**20), Pause(BEGIN - 9, 3)]
    assert service.result(BEGIN, BEGIN + 9, 0.0, far) == service.result(BEGIN, BEGIN + 9)
    found = service.result(BEGIN, BEGIN + 9, 0.0, [Pause(BEGIN - 9, 99)])
    assert (found.rate, found.slots, found.measured_s) == (None, 0, 0.0)


@given(steps_made, st.randoms())
def test_parts_add_up_to_the_same_bits_in_any_order(steps, random):
    whole, parts = Availability(), [Availability() for _ in range(3)]
    for number, step in enumerate(steps):
        name = ("gateway", "llm")[number % 2]
        for one in (whole, random.choice(parts)):
            one[name].add(step.begin, step.end, ok=step.ok, cut=step.cut)
    random.shuffle(parts)
    merged, restored = Availability(), Availability()
    for part in parts:
        merged.merge(part)
        restored.restore(json.loads(json.dumps(part.state())))
    for name in whole:
        assert merged[name].state() == restored[name].state() == whole[name].state()
        run = BEGIN, BEGIN + 40
        assert merged[name].result(*run) == whole[name].result(*run)


@given(st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 2000)), max_size=8))
def test_a_mask_holds_the_slots_that_were_marked(spans):
    mask, expected = Mask(), set()
    for first, length in spans:
        mask.mark(first, first + length)
        expected |= set(range(first, first + length + 1))
    for first, count in ((0, 6001), (511, 3), (700, 1500)):
        found = mask.slots(first, count).nonzero()[0] + first
        assert set(found.tolist()) == {slot for slot in expected if first <= slot < first + count}


SOUND = {
    "slow, ten users": Loop(latency=around(2.5)),
    "slow, one user": Loop(1, around(2.5)),
    "slow, cut at the end": Loop(1, lambda _: 2.4, run_s=10),
    "few users, think time": Loop(3, think_s=5),
    "one user, think time": Loop(1, around(0.02), think_s=10),
    "one round": Loop(9, steps=30),
    "one step": Loop(1, steps=1),
    "a long tail": Loop(10, around(0.5, 0.7)),
    "clocks 40 ms off": Loop(20, clock_error_s=0.04),
    "clocks 180 ms off": Loop(20, think_s=1, clock_error_s=0.18),
    "bursts": Loop(10, burst_s=20),
    "a ramp": Loop(12, around(1.2), ramp_s=4),
    "one in twenty fails": Loop(10, failing=0.05),
    "a blink that does not count": Loop(outages=(Outage(20, 20.7),)),
    "half of it works": Loop(20, outages=(Outage(20, 40, refuse=True, share=0.5),)),
}


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_service_was_there_all_the_time(name):
    loop = SOUND[name]
    for seed in SEEDS:
        steps = loop.played(seed)
        found = counted(steps).result(BEGIN, BEGIN + loop.run_s, loop.clock_error_s)
        assert (found.rate, found.longest_silence_s, found.silences) == (1.0, 0.0, []), seed
        assert found.slots > 0


OUTAGES = {
    "it hangs": Loop(outages=(Outage(20, 33.8),)),
    "it hangs past the timeout": Loop(timeout_s=5, outages=(Outage(15, 43),)),
    "it refuses at once": Loop(30, think_s=0.5, outages=(Outage(20, 30, refuse=True),)),
    "it refuses one user": Loop(1, think_s=0.5, outages=(Outage(20, 30, refuse=True),)),
    "frozen to the end": Loop(outages=(Outage(50, 99),)),
    "dead from 6.3 s of 10 on": Loop(run_s=10, outages=(Outage(6.3, 99),)),
    "dead at first": Loop(outages=(Outage(0, 8, refuse=True),)),
    "dead all the time": Loop(30, think_s=0.5, outages=(Outage(0, 99, refuse=True),)),
    "frozen all the time": Loop(timeout_s=99, outages=(Outage(0, 99),)),
    "twice": Loop(outages=(Outage(10, 13), Outage(30, 41.5, refuse=True))),
    "it hangs, then refuses": Loop(timeout_s=4, outages=(Outage(20, 30), Outage(30, 35, True))),
    "bursts": Loop(burst_s=5, outages=(Outage(19, 36, refuse=True),)),
    "clocks 40 ms off": Loop(20, clock_error_s=0.04, outages=(Outage(20, 25, refuse=True),)),
    "few users": Loop(3, think_s=2, outages=(Outage(20, 40),)),
}


@pytest.mark.parametrize("name", OUTAGES)
def test_an_outage_is_found_to_a_slot(name):
    """Begin and end each within a slot of when somebody asked and the service was dead."""
    for seed in SEEDS:
        loop = later(OUTAGES[name], seed * 0.03)
        steps = loop.played(seed)
        found = counted(steps).result(BEGIN, BEGIN + loop.run_s)
        truth = [asked_edges(steps, outage, loop.run_s) for outage in loop.outages]
        if name == "it hangs, then refuses":
            truth = [(truth[0][0], truth[1][1])]
        slot = 0.1 + loop.clock_error_s + 1e-6
        assert [s.begin for s in found.silences] == pytest.approx([b for b, _ in truth], abs=slot)
        assert [s.end for s in found.silences] == pytest.approx([e for _, e in truth], abs=slot)
        lengths = [end - begin for begin, end in truth]
        assert found.longest_silence_s == pytest.approx(max(lengths), abs=2 * slot)
        assert found.rate == pytest.approx(
            1 - sum(lengths) / loop.run_s, abs=2 * slot * len(truth) / loop.run_s
        )


@pytest.mark.parametrize("refuse", [True, False])
def test_an_outage_of_a_slow_service_is_found_to_an_answers_time(refuse):
    loop = Loop(latency=around(2.5), outages=(Outage(20, 40, refuse=refuse),))
    for seed in SEEDS:
        found = counted(loop.played(seed)).result(BEGIN, BEGIN + 60)
        assert found.silence_count == 1
        assert found.longest_silence_s == pytest.approx(20, abs=2.5)


def test_of_many_silences_the_first_twenty_are_shown():
    outages = tuple(Outage(n, n + 2, refuse=True) for n in range(1, 150, 5))
    loop = Loop(run_s=152, outages=outages)
    found = counted(loop.played()).result(BEGIN, BEGIN + 152)
    assert (found.silence_count, len(found.silences)) == (30, 20)
    assert found.silent_s == pytest.approx(60, abs=6)


@pytest.mark.parametrize("length", [0.0, -5.0])
def test_a_run_of_no_time_has_no_rate(length):
    service = counted([Step(BEGIN, BEGIN + 3, ok=False)])
    found = service.result(BEGIN, BEGIN + length)
    assert (found.rate, found.longest_silence_s, found.silences) == (None, None, [])


def test_a_service_that_nobody_asked_has_no_rate():
    found = ServiceSlots().result(BEGIN, BEGIN + 60)
    assert (found.rate, found.longest_silence_s, found.slots, found.cap_s) == (None, None, 0, 1.0)


@pytest.mark.parametrize(("median", "cap"), [(0.02, 1), (0.25, 1), (0.5, 2), (2.5, 11.31), (4, 16)])
def test_the_cap_is_four_times_the_median_and_at_least_a_second(median, cap):
    """To the upper edge of the median's quarter of an octave: 2.5 s counts as 2.83 s."""
    steps = [Step(BEGIN, BEGIN + median * more, ok=True) for more in (0.01, 1, 1, 30)]
    found = counted([*steps, Step(BEGIN, BEGIN + 99, ok=False)]).result(BEGIN, BEGIN + 9)
    assert found.cap_s == pytest.approx(cap, abs=0.01)


def test_a_clock_that_was_set_marks_one_slot():
    service = ServiceSlots()
    service.add(BEGIN + 5, BEGIN + 4, ok=True)
    service.add(0.0, BEGIN + 7, ok=False)
    assert service.result(BEGIN, BEGIN + 10).slots == 2


@pytest.mark.parametrize("hours", [1, 24])
def test_the_state_is_as_small_as_is_said(hours):
    loop = Loop(3, around(5, 0.5), think_s=1, run_s=600, failing=0.02)
    steps, service = loop.played(), ServiceSlots()
    for hour in range(hours):
        for part in range(6):
            shift = hour * 3600 + part * 600
            for step in steps:
                service.add(step.begin + shift, step.end + shift, ok=step.ok, cut=step.cut)
    masks = [service.quick, service.ended, service.failed, *service.slow.values()]
    sizes = [len(json.dumps(mask.state())) for mask in masks]
    assert 9_000 * hours < max(sizes) <= 10_400 * hours
    assert len(masks) <= 20
    assert service.result(BEGIN, BEGIN + hours * 3600).rate > 0.9


def test_the_fields_of_a_run_are_slots_and_edges_only():
    """Nothing else grows: a million steps leave what a thousand do."""
    random, service = Random(1), ServiceSlots()
    for _ in range(20_000):
        begin = BEGIN + random.uniform(0, 60)
        service.add(begin, begin + random.expovariate(2), ok=random.random() < 0.9)
    assert len(json.dumps(service.state())) < 20 * 600
    assert len(service.latencies.state()[""]) <= len(availability.EDGES_S)


def exchange(clock, offset, out_s, back_s, work_s=0.0):
    """A round trip as both clocks see it."""
    sent, got = clock, clock + offset + out_s
    answered = got + work_s
    return sent, got, answered, answered + back_s - offset


@given(st.floats(-1e5, 1e5), st.floats(-50e-6, 50e-6), st.integers(0, 999))
@example(0.0, 50e-6, 125)  # the clocks drift apart while the message is on its way, too
def test_the_offset_is_never_wrong_by_more_than_is_said(offset, drift, seed):
    random, clock, known = Random(seed), BEGIN, ClockOffset()
    for _ in range(50):
        clock += random.uniform(0.1, 60)
        true = offset + drift * (clock - BEGIN)
        trip = exchange(
            clock, true, random.expovariate(200), random.expovariate(50), random.random()
        )
        known.add(*trip)
        later = trip[-1] + random.uniform(0, 30)
        now = offset + drift * (later - BEGIN)
        assert abs(known.offset - now) <= known.error(later) + 1e-6  # of a float: 0.24 µs


def test_the_smallest_round_trip_wins_until_it_is_old():
    known = ClockOffset()
    assert (known.offset, known.error(0.0)) == (0.0, None)
    known.add(*exchange(100.0, 5.0, 0.08, 0.02))
    assert known.offset == pytest.approx(5.03)
    known.add(*exchange(101.0, 5.0, 0.001, 0.001))
    assert known.offset == pytest.approx(5.0)
    assert known.error(101.002) == pytest.approx(0.001 + 0.002 * DRIFT)
    known.add(*exchange(102.0, 5.0, 0.02, 0.0))
    assert known.offset == pytest.approx(5.0)
    known.add(*exchange(500.0, 5.0, 0.02, 0.0))
    assert known.offset == pytest.approx(5.01)
    assert known.error(600.02) == pytest.approx(0.01 + 100.02 * DRIFT)


def test_a_trip_in_which_a_clock_was_set_is_none():
    known = ClockOffset()
    known.add(sent=100.0, got=105.0, answered=104.0, received=100.2)
    known.add(sent=100.0, got=105.0, answered=105.5, received=100.2)
    assert known.error(100.2) is None
    known.add(sent=100.0, got=105.0, answered=105.1, received=100.2)
    known.forget()
    assert (known.offset, known.error(100.2)) == (0.0, None)


def mixed(outage=None):
    """For a minute one user searches (2 s) and records (10 ms); an outage is waited for."""
    now, steps = BEGIN, []
    while now < BEGIN + 60:
        for kind, takes_s in (("matrix.search", 2.0), ("playbook.record", 0.01)):
            end = now + takes_s
            if outage and now < outage[1] and end > outage[0]:
                end = outage[1] + takes_s
            steps.append((now, end, kind))
            now = end
    return steps


@pytest.mark.parametrize("outage", [None, (BEGIN + 20, BEGIN + 40)])
def test_slow_searches_among_quick_recordings_are_no_silence(outage):
    """One median of all steps is that of the recordings: each search would be a silence of 2 s."""
    service, steps = Availability()["gateway"], mixed(outage)
    for begin, end, kind in steps:
        service.add(begin, end, ok=True, kind=kind)
    longest = max(end - begin for begin, end, _ in steps)
    silent_s = longest if outage else 0.0
    found = service.result(BEGIN, BEGIN + 60)
    assert found.cap_s == pytest.approx(8, rel=0.19)
    assert found.longest_silence_s == pytest.approx(silent_s, abs=0.2)
    assert found.silence_count == (silent_s > 0)


def test_a_kind_of_step_that_is_rare_has_no_say_in_the_cap():
    """Most of its few steps may have hung through the outage, which would hide it."""
    service = Availability()["gateway"]
    for number in range(100):
        service.add(BEGIN + number / 10, BEGIN + number / 10 + 0.05, ok=True, kind="matrix.search")
    for begin in (BEGIN + 10, BEGIN + 10.1):
        service.add(begin, BEGIN + 24, ok=True, kind="index.add")
    found = service.result(BEGIN, BEGIN + 25)
    assert found.cap_s == 1.0
    assert found.longest_silence_s == pytest.approx(13.9, abs=0.2)


@given(
    st.lists(
        st.tuples(
            st.floats(1_760_000_000, 1_760_000_030), st.floats(0, 100_000) | st.floats(0, 1200)
        ),
        min_size=1,
    )
)
def test_answers_of_a_second_together_are_the_same_bits_as_one_by_one(answers):
    together, single = ServiceSlots(), ServiceSlots()
    begins_s, latencies_ms = zip(*answers, strict=True)
    together.add_answers("matrix.search", begins_s, latencies_ms)
    for begin_s, latency_ms in answers:
        single.add(begin_s, begin_s + latency_ms / 1000, ok=True, kind="matrix.search")
    assert together.state() == single.state()
