"""The stand-in does what modes.py says, and expected.py has the figures that then come out."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from fractions import Fraction
from urllib.error import HTTPError

import pytest
from standin.client import SCENARIO, TRACE, Client
from standin.counted import play
from standin.expected import EXPECTED, LOOKS
from standin.modes import MODES, STEPS
from standin.process import SERVER, Standin

from mcstress.services.preflight import check_gateway, check_llm


@pytest.fixture
def client():
    """Makes clients and closes them."""
    with contextlib.ExitStack() as stack:

        def make(standin, **settings):
            made = Client(standin.url, **settings)
            stack.callback(made.close)
            return made

        yield make


@pytest.mark.parametrize("mode", MODES)
def test_a_round_has_the_figures_that_are_expected(client, mode):
    with Standin(mode) as standin:
        found = play(client(standin))
    expected = EXPECTED[mode].metrics
    counted_elsewhere = {"determinism.mean_rbo", "errors.rate", "errors.failed", "errors.steps"}
    assert expected.keys() - found.keys() == counted_elsewhere
    for path, value in found.items():
        assert expected[path] == (float(value) if isinstance(value, Fraction) else value), path


@pytest.mark.parametrize("mode", MODES)
def test_the_checks_that_should_fail_are_those_out_of_range(mode):
    ranges = {}
    for threshold in SCENARIO.thresholds:
        path, sign, limit = threshold.check.split()
        # Availability is of clocks, which a played round has not; relevance is of roles, which the
        # stand-in's hits have not.
        if not path.startswith(("availability.", "relevance.")):
            ranges[path] = (sign, float(limit))
    compare = {
        "<": lambda a, b: a < b,
        ">=": lambda a, b: a >= b,
        "==": lambda a, b: a == b,
        "<=": lambda a, b: a <= b,
    }
    figures = EXPECTED[mode].metrics
    failing = {
        path
        for path, (sign, limit) in ranges.items()
        if path not in EXPECTED[mode].unknown and not compare[sign](figures[path], limit)
    }
    assert failing == EXPECTED[mode].failing
    assert EXPECTED[mode].exit_code == (3 if failing else 0)


def test_expected_steps_are_the_expected_calls():
    for expected in EXPECTED.values():
        assert expected.metrics["errors.steps"] == sum(expected.calls.values()) - LOOKS


def test_every_mode_says_what_it_does():
    assert MODES.keys() == EXPECTED.keys()
    assert all(mode.__doc__ for mode in MODES.values())


def test_memories_are_apart_and_heed_roles_and_reach(client):
    with Standin() as standin:
        one = client(standin)
        one.record("a query", "w-x", "playbook_a", "cook")
        assert "w-x" in one.ids("a query", "playbook_a", "cook")
        assert "w-x" in one.ids("a query", "playbook_a", None)
        assert "w-x" not in one.ids("a query", "playbook_a", "driver")
        assert "w-x" not in one.ids("a query", "playbook_b", "cook")
        assert "w-x" not in one.ids("another query", "playbook_a", "cook")
        assert "w-x" not in one.ids("a query", "playbook_a", "cook", ["w-x"])


def test_it_passes_for_the_services_it_stands_in_for():
    with Standin() as standin:
        assert check_gateway(standin.url, SCENARIO.corpora)["workers"] == 5000
        assert check_llm(standin.url, "qwen2.5").rule_based


def test_missing_corpora_and_models_are_refused(client):
    with Standin() as standin:
        one = client(standin)
        assert "502" in one.search("q", corpora=["nowhere"]).error
        assert "400" in one.search("").error
        other = client(standin, model="llama9").ollama
        assert "404" in other.parse("x", TRACE).error


@pytest.mark.parametrize(
    "fault",
    ["500", "html", "cut_json", "cut_body", "wrong_types", "redirect", "empty", "closed"],
)
def test_a_fault_fails_every_step(client, fault):
    with Standin(fault=fault) as standin:
        steps = client(standin).steps()
        assert {name for name, step in steps.items() if step.error} == set(steps)
        assert standin.faulted().keys() == steps.keys()
        standin.set(fault=None)
        healed = client(standin).steps()
        assert len(healed) == len(STEPS)
        assert not any(step.error for step in healed.values())


@pytest.mark.parametrize("fault", ["id_twice", "nan", "too_many"])
def test_a_fault_of_results_fails_searches_alone(client, fault):
    with Standin(fault=fault) as standin:
        steps = client(standin).steps()
        assert {name for name, step in steps.items() if step.error} == {"matrix.search"}


def test_no_answer_lasts_until_the_client_gives_up(client):
    with Standin(fault="silent", fault_steps=["matrix.search"]) as standin:
        step = client(standin, timeout_s=0.3).search("q")
        assert step.error
        assert step.latency_ms >= 300
        assert client(standin).inbox().error is None


def test_a_slow_answer_is_right(client):
    with Standin(fault="slow", slow_s=0.2) as standin:
        step = client(standin).search("q")
        assert step.error is None
        assert step.latency_ms >= 200


def test_a_fault_hits_every_nth_request_of_its_steps(client):
    with Standin(fault="500", fault_steps=["matrix.search"], fault_every=3) as standin:
        one = client(standin)
        failed = [one.search(f"query {number}").error is not None for number in range(9)]
        assert failed == [False, False, True] * 3
        assert one.inbox().error is None
        assert standin.faulted() == {"matrix.search": 3}
        assert standin.calls() == {"matrix.search": 9, "observerd.inbox.record": 1}


def test_settings_that_do_not_exist_are_refused():
    with Standin() as standin:
        with pytest.raises(HTTPError, match="400"):
            standin.set(lists="upside down")
        with pytest.raises(HTTPError, match="400"):
            standin.set(nonsense=1)
        standin.set(lists="half")
        assert standin.told()["mode"]["lists"] == "half"


def test_a_crowd_is_the_connections_that_search(client):
    with Standin("crowded", crowd=3) as standin:
        users = [client(standin) for _ in range(2)]
        bystander = client(standin)
        assert bystander.inbox().error is None
        calm = [user.ids("a query") for user in users]
        assert calm[0] == calm[1]
        third = client(standin)
        crowded = [third.ids("a query") for _ in range(5)]
        assert all(ids[:7] == calm[0][:7] for ids in crowded)
        assert len({ids[7] for ids in [calm[0], *crowded]}) == 6
        third.close()
        wait_for(lambda: standin.told()["clients"] == 2)
        assert users[0].ids("a query") == calm[0]
        assert standin.told()["most_clients"] == 3


def test_a_crowd_forgets_half(client):
    with Standin("crowded", crowd=1) as standin:
        one = client(standin)
        one.record("a query", "w-x", "playbook_a", "cook")
        found = sum(one.ids("a query", "playbook_a", "cook")[0] == "w-x" for _ in range(400))
        assert 160 <= found <= 240  # 4 standard deviations of 400 throws


def test_it_keeps_the_trace_that_a_request_came_with(client):
    with Standin() as standin:
        one = client(standin)
        steps = [one.search("a query"), one.inbox()]
        assert one.gateway.corpora().error is None
        told = [(step.name, TRACE.traceparent(step.span_id)) for step in steps]
        assert standin.traceparents() == told


def test_it_ends_with_whoever_started_it():
    with Standin() as standin:
        standin.process.stdin.close()
        assert standin.process.wait(60) == 0
        standin.process.stdin = None


def test_it_is_a_command():
    with subprocess.Popen(
        [sys.executable, SERVER, "--mode", "half_lists"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGTERM)
    wrong = [sys.executable, SERVER, "--settings", json.dumps({"crowd": 0})]
    assert subprocess.run(wrong, capture_output=True, check=False).returncode != 0


def wait_for(condition, timeout_s=60.0):
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
