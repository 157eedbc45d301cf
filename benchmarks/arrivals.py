"""What the pacers of schedules cost an event, and 10,000 arrivals a second from one process.

The pacer alone: users that do nothing with their events, in this process. ``taken``: arrivals wait,
and a busy user takes the next; ``woken``: a user is idle when an arrival is due, and is woken, as
after a think time in a closed run, which stands beside it. ``clock``: appointments of five events
that are all due, one after the other.
"""

from __future__ import annotations

from contextlib import nullcontext
from math import inf
from time import perf_counter, process_time
from types import SimpleNamespace
from typing import Any

import gevent
import msgspec
from locust import User
from locust.env import Environment
from locust.user.task import LOCUST_STATE_RUNNING

from benchmarks.locust_load import SEARCHING, fixed_services, load
from benchmarks.row import Row
from mcstress.load.arrivals import Arrivals, ArrivalsPacer
from mcstress.load.clock import ClockPacer
from mcstress.load.closed import ClosedPacer
from mcstress.load.schedule import ArrivalRate, GrantedSecond, RatePlan
from mcstress.locust_compat import StoppableUser
from mcstress.services.llm.language_model import ModelSetup
from mcstress.services.target import TargetSetup
from mcstress.users.appointments import HOUR_MS
from mcstress.users.phases import PHASE_FUNCTIONS
from mcstress.users.run import SECONDS_AN_HOUR, ClockPace, Run, Seat
from mcstress.users.scenarios.clock_model import TimelineEntry
from mcstress.users.scenarios.load import load_scenario

PER_S = 10_000
EVENTS = 50_000
USERS = 50
TURNS = 3
AN_APPOINTMENT = 5
DAY_H = 24
A_RUN_S = 20
IN_A_RUN = ("-u", 200, "-r", 200)


class Idle(StoppableUser):
    """A user that does nothing."""

    abstract = True
    pause_s = 0.0

    def __init__(self) -> None:
        User.__init__(self, Environment())
        self._state = LOCUST_STATE_RUNNING
        self.coordinator: Any = SimpleNamespace(slot=None, seat=Seat("alice", 1))

    def wait(self) -> None:
        """As its task set does, which it has none of."""
        gevent.sleep(self.pause_s)


def run() -> list[Row]:
    """The pacer alone, then a whole run."""
    names = ("closed", "thinks", "taken", "woken", "clock")
    costs: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(TURNS):
        costs["closed"].append(_closed_us())
        costs["thinks"].append(_thinks_us())
        costs["taken"].append(_taken_us())
        costs["woken"].append(_woken_us())
        costs["clock"].append(_clock_us())
    least = {name: min(each) for name, each in costs.items()}
    rows = [Row("pacer, closed, no think time", least["closed"], "us an event")]
    rows += [
        Row(
            "pacer, arrivals, taken",
            least["taken"],
            "us an event",
            least["taken"] / least["closed"],
            "closed, no think time",
        )
    ]
    rows += [Row("pacer, clock, due", least["clock"], "us an event",
                 least["clock"] / least["closed"], "closed, no think time")]  # fmt: skip
    rows += [Row("pacer, closed, think time", least["thinks"], "us an event")]
    rows += [Row("pacer, arrivals, woken", least["woken"], "us an event",
                 least["woken"] / least["thinks"], "closed, think time")]  # fmt: skip
    return rows + _runs()


def _closed_us() -> float:
    pacer, user = ClosedPacer(), Idle()
    begin_s = process_time()
    for _ in range(EVENTS):
        slot = pacer.take(user)  # type: ignore[arg-type]  # no coordinator's user: it has what is asked
        assert slot is not None
        pacer.finished(slot)
    return (process_time() - begin_s) / EVENTS * 1e6


def _thinks_us() -> float:
    """As many users and events a second as ``_woken_us`` has."""
    pacer, done = ClosedPacer(), [0]

    def live(user: Idle) -> None:
        while (slot := pacer.take(user)) is not None:  # type: ignore[arg-type]  # see above
            done[0] += 1
            pacer.finished(slot)

    users = [Idle() for _ in range(USERS)]
    for user in users:
        user.pause_s = USERS / PER_S
    greenlets = [gevent.spawn(live, user) for user in users]
    begin_s = process_time()
    gevent.sleep(EVENTS / PER_S)
    spent_s = process_time() - begin_s
    gevent.killall(greenlets)
    return spent_s / done[0] * 1e6


def _taken_us() -> float:
    """All are due already."""
    pacer, user = _pacer(), Idle()
    pacer.grant(_seconds(EVENTS, 1), -1.0, 1)
    begin_s = process_time()
    for _ in range(EVENTS):
        pacer.take(user)  # type: ignore[arg-type]  # see above
    spent_s = process_time() - begin_s
    pacer.end()
    return spent_s / EVENTS * 1e6


def _woken_us() -> float:
    pacer = _pacer()
    users = [gevent.spawn(_take_all, pacer, Idle()) for _ in range(USERS)]
    gevent.sleep(0)
    seconds = EVENTS // PER_S
    begin_s, end_s = process_time(), perf_counter() + seconds
    pacer.grant(_seconds(PER_S, seconds), 0.0, 1)
    gevent.sleep(end_s - perf_counter())
    spent_s = process_time() - begin_s
    pacer.end()
    gevent.killall(users)
    return spent_s / max(pacer.counts.begun, 1) * 1e6


def _clock_us() -> float:
    """``EVENTS`` of one seat's appointments, which came while its user was away."""
    scenario = msgspec.structs.replace(
        load_scenario("three_cities"), shifts=[], arrivals=[],
        timeline=[TimelineEntry(0, "surge", every=DAY_H * AN_APPOINTMENT / EVENTS)],
    )  # fmt: skip
    run = Run("uid", "001", TargetSetup(), ModelSetup("", "m"), scenario, ["surge"], 0, 42, 8, "p_",
              "f-", 1.0, 0.0, 0.0, clock=ClockPace(2 * DAY_H, SECONDS_AN_HOUR))  # fmt: skip
    seat, user = Seat("alice", 1), Idle()
    user.coordinator = me = SimpleNamespace(
        seat=seat, name=seat.name, run=run, slot=None, appointment=None, round=1, gives=False,
        interruptible=nullcontext, begin_round=list, context=SimpleNamespace(holds=lambda _: True),
    )  # fmt: skip
    pacer = ClockPacer(ClockPace(2 * DAY_H, SECONDS_AN_HOUR), inf)
    pacer.seated(seat, 0)
    pacer.grant(-DAY_H, round(DAY_H * HOUR_MS))  # an hour in a second
    surge = PHASE_FUNCTIONS["surge"]
    PHASE_FUNCTIONS["surge"] = lambda _: iter([list] * AN_APPOINTMENT)
    try:
        begin_s = process_time()
        for _, _event in zip(range(EVENTS), pacer.tasks(me), strict=False):  # type: ignore[arg-type]  # see above
            slot = pacer.take(user)  # type: ignore[arg-type]  # see above
            assert slot is not None
            pacer.finished(slot)
        return (process_time() - begin_s) / EVENTS * 1e6
    finally:
        PHASE_FUNCTIONS["surge"] = surge


def _take_all(pacer: ArrivalsPacer, user: Idle) -> None:
    while pacer.take(user) is not None:  # type: ignore[arg-type]  # see above
        pass


def _pacer() -> ArrivalsPacer:
    return ArrivalsPacer(Arrivals("poisson", 42, 3600.0), "local")


def _seconds(per_s: int, number: int) -> list[GrantedSecond]:
    plan = RatePlan(ArrivalRate(per_s, per_s))
    found = (plan.second(second) for second in range(number))
    return [GrantedSecond(second, (("local", 1),)) for second in found if second is not None]


def _runs() -> list[Row]:
    """Whole runs at 10,000 a second, against services that cost next to nothing.

    Beside the CPU of a request stands a closed run's, of the same phases: what the machine is
    worth on the day.
    """
    with fixed_services() as url:
        closed = load(url, *IN_A_RUN, *SEARCHING, seconds=A_RUN_S)
        cost = Row("closed: CPU a request", closed.cpu_us_per_request, "us")
        return [
            cost,
            *_run(url, cost, "events, a third of two requests,", *SEARCHING),
            *_run(url, cost, "single searches", "--mix", "search=1"),
        ]


def _run(url: str, closed: Row, what: str, *asked: object) -> list[Row]:
    made = load(url, *IN_A_RUN, "--arrival-rate", PER_S, *asked, seconds=A_RUN_S)
    document = made.document
    arrivals = document["completeness"]["arrivals"]
    due = sum(rate * lasted_s for _, rate, _, lasted_s in document["offered"])
    late = document["latency"]["lateness"]
    watched = sum(one["seconds_watched"] for one in document["completeness"]["workers"])
    starved = sum(one["seconds_saturated"] for one in document["completeness"]["workers"])
    of, a_request = f"{PER_S:,} {what} a second", made.cpu_us_per_request
    return [
        Row(f"{of}: offered", arrivals["offered"], "arrivals", arrivals["offered"] / due,
            "rate times seconds of the schedule"),
        Row(f"{of}: begun", arrivals["begun"], "events", arrivals["begun"] / arrivals["offered"],
            "offered"),
        Row(f"{of}: CPU of the process", made.busiest * 100, "% of a core"),
        Row(f"{of}: CPU a request", a_request, "us", a_request / closed.value, closed.name),
        Row(f"{of}: generator lateness p99", late["generator"]["p99_ms"], "ms"),
        Row(f"{of}: queue lateness p99", late["queue"]["p99_ms"], "ms"),
        Row(f"{of}: seconds in which it did not keep up", starved, "s", starved / max(watched, 1),
            "all"),
    ]  # fmt: skip
