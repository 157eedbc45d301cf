"""How many items the corpora have, as a worker last saw it."""

from __future__ import annotations

import gevent
import pytest
from tcp.until import until

from mcstress.services.step import Step
from mcstress.services.target import Sizes, Target, TargetSetup
from mcstress.worker.corpus_sizes import CorpusSizes


class Growing(Target):
    """Its sizes are what is told; None: it does not answer."""

    def __init__(self):
        super().__init__(TargetSetup())
        self.told, self.asked = {"workers": 5}, 0

    def sizes(self):
        self.asked += 1
        answer = None if self.told is None else Sizes(dict(self.told))
        return Step("sizes", 0.0, 0.0, "0" * 16, "", b"", answer=answer)


@pytest.fixture
def target():
    return Growing()


def test_they_are_those_of_the_last_look_that_was_answered(target):
    sizes = CorpusSizes(target, {"workers": 5, "others": 7})
    assert sizes.of(["workers"]) == {"workers": 5}
    assert sizes.of(["workers", "unknown"]) == {"workers": 5}, "one never seen is left out"
    same = sizes.of(["workers"])
    sizes.look()
    target.told = {"workers": 6}
    assert sizes.of(["workers"]) == same, "nobody has looked"
    sizes.look()
    assert sizes.of(["workers"]) == {"workers": 6}
    target.told = None
    sizes.look()
    assert sizes.of(["workers"]) == {"workers": 6}


def test_searches_of_the_same_corpora_share_one_answer(target):
    """Thousands of events hold it at once."""
    sizes = CorpusSizes(target, {"workers": 5})
    assert sizes.of(["workers"]) is sizes.of(["workers"])


def test_it_looks_again_and_again_only_where_the_target_knows_them(target):
    looking = gevent.spawn(CorpusSizes(target, {}).look_every, 0.001)
    until(lambda: target.asked >= 3)
    looking.kill()
    CorpusSizes(Target(TargetSetup()), {}).look_every(0.001)
