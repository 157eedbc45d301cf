"""The product's own clients, as one user has them, for tests of the stand-in."""

from __future__ import annotations

import contextlib

from mcstress.services.gateway.client import GatewayClient
from mcstress.services.gateway.schema import (
    CreateIndexRequest,
    EmbedRequest,
    InboxRequest,
    IndexAddRequest,
    IndexItem,
    RecordRequest,
    SearchRequest,
)
from mcstress.services.http.transport import Transport
from mcstress.services.llm.ollama import Ollama
from mcstress.services.trace_context import TraceContext
from mcstress.users.run import model_setup_of
from mcstress.users.scenarios.load import load_scenario

SCENARIO = load_scenario("three_cities")
VARIANT = SCENARIO.variants[0]
TRACE = TraceContext("0" * 31 + "1")


class Client:
    """The real clients, as one user has them."""

    def __init__(self, url: str, timeout_s: float = 5.0, model: str = "qwen2.5") -> None:
        self.gateway = GatewayClient(Transport(url, connect_timeout_s=5.0, timeout_s=timeout_s))
        setup = model_setup_of(SCENARIO, url=url, model=model, seed=1, timeout_s=timeout_s)
        self.ollama = Ollama(setup, contextlib.nullcontext())

    def close(self) -> None:
        self.gateway.close()
        self.ollama.close()

    def search(self, query, memory=None, role=None, exclude_ids=(), corpora=SCENARIO.corpora):
        request = SearchRequest(
            query_text=query, corpora=list(corpora), k=SCENARIO.top_k, exclude_ids=list(exclude_ids)
        )
        if memory:
            request.use_playbook, request.playbook_corpus = True, memory
            request.playbook_top_k = SCENARIO.playbook.top_k
            request.playbook_max_distance = SCENARIO.playbook.max_distance
            request.playbook_max_inject_distance = SCENARIO.playbook.max_inject_distance
            request.query_role = role
        return self.gateway.search(request, TRACE)

    def ids(self, *arguments, **named):
        step = self.search(*arguments, **named)
        assert step.error is None
        return [hit.id for hit in step.answer.results]

    def record(self, query, answer_id, namespace, role):
        request = RecordRequest(
            query_text=query,
            answer_id=answer_id,
            answer_corpus="workers",
            score=1.0,
            corpus=namespace,
            role=role,
        )
        return self.gateway.record(request, TRACE)

    def add(self, resume_id, resume):
        embedded = self.gateway.embed(EmbedRequest([resume.text]), TRACE).answer
        self.gateway.create_index(CreateIndexRequest("fresh_workers", embedded.dimension))
        item = IndexItem(resume_id, embedded.vectors[0], resume.metadata)
        return self.gateway.index_add("fresh_workers", IndexAddRequest([item]), TRACE)

    def inbox(self):
        request = InboxRequest(type="sms", sender="+1", subject="", body="two cooks, please")
        return self.gateway.inbox(request, TRACE)

    def steps(self):
        """One call of each kind, by the name of its step."""
        step = self.search("somebody")
        hit = step.answer.results[0] if step.answer else None
        embed = EmbedRequest(["a"])
        item = IndexItem("x", [0.0] * 4, {"name": "A B"})
        made = {
            "matrix.search": lambda: step,
            "playbook.record": lambda: self.record("q", "w-1", "playbook_x", "cook"),
            "observerd.inbox.record": self.inbox,
            "llm.parse_demand": lambda: self.ollama.parse("two cooks", TRACE),
            "llm.judge_top1": lambda: self.ollama.judge("two cooks", hit, TRACE),
            "llm.paraphrase": lambda: self.ollama.paraphrase("two cooks", TRACE),
            "embed": lambda: self.gateway.embed(embed, TRACE),
            "index.add": lambda: self.gateway.index_add(
                "fresh_workers", IndexAddRequest([item]), TRACE
            ),
        }
        self.gateway.create_index(CreateIndexRequest("fresh_workers", 4))
        return {name: make() for name, make in made.items() if hit or name != "llm.judge_top1"}
