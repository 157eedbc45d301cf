"""mem0's SDK in this process, without an LLM (``infer=False``), on pgvector.

``--target mcstress.targets.mem0:Mem0``; ``TARGET_PGVECTOR`` is PostgreSQL's connection string. A
corpus is an agent, a namespace a user. Vectors are those of the built-in embedding, for
the SDK's embedders need a network. Its ids are its own; ours stand in the metadata.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import msgspec

os.environ["MEM0_TELEMETRY"] = "False"

from mem0 import Memory

from mcstress.metrics.event import Hit
from mcstress.services.step import Step
from mcstress.services.target import (
    ADD,
    RECORD,
    SEARCH,
    Found,
    NewItem,
    Recording,
    Search,
    Target,
    TargetSetup,
)
from mcstress.services.toml.vectors import builtin_embedding
from mcstress.services.trace_context import TraceContext
from mcstress.targets.pgvector import VARIABLE

MORE = 3
"""The same answer is kept once a round: so many times K are asked for, and each counts once."""


class OwnEmbedder:
    """The vectors of the built-in embedding, as the SDK asks for them."""

    def __init__(self, seed: int) -> None:
        self._embedding = builtin_embedding(seed)
        self.dimension = len(self._embedding.encode("welder"))
        self.config = None

    def embed(self, text: str, memory_action: str | None = None) -> list[float]:
        """The vector of a text."""
        del memory_action
        numbers: list[float] = self._embedding.encode(text).tolist()
        return numbers

    def embed_batch(self, texts: list[str], memory_action: str | None = None) -> list[list[float]]:
        """Those of several."""
        return [self.embed(text, memory_action) for text in texts]


class Mem0(Target):
    """One SDK object a process: its pool of connections is for all coordinators."""

    title = "mem0 on pgvector, infer=False"
    can_exclude = False

    def __init__(self, setup: TargetSetup) -> None:
        super().__init__(setup)
        embedder = OwnEmbedder(setup.seed)
        store = {
            "connection_string": os.environ[VARIABLE],
            "collection_name": "mcs_mem0",
            "embedding_model_dims": embedder.dimension,
            "hnsw": True,
            "maxconn": 16,
        }
        unused = {"provider": "openai", "config": {"api_key": "no model is asked"}}
        self._memory = Memory.from_config(
            {
                "vector_store": {"provider": "pgvector", "config": store},
                "embedder": unused,
                "llm": unused,
                "history_db_path": ":memory:",
            }
        )
        self._memory.embedding_model = embedder
        # It makes its table when first asked; several that ask at once refuse one another.
        self._memory.search("test", top_k=1, filters={"agent_id": "nobody"})

    def search(self, search: Search, trace: TraceContext) -> Step[Found]:
        """One search of the SDK for each corpus, the hits merged by their scores."""

        def work() -> Found:
            rows = [
                row
                for corpus in search.corpora
                for row in self._asked(search, {"agent_id": corpus})
            ]
            return _found(search, rows)

        return self.timed(SEARCH, search, work)

    def recall(self, search: Search, trace: TraceContext) -> Step[Found]:
        """The memories of one user."""
        asked = {"user_id": search.memory}
        return self.timed(SEARCH, search, lambda: _found(search, self._asked(search, asked)))

    def _asked(self, search: Search, filters: dict[str, Any]) -> list[dict[str, Any]]:
        k = MORE * search.k + len(search.exclude)
        answer = self._memory.search(search.text, top_k=k, filters=filters, threshold=0.0)
        rows: list[dict[str, Any]] = answer["results"]
        return rows

    def record(self, recording: Recording, trace: TraceContext) -> Step[Any]:
        """A memory of the user; the same one again is a second one."""
        answer = recording.answer
        kept = {"item": answer.id, "corpus": answer.corpus, "role": recording.role}

        def work() -> None:
            self._memory.add(
                recording.text, user_id=recording.namespace, metadata=kept, infer=False
            )

        return self.timed(RECORD, recording, work)

    def add(self, item: NewItem, trace: TraceContext) -> Iterator[Step[Any]]:
        """A memory of the agent."""
        kept = {"item": item.id, "corpus": item.corpus, "told": item.metadata}

        def work() -> None:
            self._memory.add(item.text, agent_id=item.corpus, metadata=kept, infer=False)

        yield self.timed(ADD, item, work)


def _found(search: Search, rows: list[dict[str, Any]]) -> Found:
    """The best K by score; an item counts once."""
    best: dict[tuple[str, str], tuple[float, Any]] = {}
    for row in sorted(rows, key=lambda row: -row["score"]):
        known = row["metadata"]
        who = (known["corpus"], known["item"])
        if known["item"] not in search.exclude:
            best.setdefault(who, (1 - row["score"], known.get("told")))
    kept = [*best.items()][: search.k]
    hits = [Hit(id_, corpus, distance) for (corpus, id_), (distance, _) in kept]
    told = [_value(told) for _, (_, told) in kept]
    return Found(hits, metadata=told if search.metadata else None)


def _value(told: Any) -> Any:
    """Metadata as it was given: the SDK may have made text of it."""
    return msgspec.json.decode(told) if isinstance(told, str) else told or {}
