"""Events as one worker makes them: whole rounds of the ten phases, decoded from JSON lines."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

import msgspec

from mcstress.metrics.event import (
    Event,
    Hit,
    Item,
    StepRecord,
    decoder,
    encoder,
    question_key,
    utc,
)

K = 8
START_S = 1_760_000_000.0
PER_SECOND = 1000
"""Events a second of the made run."""

PERSONAS = ("alice", "bob", "carol")
STEPS = {
    "baseline": ("matrix.search", "playbook.record"),
    "fresh_resume": ("embed", "index.add", "matrix.search"),
    "inbox": ("observerd.inbox.record", "llm.parse_demand", "matrix.search", "llm.judge_top1"),
}
PER_ROUND = {"baseline": 4, "fresh_resume": 1, "inbox": 2, "surge": 4, "reissue": 4}
EXTRA = {
    "alice": {"swap": 2, "merge": 6},
    "bob": {"handover": 8, "handover_paraphrase": 8},
    "carol": {"split": 4},
}
ORDER = (
    "baseline", "fresh_resume", "inbox", "surge", "swap", "merge", "handover",
    "handover_paraphrase", "split", "reissue",
)  # fmt: skip


def made_events(count: int, trios: int = 100, seed: int = 1) -> list[Event]:
    """At least ``count`` events: whole rounds of ``trios``, 73 events each (DESIGN.md, 3)."""
    random = Random(seed)
    lists = _Lists(random)
    events: list[Event] = []
    round_ = 0
    while len(events) < count:
        round_ += 1
        for trio in range(1, trios + 1):
            for persona in PERSONAS:
                events += _round(random, lists, _Seat(persona, trio, round_))
    for position, event in enumerate(events, start=1):
        event.seq, event.time = position, utc(START_S + position / PER_SECOND)
    _pair(events)
    return [decoder.decode(encoder.encode(event)) for event in events]


class _Lists:
    """One list for each wording and cell, as a steady system has; 1 in 50 differs."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._known: dict[tuple[int, str, int], list[Hit]] = {}

    def get(self, variant: int, persona: str, number: int) -> list[Hit]:
        key = (variant, persona, number)
        if key not in self._known or self._random.random() < 1 / 50:
            ids = self._random.sample(range(15_000), K)
            self._known[key] = [
                Hit(f"w-{i:05d}", "workers", 0.2 + n / 50) for n, i in enumerate(ids)
            ]
        return self._known[key]


class _Seat(NamedTuple):
    persona: str
    trio: int
    round: int


def _round(random: Random, lists: _Lists, seat: _Seat) -> list[Event]:
    counts = PER_ROUND | EXTRA[seat.persona]
    return [
        _event(random, lists, seat, phase, number)
        for phase in ORDER
        for number in range(counts.get(phase, 0))
    ]


def _event(random: Random, lists: _Lists, seat: _Seat, phase: str, number: int) -> Event:
    persona, trio, round_ = seat
    handover = phase.startswith("handover")
    cell = number // 2 if handover else number % 4
    hits = lists.get(trio % 20, persona, cell)
    names = STEPS.get(phase, ("matrix.search",))
    steps = [StepRecord(n, utc(START_S), random.lognormvariate(1.5, 0.6)) for n in names]
    return Event(
        worker="made#1",
        time=utc(START_S),
        round=round_,
        trio=trio,
        variant=trio % 20,
        phase=phase,
        arm=("memory", "control")[number % 2] if handover else None,
        coordinator=f"{persona}-{trio}",
        contract=f"contract of {persona}",
        role=f"role {cell if cell < 3 else persona}",
        query=f"{phase} {cell}",
        k=K,
        question=question_key(phase, trio % 20, persona, cell),
        top_k=hits,
        found=len(hits),
        gains=[1.0 - rank / 16 for rank in range(K)] if phase == "baseline" else None,
        per_corpus_counts={"workers": K},
        corpus_sizes={"workers": 5000, "ethereal_workers": 10_000},
        expected=hits[1].id if handover or phase == "fresh_resume" else None,
        expected_corpus=hits[1].corpus if handover or phase == "fresh_resume" else None,
        exclude_ids=[hit.id for hit in hits] if phase == "swap" and number else None,
        rejected=[Item(hit.id, hit.corpus) for hit in hits] if phase == "swap" and number else None,
        rating=random.randint(1, 5) if phase == "inbox" else None,
        parse_status="parsed" if phase == "inbox" else None,
        users=300,
        latency_ms=sum(step.latency_ms for step in steps),
        trace_id=f"{trio:032x}",
        steps=steps,
    )


def _pair(events: list[Event]) -> None:
    """Name the counterparts, as the personas do."""
    baselines: dict[tuple[str, str | None], int] = {}
    for before, event in zip([events[0], *events], events, strict=False):
        if event.phase == "baseline":
            baselines[event.coordinator, event.role] = event.seq
        elif event.phase == "reissue":
            event.paired_seq = baselines[event.coordinator, event.role]
        elif event.arm == "control" or event.exclude_ids:
            event.paired_seq = before.seq


def as_lines(events: list[Event]) -> bytes:
    """The events as JSON lines."""
    return msgspec.json.Encoder().encode_lines(events)
