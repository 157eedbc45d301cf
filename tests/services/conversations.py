"""What the shipped targets' systems are sent, and answer, by target and operation.

Written by hand after their documentation: they hold what is sent. What real servers of Chroma and
LynseDB answered is in ``recorded/``; Qdrant's and mem0's own clients send and read the same, which
``make test-targets`` sees (tests/real/test_clients.py). ``{}`` in a path are the names of corpora,
the vector [1,0].
"""

from __future__ import annotations

from uuid import NAMESPACE_URL, uuid5

ITEM = str(uuid5(NAMESPACE_URL, "fresh/f-1"))
RECORD = str(uuid5(NAMESPACE_URL, "playbook_alice/two cooks/workers/w-2"))
ABOUT = {"role": "cook"}
TOLD = {"answer_id": "w-2", "answer_corpus": "workers", "role": "cook"}
OF_ALICE = {"namespace": "playbook_alice", **TOLD}

_CHROMA = "/api/v2/tenants/default_tenant/databases/default_database/collections"
_CHROMA_QUERY = {"query_embeddings": [[1, 0]], "include": ["distances", "metadatas"]}


def _made(name):
    return {
        "name": name, "get_or_create": True, "configuration": {"hnsw": {"space": "cosine"}},
    }  # fmt: skip


CHROMA = [
    ("GET", f"{_CHROMA}/workers", None, {"id": "c-1", "name": "workers"}),
    ("GET", f"{_CHROMA}/c-1/count", None, 2),
    ("POST", f"{_CHROMA}/c-1/query", {**_CHROMA_QUERY, "n_results": 2}, {
        "ids": [["w-1", "w-2"]], "distances": [[0.125, 0.25]], "metadatas": [[ABOUT, ABOUT]],
        "documents": None, "embeddings": None, "uris": None, "include": ["distances", "metadatas"],
    }),
    ("POST", _CHROMA, _made("fresh"), {"id": "c-2", "name": "fresh"}),
    ("POST", f"{_CHROMA}/c-2/upsert", {
        "ids": ["f-1"], "embeddings": [[1, 0]], "documents": ["two cooks"], "metadatas": [ABOUT],
    }, {}),
    ("POST", _CHROMA, _made("mcstress_memory"), {"id": "c-3", "name": "mcstress_memory"}),
    ("POST", f"{_CHROMA}/c-3/upsert", {
        "ids": [RECORD], "embeddings": [[1, 0]], "documents": ["two cooks"],
        "metadatas": [OF_ALICE],
    }, {}),
    ("POST", f"{_CHROMA}/c-3/query", {
        **_CHROMA_QUERY, "n_results": 2, "where": {"namespace": "playbook_alice"},
    }, {"ids": [[RECORD]], "distances": [[0.0]], "metadatas": [[OF_ALICE]]}),
]  # fmt: skip

_LYNSE = {"database_name": "mcstress"}
_LYNSE_SEARCH = {**_LYNSE, "vector": [1, 0], "k": 2, "return_fields": True}


def _lynse(ids, scores, fields):
    items = {"ids": ids, "scores": scores, "fields": fields, "k": 2, "distance": "IP"}
    return {"status": "success", "params": {"items": items}}


LYNSEDB = [
    ("POST", "/collection_shape", {**_LYNSE, "collection_name": "workers"},
     {"status": "success", "params": {"shape": [2, 2]}}),
    ("POST", "/search", {**_LYNSE_SEARCH, "collection_name": "workers"},
     _lynse(["w-1", "w-2"], [0.875, 0.75], [ABOUT, ABOUT])),
    ("POST", "/create_database", {**_LYNSE, "drop_if_exists": False}, {"status": "success"}),
    ("POST", "/upsert", {
        **_LYNSE, "collection_name": "fresh", "ids": ["f-1"], "vectors": [[1, 0]],
        "fields": [ABOUT],
    }, {"status": "success"}),
    ("POST", "/upsert", {
        **_LYNSE, "collection_name": "playbook_alice", "ids": [RECORD], "vectors": [[1, 0]],
        "fields": [TOLD],
    }, {"status": "success"}),
    ("POST", "/search", {**_LYNSE_SEARCH, "collection_name": "playbook_alice"},
     _lynse([RECORD], [1.0], [TOLD])),
]  # fmt: skip


def _qdrant(*points):
    rows = [{"id": id_, "version": 0, "score": s, "payload": p} for id_, s, p in points]
    return {"result": {"points": rows}, "status": "ok", "time": 0.001}


_QDRANT_DONE = {"result": {"operation_id": 3, "status": "completed"}, "status": "ok", "time": 0.01}
_QDRANT_QUERY = {"query": [1, 0], "limit": 2, "with_payload": True}
# No server said these: after its documentation; its own client sends and reads the same.
QDRANT = [
    ("POST", "/collections/workers/points/count", {"exact": True},
     {"result": {"count": 2}, "status": "ok", "time": 0.001}),
    ("POST", "/collections/workers/points/query",
     {**_QDRANT_QUERY, "filter": {"must_not": [{"key": "id", "match": {"any": []}}]}},
     _qdrant(("u-1", 0.875, {"id": "w-1", "about": ABOUT}),
             ("u-2", 0.75, {"id": "w-2", "about": ABOUT}))),
    ("PUT", "/collections/fresh", {"vectors": {"size": 2, "distance": "Cosine"}},
     {"result": True, "status": "ok", "time": 0.1}),
    ("PUT", "/collections/fresh/points?wait=true",
     {"points": [{"id": ITEM, "vector": [1, 0], "payload": {"id": "f-1", "about": ABOUT}}]},
     _QDRANT_DONE),
    ("PUT", "/collections/mcstress_memory", {"vectors": {"size": 2, "distance": "Cosine"}},
     {"result": True, "status": "ok", "time": 0.1}),
    ("PUT", "/collections/mcstress_memory/points?wait=true",
     {"points": [{"id": RECORD, "vector": [1, 0], "payload": OF_ALICE}]}, _QDRANT_DONE),
    ("POST", "/collections/mcstress_memory/points/query", {
        **_QDRANT_QUERY,
        "filter": {"must": [{"key": "namespace", "match": {"value": "playbook_alice"}}]},
    }, _qdrant((RECORD, 1.0, OF_ALICE))),
]  # fmt: skip


def _opensearch(*hits):
    rows = [{"_index": i, "_id": id_, "_score": s, "_source": of} for i, id_, s, of in hits]
    total = {"value": len(rows), "relation": "eq"}
    shards = {"total": 1, "successful": 1, "skipped": 0, "failed": 0}
    hits_of = {"total": total, "max_score": rows[0]["_score"], "hits": rows}
    return {"took": 3, "timed_out": False, "_shards": shards, "hits": hits_of}


def _index(name):
    method = {"name": "hnsw", "engine": "lucene", "space_type": "cosinesimil"}
    body = {
        "settings": {"index": {"knn": True}},
        "mappings": {"properties": {
            "namespace": {"type": "keyword"},
            "vector": {"type": "knn_vector", "dimension": 2, "method": method},
        }},
    }  # fmt: skip
    return ("PUT", f"/{name}", body, {"acknowledged": True, "index": name})


def _written(index, id_):
    return {"_index": index, "_id": id_, "_version": 1, "result": "created", "_seq_no": 0}


_COUNT = {"count": 2, "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0}}
# No server said these: after its documentation alone, as the next.
OPENSEARCH = [
    ("GET", "/workers/_count", None, _COUNT),
    ("POST", "/workers/_search", {
        "size": 2, "_source": ["about"],
        "query": {"knn": {"vector": {
            "vector": [1, 0], "k": 2,
            "filter": {"bool": {"must_not": [{"ids": {"values": []}}]}},
        }}},
    }, _opensearch(("workers", "w-1", 0.9375, {"about": ABOUT}),
                   ("workers", "w-2", 0.875, {"about": ABOUT}))),
    _index("fresh"),
    ("PUT", "/fresh/_doc/f-1", {"vector": [1, 0], "text": "two cooks", "about": ABOUT},
     _written("fresh", "f-1")),
    _index("mcstress_memory"),
    ("PUT", f"/mcstress_memory/_doc/{RECORD}?refresh=wait_for", {"vector": [1, 0], **OF_ALICE},
     _written("mcstress_memory", RECORD)),
    ("POST", "/mcstress_memory/_search", {
        "size": 2, "_source": ["answer_id", "answer_corpus"],
        "query": {"knn": {"vector": {
            "vector": [1, 0], "k": 2, "filter": {"term": {"namespace": "playbook_alice"}},
        }}},
    }, _opensearch(("mcstress_memory", RECORD, 1.0, TOLD))),
]  # fmt: skip

_WORDS = {"match": {"text": "two cooks"}}
OPENSEARCH_BM25 = [
    ("GET", "/workers/_count", None, _COUNT),
    ("POST", "/workers/_search", {
        "size": 2, "_source": ["about"],
        "query": {"bool": {"must": [_WORDS], "must_not": [{"ids": {"values": []}}]}},
    }, _opensearch(("workers", "w-1", 7.25, {"about": ABOUT}),
                   ("workers", "w-2", 3.5, {"about": ABOUT}))),
    ("PUT", "/fresh/_doc/f-1", {"text": "two cooks", "about": ABOUT}, _written("fresh", "f-1")),
    ("PUT", f"/mcstress_memory/_doc/{RECORD}?refresh=wait_for", {"text": "two cooks", **OF_ALICE},
     _written("mcstress_memory", RECORD)),
    ("POST", "/mcstress_memory/_search", {
        "size": 2,
        "query": {"bool": {
            "must": [_WORDS], "filter": [{"term": {"namespace.keyword": "playbook_alice"}}],
        }},
    }, _opensearch(("mcstress_memory", RECORD, 1.25, OF_ALICE))),
]  # fmt: skip

_MEM0_SEARCH = {"query": "two cooks", "top_k": 2, "threshold": 0.0}
_SAID = [{"role": "user", "content": "two cooks"}]


def _mem0(*found):
    rows = [{"id": f"m-{s}", "memory": "two cooks", "metadata": m, "score": s} for s, m in found]
    return {"results": rows}


def _event(id_):
    return [
        ("GET", f"/v1/event/{id_}/", None, {"id": id_, "event_type": "ADD", "status": status})
        for status in ("RUNNING", "SUCCEEDED")
    ]


def _added(id_):
    return {"message": "queued", "status": "PENDING", "event_id": id_}


# The platform did not say these: after its documentation; its own client sends and reads the same.
MEM0 = [
    ("POST", "/v3/memories/search/", {**_MEM0_SEARCH, "filters": {"user_id": "workers"}},
     _mem0((0.875, {"item": "w-1", "about": ABOUT}), (0.75, {"item": "w-2", "about": ABOUT}))),
    ("POST", "/v3/memories/add/", {
        "user_id": "fresh", "infer": False, "messages": _SAID,
        "metadata": {"item": "f-1", "about": ABOUT},
    }, _added("e-1")),
    *_event("e-1"),
    ("POST", "/v3/memories/add/", {
        "user_id": "playbook_alice", "infer": False, "messages": _SAID, "metadata": TOLD,
    }, _added("e-2")),
    *_event("e-2"),
    ("POST", "/v3/memories/search/", {**_MEM0_SEARCH, "filters": {"user_id": "playbook_alice"}},
     _mem0((1.0, TOLD))),
]  # fmt: skip

CONVERSATIONS = {
    "chroma": CHROMA, "lynsedb": LYNSEDB, "qdrant": QDRANT, "opensearch": OPENSEARCH,
    "opensearch_bm25": OPENSEARCH_BM25, "mem0": MEM0,
}  # fmt: skip
