"""What we mend of Locust's own on the way between master and workers."""

from __future__ import annotations

from operator import attrgetter
from types import SimpleNamespace

import gevent
import pytest
from hypothesis import given
from hypothesis import strategies as st
from locust import argument_parser
from locust import stats as locust_stats
from locust.env import Environment
from locust.event import EventHook, Events
from locust.exception import StopUser
from locust.rpc import Message
from locust.stats import RequestStats
from stranger import Stranger, until

from mcstress import locust_compat
from mcstress.services.step import Step
from mcstress.users.coordinator_session import Reporter, firing


def test_a_worker_builds_its_parser_once_for_all_spawn_messages(monkeypatch):
    """Locust builds one for each option of each message: 110 parsers, 0.1 s of CPU, a second."""
    locust_compat.install()
    options = argument_parser.default_args_dict()
    argument_parser.default_args_dict.cache_clear()
    built, build = [], argument_parser.get_empty_argument_parser
    monkeypatch.setattr(
        argument_parser,
        "get_empty_argument_parser",
        lambda **how: built.append(how) or build(**how),
    )
    master = Environment(events=Events()).create_master_runner("127.0.0.1", 0)
    environment = Environment(events=Events())
    worker = environment.create_worker_runner("127.0.0.1", master.server.port)
    try:
        until(lambda: master.clients.ready)
        environment.parsed_options = argument_parser.get_empty_argument_parser().parse_known_args(
            []
        )[0]
        del built[:]
        for time_stamp in (1, 2, 3):
            job = {
                "timestamp": time_stamp, "user_classes_count": {}, "host": "", "stop_timeout": 0,
                "parsed_options": options | {"ours": time_stamp},
            }  # fmt: skip
            worker.handle_message(Message("spawn", job, worker.client_id))
        assert environment.parsed_options.ours == 3
        assert len(built) == 1
    finally:
        worker.quit()
        master.quit()


def test_installing_twice_is_once():
    locust_compat.install()
    once = argument_parser.default_args_dict
    locust_compat.install()
    assert argument_parser.default_args_dict is once


def test_of_a_message_that_is_far_too_large_nothing_is_taken_in(monkeypatch):
    """Its connection is closed; the client connects again, and what it says then is heard."""
    monkeypatch.setattr(locust_compat, "LARGEST_READ_BYTES", 1 << 20)
    server = locust_compat.GuardedServer("127.0.0.1", 0)
    with Stranger(server.port) as stranger:
        stranger.send(b"\x00" * (2 << 20))
        heard = gevent.spawn(server.recv_from_client)
        while not heard.ready():
            stranger.say("client_ready", "2.47.0")
            heard.join(0.1)
        sender, message = heard.get()
    assert (sender, message.type) == ("stranger", "client_ready")
    server.close(linger=0)
    server.socket.context.term()


REQUESTS = st.lists(
    st.tuples(
        st.sampled_from(["search", "record"]),
        st.none() | st.floats(0, 20_000) | st.integers(0, 20_000),
        st.integers(0, 10_000),
        st.sampled_from([0.0, 0.25, 1.0, 3.0, 25.0]),  # seconds since the one before
    ),
    max_size=30,
)


def entries_of(stats):
    """What Locust's statistics hold, entry by entry."""
    held = {}
    for key, entry in {"total": stats.total, **stats.entries}.items():
        held[key] = {name: value for name, value in vars(entry).items() if name != "stats"}
    return held


@pytest.mark.parametrize("is_cached", [True, False])
@given(requests=REQUESTS)
def test_requests_are_counted_as_locust_counts_them(is_cached, requests):
    """``is_cached``: with the copies that the web UI's current percentiles are made of."""
    clock = SimpleNamespace(now=1_790_000_000.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(locust_stats.time, "time", lambda: clock.now)
        locusts, ours = (RequestStats(use_response_times_cache=is_cached) for _ in range(2))
        locust_compat.log_requests_at_once(SimpleNamespace(stats=ours))
        for name, response_time, length, later_s in requests:
            clock.now += later_s
            for stats in (locusts, ours):
                stats.log_request("POST", name, response_time, length)
        assert entries_of(ours) == entries_of(locusts)


def test_a_rounding_of_the_users_own_is_used(monkeypatch):
    """Locust's documentation says that this function may be replaced."""
    environment = Environment(events=Events())
    locust_compat.log_requests_at_once(environment)
    monkeypatch.setattr(locust_stats, "bucket_response_time", lambda _: 7)
    environment.stats.log_request("POST", "search", 1234.5, 10)
    assert dict(environment.stats.total.response_times) == {7: 1}


@pytest.mark.parametrize("is_heard", [False, True])
def test_locusts_statistics_are_told_the_same_whether_somebody_else_listens_or_not(is_heard):
    environment = Environment(events=Events())
    environment.create_local_runner()
    report = Reporter(environment, SimpleNamespace(context=dict, environment=environment))
    heard = []
    if is_heard:  # as late as that: a listener may come at any time
        environment.events.request.add_listener(lambda **told: heard.append(told))
    good = Step("search", 1.0, 12.5, "ab", "http://x", b"", b"four")
    bad = Step("search", 2.0, 30.0, "cd", "http://x", b"", error="HTTP 500")
    report(good)
    report(bad)
    entry = environment.stats.entries["search", "POST"]
    assert (entry.num_requests, entry.num_failures, entry.total_content_length) == (2, 1, 4)
    assert (entry.min_response_time, entry.max_response_time) == (12.5, 30.0)
    assert [error.occurrences for error in environment.stats.errors.values()] == [1]
    assert [told["response"] for told in heard] == ([good, bad] if is_heard else [])


def test_where_nobody_else_listens_the_event_is_not_fired(monkeypatch):
    """It would cost twice as much as Locust's statistics themselves."""
    environment = Environment(events=Events())
    environment.create_local_runner()
    report = Reporter(environment, SimpleNamespace(context=dict, environment=environment))
    monkeypatch.setattr(environment.events.request, "fire", lambda **_: pytest.fail("fired"))
    report(Step("search", 1.0, 12.5, "ab", "http://x", b""))
    assert environment.stats.total.num_requests == 1


@pytest.mark.parametrize("fire_of", [attrgetter("fire"), firing])
def test_our_event_is_fired_as_locust_fires_its_own(fire_of, caplog):
    heard, hook = [], EventHook()
    fire = fire_of(hook)

    def once(event, steps):
        heard.append(("once", event, steps))
        hook.remove_listener(once)

    def faulty(event, **_):
        raise StopUser if event == "last" else ValueError(f"no {event}")

    for listener in (once, faulty, lambda **told: heard.append(told)):
        hook.add_listener(listener)
    fire(event="first", steps=[])
    fire(event="second", steps=[1])
    with pytest.raises(StopUser):
        fire(event="last", steps=[])
    assert heard == [
        ("once", "first", []),
        {"event": "first", "steps": []},
        {"event": "second", "steps": [1]},
    ]
    logged = [record.getMessage() for record in caplog.records]
    assert ["no first" in logged[0], "no second" in logged[1], len(logged)] == [True, True, 2]
    assert all("in faulty" in text for text in logged)


def test_no_runner_and_listeners_without_a_name_are_no_statistics():
    environment = Environment(events=Events())
    environment.events.request.add_listener(SimpleNamespace())
    assert locust_compat.statistics_listener(environment) is None
