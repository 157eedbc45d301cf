"""The stand-in's answers to all of WIRE.md: a status and a body for each request."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from itertools import count
from typing import Any, NamedTuple
from urllib.parse import unquote

import msgspec
from standin import language
from standin.index import Indexes
from standin.memory import Memory
from standin.modes import Mode
from standin.oddities import oddly
from standin.search import Search

from mcstress.users.scenarios.load import load_scenario

CORPORA = {"workers": 5000, "ethereal_workers": 10000}
DIMENSION = 4
BODY_LIMIT_BYTES = 8 * 1024
TYPES, PRIORITIES = ("email", "sms"), ("urgent", "high", "medium", "low")


class Answer(NamedTuple):
    """What is answered, before a fault spoils it. ``kind`` is the step, or what it is instead."""

    kind: str
    status: int
    body: Any


class Service:
    """State and routes. Every request is counted by kind, and every one that a fault hit."""

    def __init__(self, mode: Mode, scenario: str) -> None:
        self.mode = mode
        self.calls: Counter[str] = Counter()
        self.faulted: Counter[str] = Counter()
        self._since_fault_set: Counter[str] = Counter()
        self._inbox = count(1)
        demands = [
            demand
            for variant in load_scenario(scenario).variants
            for contract in variant.contracts
            for demand in contract.demands
        ]
        paraphrases = {words: demand.query for demand in demands for words in demand.paraphrases}
        self._rephrased = {demand.query: demand.paraphrases[0] for demand in demands}
        self._memory, self._indexes = Memory(paraphrases), Indexes()
        self._search = Search(self._indexes, self._memory)
        self._routes: dict[tuple[str, str], Callable[[Any, int], Answer]] = {
            ("GET", "/health"): self._health,
            ("GET", "/v1/matrix/corpora"): self._corpora,
            ("POST", "/v1/matrix/search"): self._searched,
            ("POST", "/v1/matrix/playbooks/record"): self._recorded,
            ("POST", "/v1/observer/inbox"): self._received,
            ("POST", "/v1/embed"): self._embedded,
            ("POST", "/v1/vectors/index"): self._created,
            ("POST", "/api/chat"): self._chatted,
            ("GET", "/api/tags"): self._tagged,
        }

    def answer(self, method: str, path: str, body: bytes, clients: int) -> Answer:
        """The answer to a request; ``clients`` are those that there are now."""
        try:
            answer = self._answer(method, path, json.loads(body) if body else None, clients)
        except (KeyError, TypeError, ValueError) as error:
            answer = Answer("refused", HTTPStatus.BAD_REQUEST, {"error": repr(error)})
        self.calls[answer.kind] += 1
        return answer._replace(body=oddly(answer.kind, answer.body)) if self.mode.odd else answer

    def set_apart(self, answer: Answer, kind: str) -> Answer:
        """Count a request that was just answered as of another ``kind``."""
        self.calls[answer.kind] -= 1
        self.calls[kind] += 1
        return answer._replace(kind=kind)

    def set(self, settings: dict[str, Any]) -> None:
        """Change settings; a fault's requests are counted anew."""
        changed = msgspec.to_builtins(self.mode) | settings
        self.mode = msgspec.convert(changed, Mode)
        self._since_fault_set.clear()

    def fault_for(self, kind: str) -> str | None:
        """The fault that this request of ``kind`` meets."""
        if self.mode.fault is None or kind not in self.mode.fault_steps:
            return None
        self._since_fault_set[kind] += 1
        if self._since_fault_set[kind] % self.mode.fault_every:
            return None
        self.faulted[kind] += 1
        return self.mode.fault

    def _answer(self, method: str, path: str, body: Any, clients: int) -> Answer:
        if route := self._routes.get((method, path)):
            return route(body, clients)
        head, _, tail = path.removeprefix("/v1/vectors/index/").partition("/")
        if path.startswith("/v1/vectors/index/") and tail == "add" and method == "POST":
            return self._added(unquote(head), body)
        return Answer("unknown", HTTPStatus.NOT_FOUND, {"error": f"no {method} {path}"})

    def _health(self, _: Any, __: int) -> Answer:
        return Answer("health", HTTPStatus.OK, {"status": "ok"})

    def _corpora(self, _: Any, __: int) -> Answer:
        sizes = CORPORA | self._indexes.sizes
        corpora = [{"name": name, "size": size} for name, size in sizes.items()]
        return Answer("corpora", HTTPStatus.OK, {"corpora": corpora})

    def _searched(self, request: Any, clients: int) -> Answer:
        if not request["query_text"] or not request["corpora"]:
            error = {"error": "no query or no corpora"}
            return Answer("matrix.search", HTTPStatus.BAD_REQUEST, error)
        missing = set(request["corpora"]) - CORPORA.keys() - self._indexes.sizes.keys()
        if missing:
            error = {"error": f"no corpus {', '.join(sorted(missing))}"}
            return Answer("matrix.search", HTTPStatus.BAD_GATEWAY, error)
        found = self._search.answer(request, self.mode, clients)
        return Answer("matrix.search", HTTPStatus.OK, found)

    def _recorded(self, request: Any, _: int) -> Answer:
        playbook_id = self._memory.record(
            request["corpus"],
            request["query_text"],
            (request["answer_id"], request["answer_corpus"]),
            request["score"],
            request.get("role"),
        )
        return Answer("playbook.record", HTTPStatus.OK, {"playbook_id": playbook_id})

    def _received(self, request: Any, _: int) -> Answer:
        kind = "observerd.inbox.record"
        if not request["body"] or request["type"] not in TYPES:
            return Answer(kind, HTTPStatus.BAD_REQUEST, {"error": "no body or unknown type"})
        if request.get("priority", "low") not in PRIORITIES:
            return Answer(kind, HTTPStatus.BAD_REQUEST, {"error": "unknown priority"})
        if len(request["body"].encode()) > BODY_LIMIT_BYTES:
            error = {"error": "body over 8 KiB"}
            return Answer(kind, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, error)
        return Answer(kind, HTTPStatus.OK, {"id": f"inbox-{next(self._inbox)}"})

    def _embedded(self, request: Any, _: int) -> Answer:
        vectors = [[float(len(text)), *[0.5] * (DIMENSION - 1)] for text in request["texts"]]
        return Answer("embed", HTTPStatus.OK, {"vectors": vectors, "dimension": DIMENSION})

    def _created(self, request: Any, _: int) -> Answer:
        created = self._indexes.create(request["name"])
        status = HTTPStatus.CREATED if created else HTTPStatus.CONFLICT
        return Answer("index.create", status, {} if created else {"error": "is there already"})

    def _added(self, name: str, request: Any) -> Answer:
        if name not in self._indexes.sizes:
            return Answer("index.add", HTTPStatus.NOT_FOUND, {"error": f"no index {name}"})
        added = self._indexes.add(name, request["items"])
        return Answer("index.add", HTTPStatus.OK, {"added": added})

    def _chatted(self, request: Any, _: int) -> Answer:
        kind = language.step_of(request)
        if request["model"] not in (language.MODEL, language.MODEL.partition(":")[0]):
            error = {"error": f"model '{request['model']}' not found"}
            return Answer(kind, HTTPStatus.NOT_FOUND, error)
        return Answer(kind, HTTPStatus.OK, language.chat(request, self.mode, self._rephrased))

    def _tagged(self, _: Any, __: int) -> Answer:
        details = {"family": "rules"}
        models = [{"name": language.MODEL, "details": details}]
        return Answer("llm.tags", HTTPStatus.OK, {"models": models})
