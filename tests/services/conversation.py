"""What a shipped target says to a server, in a fixed order: recorded, or replayed.

A recording has a line for each request: what was asked, with vectors left out (their last digits
are the machine's), and what the real server answered.
"""

from __future__ import annotations

import json
from pathlib import Path

import httpx
from gateway_answers import TRACE
from tcp.raw_server import answer

from mcstress.metrics.event import Item
from mcstress.services.target import NewItem, Recording, Search, TargetSetup
from mcstress.services.target_class import make_target, read_target

RECORDED = Path(__file__).parent / "recorded"
LONG = 16
"""Lists of more numbers are vectors."""

ITEMS = [
    NewItem("w-1", "workers", "warehouse worker in Milwaukee, forklift", {"role": "warehouse"}),
    NewItem("w-2", "workers", "welder in Gary, night shift", {"role": "welder", "certs": ["MIG"]}),
    NewItem("w-3", "workers", "bilingual nurse in Chicago", {"role": "nurse", "years": 3}),
]
RECORDINGS = [
    Recording("welder in Gary", Item("w-2", "workers"), "playbook_alice", "welder"),
    Recording("nurse in Chicago", Item("w-3", "workers"), "playbook_bob", "nurse"),
]


def converse(name, url):
    """Each call's outcome in plain values: what it found, or its error."""
    given = read_target(name)
    setup = TargetSetup(
        url, ("workers",), seed=42, timeout_s=10, file=given.file, text=given.text
    )  # fmt: skip
    target = make_target(name, setup).connect()
    asked = Search("welder in Gary", ["workers"], 2, metadata=True)
    memory = Search("welder in Gary", ["workers"], 2, memory="playbook_alice", role="welder")
    without = Search("welder in Gary", ["workers"], 2, exclude=["w-2"])
    elsewhere = Search("welder", ["gone"], 2)
    try:
        steps = [
            *target.add_all(ITEMS[:2], TRACE),
            *target.add(ITEMS[2], TRACE),
            target.sizes(),
            target.search(asked, TRACE),
            target.search(without, TRACE),
            *target.record_all(RECORDINGS[:1], TRACE),
            target.record(RECORDINGS[1], TRACE),
            target.record(RECORDINGS[1], TRACE),
            target.recall(memory, TRACE),
            target.search(elsewhere, TRACE),
        ]
    finally:
        target.close()
    return [(step.name, step.error, step.answer) for step in steps]


def without_vectors(value):
    """``value`` with lists of many numbers as their length."""
    if isinstance(value, list):
        if len(value) > LONG and all(isinstance(one, int | float) for one in value):
            return f"{len(value)} numbers"
        return [without_vectors(one) for one in value]
    if isinstance(value, dict):
        return {key: without_vectors(one) for key, one in value.items()}
    return value


def asked_of(request):
    """A request as a recording has it."""
    body = json.loads(request.body) if request.body else None
    return {"method": request.method, "path": request.path, "body": without_vectors(body)}


class Recorder:
    """Passes requests on to the real server, and keeps what was said."""

    def __init__(self, url):
        self.url, self.lines = url, []

    def __call__(self, request):
        told = httpx.request(
            request.method, self.url + request.path, content=request.body or None,
            headers={"content-type": "application/json"},
        )  # fmt: skip
        self.lines.append(asked_of(request) | {"status": told.status_code, "answer": told.json()})
        return [_reply(self.lines[-1])]

    def write(self, name):
        """Keep it for ``make test``."""
        text = "".join(json.dumps(line) + "\n" for line in self.lines)
        (RECORDED / f"{name}.jsonl").write_text(text)


class Player:
    """Answers as the real server did, in the same order; anything else is no request of it."""

    def __init__(self, name):
        lines = (RECORDED / f"{name}.jsonl").read_text().splitlines()
        self.lines = [json.loads(line) for line in lines]
        self.unknown = []

    def __call__(self, request):
        asked = asked_of(request)
        for line in self.lines:
            if all(line[key] == value for key, value in asked.items()):
                self.lines.remove(line)
                return [_reply(line)]
        self.unknown.append(asked)
        return [answer({"error": "not recorded"}, "501 Not Implemented")]


def _reply(line):
    return answer(line["answer"], f"{line['status']} x")
