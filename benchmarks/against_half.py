"""One half of a pair of ``against.py``: run by path, in the checkout that is measured.

``python against_half.py NAME URL`` takes a turn for each line that it reads, and prints CPU µs of
one event or step then. With a third argument NUMBER it does the work for NUMBER events, once: the
difference of two such runs is their instructions without the start of the process. It imports the
checkout's own code, and uses only what both checkouts have.
"""

from __future__ import annotations

import gc
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from random import Random
from time import process_time
from typing import Any

import gevent
import locust  # noqa: F401  (first, for its monkey-patching)
import msgspec

from benchmarks import coordinating, event_cost, made_events, searchers, tracing_arms, turns
from benchmarks.fixed_server import search_body
from benchmarks.searchers import BODY

EVENTS = 3000
"""Of one turn: half a second of steps on a slow machine. A worker hands its metrics over after as
many, in the other checkout too, whatever that does by itself."""
COUNTED = 4000
"""The largest NUMBER: so much is prepared for whoever counts, whatever the number."""
WARM = 50
"""Searches before those that are measured."""
LOOK_S = 5e-6
"""By which a clock goes on with a look, on average, where instructions are counted: some 30 µs an
event. Looks differ: what is done once for the slowest of all must not be done for every one."""
LOOKS = 997

Turn = Callable[[int], float]
"""Does the work for so many events or steps; CPU µs of each."""

servers = ExitStack()


def step(url: str, folder: Path, _most: int) -> Turn:
    """An event of one search, with metrics and evidence."""
    if is_counted():
        even_clocks()
    environment = turns.Environment()
    environment.create_local_runner()
    (getattr(turns, "tune_gc", None) or turns.keep_quiet)(environment)  # two names of one
    coordinating.EVENTS_A_DELTA = EVENTS
    searches = turns.coordinators(url, environment, folder, turns.USERS)
    for search in searches:
        search()  # its connection is open then
    environment.events.spawning_complete.fire(user_count=turns.USERS)
    return lambda number: turns.search_turn(searches, number // turns.USERS)()


def searched(url: str, _folder: Path, _most: int) -> Turn:
    """A search apart from its event: by the gateway's class, or by what had been in its place."""
    if is_counted():
        even_clocks()
    make = without_targets
    if hasattr(searchers, "TARGETS"):
        make, _ = searchers.TARGETS[searchers.BY_CLASS]
    search = make(url, turns.Environment())
    for _ in range(WARM):
        search()
    return lambda number: cpu_us(lambda: [search() for _ in range(number)], number)


def without_targets(url: str, _: Any) -> Callable[[], object]:
    """As an event did it before there were targets: it filled in the gateway's own request."""
    client = searchers.Gateway(searchers.transport_to(url), lambda _: None)
    trace = searchers.TRACE
    known = msgspec.json.decode(BODY)
    memory = {name: known[name] for name in known if name.startswith(("use", "play", "query_r"))}

    def search() -> object:
        request = searchers.SearchRequest(
            query_text=known["query_text"], corpora=known["corpora"], k=known["k"]
        )
        for name, value in memory.items():
            setattr(request, name, value)
        answer = client.search(request, trace).answer
        return answer.results, answer.per_corpus_counts, answer.playbook_boosted

    return search


def even_clocks() -> None:
    """Let clocks go on by looks at them: what is done once a second is done for as many events.

    Else a slow machine, and Valgrind makes any machine slow, counts it for few.
    """
    random = Random(1)
    looks = [LOOK_S * random.uniform(0.5, 1.5) for _ in range(LOOKS)]
    for name, begin_s in (("time", 1_790_000_000.0), ("perf_counter", 1000.0)):
        steps = itertools.chain([begin_s], itertools.cycle(looks))
        real, even = getattr(time, name), itertools.accumulate(steps).__next__
        for module in list(sys.modules.values()):
            if getattr(module, name, None) is real:
                setattr(module, name, even)


def metrics(_url: str, _folder: Path, most: int) -> Turn:
    """The metrics of an event, on a worker and in a local run.

    Of the events in the file that EVENTS names: those of the two checkouts hold different things.
    """
    lines = Path(os.environ["EVENTS"]).read_bytes().splitlines()[:most]

    def work(number: int) -> None:
        event_cost._worker(lines[:number])  # noqa: SLF001  (the benchmark's own parts)
        event_cost._local(lines[:number])  # noqa: SLF001  (likewise)

    return lambda number: cpu_us(lambda: work(number), number)


def traced(_url: str, folder: Path, most: int, *, is_delivered: bool, is_masked: bool) -> Turn:
    """A step on the user's greenlet, or its delivery.

    Whoever counts the instructions of a delivery counts those of its recording as well.
    """
    if not is_masked and hasattr(tracing_arms.RUN, "mask"):
        tracing_arms.RUN = msgspec.structs.replace(tracing_arms.RUN, mask="off")
    pairs = [tracing_arms.made(number, BODY, search_body()) for number in range(most)]
    names = itertools.count()
    url = servers.enter_context(tracing_arms.stand_in())

    def turn(number: int) -> float:
        tracer = tracing_arms.tracer_to(url, folder, f"turn-{next(names)}")
        while tracer.project_url is None:  # it loads the official SDK meanwhile
            gevent.sleep(0.01)
        recorded_us = cpu_us(lambda: record(tracer, pairs[:number]), number)
        if not is_delivered and is_counted():
            return recorded_us
        delivered_us = cpu_us(lambda: tracer.finish(60.0), number)
        assert tracer.counts().delivered == number, tracer.counts()
        return delivered_us if is_delivered else recorded_us

    return turn


def record(tracer: Any, pairs: Sequence[tuple[Any, Any]]) -> None:
    """Record all of it, while nobody else has a turn."""
    for pair in pairs:
        tracer.record(*pair)


def cpu_us(work: Callable[[], object], number: int) -> float:
    """The CPU µs of ``work``, by ``number``."""
    gc.collect()
    begin_s = process_time()
    work()
    return (process_time() - begin_s) / number * 1e6


WORK: dict[str, Callable[[str, Path, int], Turn]] = {
    "step": step,
    "search": searched,
    "event_cost": metrics,
    "event_cost_whole": metrics,
    "trace_record": partial(traced, is_delivered=False, is_masked=True),
    "trace_delivery": partial(traced, is_delivered=True, is_masked=True),
    "trace_delivery_unmasked": partial(traced, is_delivered=True, is_masked=False),
}


def is_counted() -> bool:
    """Whether somebody counts instructions."""
    return len(sys.argv) > 3


def main(name: str, url: str, number: str = "") -> None:
    """Do the work of the benchmark called ``name``; of "fields", say what an event has here."""
    if name == "fields":
        structs = (event_cost.decoder.type, made_events.StepRecord)
        print(msgspec.json.encode([one.__struct_fields__ for one in structs]).decode())
        return
    with tempfile.TemporaryDirectory() as folder, servers:
        turn = WORK[name](url, Path(folder), COUNTED if number else EVENTS)
        if number:
            gc.disable()  # a collection that comes with one number and not with the other
            turn(int(number))
        else:
            for _ in sys.stdin:
                print(turn(EVENTS), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
    sys.stdout.flush()
    os._exit(0)  # what is traced and was not to be delivered stays undelivered
