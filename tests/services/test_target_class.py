"""What a target class need not define, and what is asked of it before a run."""

import contextlib
import sys
import textwrap
import time

import gevent
import pytest
from gateway_answers import TRACE
from tcp.raw_server import RawServer, answer
from tcp.until import until

from mcstress.errors import ServiceRefusalError, UsageError
from mcstress.metrics.event import Item
from mcstress.services.gateway.target import GatewayTarget
from mcstress.services.step import cut_step
from mcstress.services.target import (
    Capabilities,
    Message,
    NewItem,
    Recording,
    Search,
    Target,
    TargetSetup,
)
from mcstress.services.target_class import (
    TargetName,
    asked,
    capabilities_of,
    import_early,
    make_target,
    read_target,
)

SEARCH = Search("a cook", ["workers"], 2)
ITEMS = [NewItem(f"f-{n}", "fresh", "a cook", {}) for n in range(2)]
RECORDINGS = [Recording("q", Item(f"w-{n}", "workers"), "playbook_a", "cook") for n in range(2)]


def test_what_a_class_does_not_define_does_nothing_or_says_that_it_is_not_there():
    target = Target(TargetSetup())
    assert (target.notes(), target.connect(), target.close()) == ([], target, None)
    assert target.probe().error is None
    message = Message("sms", "+1", "", "hi")
    for call in (
        lambda: target.search(SEARCH, TRACE),
        lambda: target.recall(SEARCH, TRACE),
        lambda: target.record(RECORDINGS[0], TRACE),
        lambda: target.forget(RECORDINGS[0], TRACE),
        lambda: target.add(ITEMS[0], TRACE),
        lambda: target.update(ITEMS[0], TRACE),
        lambda: target.delete(ITEMS[0], TRACE),
        lambda: target.inbox(message, TRACE),
        target.sizes,
        lambda: [*target.add_all(ITEMS, TRACE)],
        lambda: [*target.record_all(RECORDINGS, TRACE)],
    ):
        with pytest.raises(NotImplementedError):
            call()


def test_many_things_are_written_one_by_one_where_no_call_takes_several():
    class Store(Target):
        def add(self, item, trace):
            assert trace is TRACE
            yield self.timed("embed", None, lambda: item.id)
            yield self.timed("index.add", None, lambda: item.id)

        def record(self, recording, trace):
            assert trace is TRACE
            return self.timed("playbook.record", None, lambda: recording.answer.id)

    store = Store(TargetSetup())
    added = [(step.name, step.answer) for step in store.add_all(ITEMS, TRACE)]
    assert added == [
        ("embed", "f-0"), ("index.add", "f-0"), ("embed", "f-1"), ("index.add", "f-1"),
    ]  # fmt: skip
    assert [step.answer for step in store.record_all(RECORDINGS, TRACE)] == ["w-0", "w-1"]


def test_a_call_that_the_end_of_the_run_cuts_leaves_its_step():
    begun = []

    def work():
        begun.append(time.perf_counter())
        gevent.sleep(60)

    class Slow(Target):
        def search(self, search, trace):
            return self.timed("matrix.search", search, work)

    caller = gevent.spawn(Slow(TargetSetup()).search, SEARCH, TRACE)
    until(lambda: begun)
    end, least_ms = gevent.GreenletExit(), (time.perf_counter() - begun[0]) * 1000
    caller.kill(end)
    assert caller.value is end, "it goes on through the call"
    step = cut_step(end)
    assert (step.name, step.url, step.cut, step.error) == ("matrix.search", "Slow", True, None)
    assert step.latency_ms >= least_ms
    assert b"a cook" in step.request


OWN = """
    from mcstress import Target
    from mcstress.errors import UsageError

    class Store(Target):
        closed = 0

        def search(self, search, trace): ...

        def add(self, item, trace):
            yield self.timed("index.add", None, lambda: None)

    class Pooled(Store):
        def connect(self):
            return type(self)(self.setup)

        def close(self):
            type(self).closed += 1

    class Asks(Store):
        def capabilities(self):
            raise UsageError("set STORE_URL")
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A module with classes that is not imported yet."""
    (tmp_path / "early_store.py").write_text(textwrap.dedent(OWN))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "early_store"
    sys.modules.pop("early_store", None)


def test_a_class_is_imported_early_and_what_is_wrong_is_told_later(own):
    import_early("qdrant")
    import_early(f"{own}:Missing")
    assert own in sys.modules, "the module is there, though the class is not"
    import_early("no_such_module:Store")
    with pytest.raises(UsageError, match="no_such_module cannot be imported"):
        make_target("no_such_module:Store", TargetSetup())


def test_what_a_target_can_is_asked_with_a_connection_that_is_closed_again(own):
    alone = make_target(f"{own}:Store", TargetSetup())
    assert capabilities_of("own", alone) == Capabilities(
        record=False, recall=False, inbox=False, sizes=False
    )
    pooled = make_target(f"{own}:Pooled", TargetSetup())
    assert capabilities_of("own", pooled).add
    assert type(pooled).closed == 1, "the connection, and not the target that was asked"


def test_what_a_class_says_to_its_user_goes_through_as_it_is(own):
    with pytest.raises(UsageError, match=r"^set STORE_URL$") as refused:
        capabilities_of("own", make_target(f"{own}:Asks", TargetSetup()))
    assert not isinstance(refused.value, ServiceRefusalError)
    with pytest.raises(UsageError, match=r"^no$"):
        asked("own", lambda: (_ for _ in ()).throw(UsageError("no")), str)


def test_without_a_name_the_target_is_the_gateway():
    with RawServer(lambda _: [answer({}, "500 x")]) as server:
        target = make_target("", TargetSetup(url=server.url, timeout_s=2))
        with contextlib.closing(target):
            assert isinstance(target, GatewayTarget)
            step = target.sizes()
    assert (step.answer, step.error) == (None, "HTTP 500 (application/json)")


def test_a_name_that_ships_is_no_file_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as refused:
        read_target("qdrant.toml")
    assert str(refused.value) == (
        "--target: found no file qdrant.toml, expected one, or qdrant, which ships"
    )
    (tmp_path / "qdrant.toml").write_text("title = 'mine'\n")
    assert read_target("qdrant.toml").text == "title = 'mine'\n"
    assert read_target("qdrant").text != "title = 'mine'\n"


def test_a_class_has_no_file_to_warn_of():
    given = TargetName("own_store:Store")
    assert (given.warnings(), given.llm()) == ([], None)
