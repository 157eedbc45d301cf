"""Files of targets that tests use, and servers that answer them."""

import contextlib
import textwrap

import msgspec
import pytest
from tcp.raw_server import RawServer, answer

from mcstress.services.target import (
    Search,
    TargetSetup,
)
from mcstress.services.toml.target import toml_target

ASKED = Search("forklift, Milwaukee", ["workers"], 2)
BOTH = msgspec.structs.replace(ASKED, corpora=["workers", "others"])
WITH_MEMORY = msgspec.structs.replace(BOTH, memory="playbook_alice", role="cook")


class Answers:
    """Answers by method and path: JSON, a list of acts, or what a function gives for a request.

    What is not there is a 404.
    """

    def __init__(self, answers):
        self.answers = answers

    def __call__(self, request):
        found = self.answers.get(f"{request.method} {request.path}")
        if callable(found):
            found = found(request)
        if found is None:
            return [answer({"error": f"no {request.path}"}, "404 Not Found")]
        return found if isinstance(found, list) else [answer(found)]


@pytest.fixture
def served():
    """Makes a server of ``answers`` and the target of a file, as one coordinator has it."""
    with contextlib.ExitStack() as stack:

        def make(text, answers, **setup):
            server = stack.enter_context(RawServer(Answers(answers)))
            text = textwrap.dedent(text).replace("URL", server.url)
            setup = {"corpora": ("workers",), "timeout_s": 2, "file": "my.toml", **setup}
            target = toml_target("my.toml", text)(TargetSetup(text=text, **setup))
            return server, stack.enter_context(contextlib.closing(target.connect()))

        yield make


def bodies(server):
    return [request.json() for request in server.requests]


ROWS = """
    [service.db]
    url = "URL/api"
    [search]
    post = "/q/{corpus}"
    body = { text = "{text}", limit = "{k}", filter = { ns = "{namespace}", role = "{role}" } }
    rows = "/results"
    id = "/id"
    distance = "/distance"
    metadata = "/payload"
"""


def row(id_, distance, **payload):
    return {"id": id_, "distance": distance, "payload": payload}


COLUMNS = """
    [service.db]
    url = "URL"
    [service.embedder]
    url = "URL/embedder"
    [embed]
    service = "embedder"
    post = "/embed"
    body = { texts = ["{text}"] }
    vector = "/vectors/0"
    [resolve]
    get = "/collections/{corpus}"
    id = "/id"
    [size]
    get = "/collections/{corpus_id}/count"
    size = ""
    [search]
    post = "/collections/{corpus_id}/query"
    body = { query_embeddings = ["{vector}"], n_results = "{k}", not = "{exclude_ids}" }
    ids = "/ids/0"
    distances = "/distances/0"
    metadata = "/metadatas/0"
    [add]
    post = "/collections/{corpus_id}/upsert"
    body = { ids = ["{id}"], embeddings = ["{vector}"], documents = ["{text}"], metadatas = ["{metadata}"] }
    ok = [409]
    [record]
    collection = "memories"
    post = "/collections/{corpus_id}/upsert"
    body = { ids = ["{record_uuid}"], embeddings = ["{vector}"], metadatas = [{ ns = "{namespace}", answer_id = "{answer_id}", answer_corpus = "{answer_corpus}", role = "{role}" }] }
    [recall]
    collection = "memories"
    post = "/collections/{corpus_id}/query"
    body = { query_embeddings = ["{vector}"], n_results = "{k}", where = { ns = "{namespace}" } }
    ids = "/ids/0"
    distances = "/distances/0"
    metadata = "/metadatas/0"
    answer_id = "/answer_id"
    answer_corpus = "/answer_corpus"
    where_role = "/role"
    [create]
    post = "/collections"
    body = { name = "{corpus}", dimension = "{dimension}", get_or_create = true }
    id = "/id"
"""  # noqa: E501
CHROMA = {
    "POST /embedder/embed": {"vectors": [[0.1, 1e-05, -3]]},
    "GET /collections/workers": {"id": "u-workers"},
    "GET /collections/others": {"id": "u-others"},
    "POST /collections/u-workers/query": {
        "ids": [["w-1", "w-2"]], "distances": [[0.2, 0.5]], "metadatas": [[{"a": 1}, None]],
    },
    "POST /collections/u-others/query": {
        "ids": [["w-1", "o-9"]], "distances": [[0.4, 0.1]], "metadatas": [[{"b": 2}, {"c": 3}]],
    },
    "GET /collections/u-workers/count": 5000,
    "GET /collections/u-others/count": 10000,
    "POST /collections": lambda request: {"id": f"u-{request.json()['name']}"},
    "POST /collections/u-fresh/upsert": {},
    "POST /collections/u-memories/upsert": {},
}  # fmt: skip
