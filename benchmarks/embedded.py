"""What the embedded stack answers per second on its core, and what an answer costs it.

Requests come over 50 connections from this process, so that the stack has a core of its own where
there are two. Each search asks other words; ``GET /health`` is what any answer costs at least.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import cycle
from random import Random
from statistics import median

import gevent
import msgspec
import psutil

from benchmarks.row import Row, print_rows
from mcstress.services.embedded.process import EmbeddedStack
from mcstress.services.embedded.vocabulary import load_vocabulary
from mcstress.services.http.transport import Reply, Transport

CONNECTIONS = 50
REQUESTS = 2_000
TURNS = 3
CORPORA = ["workers", "ethereal_workers"]
OK = 200

Ask = Callable[[Transport], Reply]


def queries(count: int) -> list[str]:
    """Different queries, as a coordinator might write them."""
    random, vocabulary = Random(7), load_vocabulary()
    places = [(city, region) for region in vocabulary.regions for city in region.cities]
    made = []
    for _ in range(count):
        role, (city, region) = random.choice(vocabulary.roles), random.choice(places)
        skills = " and ".join(random.choice(skill) for skill in random.sample(role.skills, 2))
        shift = random.choice(random.choice(vocabulary.shifts).wordings)
        who = f"{random.randint(2, 20)} {random.choice(role.titles)}s"
        made.append(
            f"Need {who} in {city.name}, {region.state} for {shift}, "
            f"{random.choice(role.certs)}, {skills}"
        )
    return made


def search_bodies(**more: object) -> Iterator[bytes]:
    """Searches for one query after the other, without end."""
    asked = [
        {"query_text": query, "corpora": CORPORA, "k": 8, **more} for query in queries(REQUESTS)
    ]
    return cycle([msgspec.json.encode(body) for body in asked])


def asks() -> dict[str, Ask]:
    """What is asked, by the name of its row."""
    plain = search_bodies()
    with_memory = search_bodies(use_playbook=True, playbook_corpus="playbook_alice")
    recorded = cycle(
        msgspec.json.encode(
            {
                "query_text": query,
                "answer_id": "w-00001",
                "answer_corpus": "workers",
                "score": 1.0,
                "corpus": "playbook_alice",
            }
        )
        for query in queries(12)
    )
    record_path, search_path = "/v1/matrix/playbooks/record", "/v1/matrix/search"
    return {
        "health": lambda transport: transport.get("/health"),
        "playbook.record": lambda transport: transport.post(record_path, next(recorded)),
        "matrix.search": lambda transport: transport.post(search_path, next(plain)),
        "matrix.search with memory": lambda transport: transport.post(
            search_path, next(with_memory)
        ),
    }


def turn(transports: list[Transport], ask: Ask, server: psutil.Process) -> tuple[float, float]:
    """Answers per second, and the server's CPU time for one in µs, over all connections at once."""

    def user(transport: Transport) -> None:
        for _ in range(REQUESTS // len(transports)):
            reply = ask(transport)
            assert reply.status == OK, reply

    cpu_before, begin = cpu_s(server), time.perf_counter()
    gevent.joinall([gevent.spawn(user, transport) for transport in transports], raise_error=True)
    seconds, cpu = time.perf_counter() - begin, cpu_s(server) - cpu_before
    return REQUESTS / seconds, cpu / REQUESTS * 1e6


def cpu_s(process: psutil.Process) -> float:
    """The CPU time that ``process`` has taken, in s."""
    times = process.cpu_times()
    return float(times.user + times.system)


def run() -> list[Row]:
    """Start-up, then each request in turn."""
    begin = time.perf_counter()
    stack = EmbeddedStack.start()
    start_s = time.perf_counter() - begin
    try:
        server = psutil.Process(stack.pid)
        start = Row("start of the embedded stack", start_s, "s")
        rows = [start, Row("… CPU time of it", cpu_s(server), "s")]
        transports = [
            Transport(stack.url, connect_timeout_s=5, timeout_s=30) for _ in range(CONNECTIONS)
        ]
        asked = asks()
        measured: dict[str, list[tuple[float, float]]] = {name: [] for name in asked}
        for _ in range(TURNS):
            for name, ask in asked.items():
                measured[name].append(turn(transports, ask, server))
    finally:
        stack.stop()
    return [*rows, *answer_rows(measured)]


def answer_rows(measured: dict[str, list[tuple[float, float]]]) -> list[Row]:
    """Per second and CPU time of each, and the ratio of the latter to that of ``health``."""
    least = measured["health"]
    rows = []
    for name, turns in measured.items():
        ratio = median(cpu / base for (_, cpu), (_, base) in zip(turns, least, strict=True))
        rows += [
            Row(name, median(per_s for per_s, _ in turns), "answers/s"),
            Row("… CPU time of the stack", median(cpu for _, cpu in turns), "µs", ratio, "health"),
        ]
    return rows


if __name__ == "__main__":
    print_rows(run())
