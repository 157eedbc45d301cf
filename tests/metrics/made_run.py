"""A made run: events of trios over rounds, with all outcomes, drawn from a seed.

Without faults it is the seed's round as DESIGN.md section 3 counts it; with faults, searches fail,
lists are short, empty or hold an id twice, corpora change, waits end without an answer.
"""

from __future__ import annotations

from datetime import datetime
from random import Random
from zlib import crc32

import msgspec

from mcstress.metrics.event import Event, Graded, Hit, StepRecord, utc

K = 8
CONTRACTS = {
    "alice": "alpha_milwaukee_distribution",
    "bob": "beta_indianapolis_manufacturing",
    "carol": "gamma_chicago_construction",
}
SHARED = ["warehouse worker", "admin assistant", "heavy equipment operator"]
SPECIALISTS = {
    "alice": "industrial electrician",
    "bob": "bilingual safety coordinator",
    "carol": "drone surveyor",
}
START_S = 1_760_000_000.25
SIZES = {"workers": 5000, "ethereal_workers": 10000}
FIELDS = ("role", "count", "location", "certs", "skills", "shift")
REASONS = ["503 Service Unavailable", "no answer within 30 s", "connection closed"]


def roles_of(persona: str) -> list[str]:
    return [*SHARED, SPECIALISTS[persona]]


def asked(phase: str, who, fields) -> str:
    """The scenario's key of what is asked, of each message too."""
    seat, trio, _, variant = who
    contract, role = fields.get("contract"), fields.get("role")
    if role is None:
        persona = seat if trio == 1 else seat.rpartition("-")[0]
        return f"{phase}/{variant or trio}/{persona}/{fields.pop('number', 1)}"
    holder = next(persona for persona, its in CONTRACTS.items() if its == contract)
    return f"{phase}/{variant or trio}/{contract}/{1 + roles_of(holder).index(role)}"


class MadeRun:
    """Makes the events of whole rounds, in an order that each user's own events keep."""

    def __init__(self, seed: int = 1, *, faults: float = 0.0, change: float = 0.3) -> None:
        self.random = Random(seed)
        self.faults = faults
        self.change = change
        self.seqs: dict[str, int] = {}
        # Numbers are unique within a corpus only: the first role's people have namesakes.
        self.pools = {
            role: [f"workers:{40 * number + n}" for n in range(40)]
            for number, role in enumerate([*SHARED, *SPECIALISTS.values()])
        }
        self.commons = [f"ethereal_workers:{n}" for n in range(30)]

    def rounds(self, trios: int, rounds: int, *, variants: int | None = 4) -> list[Event]:
        """The events of ``trios`` over ``rounds``, users interleaved in time."""
        users = [(persona, trio) for trio in range(1, trios + 1) for persona in CONTRACTS]
        events: list[Event] = []
        for number in range(1, rounds + 1):
            for persona, trio in users:
                variant = None if variants is None else (trio - 1) % variants + 1
                events += self.round(persona, trio, number, variant)
        return sorted(events, key=lambda event: (event.time, event.worker, event.seq))

    def round(self, persona: str, trio: int, number: int, variant: int | None) -> list[Event]:
        """One round of one user, alone on a worker of its own."""
        seat = persona if trio == 1 else f"{persona}-{trio}"
        clock = START_S + 40 * (number - 1) + self.random.random() * 7
        made: list[Event] = []

        def make(phase: str, **fields) -> Event:
            nonlocal clock
            event = self.event(phase, clock, (seat, trio, number, variant), fields)
            clock += self.random.random() + 0.001
            made.append(event)
            return event

        contract = CONTRACTS[persona]
        lists = {role: self.list_for(role) for role in roles_of(persona)}
        seqs = {
            role: make("baseline", contract=contract, role=role, found=found).seq
            for role, found in lists.items()
        }
        self.others(make, persona, seat, number)
        for role in roles_of(persona):
            found = self.changed(lists[role])
            paired = seqs[role] if self.random.random() < 0.8 else None
            make("reissue", contract=contract, role=role, found=found, paired_seq=paired)
        return made

    def others(self, make, persona: str, seat: str, number: int) -> None:
        """The phases between baseline and reissue."""
        contract = CONTRACTS[persona]
        fresh = f"fresh_workers:f-{seat}-{number}"
        found = self.maybe(0.7, fresh, self.list_for(SHARED[0]))
        make("fresh_resume", contract=contract, expects=fresh, found=found)
        for which in (1, 2):
            make("inbox", contract=contract, found=self.list_for(SHARED[1]), number=which)
        for role in roles_of(persona):
            make("surge", contract=contract, role=role, found=self.list_for(role))
        if persona == "alice":
            self.swap(make, contract)
            for name in ("alice", "bob"):
                for role in SHARED:
                    make("merge", contract=CONTRACTS[name], role=role, found=self.list_for(role))
        if persona == "bob":
            self.handovers(make)
        for role in roles_of(persona)[: 2 if persona == "bob" else 1]:
            make("split", contract=CONTRACTS["carol"], role=role, found=self.list_for(role))

    def swap(self, make, contract: str) -> None:
        first = make("swap", contract=contract, role=SHARED[2], found=self.list_for(SHARED[2]))
        if first.listed is None:
            make("swap", contract=contract, role=SHARED[2], outcome="skipped")
            return
        rejected = first.items()
        listed = [f"{one.corpus}:{one.id}" for one in rejected] or ["workers:x"]
        found = self.maybe(0.2, self.random.choice(listed), self.list_for(SHARED[2]))
        paired = first.seq
        make("swap", contract=contract, role=SHARED[2], found=found, rejected=rejected,
             exclude_ids=[one.id for one in rejected], paired_seq=paired)  # fmt: skip

    def handovers(self, make) -> None:
        for phase, chance in (("handover", 0.9), ("handover_paraphrase", 0.6)):
            for role in roles_of("alice"):
                expected = self.random.choice(self.pools[role])
                paired = None
                for arm, likely in (("memory", chance), ("control", 0.3)):
                    found = self.maybe(likely, expected, self.list_for(role))
                    event = make(
                        phase, contract=CONTRACTS["alice"], role=role, arm=arm, expects=expected,
                        found=found, paired_seq=paired, boosted=int(arm == "memory"), injected=0,
                    )  # fmt: skip
                    paired = event.seq if self.random.random() < 0.8 else None

    def list_for(self, role: str) -> list[str]:
        return self.random.sample(self.pools[role], 6) + self.random.sample(self.commons, 2)

    def changed(self, ids: list[str]) -> list[str]:
        """The list again, sometimes with another id or order."""
        again = list(ids)
        if self.random.random() < self.change:
            again[self.random.randrange(len(again))] = self.random.choice(
                [*self.commons, "workers:new"]
            )
        if self.random.random() < self.change / 2:
            self.random.shuffle(again)
        return again

    def maybe(self, likely: float, wanted: str, ids: list[str]) -> list[str]:
        """``ids``, likely with ``wanted`` at the top, else perhaps further down."""
        if self.random.random() < likely:
            return [wanted, *ids[:-1]]
        return [*ids[:-1], wanted] if self.random.random() < 0.5 else ids

    def event(self, phase, clock, who, fields) -> Event:
        seat, trio, number, variant = who
        fields = dict(fields)
        found = fields.pop("found", None)
        if "expects" in fields:
            fields["expected_corpus"], _, fields["expected"] = fields.pop("expects").partition(":")
        fields.setdefault("question", asked(phase, who, fields))
        worker = f"{seat}#1"
        seq = self.seqs[worker] = self.seqs.get(worker, 0) + 1
        event = Event(
            seq=seq, worker=worker, time=utc(round(clock, 6)), round=number, trio=trio,
            variant=variant, phase=phase, coordinator=seat, k=K, query=f"{phase} of {seat}",
            corpus_sizes=dict(SIZES), trace_id=f"{number:032x}",
            users=self.random.choice([1, 3, 4, 7, 25, 30]), **fields,
        )  # fmt: skip
        if event.outcome == "ok":
            event.top_k = [
                Hit(id_, corpus, 0.1 + n / 100)
                for n, (corpus, _, id_) in enumerate(who.partition(":") for who in found)
            ]
        self.take_steps(event)
        if self.random.random() < self.faults:
            self.spoil(event)
        if phase == "baseline" and event.top_k is not None:
            self.judge(event)
        event.latency_ms = sum(step.latency_ms for step in event.steps)
        self.poll(event)
        return event

    @staticmethod
    def judge(event: Event) -> None:
        """Gains by hit and question, the same each time; nothing is drawn for them."""
        judge = [crc32(f"{hit.corpus}{hit.id}{event.contract}".encode()) for hit in event.top_k]
        event.gains = [(0.0, 0.25, 0.3333, 0.5, 0.75, 1.0)[number % 6] for number in judge]
        event.truth = Graded([number % 4 for number in judge], relevant=9, best=[3] * K)
        if event.top_k and not any(event.gains):
            event.other_values = ["role: cook"]

    def take_steps(self, event: Event) -> None:
        names = {
            "baseline": ["matrix.search", "playbook.record"],
            "fresh_resume": ["embed", "index.add", "freshness.search"],
            "inbox": ["observerd.inbox.record", "llm.parse_demand", "matrix.search",
                      "llm.judge_top1"],
        }.get(event.phase, ["matrix.search"])  # fmt: skip
        if event.outcome in ("skipped", "unmet"):
            return
        for name in names:
            queue_ms = self.random.choice([0.0, 3.5]) if name.startswith("llm.") else 0.0
            latency_ms = self.random.lognormvariate(1, 1)
            event.steps.append(StepRecord(name, event.time, latency_ms, queue_ms=queue_ms))
        if event.phase == "inbox":
            event.parse_status, event.rating = "parsed", self.random.randint(1, 5)
            # Of a number of its own: what other fields of the same seed are drawn stays as it is.
            drawn = Random(event.seq)
            names = drawn.sample(FIELDS, drawn.randint(1, 6))
            event.expected_fields = {name: drawn.random() < 0.7 for name in names}

    def poll(self, event: Event) -> None:
        """What became of a new resume after its first look; drawn apart, as the fields are."""
        drawn, wanted = Random(event.seq + 1), (event.expected_corpus, event.expected)
        looked = any(step.name == "freshness.search" for step in event.steps)
        if event.phase != "fresh_resume" or event.outcome not in ("ok", "failed") or not looked:
            return
        first = [(hit.corpus, hit.id) for hit in event.listed or ()]
        if wanted in first:
            event.visible_after_s = drawn.random() / 10
            event.visible_at_top1 = first[0] == wanted
            return
        fate = drawn.choices(["seen", "never", "cut"], [20, 1, 3])[0]
        for _ in range(drawn.randint(1, 4) if fate != "cut" else drawn.randint(0, 1)):
            error = "503 Service Unavailable" if drawn.random() < 0.3 else None
            event.steps.append(StepRecord("freshness.poll", event.time, drawn.random() * 9, error))
        if fate == "seen":
            event.steps.append(StepRecord("freshness.poll", event.time, drawn.random() * 9))
            event.visible_after_s = 0.25 + drawn.random() * 9
            event.visible_at_top1 = drawn.random() < 0.99
        elif fate == "never":
            event.visible_after_s = None

    def spoil(self, event: Event) -> None:
        """One of the things that go wrong."""
        kind = self.random.choice(
            ["failed", "failed", "cut", "skipped", "unmet", "short", "empty", "twice", "grown",
             "unparseable", "unrated", "failed after"]
        )  # fmt: skip
        if kind in ("failed", "cut", "skipped", "unmet"):
            event.outcome, event.top_k = kind, None
            event.steps = event.steps[: self.random.randint(0, len(event.steps))]
            event.rating = event.parse_status = event.expected_fields = None
            if kind == "failed" and event.steps:
                event.steps[-1].error = self.random.choice(REASONS)
        elif kind == "failed after":
            event.outcome = "failed"
            event.steps[-1].error = self.random.choice(REASONS)
        elif kind == "short" and event.top_k:
            event.top_k = event.top_k[: self.random.randrange(1, K)]
        elif kind == "empty":
            event.top_k = [] if event.top_k else None
        elif kind == "twice" and event.top_k:
            event.top_k = [*event.top_k[:-1], event.top_k[0]]
        elif kind == "grown":
            event.corpus_sizes = {**SIZES, "workers": 5001}
        elif kind == "unparseable" and event.phase == "inbox":
            event.parse_status, event.rating, event.top_k = "unparseable", None, None
            event.expected_fields = None
            event.steps = event.steps[:2]
        elif kind == "unrated" and event.phase == "inbox":
            event.rating = None


def again(events: list[Event]) -> list[Event]:
    """The events as JSON lines and back."""
    encoder, decoder = msgspec.json.Encoder(), msgspec.json.Decoder(Event)
    return [decoder.decode(encoder.encode(event)) for event in events]


def users_timeline(events: list[Event]) -> list[list[int]]:
    """A row a second from the first event to the last, with what users there were."""
    first = int(min(event.time for event in events).timestamp())
    last = int(max(event.time for event in events).timestamp())
    users = {int(event.time.timestamp()): event.users for event in events}
    return [[second, users.get(second, 3)] for second in range(first, last + 1)]


def at(second: float) -> datetime:
    return utc(START_S + second)
