"""Made runs: their events, and the document that real metrics make of them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from random import Random

from mcstress.evidence.document_parts import (
    Completeness,
    CoordinatorNote,
    RunSection,
    Service,
    TraceCount,
    Tracing,
    WorkerPart,
)
from mcstress.evidence.run_document import build, document_of
from mcstress.evidence.run_document import head_of as json_of
from mcstress.metrics.event import Event, Hit, StepRecord, utc
from mcstress.metrics.figures import Figures
from mcstress.metrics.phase import PHASES
from mcstress.metrics.verdict import parse_check

START_S = 1_790_000_000.0
K = 8
CONTRACTS = {
    "alice": "alpha_milwaukee_distribution",
    "bob": "beta_indianapolis_manufacturing",
    "carol": "gamma_chicago_construction",
}
SHARED = ("warehouse worker", "admin assistant", "heavy equipment operator")
SPECIALISTS = {
    "alice": "industrial electrician",
    "bob": "bilingual safety coordinator",
    "carol": "drone surveyor",
}
CHECKS = (
    "diversity.same_role_across_contracts.mean_jaccard < 0.30",
    "determinism.mean_jaccard >= 0.95",
    "handover.verbatim.top1_rate >= 0.95",
    "freshness.visible_rate >= 0.95",
    "swap.returned == 0",
    "errors.rate <= 0.01",
)


class MadeRun:
    """Events of whole rounds. The queries are the same in every run; ``seed`` draws the rest.

    ``change``: chance that a reissue loses a hit; ``found``: that the memory arm has its answer at
    top-1; ``latency_ms``: the median; ``users`` by round. ``sticky``: a run draws once for a query,
    so that all its rounds answer alike.
    """

    def __init__(
        self,
        seed=1,
        *,
        change=0.1,
        found=0.9,
        latency_ms=4.0,
        failing=0.0,
        users=None,
        sticky=False,
    ):
        self.random = Random(seed)
        self.seed, self.sticky = seed, sticky
        self.change, self.found = change, found
        self.latency_ms, self.failing = latency_ms, failing
        self.users = users or [3]
        self.seq = 0
        self.clock = START_S

    def events(self, *, trios=2, rounds=2) -> list[Event]:
        made = []
        for round_ in range(1, rounds + 1):
            for trio in range(1, trios + 1):
                for persona in CONTRACTS:
                    made += self._round(persona, trio, round_)
        return made

    def _round(self, persona, trio, round_):
        def make(phase, role, ids, contract=CONTRACTS[persona], **fields):
            fields |= {"phase": phase, "trio": trio, "round": round_, "role": role}
            seat = persona if trio == 1 else f"{persona}-{trio}"
            return self._event(ids, contract=contract, coordinator=seat, **fields)

        roles = (*SHARED, SPECIALISTS[persona])
        base = [make("baseline", r, fixed_ids(trio, CONTRACTS[persona], r)) for r in roles]
        yield from base
        fresh = f"f-{persona}-{trio}-{round_}"
        yield make("fresh_resume", None, [fresh], expected=fresh)
        if persona == "bob":
            yield from self._handovers(make, trio)
        for event in base:
            ids = [hit.id for hit in event.top_k or []]
            if ids and self._draw("reissue", trio, event.contract, event.role) < self.change:
                ids[-1] = f"x-{self.random.randrange(10**6)}"
            yield make("reissue", event.role, ids, paired_seq=event.seq)

    def _handovers(self, make, trio):
        contract = CONTRACTS["alice"]
        for phase in ("handover", "handover_paraphrase"):
            for role in (*SHARED, SPECIALISTS["alice"]):
                ids = fixed_ids(trio, contract, role)
                best = [ids[1], ids[0], *ids[2:]]
                got = best if self._draw(phase, trio, role) < self.found else ids
                fields = {"contract": contract, "expected": ids[1]}
                memory = make(phase, role, got, arm="memory", boosted=1, **fields)
                yield memory
                yield make(phase, role, ids, arm="control", paired_seq=memory.seq, **fields)

    def _draw(self, *query):
        return (Random(f"{self.seed}/{query}") if self.sticky else self.random).random()

    def _event(self, ids, *, phase, trio, contract, role, **fields):
        self.seq += 1
        self.clock += 0.05
        users = self.users[(fields["round"] - 1) % len(self.users)]
        latency_ms = self.latency_ms * self.random.lognormvariate(0, 0.3)
        is_fresh = phase == "fresh_resume"
        name = "freshness.search" if is_fresh else "matrix.search"
        step = StepRecord(name, utc(self.clock), latency_ms)
        top_k = [Hit(one, "workers", 0.1 + rank / 50) for rank, one in enumerate(ids)]
        outcome = "ok"
        if self.random.random() < self.failing:
            step.error, top_k, outcome = "503 Service Unavailable", None, "failed"
        elif is_fresh:
            fields |= {"visible_after_s": 0.02, "visible_at_top1": True}
        return Event(
            seq=self.seq, worker="local", time=utc(self.clock), trio=trio,
            phase=phase, contract=contract, role=role, k=K, top_k=top_k,
            query=f"{phase} {role} for {contract}, trio {trio}", users=users, outcome=outcome,
            latency_ms=latency_ms, trace_id=f"{trio:016x}{fields['round']:016x}", steps=[step],
            corpus_sizes={"workers": 5000}, **fields,
        )  # fmt: skip


def fixed_ids(trio, contract, role):
    """The list that a query gets: two of eight hits are the same for a role in every contract."""
    own = Random(f"{trio}/{contract}/{role}").sample(range(5000), K)
    common = Random(f"{trio}/{role}").sample(range(5000), 2)
    return [f"w-{number:05}" for number in [*own[: K - 2], *common]]


def typed(head):
    """A head that a test put together, as it is read from a file."""
    return document_of(Path("made.json"), head)


def head_of(events, checks=CHECKS, **changes):
    """The head of the document of a run that made ``events``; ``changes`` replace its sections."""
    figures = Figures(K)
    figures.add_all(events)
    return json_of(made_document(figures, events, checks)) | changes


def made_document(figures, events, checks=CHECKS, run=None, clock_error_s=None):
    """The document of a run that made ``events``; ``run`` is its section, where it is another."""
    made = len(events)
    none = TraceCount(made=0, sampled_out=0, delivered=0, spooled=0, dropped={})
    worker = WorkerPart(name="local", events=made, clock_error_s=clock_error_s)
    return build(
        run or run_section(),
        {
            "name": "three_cities",
            "variants": [{"contracts": [{"name": name} for name in CONTRACTS.values()]}],
        },
        figures,
        Completeness(
            complete=True,
            events_made=made,
            events_merged=made,
            events_kept=made,
            workers=[worker],
            user_errors=0,
            tracing=Tracing(
                made=made, sampled_out=0, delivered=made, spooled=0, dropped={}, scores=none,
                spools=[], read_back=made,
            ),
        ),
        thresholds=[parse_check(check) for check in checks],
        users=[
            (second, 3)
            for second in range(
                int(events[0].time.timestamp()), int(events[-1].time.timestamp()) + 1
            )
        ],
        planned={},
        candidates=None,
    )  # fmt: skip


def run_section(**changes) -> RunSection:
    fields = {
        "run_uid": "0123456789abcdef",
        "run_id": "007",
        "started": datetime(2026, 9, 21, 12, 0, tzinfo=UTC),
        "ended": datetime(2026, 9, 21, 12, 1, 35, tzinfo=UTC),
        "mode": "local",
        "stopped_by": "all rounds are done",
        "k": K,
        "seed": 42,
        "rounds": 2,
        "phases": list(PHASES),
        "coordinators": [
            CoordinatorNote(name=persona, namespace=f"playbook_{persona}") for persona in CONTRACTS
        ],
        "peak_users": 3,
        "corpora": {"workers": 5000, "ethereal_workers": 10000},
        "services": [
            Service(name="gateway", embedded=True),
            Service(name="LLM", url="http://127.0.0.1:11434", note="model qwen2.5"),
        ],
        "settings": {"scenario": "three_cities", "timeout_s": 30},
        "versions": {"python": "3.11.7", "locust": "2.47.0"},
        "evidence_path": "reports/reality-tests/multi_coord_stress_007.json",
        "trace_url": "https://langfuse.example/project/p1",
    }
    return RunSection(**(fields | changes))
