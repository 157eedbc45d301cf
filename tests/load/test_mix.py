"""--mix: arrivals have a mix of their own, by the weights that were asked for."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import pytest
from scipy.stats import chisquare
from test_arrivals import pacer, seconds
from test_pacer import Context

from mcstress.commands.check import parse
from mcstress.errors import UsageError
from mcstress.metrics.event import Hit
from mcstress.metrics.phase import MIX_NAMES, PHASES
from mcstress.mix_settings import mix_of, refuse_what_target_cannot
from mcstress.phase_selection import choose_phases, known_tags
from mcstress.services.step import Step
from mcstress.services.target import Capabilities, Found
from mcstress.settings import read_settings
from mcstress.users.coordinator import Coordinator
from mcstress.users.phases.mix import mixed
from mcstress.users.run import Run, Seat
from mcstress.users.scenarios.load import load_scenario

SCENARIO = load_scenario("three_cities")
RATE = ("--arrival-rate", "5")


@pytest.fixture(autouse=True)
def _phases_as_they_were():
    """Those of a mix are known from where a run has one on: other tests are to know of none."""
    yield
    for name in MIX_NAMES:
        PHASES.pop(name, None)


def asked(*arguments):
    return mix_of(parse(list(arguments)), SCENARIO)


def test_weights_are_read_and_choose_the_phases():
    mix = asked(*RATE, "--mix", "search=90, record=5,add=0")
    assert mix == {"mix_search": 90, "mix_record": 5}
    settings = read_settings(parse([*RATE, "--mix", "add=1,search=3", "--check",
                                    "latency.response.mix_search.p95_ms < 9"]), None)  # fmt: skip
    assert settings.phases == ["mix_add", "mix_search"]
    assert asked() == {}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--mix", "search=1"], "--mix: found 'search=1' and neither --arrival-rate nor"),
        ([*RATE, "--mix", "serach=1"], "found 'serach', expected one of search, record, add; did"),
        ([*RATE, "--mix", "search"], "found 'search', expected a weight of 0 or more, as search=5"),
        ([*RATE, "--mix", "search=-1"], "found 'search=-1', expected a weight"),
        ([*RATE, "--mix", "search=nan"], "found 'search=nan', expected a weight"),
        ([*RATE, "--mix", "search=1,search=2"], "found search twice"),
        ([*RATE, "--mix", "search=0"], "expected a weight above 0"),
        ([*RATE, "--mix", "search=1,"], "found '', expected one of"),
        ([*RATE, "--mix", "search=1", "--tags", "inbox"], "found --tags inbox with it"),
        ([*RATE, "--mix", "search=1", "--rounds", "2"], "found --rounds 2 with it, expected -t"),
    ],
)  # fmt: skip
def test_what_is_no_mix_is_refused(arguments, said):
    with pytest.raises(UsageError) as refused:
        asked(*arguments)
    assert said in str(refused.value)


def test_a_target_that_cannot_is_refused_before_the_run():
    can = Capabilities(record=False, recall=True, add=True, inbox=True, sizes=True, exclude=True)
    refuse_what_target_cannot({"mix_search": 1.0, "mix_add": 1.0}, can)
    with pytest.raises(UsageError, match="found record, and the target cannot record"):
        refuse_what_target_cannot({"mix_record": 1.0}, can)


def test_no_round_has_its_phases():
    asked(*RATE, "--mix", "search=1")
    assert MIX_NAMES.isdisjoint(choose_phases([], []))
    assert MIX_NAMES.isdisjoint(known_tags())


class Asked:
    """A target that answers everything, and notes what it was asked."""

    def __init__(self):
        self.names = []

    def capabilities(self):
        return Capabilities(record=True, recall=True, add=True, inbox=True, sizes=False,
                            exclude=True)  # fmt: skip

    def connect(self):
        return self

    def close(self):
        """Nothing."""

    def _step(self, name, answer=None):
        self.names.append(name)
        step = Step(name, 0.0, 1.0, "00", "", b"")
        step.answer = answer
        return step

    def search(self, search, _trace):
        return self._step("search", Found([Hit("1", search.corpora[0], 0.1)]))

    def record(self, _recording, _trace):
        return self._step("record")

    def add(self, item, _trace):
        assert item.text
        yield self._step("add")


@pytest.fixture
def mixed_run():
    """A context whose run has a mix, and the events that were fired."""
    context = Context(None, rounds=0)
    context.target = context.llm = Asked()
    context.corpus_sizes = lambda _: {}
    context.users = 1
    context.run = Run(
        **{name: getattr(context.run, name) for name in Run.__struct_fields__}
        | {"mix": {"mix_search": 80.0, "mix_record": 15.0, "mix_add": 5.0}}
    )
    return context


def events_of(context, rounds):
    fired = []
    coordinator = Coordinator(
        Seat("carol", 2), context, context.target, context.target,
        fire=lambda event, **_: fired.append(event), report=lambda _: None,
        interruptible=None,
    )  # fmt: skip
    for _ in range(rounds):
        for task in mixed(coordinator):
            task()
        coordinator.round += 1
    return fired


def test_events_are_drawn_by_their_weights_and_the_same_for_a_seed(mixed_run):
    fired = events_of(mixed_run, 60)
    counts = Counter(event.phase for event in fired)
    assert chisquare([counts["mix_search"], counts["mix_record"], counts["mix_add"]],
                     [960, 180, 60]).pvalue > 0.001  # fmt: skip
    assert all(event.outcome == "ok" for event in fired)
    assert Counter(mixed_run.target.names)["record"] == counts["mix_record"]
    assert Counter(mixed_run.target.names)["add"] == counts["mix_add"]
    assert [event.phase for event in events_of(mixed_run, 60)] == [event.phase for event in fired]
    assert len({event.role for event in fired if event.role}) == 4
    for event in fired:
        steps = {"mix_search": 1, "mix_add": 1}.get(event.phase)
        assert len(event.steps) == steps or event.phase == "mix_record"


def test_the_pacer_gives_arrivals_to_the_mix(mixed_run):
    its = pacer()
    its.grant(seconds(20, [0]), in_s=0.0, trios=1)
    mixed_run.pacer = its
    begun = []
    coordinator = SimpleNamespace(
        run=mixed_run.run, seat=Seat("alice", 1), context=mixed_run, round=1, last_round=0,
        begin_round=lambda: begun.append(1), contract=SCENARIO.variants[0].contracts[0],
    )  # fmt: skip
    assert len(list(its.tasks(coordinator))) == 20
    assert begun == [1]
    its.end()
