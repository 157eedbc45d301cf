"""A new resume is looked for until it is seen, without its coordinator; nothing of it is lost."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace

import gevent
import msgspec
import pytest
from gevent.event import Event as Signal
from gevent.monkey import get_original

from mcstress.metrics.event import Hit
from mcstress.metrics.figures import Figures
from mcstress.services.llm.language_model import ModelSetup
from mcstress.services.steady_clock import CLOCK
from mcstress.services.step import Step
from mcstress.services.target import Found, Target, TargetSetup
from mcstress.users import freshness_poll
from mcstress.users.coordinator import Coordinator
from mcstress.users.freshness_poll import FreshnessPolls
from mcstress.users.handover_board import Recordings
from mcstress.users.phases.fresh_resume import fresh_resume
from mcstress.users.phases.handover import NO_PARAPHRASE, handover_paraphrase
from mcstress.users.run import Run, Seat
from mcstress.users.scenarios.load import load_scenario

OTHER = Hit("w-1", "workers", 0.1)


class Replicas(Target):
    """Shows an item after ``shown_at`` looks for it, at its ``rank``; ``failing`` looks fail."""

    def __init__(self, shown_at=0, *, rank=0, failing=()):
        super().__init__(TargetSetup())
        self.shown_at, self.rank, self.failing = shown_at, rank, failing
        self.searches, self.connections, self.closed = [], [], 0
        self.added = None
        self.hang = None

    def connect(self):
        self.connections.append(connection := Connection(self))
        return connection


class Connection(Target):
    def __init__(self, replicas):
        super().__init__(TargetSetup())
        self.of = replicas

    def close(self):
        self.of.closed += 1

    def add(self, item, trace):
        self.of.added = item
        yield self.timed("index.add", None, lambda: "")

    def search(self, search, trace):
        of = self.of
        number = len(of.searches)
        of.searches.append((self, search))
        if of.hang is not None and number:
            of.hang.wait()
        return self.timed("matrix.search", search, lambda: self._found(number))

    def _found(self, number):
        of = self.of
        if number in of.failing:
            raise ConnectionError("no replica")
        hits = [OTHER] * 1
        if number >= of.shown_at:
            hits.insert(of.rank, Hit(of.added.id, of.added.corpus, 0.2))
        return Found(hits)

    def record(self, recording, trace):
        raise NotImplementedError

    def inbox(self, message, trace):
        raise NotImplementedError


class Context:
    """What a coordinator sees of its process."""

    def __init__(self, replicas, **scenario):
        made = msgspec.structs.replace(load_scenario("three_cities"), **scenario)
        self.run = Run(
            "uid", "001", TargetSetup(), ModelSetup("", "m"), made,
            ["fresh_resume", "handover_paraphrase"], 1, 42, 8, "p_", "f-", 1.0, 0, 0,
        )  # fmt: skip
        self.target, self.polls, self.users = replicas, FreshnessPolls(), 7
        self.llm = SimpleNamespace(close=lambda: None)
        self.told, self.reported = [], []

    def coordinator(self, persona="alice", llm=None):
        return Coordinator(
            Seat(persona, 1), self, self.target.connect(), llm or self.llm,
            fire=lambda event, steps: self.told.append((event, [step.name for step in steps])),
            report=self.reported.append,
            interruptible=contextlib.nullcontext,
        )  # fmt: skip

    def corpus_sizes(self, _corpora):
        return {}


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(freshness_poll, "POLL_EVERY_S", 0.001)


def walk(me):
    for task in fresh_resume(me):
        task()


def join(context):
    done = Signal()
    context.polls.after(Seat("alice", 1), done.set)
    assert done.wait(60)


def figures_of(context):
    figures = Figures(8)
    for event, _ in context.told:
        figures.add(event)
    return figures.result()


def test_what_the_first_look_sees_is_not_looked_for_again():
    context = Context(Replicas())
    me = context.coordinator()
    walk(me)
    ((event, steps),) = context.told
    assert steps == ["index.add", "freshness.search"]
    assert (event.visible_at_top1, event.outcome) == (True, "ok")
    assert 0 <= event.visible_after_s < 10
    ((_, search),) = context.target.searches
    assert search.new_connection
    assert search.corpora == ["workers", "ethereal_workers", "fresh_workers"]
    assert len(context.target.connections) == 1, "the coordinator goes on over the new one"


def test_where_there_is_no_second_connection_the_coordinator_keeps_the_first(monkeypatch):
    context = Context(Replicas(shown_at=3))
    me = context.coordinator()
    first = me.target

    def full():
        raise OSError("no more connections")

    monkeypatch.setattr(context.target, "connect", full)
    with pytest.raises(OSError, match="no more connections"):
        walk(me)
    assert me.target is first
    assert not context.polls._under_way, "no poll has taken it, which would close it"


@pytest.mark.usefixtures("quick")
def test_what_it_does_not_see_is_looked_for_over_that_connection_while_the_user_goes_on():
    context = Context(Replicas(shown_at=3, rank=1))
    me = context.coordinator()
    first = me.target
    walk(me)
    assert context.told == [], "nobody waited"
    assert me.target is not first
    context.users = 9
    join(context)
    ((event, steps),) = context.told
    assert steps == ["index.add", "freshness.search", *["freshness.poll"] * 3]
    assert {connection for connection, _ in context.target.searches} == {first}
    assert [search.new_connection for _, search in context.target.searches] == [True, *[False] * 3]
    assert context.target.closed == 1
    assert [hit.id for hit in event.top_k] == ["w-1"], "the event's list is the first look's"
    assert (event.visible_at_top1, event.users, event.outcome) == (False, 7, "ok")
    last, added = event.steps[-1], event.steps[0]
    ended = last.time.timestamp() + last.latency_ms / 1000
    after = ended - added.time.timestamp() - added.latency_ms / 1000
    assert event.visible_after_s == pytest.approx(after, abs=1e-4)
    asked = [step for step in event.steps if step.name != "freshness.poll"]
    assert event.latency_ms == pytest.approx(sum(step.latency_ms for step in asked))
    assert [step.name for step in context.reported] == steps


@pytest.mark.usefixtures("quick")
def test_what_is_never_seen_fails_and_its_looks_are_in_no_other_figure(monkeypatch):
    monkeypatch.setattr(freshness_poll, "VISIBLE_WITHIN_S", 0.1)
    context = Context(Replicas(shown_at=10**9, failing={1, 2}))
    walk(context.coordinator())
    join(context)
    ((event, _),) = context.told
    assert (event.visible_after_s, event.outcome) == (None, "ok")
    result = figures_of(context)
    found = result["metrics"]["freshness"]
    assert (found["never"], found["judged"], found["visible_rate"]) == (1, 1, 0.0)
    assert found["poll"]["failed"] == 2
    assert found["search"]["count"] == 1
    assert result["metrics"]["errors"]["steps"] == 1, "the add alone"
    assert result["metrics"]["errors"]["failed"] == 0
    assert result["latency"].keys() == {"index_add", "queue", "phases", "phases_service"}
    assert sum(slot["steps"] for slot in result["timeline"]["slots"]) == 1


@pytest.mark.usefixtures("quick")
def test_whether_it_is_seen_is_not_known_where_the_process_stood_still_to_the_end(monkeypatch):
    monkeypatch.setattr(freshness_poll, "VISIBLE_WITHIN_S", 0.5)
    context = Context(Replicas(shown_at=10**9))
    walk(context.coordinator())
    while len(context.target.searches) < 3:
        gevent.sleep(0.001)
    get_original("time", "sleep")(0.5 + freshness_poll.MOST_LATE_S)
    join(context)
    found = figures_of(context)["metrics"]["freshness"]
    assert (found["undecided"], found["never"], found["visible_rate"]) == (1, 0, None)


@pytest.mark.usefixtures("quick")
def test_a_first_look_that_failed_fails_its_event_and_says_nothing_of_being_visible():
    context = Context(Replicas(failing={0}))
    walk(context.coordinator())
    join(context)
    ((event, _),) = context.told
    assert (event.outcome, event.found) == ("failed", None)
    assert event.error.startswith("freshness.search: ")
    assert isinstance(event.visible_after_s, float)
    found = figures_of(context)["metrics"]["freshness"]
    assert (found["resumes"], found["visible"], found["search"]["failed"]) == (0, 1, 1)


@pytest.mark.parametrize("hanging", [False, True])
def test_a_stop_cuts_the_polls_and_tells_each_event_once(hanging):
    """Killed before it has begun, between two looks, or in one."""
    replicas = Replicas(shown_at=10**9)
    context = Context(replicas)
    if hanging:
        replicas.hang = Signal()
    walk(context.coordinator())
    if hanging:
        while len(replicas.searches) < 2:
            gevent.sleep(0.01)
    context.polls.cut()
    ((event, _),) = context.told
    assert not isinstance(event.visible_after_s, float)
    assert event.visible_after_s is not None
    assert event.outcome == "ok", "its first look is whole"
    found = figures_of(context)["metrics"]["freshness"]
    assert (found["undecided"], found["judged"], found["visible_rate"]) == (1, 0, None)
    assert (found["resumes"], found["top_k"]) == (1, 0)
    replicas.hang = None
    walk(context.coordinator())
    assert len(context.told) == 2, "after the end none begins"


class SlowToConnect(Replicas):
    """Who connects a second time waits for ``may_connect``."""

    def __init__(self):
        super().__init__(shown_at=10**9)
        self.is_asked, self.may_connect = Signal(), Signal()

    def connect(self):
        if self.connections:
            self.is_asked.set()
            self.may_connect.wait()
        return super().connect()


def test_a_coordinator_that_is_cut_while_it_connects_anew_tells_its_event_once():
    """No poll has it yet: fired by both it would stand in the report twice."""
    context = Context(replicas := SlowToConnect())
    greenlet = gevent.spawn(walk, context.coordinator())
    assert replicas.is_asked.wait(60)
    greenlet.kill()
    context.polls.cut()
    ((event, steps),) = context.told
    assert (event.outcome, steps) == ("cut", ["index.add", "freshness.search"])
    assert figures_of(context)["metrics"]["freshness"]["judged"] == 0
    assert len(replicas.connections) == 1


def test_there_are_no_more_polls_than_a_process_may_have(monkeypatch):
    monkeypatch.setattr(freshness_poll, "MOST_POLLS", 2)
    context = Context(Replicas(shown_at=10**9))
    for _ in range(5):
        walk(context.coordinator())
    assert len(context.told) == 3
    context.polls.cut()
    assert len(context.told) == 5
    assert figures_of(context)["metrics"]["freshness"]["undecided"] == 5


def test_what_is_not_known_widens_the_interval():
    context = Context(Replicas())
    for _ in range(4):
        walk(context.coordinator())
    context.target.shown_at = 10**9
    walk(context.coordinator())
    context.polls.cut()
    low, high = figures_of(context)["metrics"]["freshness"]["visible_ci95"]
    assert low <= 4 / 5
    assert high == 1.0


class Echo:
    """An LLM whose paraphrase is none, as the client says it."""

    def paraphrase(self, query, trace):
        return Step("llm.paraphrase", CLOCK.now_s(), 1.0, "ab", "u", b"", unparseable="none")

    def close(self):
        pass


def test_the_control_of_a_paraphrase_that_is_none_says_so():
    context = Context(Replicas(), paraphrases_by="llm")
    me = context.coordinator("bob", Echo())
    contract = me.variant.contract_of("alice")
    answers = {demand.role: SimpleNamespace(id="1", corpus="w") for demand in contract.demands[1:]}
    recorded = Recordings("alice", 1, 1, "p_alice", answers)
    context.board = SimpleNamespace(wait=lambda *_: recorded)
    for task in handover_paraphrase(me):
        task()
    told = [(event.arm, event.outcome, event.error) for event, _ in context.told]
    nothing = "alice recorded no answer for this role"
    assert told == [
        ("memory", "skipped", nothing),
        ("control", "skipped", nothing),
        *[("memory", "ok", None), ("control", "skipped", NO_PARAPHRASE)] * 3,
    ]
    assert not context.target.searches
