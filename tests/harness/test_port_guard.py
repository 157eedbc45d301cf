"""Whatever arrives at the master's port, its loop goes on, and what is no worker's is counted."""

from __future__ import annotations

import logging

import msgpack
import msgspec
import pytest
from locust.runners import STATE_INIT
from locust.stats import StatsEntryDict, StatsErrorDict
from stranger import Stranger, until

from mcstress import locust_compat
from mcstress.cluster import messages
from mcstress.cluster.handshake import hello
from mcstress.cluster.port_guard import _Entry, _Error
from mcstress.master.completeness import completeness
from mcstress.metrics.figures import Figures
from mcstress.users.run import Seat

UNREADABLE = {
    "an empty frame": (b"",),
    "no msgpack": (b"\xc1" * 50,),
    "no text": (b"\xa2\xff\xfe",),
    "a list of one": (msgpack.dumps(["stats"]),),
    "a list of four": (msgpack.dumps(["stats", None, "stranger", 1]),),
    "a map": (msgpack.dumps({"a": 1}),),
    "a number": (b"\x01",),
    "nested too deep": (b"\x91" * 5000 + b"\x01",),
    "a key that is a list": (b"\x93\xa5stats\x81\x90\x01\xa8stranger",),
    "a date that is none": (msgpack.dumps(["stats", {"__datetime__": 1}, "stranger"]),),
    "two frames": (b"a", b"b"),
    "too large": (b"\x00" * (locust_compat.LARGEST_MESSAGE_BYTES + 1),),
}
ENTRY = {
    "name": "n", "method": "m", "last_request_timestamp": 1, "start_time": 1, "num_requests": 1,
    "num_none_requests": 0, "num_failures": 0, "total_response_time": 1, "max_response_time": 1,
    "min_response_time": 1, "total_content_length": 1, "response_times": {1: 1},
    "num_reqs_per_sec": {1: 1}, "num_fail_per_sec": {},
}  # fmt: skip
STATS = {
    "stats": [ENTRY], "stats_total": ENTRY, "errors": {}, "user_classes_count": {}, "user_count": 0,
}  # fmt: skip
SPAWNED = {"user_classes_count": {"AliceUser": 1}, "user_count": 1}
LOCUSTS = {
    "ready with a number": ("client_ready", 5),
    "ready with nothing": ("client_ready", None),
    "a heartbeat of nothing": ("heartbeat", None),
    "a heartbeat without state": ("heartbeat", {}),
    "a state that is none": ("heartbeat", {"state": "?", "current_cpu_usage": 1}),
    "stats that are a text": ("stats", "abc"),
    "stats without errors": ("stats", {key: STATS[key] for key in STATS if key != "errors"}),
    "an entry without a name": ("stats", STATS | {"stats": [{}]}),
    "a negative number": ("stats", STATS | {"stats_total": ENTRY | {"num_requests": -1}}),
    "an impossible number": ("stats", STATS | {"user_count": 10**18}),
    "spawned nothing": ("spawning_complete", None),
    "spawned a text": ("spawning_complete", SPAWNED | {"user_classes_count": {"A": "many"}}),
    "an exception without text": ("exception", {}),
    "logs of another": ("logs", {"worker_id": "somebody", "logs": []}),
    "a locustfile for nobody": ("locustfile", None),
    "an unknown kind": ("user_error", 5),
    "a kind that is a list": (["stats"], None),
}


def check_it_goes_on(master, caplog):
    """The loop is alive: it takes in a new worker; and nothing has a traceback."""
    with Stranger(master.runner.server.port, "next") as other:
        other.join(master.runner)
    assert "Traceback" not in caplog.text
    assert not [record for record in caplog.records if record.levelno > logging.WARNING]


def dropped(master, number=1):
    """The one sentence on what was dropped, when as many are counted."""
    until(master.dropped.notices)
    (notice,) = master.dropped.notices()
    assert notice.startswith(f"{number} message")
    return notice


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_cannot_be_read_ends_no_loop(master, stranger, caplog, case):
    stranger.send(*UNREADABLE[case])
    dropped(master)
    check_it_goes_on(master, caplog)


@pytest.mark.parametrize("case", LOCUSTS)
def test_locusts_own_messages_with_other_data_end_no_loop(master, worker, caplog, case):
    worker.say(*LOCUSTS[case])
    dropped(master)
    check_it_goes_on(master, caplog)
    assert "worker_1" in master.runner.clients


def test_what_a_worker_of_locust_says_arrives(master, worker):
    heard = []
    environment = master.environment
    environment.events.worker_report.add_listener(lambda **told: heard.append(told))
    beat = {"state": "running", "current_cpu_usage": 3.5, "current_memory_usage": 1}
    for kind, data in {
        "heartbeat": beat, "spawning": None, "spawning_complete": SPAWNED, "stats": STATS,
        "exception": {"msg": "m", "traceback": "t"}, "logs": {"worker_id": "worker_1", "logs": []},
    }.items():  # fmt: skip
        worker.say(kind, data)
    until(lambda: heard)
    until(lambda: environment.worker_logs == {"worker_1": []})
    assert master.runner.stats.total.num_requests == 1
    assert master.dropped.notices() == []


def test_entries_of_statistics_are_checked_in_every_field():
    """A Locust that has others is to be looked at."""
    assert {*_Entry.__struct_fields__} == StatsEntryDict.__annotations__.keys()
    assert {*_Error.__struct_fields__} == StatsErrorDict.__annotations__.keys()


@pytest.mark.parametrize(("kind", "data"), [("quit", None), ("heartbeat", None), ("stats", STATS)])
def test_nobody_speaks_in_another_workers_name(master, worker, stranger, kind, data):
    stranger.join(master.runner)
    stranger.say(kind, data, node=worker.name)
    assert "in another worker's name" in dropped(master)
    assert worker.name in master.runner.clients


def test_who_is_no_worker_of_locust_is_none_of_ours(master, stranger, caplog):
    stranger.tell(hello("boot"))
    stranger.say("heartbeat", None)
    until(lambda: "2 messages" in "".join(master.dropped.notices()))
    assert master.current.registry.parts == {}
    assert "stranger" not in master.runner.worker_indexes
    check_it_goes_on(master, caplog)


SEAT = Seat("alice", 1)
BAD = {
    "no bytes": ("mcstress.Delta", {"a": 1}),
    "no msgpack": ("mcstress.Delta", b"\xc1"),
    "other types": ("mcstress.Delta", msgspec.msgpack.encode({"run_uid": 5})),
    "nested too deep": ("mcstress.Traced", b"\x83\xa7run_uid\xa1u\xa6counts" + b"\x91" * 5000),
    "a bundle of nothing known": (
        "mcstress.Bundle",
        msgspec.msgpack.encode([("mcstress.Nope", b"x")]),
    ),
    "a bundle that is none": ("mcstress.Bundle", b"\x01"),
}


@pytest.mark.parametrize("case", BAD)
def test_our_own_messages_with_other_data_are_dropped(master, worker, caplog, case):
    worker.say(*BAD[case])
    assert "data that it never has" in dropped(master)
    check_it_goes_on(master, caplog)


def delta(run, **changed):
    """The first one of a worker that has seen nothing yet."""
    told = {
        "run_uid": run.run.uid, "worker": "worker-0", "boot": "boot", "number": 1, "events_made": 0,
        "user_errors": [], "tracing": {}, "state": Figures(run.run.top_k, folds=False).state(),
    }  # fmt: skip
    return messages.Delta(**told | changed)


IMPOSSIBLE = {
    "of another run": {"run_uid": "another"},
    "in another worker's name": {"worker": "worker-7"},
    "in another one's process": {"boot": "other"},
    "more events than it has figures of": {"events_made": 10**15},
    "figures that are none": {"state": {"a": 1}},
    "figures of other lists": {"state": Figures(3, folds=False).state()},
    "figures of texts": {"state": {"k": 8, "folds": False, "bands": {"1": {"events": [["x"]]}}}},
    "traces to nowhere": {"tracing": {"zipkin": {}}},
    "negative traces": {"tracing": {"langfuse": {"made": -5}}},
    "traces that are text": {"tracing": {"langfuse": {"made": "many"}}},
    "a spool of a path too long": {"tracing": {"langfuse": {"spools": ["/" + "x" * 5000]}}},
    "too many spools": {"tracing": {"langfuse": {"spools": ["/x"] * 101}}},
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_figures_that_no_worker_has_touch_nothing(master, worker, caplog, case):
    run = master.current
    worker.tell(delta(run, **IMPOSSIBLE[case]))
    dropped(master)
    worker.tell(delta(run))
    until(lambda: run.registry.parts["worker-0"].deltas == 1)
    assert run.figures.events == 0
    worker.tell(messages.Drained(run.run.uid, "worker-0", "boot", deltas=1))
    until(lambda: run.registry.parts["worker-0"].drained)
    counted = completeness(run, 0, 0)
    assert counted.complete, counted.faults
    assert counted.notices == master.dropped.notices()
    check_it_goes_on(master, caplog)


def test_what_was_told_is_not_taken_back(master, worker):
    run = master.current
    part = run.registry.parts["worker-0"]
    part.deltas, part.events_told = 3, 100
    for numbers in ({"deltas": 2, "events_made": 100}, {"deltas": 3, "events_made": 99}):
        worker.tell(messages.Drained(run.run.uid, "worker-0", "boot", **numbers))
    until(lambda: "2 messages" in "".join(master.dropped.notices()))
    assert "takes back" in dropped(master, 2)
    assert part.drained is None


@pytest.mark.parametrize(
    "of_seat",
    [
        lambda uid: messages.Release(uid, SEAT),
        lambda uid: messages.BeginRound(uid, SEAT, 2**50),
        lambda uid: messages.RoundsDone(uid, SEAT),
    ],
)
def test_a_seat_is_its_workers_own(master, worker, of_seat):
    run = master.current
    assert run.seats.lease("alice", "worker-9") == SEAT
    worker.tell(of_seat(run.run.uid))
    assert "seat that the worker never had" in dropped(master)
    lease = run.seats.holder(SEAT)
    assert (lease.round, lease.done) == (0, False)


def test_a_persona_that_the_run_has_not_gets_no_seat(master, worker):
    worker.tell(messages.SeatRequest(master.current.run.uid, "mallory", 1))
    assert "of a persona that the run has not" in dropped(master)
    assert len(master.current.seats) == 0


def test_a_flood_is_counted_and_logged_once(master, stranger, caplog):
    for _ in range(500):
        stranger.send(b"")
    until(lambda: "500 messages" in "".join(master.dropped.notices()))
    assert caplog.text.count("dropped a message") == 1


def test_the_next_run_counts_anew(master, stranger):
    stranger.send(b"")
    dropped(master)
    master.rest()
    assert master.dropped.notices() == []


def test_a_worker_that_quits_before_the_test_leaves_the_master_hearing(master, worker, monkeypatch):
    """Locust would end a headless master's loop, which goes on waiting for others."""
    options = type("Options", (), {"headless": True, "stop_timeout": 0})
    monkeypatch.setattr(master.environment, "parsed_options", options)
    quits = []
    monkeypatch.setattr(master.runner, "quit", lambda: quits.append("master"))
    worker.say("quit", None)
    until(lambda: worker.name not in master.runner.clients)
    with Stranger(master.runner.server.port, "next") as other:
        other.join(master.runner)
    assert quits == []
    assert master.runner.state == STATE_INIT
