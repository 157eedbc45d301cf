"""The embedded stack under all that its own description allows, and killed while it writes."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from itertools import count
from unittest.mock import Mock

import httpx
import psutil
import pytest
from chaos.process_signals import TRIALS
from endtoend.locust_run import until
from hypothesis import HealthCheck, given, settings
from starlette.routing import Route

from mcstress.services.embedded.app import make_app
from mcstress.services.embedded.openapi import PATH, description
from mcstress.services.embedded.process import EmbeddedStack
from mcstress.services.embedded.store import Store

EXAMPLES, TIMEOUT_S, IN_SHORT = 100, 60, 2
GROWN_BYTES = 200_000_000
SEED = 42


def test_the_description_has_every_route_and_no_other():
    app = make_app(Mock(), Store(None, SEED))
    known = {
        (route.path, method.lower())
        for route in app.routes
        if isinstance(route, Route)
        for method in route.methods - {"HEAD"}
    }
    told = {
        (path, method) for path, methods in description()["paths"].items() for method in methods
    }
    assert told == known - {(PATH, "get")}


@pytest.mark.chaos
def test_no_request_that_is_described_makes_it_fail_hang_or_grow():
    import schemathesis
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    checks = [content_type_conformance, response_schema_conformance, status_code_conformance]
    stack = EmbeddedStack.start(seed=SEED)
    try:
        described = schemathesis.openapi.from_url(f"{stack.url}{PATH}")
        process = psutil.Process(stack.pid)
        before = process.memory_info().rss
        for operation in [found.ok() for found in described.get_all_operations()]:
            # Without a body there is nothing that could be wrong.
            for mode in list(schemathesis.GenerationMode)[: 1 + bool(operation.body)]:

                @given(case=operation.as_strategy(generation_mode=mode))
                @settings(
                    max_examples=EXAMPLES, deadline=None, suppress_health_check=[*HealthCheck]
                )
                def is_well(case):
                    response = case.call_and_validate(checks=checks, timeout=TIMEOUT_S)
                    # 502 is a search's, where a corpus that it names is missing.
                    assert response.status_code < 500 or response.status_code == 502

                is_well()
                assert httpx.get(f"{stack.url}/health", timeout=TIMEOUT_S).is_success
        assert process.memory_info().rss - before < GROWN_BYTES
    finally:
        stack.stop()


KINDS = ("recording", "message", "item", "index")


class Writers:
    """Four clients that write without a pause, and note what was acknowledged."""

    def __init__(self, url: str, dimension: int, begin: int) -> None:
        self.acknowledged: list[tuple[str, str]] = []
        self._numbers = count(begin)
        self._vector = [1.0] + [0.0] * (dimension - 1)
        self._threads = [
            threading.Thread(target=self._write, args=(url, kind), daemon=True) for kind in KINDS
        ]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        for thread in self._threads:
            thread.join()

    def _write(self, url: str, kind: str) -> None:
        with suppress(httpx.HTTPError), httpx.Client(base_url=url, timeout=TIMEOUT_S) as client:
            while True:
                name = f"{kind}-{next(self._numbers)}"
                path, body = self._request(kind, name)
                assert client.post(path, json=body).is_success
                self.acknowledged.append((kind, name))

    def _request(self, kind: str, name: str):
        match kind:
            case "recording":
                answered = {"answer_id": name, "answer_corpus": "workers", "score": 1.0}
                body = answered | {"query_text": "a welder", "corpus": "playbook_alice"}
                return "/v1/matrix/playbooks/record", body
            case "message":
                body = {"type": "sms", "sender": name, "subject": "", "body": "hello"}
                return "/v1/observer/inbox", body
            case "item":
                item = {"id": name, "vector": self._vector, "metadata": {}}
                return "/v1/vectors/index/workers/add", {"items": [item]}
            case "index":
                return "/v1/vectors/index", {"name": name, "dimension": len(self._vector)}


def stored(folder) -> set[tuple[str, str]]:
    """What the data folder holds."""
    store = Store(folder, SEED)
    messages = store._database.execute("select sender from messages").fetchall()
    found = {("message", sender) for (sender,) in messages}
    found |= {("recording", recording.answer_id) for _, recording in store.recordings()}
    found |= {("item", item.id) for _, item in store.items()}
    found |= {("index", name) for name in store.indexes()}
    store.close()
    return found


def test_what_was_acknowledged_outlives_kills_in_short(tmp_path, chance):
    outlives_kills(tmp_path / "data", chance, IN_SHORT)


@pytest.mark.chaos
def test_what_was_acknowledged_outlives_kills_at_any_moment(tmp_path, chance):
    outlives_kills(tmp_path / "data", chance, TRIALS)


def outlives_kills(folder, chance, trials):
    acknowledged = set()
    for trial in range(trials):
        stack = EmbeddedStack.start(data_dir=folder, seed=SEED)
        try:
            asked = {"texts": ["a welder"]}
            embedded = httpx.post(f"{stack.url}/v1/embed", json=asked, timeout=TIMEOUT_S).json()
            with Writers(stack.url, embedded["dimension"], trial * 10**6) as writers:
                if not trial:  # of each kind something, however slow the machine is
                    until(lambda it=writers: {kind for kind, _ in it.acknowledged} == {*KINDS})
                time.sleep(chance.uniform(0.1, 1.5))
                psutil.Process(stack.pid).kill()
            acknowledged |= {*writers.acknowledged}
        finally:
            stack.stop()
        assert not acknowledged - stored(folder), "acknowledged, and not there"
    assert {kind for kind, _ in acknowledged} == {*KINDS}
