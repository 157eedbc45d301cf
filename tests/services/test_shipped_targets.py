"""Each shipped target sends what its system takes, and reads what that answers."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import msgspec
import pytest
from conversations import ABOUT, CONVERSATIONS
from gateway_answers import TRACE
from tcp.raw_server import RawServer, answer

from mcstress.metrics.event import Hit, Item
from mcstress.services.target import NewItem, Recording, Search, TargetSetup
from mcstress.services.target_class import SHIPPED, read_target
from mcstress.services.toml.target import toml_target

SEARCH = Search("two cooks", ["workers"], 2, metadata=True)
DISTANCES = {
    "opensearch": [-0.9375, -0.875], "opensearch_bm25": [-7.25, -3.5], "mem0": [-0.875, -0.75],
}  # fmt: skip
RECALLED = {"opensearch": -1.0, "opensearch_bm25": -1.25, "mem0": -1.0}


class Conversation:
    """Answers as it was recorded; whatever else is asked is a 404. ``left``: what nobody asked."""

    def __init__(self, turns):
        self.left = list(turns)

    def __call__(self, request):
        body = json.loads(request.body) if request.body else None
        for turn in self.left:
            if turn[:3] == (request.method, request.path, body):
                self.left.remove(turn)
                return [answer(turn[3])]
        return [answer({"error": f"{request.method} {request.path} {body}"}, "404 Not Found")]


def test_every_shipped_file_has_a_conversation():
    shipped = {path.stem for path in SHIPPED.glob("*.toml")}
    assert shipped == {*CONVERSATIONS, "embedded"}


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_a_shipped_target_speaks_as_its_system_does(name, monkeypatch):
    monkeypatch.setenv("TARGET_MEM0_TOKEN", "sesame")
    toml = "mcstress.services.toml"
    monkeypatch.setattr(f"{toml}.target.builtin_embedding", lambda _: None)
    monkeypatch.setattr(f"{toml}.caller.builtin_vector", lambda *_: msgspec.Raw(b"[1,0]"))
    conversation = Conversation(CONVERSATIONS[name])
    with RawServer(conversation) as server:
        text = read_target(name).text.replace("https://api.mem0.ai", server.url)
        text = text.replace('value = "SUCCEEDED"', 'value = "SUCCEEDED"\nevery = 0.01')
        setup = TargetSetup(url=server.url, corpora=("workers",), fresh_corpus="", timeout_s=5)
        target = toml_target(f"{name}.toml", text)(setup)
        with contextlib.closing(target):
            _speak(name, target)
    assert conversation.left == []
    if name == "mem0":
        assert {one.headers["authorization"] for one in server.requests} == {"Token sesame"}


def _speak(name, target):
    can = target.capabilities()
    if can.sizes:
        sizes = target.sizes()
        assert (sizes.error, sizes.answer and sizes.answer.corpora) == (None, {"workers": 2})
    found = target.search(SEARCH, TRACE)
    assert found.error is None
    near, far = DISTANCES.get(name, [0.125, 0.25])
    assert found.answer.hits == [Hit("w-1", "workers", near), Hit("w-2", "workers", far)]
    assert found.answer.metadata == [ABOUT, ABOUT]
    (added,) = target.add(NewItem("f-1", "fresh", "two cooks", ABOUT), TRACE)
    assert added.error is None
    told = Recording("two cooks", Item("w-2", "workers"), "playbook_alice", "cook")
    recorded = target.record(told, TRACE)
    assert recorded.error is None
    recall = msgspec.structs.replace(SEARCH, memory="playbook_alice", role="cook")
    recalled = target.recall(recall, TRACE)
    assert recalled.error is None
    assert recalled.answer.hits == [Hit("w-2", "workers", RECALLED.get(name, 0.0))]


def test_a_files_head_says_how_it_is_run():
    for path in Path(SHIPPED).glob("*.toml"):
        head = path.read_text().split("\n\n")[0]
        assert "--target" in head, path
        assert all(line.startswith("#") for line in head.splitlines()), path
