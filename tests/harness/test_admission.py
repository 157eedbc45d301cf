"""Who may take part: a worker that is refused is named, told why and let go; once."""

from __future__ import annotations

import msgspec
import pytest
from locust import __version__
from stranger import Stranger, until

from mcstress.cluster import messages
from mcstress.cluster.channel import kind_of
from mcstress.cluster.handshake import greeting, hello, own_protocol, own_version
from mcstress.cluster.key import VARIABLE, ClusterKey
from mcstress.master import admission as module


def refusals(master):
    return [*master.admission.refused.values()]


@pytest.fixture
def joined(master, stranger):
    """A worker to Locust that has yet to say what it runs."""
    stranger.join(master.runner)
    return stranger


def is_let_go(master, stranger):
    """It was told, by us and for a version that knows no such message by Locust, and forgotten."""
    told = msgspec.msgpack.decode(stranger.hears("mcstress.Refused"), type=messages.Refused)
    stranger.hears("quit")
    return (
        told.reason == master.admission.refused[stranger.name]
        and stranger.name not in master.runner.clients
    )


@pytest.mark.parametrize("says", [greeting, lambda: hello("boot")], ids=["greeting", "hello"])
def test_a_worker_that_runs_the_same_is_admitted(master, joined, says):
    joined.tell(says())
    joined.tell(hello("boot"))
    joined.hears("mcstress.Welcome")
    assert refusals(master) == []


@pytest.mark.parametrize(
    ("version", "protocol", "runs"),
    [
        ("0.0.1", "1-abc", "0.0.1 protocol 1-abc"),
        (own_version(), "1-abc", f"{own_version()} protocol 1-abc"),
        ("", "", "a version that is too old"),
    ],
)
def test_a_worker_of_another_version_is_refused_by_name(master, joined, version, protocol, runs):
    joined.tell(messages.Greeting(version, protocol))
    assert is_let_go(master, joined)
    own = f"{own_version()} protocol {own_protocol()}"
    assert refusals(master) == [f"worker-0 (stranger) runs {runs}, this master {own}: refused"]


def test_one_that_is_refused_stays_so_whatever_it_says(master, joined):
    joined.tell(messages.Greeting("0.0.1", "1-abc"))
    assert is_let_go(master, joined)
    first = refusals(master)
    assert not master.admission.admits(greeting(), joined.name)
    master.admission.refuse(joined.name, "again")
    assert refusals(master) == first


def test_a_worker_of_another_locust_is_refused(master, stranger):
    ours = ".".join(__version__.split(".")[:2])
    stranger.say("client_ready", f"{ours}.999")
    until(lambda: stranger.name in master.runner.clients)
    with Stranger(master.runner.server.port, "other") as other:
        other.say("client_ready", "1.2.3")
        until(lambda: refusals(master))
        assert is_let_go(master, other)
    (told,) = refusals(master)
    assert told == f"worker-1 (other) runs Locust 1.2.3, this master {__version__}: refused"


@pytest.mark.parametrize("kind", [messages.Greeting, messages.Hello])
def test_first_words_that_cannot_be_read_are_a_refusal(master, joined, kind):
    joined.say(kind_of(kind), b"\xc0")
    assert is_let_go(master, joined)
    (told,) = refusals(master)
    assert told.startswith(f"worker-0 (stranger) says no {kind_of(kind)} that can be read (")


def test_later_words_that_cannot_be_read_are_counted(master, joined):
    joined.tell(greeting())
    joined.say(kind_of(messages.TakeMail), b"\xc0")
    until(master.dropped.notices)
    assert "1 of our kind mcstress.TakeMail with data that it never has" in str(
        master.dropped.notices()
    )
    assert refusals(master) == []


def test_one_that_never_greets_is_let_go_in_time(master, joined, monkeypatch):
    with Stranger(master.runner.server.port, "polite") as polite:
        polite.join(master.runner)
        polite.tell(greeting())
        polite.tell(hello("boot"))
        polite.hears("mcstress.Welcome")
        master.admission.refuse_silent()
        assert refusals(master) == [], "it may yet come"
        monkeypatch.setattr(module, "GREETING_WITHIN_S", 0.0)
        master.admission.refuse_silent()
        assert is_let_go(master, joined)
        assert refusals(master) == ["worker-0 (stranger) never said what it runs: refused"]
        assert polite.name in master.runner.clients


def test_one_that_takes_no_part_by_itself_is_named_in_one_line(master, joined):
    joined.tell(messages.Refused("no\nroom"))
    until(lambda: refusals(master))
    assert refusals(master) == [r"worker-0 (stranger) takes no part: no\nroom"]


def test_of_many_only_some_are_named(master, joined, monkeypatch):
    monkeypatch.setattr(module, "NAMED_AT_MOST", 1)
    with Stranger(master.runner.server.port, "second") as second:
        second.join(master.runner)
        for one in (joined, second):
            one.tell(messages.Greeting("0.0.1", "1-abc"))
            until(lambda: refusals(master))
        until(master.dropped.notices)
    assert [*master.admission.refused] == ["stranger"]
    assert "1 of a worker that is refused" in str(master.dropped.notices())


@pytest.fixture
def key(monkeypatch):
    """The key of the master that is made after it."""
    monkeypatch.setenv(VARIABLE, "secret")
    return "secret"


@pytest.mark.parametrize(
    ("its", "fault"),
    [("", "has no MCSTRESS_CLUSTER_KEY, and there is one here"), ("b", f"has another {VARIABLE}")],
)
@pytest.mark.usefixtures("key")
def test_a_worker_without_the_masters_key_is_refused(master, joined, its, fault):
    kind, content = kind_of(messages.Greeting), msgspec.msgpack.encode(greeting())
    joined.say(kind, ClusterKey(its, joined.name).seal(kind, "master", content))
    until(lambda: refusals(master))
    assert refusals(master) == [f"worker-0 (stranger) {fault}: refused"]


def test_a_message_that_is_repeated_by_somebody_is_counted_and_its_sender_stays(
    key, master, joined
):
    kind, content = kind_of(messages.Greeting), msgspec.msgpack.encode(greeting())
    sealed = ClusterKey(key, joined.name).seal(kind, "master", content)
    for _ in range(3):
        joined.say(kind, sealed)
    until(lambda: "2 that was received before" in str(master.dropped.notices()))
    assert refusals(master) == []
    assert joined.name in master.runner.clients
