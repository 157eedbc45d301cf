"""Workers that are killed, freeze or come late, and a ramp by Edit, under both schedules.

What was offered is worked out beside the run, from its seed and beginning; each of it has one fate.
"""

from __future__ import annotations

import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from threading import Lock

import pytest
from endtoend.accounts import calls
from endtoend.deployments import Deployment, apart
from endtoend.locust_run import until
from endtoend.test_ramp import WebUI, finished
from free_ports import free_port
from standin.process import Standin

from mcstress.load.schedule import ArrivalRate, RatePlan, places
from mcstress.metrics.phase import PHASES
from mcstress.users.appointments import Timetable, appointments
from mcstress.users.scenarios.load import load_scenario

pytestmark = pytest.mark.slow
RATE, SEED, SCALE = 60, 42, 4800
USERS = ("-u", 9, "-r", 9, "--stop-timeout", 5)
OPEN = {
    "arrivals": ("--arrival-rate", RATE, "-t", "35s"),
    "clock": ("--clock", 48, "--time-scale", SCALE),
}
CALLS = {"arrivals": 400, "clock": 20}
"""So many were made before anything goes wrong: five seconds of a schedule, or a morning."""
MISSING_S = 30


def offered_as_it_says(document: dict) -> None:
    """The seconds that were offered hold what the seed says, and every arrival has one fate."""
    seconds, rate = document["offered"], RATE
    plan = RatePlan(ArrivalRate(rate, rate))
    for number, (_, at_rate, arrivals, lasted_s) in enumerate(seconds):
        if at_rate != rate:
            plan.change(ArrivalRate(at_rate, at_rate), number)
            rate = at_rate
        if lasted_s == 1 and number < len(seconds) - 2:
            assert arrivals == len(places(plan.second(number), "poisson", SEED))
    totals = document["completeness"]["arrivals"]
    fates = ("begun", "missed", "cut", "unknown")
    assert totals["offered"] == sum(totals[fate] for fate in fates)
    # Each worker and the master have an end of their own: the last seconds are as workers tell.
    assert totals["offered"] == sum(second[2] for second in seconds)
    events = [event for event in document["events"] if "scheduled" in event]
    # By worker: clocks differ by half a millisecond, so that two arrivals of two workers may meet.
    assert len(events) == len({(one["worker"], one["scheduled"]["intended"]) for one in events})
    lost = any(one["lost"] for one in document["completeness"]["workers"])
    # What was under way in a process that was killed began, and is no event.
    assert 0 <= totals["begun"] - len(events) <= (9 if lost else 0)


def begun_by(document: dict, worker: str, last_s: float) -> float:
    """The worker's share of what began in the last seconds of the schedule."""
    end_s = document["offered"][-1][0]
    late = Counter(
        event["worker"]
        for event in document["events"]
        if "scheduled" in event
        and datetime.fromisoformat(event["scheduled"]["intended"]).timestamp() > end_s - last_s
    )
    return late[worker] / late.total()


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """By (schedule, what went wrong): the document, all that its processes printed."""
    starting = Lock()  # one process forks them all

    def run(how: tuple[str, str]):
        mode, wrong = how
        folder = tmp_path_factory.mktemp("losses") / "reports"
        with ExitStack() as stack:
            standin = stack.enter_context(Standin())
            services = ("--host", standin.url, "--llm-host", standin.url)
            with starting:
                deployment = stack.enter_context(apart(folder, *USERS, *OPEN[mode], *services))
            until(lambda: calls(standin) > CALLS[mode], what="some events")
            if wrong == "late":
                with starting:
                    deployment.start_worker()
            else:
                deployment.workers[1].send(signal.SIGKILL if wrong == "killed" else signal.SIGSTOP)
                until(lambda: "is lost" in deployment.master.output, MISSING_S)
                deployment.workers[1].send(signal.SIGCONT)
            deployment.master.wait(120)
            return deployment.master.document(), deployment.output

    kinds = [(mode, wrong) for mode in OPEN for wrong in ("killed", "frozen", "late")]
    with ThreadPoolExecutor(3) as pool:
        return dict(zip(kinds, pool.map(run, kinds), strict=True))


@pytest.mark.parametrize("wrong", ["killed", "frozen", "late"])
def test_every_arrival_has_one_fate(runs, wrong):
    document, output = runs["arrivals", wrong]
    offered_as_it_says(document)
    totals = document["completeness"]["arrivals"]
    assert (totals["unknown"] > 0) == (wrong == "killed"), output
    faults = document["completeness"]["faults"]
    assert bool(faults) == (wrong == "killed"), faults
    lost = [one["name"] for one in document["completeness"]["workers"] if one["lost"]]
    assert len(lost) == (wrong == "killed")
    if wrong == "frozen":
        assert "is back" in output
        assert any(event["namespace"].endswith("_g2") for event in document["events"])
    shares = {name: begun_by(document, name, 5) for name in ("worker-0", "worker-1", "worker-2")}
    if wrong == "late":  # three users each
        assert shares == pytest.approx(dict.fromkeys(shares, 1 / 3), abs=0.02)
    elif wrong == "killed":
        assert max(shares.values()) == 1
    else:
        assert sorted(shares.values())[1:] == pytest.approx([4 / 9, 5 / 9], abs=0.02)


@pytest.mark.parametrize("wrong", ["killed", "frozen", "late"])
def test_every_appointment_has_one_fate(runs, wrong):
    document, output = runs["clock", wrong]
    table = Timetable(load_scenario("three_cities"), list(PHASES), SEED, 48.0, has_mail=False)
    rows = Counter((row[1], row[2]) for row in document["appointments"])
    expected = {
        (persona if trio == 1 else f"{persona}-{trio}", one.number)
        for trio in (1, 2, 3)
        for persona in ("alice", "bob", "carol")
        for one in appointments(table, persona, trio)
    }
    assert {*rows.values()} == {1}, output
    assert {*rows} <= expected, "no seat beyond those of nine users"
    totals = document["completeness"]["appointments"]
    fates = ("done", "missed", "skipped", "cut", "unknown")
    assert totals["offered"] == sum(totals[fate] for fate in fates)
    # What came while nobody had a seat was not offered: of the killed one's users until the end.
    unmanned = len(expected) - totals["offered"]
    assert unmanned <= (0.5 if wrong == "killed" else 0.1) * len(expected)
    assert (totals["unknown"] > 0) == (wrong == "killed")
    who: dict[tuple, set] = {}
    for event in document["events"]:
        if "scheduled" not in event:
            continue  # it asked nothing
        place = event["coordinator"], event["scheduled"]["appointment"]
        who.setdefault(place, set()).add(event["worker"])
    assert max(map(len, who.values())) == 1, "nothing was done by two"


def seconds_granted(path: Path) -> int:
    """How many times seconds were granted: about once a second."""
    return path.read_bytes().count(b'"offered"') if path.exists() else 0


def test_a_ramp_and_a_rate_by_edit(tmp_path):
    with Standin() as standin, Deployment(tmp_path / "reports") as deployment:
        port = free_port()
        deployment.start_master(
            *("--web-host", "127.0.0.1", "--web-port", port, "--stop-timeout", 3),
            *("--host", standin.url, "--llm-host", standin.url, "--arrival-rate", RATE),
            workers=2,
        )
        web = WebUI(port)
        until(web.is_served, what="the web UI")
        for _ in range(2):
            deployment.start_worker()
        until(lambda: "2 workers connected" in deployment.master.output)
        web.swarm(5, spawn_rate=40)
        offers = deployment.report_dir / "multi_coord_stress_001.events.jsonl"
        until(lambda: seconds_granted(offers) > 5, what="some seconds")
        web.swarm(50, spawn_rate=40)
        before = seconds_granted(offers)
        until(lambda: seconds_granted(offers) > before + 8, what="more seconds")
        web.stop()
        document = until(lambda: finished(deployment, "001"))
    offered_as_it_says(document)
    assert document["completeness"]["complete"], document["completeness"]
    assert document["run"]["peak_users"] == 50
    assert begun_by(document, "worker-0", 3) == pytest.approx(1 / 2, abs=0.02)
