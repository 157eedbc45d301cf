"""Systems that no package has: their own clients say what is sent, and read what is answered.

A conversation of ``make test`` is written after the documentation; here the vendor's client holds
it: it sends the same requests to the same paths, and takes the answers for those of its server.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from tcp.raw_server import RawServer, answer

sys.path.append(str(Path(__file__).parents[1] / "services"))
from conversations import ABOUT, ITEM, MEM0, OF_ALICE, QDRANT, RECORD, TOLD

pytestmark = pytest.mark.targets


class Vendor:
    """Answers the turns of a conversation in their order, and keeps what was asked instead."""

    def __init__(self, turns):
        self.turns, self.asked = list(turns), []

    def __call__(self, request):
        if request.path.startswith("/v1/ping"):
            return [answer({"status": "ok", "org_id": "o", "project_id": "p"})]
        body = json.loads(request.body) if request.body else None
        self.asked.append((request.method, request.path, body))
        return [answer(self.turns[len(self.asked) - 1][3])]


def test_mem0s_client_sends_what_the_target_sends(needs):
    needs("mem0")
    from mem0 import MemoryClient

    turns = [turn for turn in MEM0 if not turn[1].startswith("/v1/event/")]
    vendor, said = Vendor(turns), [{"role": "user", "content": "two cooks"}]
    with RawServer(vendor) as server:
        client = MemoryClient(api_key="m0-x", host=server.url)
        wanted = {"top_k": 2, "threshold": 0.0}
        found = client.search("two cooks", filters={"user_id": "workers"}, **wanted)
        about = {"item": "f-1", "about": ABOUT}
        added = client.add(said, user_id="fresh", infer=False, metadata=about)
        client.add(said, user_id="playbook_alice", infer=False, metadata=TOLD)
        recalled = client.search("two cooks", filters={"user_id": "playbook_alice"}, **wanted)
        assert server.requests[-1].headers["authorization"] == "Token m0-x"
    assert vendor.asked == [turn[:3] for turn in turns]
    assert [one["metadata"]["item"] for one in found["results"]] == ["w-1", "w-2"]
    assert (added["event_id"], recalled["results"][0]["metadata"]) == ("e-1", TOLD)


def test_qdrants_client_sends_what_the_target_sends_and_reads_its_answers(needs):
    needs("mem0")  # whose package needs Qdrant's client
    from qdrant_client import QdrantClient
    from qdrant_client import models as q

    vendor = Vendor(QDRANT)
    asked = {"query": [1.0, 0.0], "limit": 2, "with_payload": True, "with_vectors": None}
    no_ids = q.Filter(must_not=[q.FieldCondition(key="id", match=q.MatchAny(any=[]))])
    alice = q.Filter(
        must=[q.FieldCondition(key="namespace", match=q.MatchValue(value="playbook_alice"))]
    )
    size = q.VectorParams(size=2, distance=q.Distance.COSINE)
    point = {"id": "f-1", "about": ABOUT}
    with RawServer(vendor) as server:
        client = QdrantClient(url=server.url, check_compatibility=False)
        count = client.count("workers", exact=True).count
        found = client.query_points("workers", query_filter=no_ids, **asked).points
        client.create_collection("fresh", vectors_config=size)
        client.upsert("fresh", [q.PointStruct(id=ITEM, vector=[1.0, 0.0], payload=point)])
        client.create_collection("mcstress_memory", vectors_config=size)
        told = q.PointStruct(id=RECORD, vector=[1.0, 0.0], payload=OF_ALICE)
        client.upsert("mcstress_memory", [told])
        recalled = client.query_points("mcstress_memory", query_filter=alice, **asked).points
    assert [_short(turn) for turn in vendor.asked] == [turn[:3] for turn in QDRANT]
    assert count == 2
    assert [(one.payload["id"], one.score) for one in found] == [("w-1", 0.875), ("w-2", 0.75)]
    assert [(one.id, one.payload) for one in recalled] == [(RECORD, OF_ALICE)]


def _short(turn):
    """Its documentation has ``query: [1, 0]`` for the client's ``query: {"nearest": [1, 0]}``."""
    method, path, body = turn
    if isinstance(body, dict) and "query" in body:
        body = body | {"query": body["query"]["nearest"]}
        body.pop("with_vector", None)
    return method, path, body
