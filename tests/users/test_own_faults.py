"""What the load generator could not send is told of no service, by nobody."""

from __future__ import annotations

import contextlib
import errno
import os
from types import SimpleNamespace

import pytest
from locust.env import Environment
from locust.event import Events

from mcstress.services.http import dns as addresses
from mcstress.services.llm.language_model import ModelSetup
from mcstress.services.llm.ollama import Ollama
from mcstress.services.step import Step
from mcstress.services.target import CLASS_FAULT
from mcstress.services.trace_context import TraceContext
from mcstress.users import coordinator_session as entrance
from mcstress.users.coordinator_session import Reporter
from mcstress.users.phases.inbox import _parsed

TRACE = TraceContext("ab" * 16)


@pytest.fixture
def fired():
    return []


@pytest.fixture
def reporter(fired):
    environment = Environment(events=Events())
    environment.events.request.add_listener(lambda exception, **_: fired.append(exception))
    return Reporter(environment, SimpleNamespace(context=dict, environment=environment))


def connect_fails(monkeypatch, number):
    def failing(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(addresses, "_connected", failing)


@pytest.mark.parametrize(
    ("number", "parse_status"),
    [(errno.EMFILE, None), (errno.ECONNREFUSED, "failed")],
)
def test_what_did_not_go_out_is_neither_a_request_nor_a_parse(
    monkeypatch, reporter, fired, number, parse_status
):
    connect_fails(monkeypatch, number)
    llm = Ollama(ModelSetup("http://127.0.0.1:9", "m", timeout_s=2), contextlib.nullcontext())

    def take(step):
        reporter(step)
        return step

    scope = SimpleNamespace(
        coordinator=SimpleNamespace(llm=llm),
        trace=TRACE,
        event=SimpleNamespace(parse_status=None),
        take=take,
    )
    assert _parsed(scope, SimpleNamespace(body="Send two cooks.")) is None
    assert scope.event.parse_status == parse_status
    assert len(fired) == (parse_status is not None)


def test_locust_is_told_of_so_many_different_reasons_and_of_each_failure(
    monkeypatch, reporter, fired
):
    monkeypatch.setattr(entrance, "MOST_REASONS", 3)
    for number in [*range(9), 0]:
        reporter(Step("s", 0.0, 1.0, "ab", "http://x", b"", error=f"HTTP 500: no {number}"))
    known = [f"HTTP 500: no {number}" for number in range(3)]
    assert list(map(str, fired)) == [*known, *[entrance.OTHER_REASONS] * 6, known[0]]


def test_a_target_class_that_gives_the_wrong_kind_of_thing_is_said_once_for_each_kind(
    reporter, caplog
):
    for number, method in ((1, "add"), (2, "add"), (3, "search")):
        error = f"{CLASS_FAULT}Store.{method} raised OSError: no {number}, expected a failed Step"
        reporter(Step("s", 0.0, 1.0, "ab", "Store", b"", error=error))
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        f"--target: Store.{method} raised OSError: no {number}, expected a failed Step"
        for number, method in ((1, "add"), (3, "search"))
    ]
