"""The queue of arrivals does what a list of them would do, and millions cost it no more steps."""

from __future__ import annotations

import sys
from bisect import bisect_right

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from test_arrivals import balanced, pacer, seconds

from mcstress.load.arrival_queue import ArrivalQueue

PLACES = st.lists(st.integers(0, 9), max_size=8).map(sorted)
MILLIONS = 3_000_000
CALLS = 100_000


def queue_of(batches):
    """A queue, and the list of the same (due, offered rate, trial): a batch for each second."""
    queue, plain = ArrivalQueue(), []
    for second, tenths in enumerate(batches):
        queue.add(float(second), np.array(tenths, float) / 10, 5.0 + second, second + 1)
        plain += [(second + tenth / 10, 5.0 + second, second + 1) for tenth in tenths]
    return queue, plain


def drained(queue):
    found = []
    while queue:
        due_s, batch = queue.pop()
        found.append((due_s, batch.offered_per_s, batch.trial))
    return found


def of_batches(batches):
    return [(batch.due_s[at], batch.offered_per_s, batch.trial)
            for batch in batches for at in range(batch.at, batch.end)]  # fmt: skip


STEPS = st.lists(
    st.tuples(st.sampled_from(["move", "pop", "before", "until", "after", "shift"]),
              st.integers(0, 45)),
    max_size=8,
)  # fmt: skip


@given(st.lists(PLACES, max_size=4), STEPS)
def test_it_does_what_a_list_does(batches, steps):
    (coming, plain), due, moved = queue_of(batches), ArrivalQueue(), []
    for what, tenths in steps:
        at_s = tenths / 10
        match what:
            case "move":
                coming.move_until(at_s, due)
                number = bisect_right([one[0] for one in plain], at_s)
                moved, plain = moved + plain[:number], plain[number:]
            case "pop" if due:
                due_s, batch = due.pop()
                assert (due_s, batch.offered_per_s, batch.trial) == moved.pop(0)
            case "before":
                taken = of_batches(due.take_before(at_s))
                assert taken == [one for one in moved if one[0] < at_s]
                moved = moved[len(taken) :]
            case "until":
                taken = of_batches(coming.take_until(at_s))
                assert taken == [one for one in plain if one[0] <= at_s]
                plain = plain[len(taken) :]
            case "after":
                kept = [one for one in moved if one[0] <= at_s]
                assert due.drop_after(at_s) == len(moved) - len(kept)
                moved = kept
            case "shift" if not moved:  # what is due has its time
                coming.shift(at_s)
                plain = [(due_s + at_s, *rest) for due_s, *rest in plain]
        assert (len(coming), len(due)) == (len(plain), len(moved))
        assert coming.first_s == (plain[0][0] if plain else float("inf"))
    assert drained(coming) == plain
    assert drained(due) == moved


@given(st.lists(PLACES, min_size=1, max_size=4), st.integers(1, 9))
def test_groups_are_those_of_each_by_itself(batches, wide):
    queue, plain = queue_of(batches)

    def key(due_s):
        return int(due_s), int(due_s * 10) // wide

    groups = [
        (key(first_s), number)
        for batch in queue.take_until(float("inf"))
        for first_s, number in batch.alike(key)
    ]
    found = [name for name, number in groups for _ in range(number)]
    assert found == [key(due_s) for due_s, *_ in plain]
    assert len({name for name, _ in groups}) == len(groups)


def test_the_end_of_a_rate_beyond_all_means_is_soon():
    """What never began is counted by seconds and milliseconds: millions cost what thousands do."""
    its = pacer(max_wait_s=0.5)
    its.grant(seconds(MILLIONS, [0, 1]), in_s=-1.5, trios=1)
    calls = 0

    def count(_frame, event, _argument):
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        its._move_due(its._begin_s + 1.5)
        its._miss(its._begin_s + 1.5)
        its.end()
        rows = its.take_unserved().rows()
    finally:
        sys.setprofile(None)
    assert calls < CALLS
    assert its.counts.granted == 2 * MILLIONS
    assert its.counts.missed >= MILLIONS
    assert balanced(its.counts)
    assert sum(row[4] for row in rows) == its.counts.missed + its.counts.cut
