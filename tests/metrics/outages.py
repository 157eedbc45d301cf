"""Closed loops against a service that can die: lists of steps, and availability by brute force."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, log2
from random import Random
from statistics import median_low
from typing import NamedTuple

from mcstress.metrics.availability import Pause
from mcstress.metrics.event import Event, StepRecord, utc

BEGIN = 1_700_000_000.04
"""When each run begins: not at the edge of a slot."""
REFUSAL_S = 0.03


class Step(NamedTuple):
    """A call to the service, in seconds since 1970. ``cut``: the end of the run came first."""

    begin: float
    end: float
    ok: bool
    cut: bool = False


class Outage(NamedTuple):
    """From ``begin`` to ``end``, in seconds of the run. ``refuse``: each step fails at once.

    Else each hangs until the service is back. ``share`` of the steps are hit.
    """

    begin: float
    end: float
    refuse: bool = False
    share: float = 1.0


def around(seconds: float, spread: float = 0.2) -> Callable[[Random], float]:
    """Latencies whose logarithms are normal around ``seconds``."""
    return lambda random: seconds * random.lognormvariate(0, spread)


class Loop(NamedTuple):
    """Users who ask, wait for the answer, think, and ask again."""

    users: int = 10
    latency: Callable[[Random], float] = around(0.05)
    think_s: float = 0.0
    run_s: float = 60.0
    timeout_s: float = 30.0
    steps: int | None = None
    ramp_s: float = 0.0
    burst_s: float = 0.0
    clock_error_s: float = 0.0
    failing: float = 0.0
    outages: tuple[Outage, ...] = ()

    def played(self, seed: int = 1) -> list[Step]:
        """The steps of a run."""
        random = Random(seed)
        return [
            step
            for user in range(self.users)
            for error in [self.clock_error_s * (1, -1, 0.5, -0.5)[user % 4]]
            for step in self._user(random, user * self.ramp_s, BEGIN + error)
        ]

    def _user(self, random: Random, start: float, zero: float):
        now, made = start + random.uniform(0, min(self.think_s, 1)), 0
        while now < self.run_s and (self.steps is None or made < self.steps):
            end, ok = self._answer(random, now)
            if end >= self.run_s:
                yield Step(zero + now, zero + self.run_s, ok=False, cut=True)
                return
            yield Step(zero + now, zero + end, ok)
            made, now = made + 1, end + self.think_s * random.uniform(0.8, 1.2)
            if self.burst_s and now % self.burst_s > 1:
                now += self.burst_s - now % self.burst_s

    def _answer(self, random: Random, begin: float) -> tuple[float, bool]:
        end = begin + self.latency(random)
        for outage in self.outages:
            hit = begin < outage.end and end > outage.begin and random.random() < outage.share
            if hit and outage.refuse:
                return max(begin, outage.begin) + REFUSAL_S, False
            if hit:
                end += outage.end - max(begin, outage.begin)
                if end > begin + self.timeout_s:
                    return begin + self.timeout_s, False
        return end, random.random() >= self.failing


def events_of(loop, seed=1, users=None):
    """The events of a run: a search each, by the users of its moment."""
    made = []
    for number, step in enumerate(sorted(loop.played(seed)), 1):
        record = StepRecord("matrix.search", utc(step.begin), (step.end - step.begin) * 1000)
        record.cut = step.cut
        if not step.ok and not step.cut:
            record.error = "503 Service Unavailable"
        made.append(
            Event(
                seq=number, worker="local", time=record.time, round=1, trio=1, phase="surge",
                coordinator="alice", k=8, top_k=[], found=None, steps=[record],
                users=loop.users if users is None else users(step),
                outcome="cut" if step.cut else "ok" if step.ok else "failed",
                latency_ms=0 if step.cut else record.latency_ms,
            )
        )  # fmt: skip
    return made


def later(loop: Loop, by_s: float) -> Loop:
    """The same, its outages so many seconds later: at other places within a slot."""
    outages = tuple(o._replace(begin=o.begin + by_s, end=o.end + by_s) for o in loop.outages)
    return loop._replace(outages=outages)


def asked_edges(steps: list[Step], outage: Outage, run_s: float) -> tuple[float, float]:
    """The first and the last moment of an outage in which a step was in flight.

    A step that the end of the run cut is none of them unless it took longer than the cap's least.
    """
    begin, end = BEGIN + outage.begin, BEGIN + min(outage.end, run_s)
    hit = [
        step
        for step in steps
        if step.end >= begin and step.begin < end and not (step.cut and step.end - step.begin <= 1)
    ]
    return max(min(s.begin for s in hit), begin), min(max(s.end for s in hit), end)


def silences(
    steps: list[Step], begin: float, end: float, wide: int = 1, pauses: tuple[Pause, ...] = ()
):
    """The silences (begin, seconds), slot by slot from the list of steps.

    Also how many slots were in flight, and how many seconds say nothing: in pauses, beside
    silences.
    """

    def slot(time: float) -> int:
        return int(time * 10) // wide

    good_ones = [s.end - s.begin for s in steps if s.ok]
    quarter = max(-8, ceil(4 * log2(max(median_low(good_ones), 1e-9)))) if good_ones else -8
    cap = max(1.0, 4 * 2 ** (quarter / 4))
    flight, good = set(), set()
    for step in steps:
        span = set(range(slot(step.begin), slot(step.end) + 1))
        if step.cut and step.end - step.begin <= cap:
            continue
        flight |= span
        if step.ok:
            good |= span if step.end - step.begin <= cap else {slot(step.end)}
    still = {
        number
        for pause in pauses
        for number in range(slot(pause.begin) - 1, slot(pause.begin + pause.seconds) + 2)
    }
    flight -= still - good
    unknown = {n for n in still - good if slot(begin) <= n <= slot(end)}
    found, open_since, last = [], None, None
    for number in [*range(slot(begin), slot(end) + 1), None]:
        if number is None or number in good:
            if open_since is not None and (last + 1 - open_since) * wide >= 10:
                first_s = max(open_since * wide / 10, begin)
                found.append((first_s, min((last + 1) * wide / 10, end) - first_s))
                unknown -= set(range(open_since, last))
            open_since = None
        elif number in flight:
            open_since, last = number if open_since is None else open_since, number
    in_flight = len({n for n in flight if slot(begin) <= n <= slot(end)})
    return found, in_flight, len(unknown) * wide / 10
