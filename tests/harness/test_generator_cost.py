"""A rate beyond the load generator is said at the start, from what an event costs it."""

from __future__ import annotations

from time import process_time

import pytest

from mcstress import generator_cost
from mcstress.commands.check import parse
from mcstress.generator_cost import event_cost_s, said_of_rate
from mcstress.metrics.event import Hit
from mcstress.services.target import SEARCH, Found, Target
from mcstress.settings import read_settings

BUSY_S = 0.004


class Busy(Target):
    """Each search takes 4 ms of this process's CPU."""

    def search(self, search, trace):
        del trace
        return self.timed(SEARCH, search, lambda: self._found(search))

    def _found(self, search):
        end_s = process_time() + BUSY_S
        while process_time() < end_s:
            pass
        return Found([Hit(str(n), search.corpora[0], 0.1 * n) for n in range(search.k)])


class Failing(Target):
    """It is not there."""

    def search(self, search, trace):
        del trace
        return self.timed(SEARCH, search, lambda: 1 / 0)


def settings(*arguments, target="Busy"):
    return read_settings(parse([*arguments, "--target", f"{__file__}:{target}"]), None)


def test_the_cost_is_the_cpu_time_of_a_search_and_its_event():
    cost_s = event_cost_s(settings("--arrival-rate", "5"), "")
    assert BUSY_S <= cost_s < 2 * BUSY_S


@pytest.mark.parametrize(
    ("rate", "processes", "said"),
    [
        (["500"], 1, "found 500/s, and this process can begin about "),
        (["10-500", "-t", "9"], 2, "found 10 to 500/s, and 2 workers like this process can begin"),
    ],
)
def test_a_rate_beyond_it_is_said_with_what_is_needed(rate, processes, said):
    (line,) = said_of_rate(settings("--arrival-rate", *rate), "", processes)
    assert line.startswith(f"--arrival-rate: {said}")
    needed = int(line.split("about ")[-1].split()[0])
    assert 500 * BUSY_S / 0.9 <= needed <= 1 + 2 * 500 * BUSY_S / 0.9


@pytest.mark.parametrize("arguments", [["--arrival-rate", "50"], ["--find-capacity"], []])
def test_a_rate_within_it_is_not_spoken_of(arguments):
    assert said_of_rate(settings(*arguments), "", 1) == []


def test_a_target_that_fails_is_left_to_the_run():
    assert said_of_rate(settings("--arrival-rate", "9999", target="Failing"), "", 1) == []


def test_a_stack_with_faults_is_not_asked(monkeypatch):
    monkeypatch.setattr(generator_cost, "event_cost_s", None)
    faulty = read_settings(parse(["--arrival-rate", "9999", "--stack-fault", "noise=1"]), None)
    assert said_of_rate(faulty, "", 1) == []
