"""What a target class of one's own gives of another kind is a line that says so."""

import textwrap

import pytest
from gateway_answers import TRACE

from mcstress.errors import ServiceRefusalError, UsageError
from mcstress.metrics.event import Hit, Item
from mcstress.services.step import Step
from mcstress.services.target import (
    Capabilities,
    Found,
    Message,
    NewItem,
    Recording,
    Search,
    Sizes,
    Target,
    TargetSetup,
)
from mcstress.services.target_class import capabilities_of, make_target, target_class
from mcstress.services.target_guard import a_kind, guard, raised, refuse_misfits, say_unclosed

SEARCH = Search("a cook", ["workers"], 2)
ITEM = NewItem("f-1", "fresh", "a cook", {})
RECORDING = Recording("q", Item("w-1", "workers"), "playbook_a", "cook")
MESSAGE = Message("sms", "+1", "", "hi")
ARGUMENTS = {
    "search": (SEARCH, TRACE), "recall": (SEARCH, TRACE), "record": (RECORDING, TRACE),
    "forget": (RECORDING, TRACE), "delete": (ITEM, TRACE), "inbox": (MESSAGE, TRACE),
    "sizes": (), "add": (ITEM, TRACE), "update": (ITEM, TRACE), "add_all": ([ITEM], TRACE),
    "record_all": ([RECORDING], TRACE),
}  # fmt: skip
ONE = ["search", "recall", "record", "forget", "delete", "inbox", "sizes"]
SEVERAL = ["add", "update", "add_all", "record_all"]


def store(**methods):
    """A target of a class with these methods, as a run would have it."""
    kind = type("Store", (Target,), methods)
    guard(kind)
    return kind(TargetSetup())


def giving(value):
    return lambda *_: value() if callable(value) else value


async def later():
    """What a client that waits gives."""


def failed(target, method):
    """The one step of a call that went wrong."""
    given = getattr(target, method)(*ARGUMENTS[method])
    (step,) = (given,) if isinstance(given, Step) else given
    assert step.answer is None
    return step


@pytest.mark.parametrize("method", ONE)
@pytest.mark.parametrize(
    ("value", "found"),
    [
        (None, "None"),
        ("ok", "a str"),
        ({"hits": []}, "a dict"),
        (lambda: iter(()), "a tuple_iterator"),
        (lambda: (one for one in "ab"), "a generator"),
        (later, "a coroutine"),
        (Found([]), "a Found"),
    ],
)
def test_what_is_no_step_is_a_failed_one_that_names_class_method_and_kinds(method, value, found):
    step = failed(store(**{method: giving(value)}), method)
    expected = "expected a Step, as self.timed(...) makes one"
    assert step.error == f"target class: Store.{method} gave {found}, {expected}"
    assert step.latency_ms >= 0


@pytest.mark.parametrize("method", SEVERAL)
@pytest.mark.parametrize(
    ("value", "what"),
    [
        (lambda: Target(TargetSetup()).timed("index.add", None, lambda: 1), "gave a Step"),
        (None, "gave None"),
        ("added", "gave a str"),
        ({"added": 1}, "gave a dict"),
        (later, "gave a coroutine"),
        ([], "gave no step"),
        (["added"], "yielded a str"),
        ([None], "yielded None"),
    ],
)
def test_what_are_no_steps_is_one_failed_step(method, value, what):
    step = failed(store(**{method: giving(value)}), method)
    assert step.error.startswith(f"target class: Store.{method} {what}, expected ")


def test_good_steps_come_through_as_they_are_until_one_is_none():
    target = store(
        add=lambda self, *_: iter(
            [self.timed("embed", None, lambda: 1), self.timed("index.add", None, lambda: 2), "?"]
        ),
        search=lambda self, search, _: self.timed("matrix.search", search, lambda: FOUND),
    )
    embed, add, wrong = target.add(ITEM, TRACE)
    assert (embed.name, embed.answer, add.name, add.answer) == ("embed", 1, "index.add", 2)
    assert wrong.error.startswith("target class: Store.add yielded a str")
    step = target.search(SEARCH, TRACE)
    assert (step.error, step.answer) == (None, FOUND)


FOUND = Found([Hit("w-1", "workers", 0.5)])


def test_what_is_in_order_is_not_touched():
    class Store(Target):
        def connect(self):
            return type(self)(self.setup)

        def close(self):
            closed.append(self)

        def add(self, _item, _trace):
            yield self.timed("index.add", None, lambda: 1)

        def record(self, recording, _trace):
            return self.timed("playbook.record", recording, lambda: "kept")

        def sizes(self):
            return self.timed("their sizes", None, lambda: Sizes({"workers": 3}))

    closed = []
    guard(Store)
    target = Store(TargetSetup())
    own = target.connect()
    assert type(own) is Store
    assert own is not target
    own.close()
    assert closed == [own]
    assert [step.error for step in target.add(ITEM, TRACE)] == [None]
    assert target.record(RECORDING, TRACE).answer == "kept"
    assert target.sizes().answer == Sizes({"workers": 3})


def test_what_was_never_raised_is_told_without_a_place():
    assert raised(ValueError("as a\nvalue")) == "raised ValueError: as a value"


@pytest.mark.parametrize("method", [*ONE, *SEVERAL])
def test_what_a_method_raises_is_the_reason_of_a_failed_step(method):
    def fails(_self, *_given):
        raise ConnectionError("refused\nby x")

    target = store(**{method: fails})
    step = failed(target, method)
    begin = f"target class: Store.{method} raised ConnectionError: refused by x (test_target_guard."
    assert step.error.startswith(begin)


@pytest.mark.parametrize(
    ("method", "name", "answer", "says"),
    [
        ("search", "find", FOUND, 'gave a step called "find", expected "matrix.search"'),
        ("record", "record", None, 'gave a step called "record", expected "playbook.record"'),
        ("search", "matrix.search", None, "gave a Step whose answer is None, expected Found"),
        ("recall", "matrix.search", [], "gave a Step whose answer is a list, expected Found"),
        ("sizes", "any", {"workers": 3}, "gave a Step whose answer is a dict, expected Sizes"),
        (
            "sizes",
            "any",
            Sizes({"workers": "3"}),
            "gave Sizes with corpora[...]: expected int",
        ),
        ("sizes", "any", Sizes({"workers": -3}), "gave Sizes with corpora[...]: expected int >= 0"),
        ("sizes", "any", Sizes({"workers": object()}), "gave Sizes with Encoding objects of type"),
    ],
)
def test_a_step_of_another_name_or_answer_is_failed(method, name, answer, says):
    step = failed(
        store(**{method: lambda self, *_: self.timed(name, "asked", lambda: answer)}), method
    )
    assert step.error.startswith(f"target class: Store.{method} {says}")


@pytest.mark.parametrize("times", [{"latency_ms": None}, {"latency_ms": float("nan")}])
def test_a_step_made_by_hand_has_times_that_can_be_added_up(times):
    made = {"name": "playbook.record", "start_s": 1.0, "latency_ms": 1.0, "span_id": "0" * 16}
    target = store(record=lambda *_: Step(**made | times, url="", request=b""))
    begin = f"target class: Store.record gave a Step whose latency_ms is {times['latency_ms']}, exp"
    assert failed(target, "record").error.startswith(begin)


def test_a_search_that_is_timed_under_another_question_is_looked_at_too():
    wrong = Found([Hit("w-1", "workers", float("nan"))])
    target = store(search=lambda self, *_: self.timed("matrix.search", "a cook", lambda: wrong))
    assert target.search(SEARCH, TRACE).error == "hits: distance nan"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (None, "gave None"),
        (lambda: 1 / 0, "raised ZeroDivisionError: division by zero (test_target_guard.py, line"),
    ],
)
def test_a_connection_that_is_none_is_refused_with_its_reason(given, says):
    target = store(connect=giving(given))
    with pytest.raises(ServiceRefusalError) as refused:
        target.connect()
    assert str(refused.value).startswith(f"--target: Store.connect {says}")
    assert str(refused.value).endswith("expected a target for one coordinator: self, or another "
                                       "of the class")  # fmt: skip


def unclosable():
    def close(_self):
        raise OSError("gone")

    return store(close=close)


def test_connections_that_cannot_be_closed_are_said_once_and_counted(caplog):
    target = unclosable()
    for _ in range(500):
        target.close()
    (first,) = caplog.messages
    assert first.startswith("target class: Store.close raised OSError: gone (test_target_guard.py")
    assert first.endswith("; more of the kind are only counted")
    caplog.clear()
    say_unclosed(type(target))
    assert caplog.messages == [
        "target class: Store.close failed 500 times, expected it to close what connect opened"
    ]
    caplog.clear()
    say_unclosed(type(target))
    assert not caplog.messages, "the next run's count begins anew"
    target.close()
    assert caplog.messages == [first]


def test_one_connection_that_cannot_be_closed_is_said_and_no_more(caplog):
    target = unclosable()
    target.close()
    say_unclosed(type(target))
    assert len(caplog.messages) == 1


def test_of_a_target_that_closes_well_nothing_is_said(caplog):
    for target in (Target(TargetSetup()), store(close=lambda _self: None)):
        target.close()
        say_unclosed(type(target))
    assert not caplog.messages


def test_what_a_run_cuts_goes_through():
    def cut(*_):
        raise GeneratorExit

    with pytest.raises(GeneratorExit):
        store(search=cut).search(SEARCH, TRACE)


def test_guarding_twice_and_static_methods_change_nothing():
    kind = type("Store", (Target,), {"search": staticmethod(lambda search, _: search.text)})
    guard(kind)
    once = kind.search
    guard(kind)
    assert kind.search is once
    step = failed(kind(TargetSetup()), "search")
    assert step.error.startswith("target class: Store.search gave a str, expected a Step")
    assert kind.add_all is Target.add_all, "what it does not define stays"
    assert not kind(TargetSetup()).capabilities().add


OWN = """
    from __future__ import annotations
    from mcstress import Step, Target
    from mcstress.services.target import Capabilities

    class Store(Target):
        def search(self, search, trace): ...

    class OneStep(Store):
        def add(self, item, trace) -> Step[None]:
            return self.timed("index.add", None, lambda: None)

    class Yields(Store):
        def search(self, search, trace):
            yield self.timed("matrix.search", search, lambda: None)

    class Unable(Store):
        add = None

    class Excludes(Store):
        can_exclude = "no"

    class Unknown(Store):
        def add(self, item, trace) -> NoSuchName:
            yield

    class Nothing(Store):
        def __new__(cls, setup):
            return None

    class Async(Store):
        async def __init__(self, setup): ...

    class Promises(Store):
        def capabilities(self):
            return Capabilities()

    class Vague(Store):
        def capabilities(self):
            return Capabilities(record="yes")
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    path = tmp_path_factory.mktemp("own") / "kinds.py"
    path.write_text(textwrap.dedent(OWN))
    return str(path)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("OneStep", "add: found -> Step, expected steps one after another: yield self.timed(...)"),
        ("Yields", "search: found a generator, expected return in place of yield"),
        ("Unable", "add: found None, expected a method; without one the target cannot do it"),
        ("Excludes", "can_exclude: found 'no', expected True or False"),
    ],
)
def test_what_a_class_shows_is_refused_before_it_is_made(own, name, says):
    with pytest.raises(UsageError) as refused:
        target_class(f"{own}:{name}")
    assert str(refused.value) == f"--target {own}:{name}: {says}"


def test_annotations_that_name_nothing_are_no_fault(own):
    assert target_class(f"{own}:Unknown").__name__ == "Unknown"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Nothing", "Nothing(setup) gave None, expected an object of the class"),
        ("Async", "could not be made, TypeError: __init__() should return None, not 'coroutine'"),
    ],
)
@pytest.mark.filterwarnings("ignore:coroutine")
def test_a_class_that_gives_no_object_of_it_is_refused(own, name, says):
    with pytest.raises(ServiceRefusalError) as refused:
        make_target(f"{own}:{name}", TargetSetup())
    assert str(refused.value) == f"--target {own}:{name}: {says}"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Promises", "found record=True and no method record, expected both or neither"),
        ("Vague", "found record='yes', expected True or False"),
    ],
)
def test_a_target_cannot_say_that_it_can_what_it_has_no_method_for(own, name, says):
    with pytest.raises(ServiceRefusalError) as refused:
        capabilities_of("own", make_target(f"{own}:{name}", TargetSetup()))
    assert str(refused.value) == f"own: capabilities: {says}"


def test_each_capability_that_needs_a_method_is_one():
    can_alone = {"exclude"}
    assert {*Capabilities.__struct_fields__} - can_alone <= {*ONE, *SEVERAL}


def test_kinds_are_named_in_words():
    refuse_misfits("own", Target)
    bound = type("Bound", (Target,), {"search": staticmethod(lambda: None)})
    refuse_misfits("own", bound)  # what it lacks shows when it is called
    assert [a_kind(one) for one in (None, 5, "", [], OSError())] == [
        "None", "an int", "a str", "a list", "an OSError",
    ]  # fmt: skip
