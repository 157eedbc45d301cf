"""The Event: one thing that a coordinator did. The unit of evidence, and all that metrics see."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import blake2s
from typing import Annotated, Literal

import msgspec

Outcome = Literal["ok", "failed", "skipped", "unmet", "cut"]
"""ok: every step answered. failed: a step did not. skipped: the partner was never there or is gone.
unmet: the partner was there and silent until the deadline. cut: the end of the run came first."""

Arm = Literal["memory", "control"]
ARMS: tuple[Arm, ...] = ("memory", "control")
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
ParseStatus = Literal["parsed", "unparseable", "failed"]
CellKey = tuple[str, str]
"""A contract's name and a role that it demands."""

OWN_FAULT = "load generator: "
"""How a step's ``error`` begins where the load generator failed, and no service did."""

DECLINED = "declined: "
"""How a step's ``unparseable`` begins where rules in place of an LLM say that they cannot judge."""

LOOK, POLL = "freshness.search", "freshness.poll"
"""The steps that look for a new resume: at once, and later."""


HIT_TWICE = ("results: id ", " twice")
"""How a step's ``error`` begins and ends where its list was refused for holding a hit twice."""


HASH_BYTES = 6

LARGEST_COUNT = 2**53
"""Beyond it, numbers are not exact everywhere, and what adds them up no longer fits a message."""
Count = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_COUNT)]
"""A count as a service says it."""


class Hit(msgspec.Struct, frozen=True, gc=False):
    """One result of a search, in rank order within its list. Smaller distances are closer."""

    id: str
    corpus: str
    distance: float


class Item(msgspec.Struct, frozen=True, gc=False):
    """What a hit is of. An id is unique within its corpus only."""

    id: str
    corpus: str


class Inserts(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """What this run added to a searched ``corpus``: the ``ids`` of a list that came since."""

    corpus: Annotated[str, msgspec.Meta(description="the searched corpus that the run adds to")]
    ids: Annotated[list[str], msgspec.Meta(description="of the list, those added since")]


class MemoryAsked(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A search of the memory alone, in one namespace."""

    namespace: Annotated[str, msgspec.Meta(description="the one that was asked")]
    records: Annotated[
        int | None,
        msgspec.Meta(description="what it was told, filler included; null: not known"),
    ]
    leaks: Annotated[int, msgspec.Meta(description="hits that another namespace was told")]


Fate = Literal["kept", "merged", "dropped"]
"""What a memory made of a recording, where it says so: it may merge it with another, or drop it."""


class Changed(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """What came of the changes of a new item; null where one was not made, or is not known."""

    updated: Annotated[
        bool | None, msgspec.Meta(description="whether it came back as it was updated")
    ] = None
    deleted: Annotated[
        bool | None, msgspec.Meta(description="whether it was gone after it was deleted")
    ] = None
    forgotten: Annotated[
        bool | None,
        msgspec.Meta(description="whether the memory no longer gave it after it was to forget it"),
    ] = None


class StepRecord(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """One call to a service as the evidence keeps it.

    ``latency_ms`` is the service's own time; ``queue_ms`` the wait for an LLM slot before it.
    ``resent``: the request went out twice, since the idle connection had been closed.
    ``request`` and ``response`` are kept with ``--evidence full`` only. ``unparseable``: why the
    LLM's answer, which came, could not be used. ``cut``: the end of the run came before an answer;
    the latency is what had passed until then, and is in no percentile. ``parts``: the times of the
    requests that it is made of by name, in ms, where it is not one alone.
    """

    name: str
    time: Instant
    latency_ms: float
    error: str | None = None
    queue_ms: float = 0.0
    resent: bool = False
    request: str | None = None
    response: str | None = None
    unparseable: str | None = None
    cut: bool = False
    parts: dict[str, float] | msgspec.UnsetType = msgspec.UNSET


class Graded(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A baseline's list against the truth."""

    grades: Annotated[
        list[int], msgspec.Meta(description="of its hits, in rank order; 0: not relevant")
    ]
    relevant: Annotated[int, msgspec.Meta(description="ids with a grade above 0 for its question")]
    best: Annotated[
        list[int], msgspec.Meta(description="the highest K grades of its question, descending")
    ]


class Scheduled(msgspec.Struct, kw_only=True, gc=False, forbid_unknown_fields=True):
    """When a schedule wanted an event to begin, and what came between that and its end."""

    intended: Annotated[Instant, msgspec.Meta(description="when it was to begin, UTC")]
    offered_per_s: Annotated[
        float,
        msgspec.Meta(description="arrivals a second then, over all workers; 0 by the clock"),
    ] = 0.0
    generator_ms: Annotated[
        float, msgspec.Meta(description="wait while a user was idle: the load generator's own")
    ] = 0.0
    queue_ms: Annotated[
        float, msgspec.Meta(description="wait while every user of the process was busy")
    ] = 0.0
    response_ms: Annotated[
        float | None, msgspec.Meta(description="from the intended time to the event's end")
    ] = None
    before_ms: Annotated[
        float, msgspec.Meta(description="what earlier events of its appointment took")
    ] = 0.0
    hour: Annotated[
        float | None, msgspec.Meta(description="by the clock: hours of the scenario, from 0 on")
    ] = None
    appointment: Annotated[
        int | None, msgspec.Meta(description="its appointment: the number of its coordinator's")
    ] = None
    since_baseline_h: Annotated[
        float | None, msgspec.Meta(description="hours of the scenario since its baseline was due")
    ] = None
    trial: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=10**6)] | msgspec.UnsetType,
        msgspec.Meta(description="of a search for the capacity: its number"),
    ] = msgspec.UNSET


class Event(msgspec.Struct, kw_only=True, gc=False, forbid_unknown_fields=True):
    """One event. All are counted; one with a list enters quality metrics, unless it was cut off.

    ``time`` is when the event began (UTC); ``latency_ms`` the sum of its steps' latencies, but
    for those of a later poll, and ``lasted_ms`` the time from its begin to its end, waits included
    (None in older versions).
    ``seq`` counts from 1 on each worker's boot; ``worker`` names worker and boot, so that the two
    identify an event. ``top_k`` is the list of its search and ``found`` its length; where no search
    succeeded they are empty and None, and ``outcome`` says why. Events of older versions have no
    ``found``, and None for the list then: ask ``listed``. ``expected`` is the id that
    should come back (handover: what the colleague recorded; fresh resume: its id), and
    ``expected_corpus`` the corpus that it is of. ``exclude_ids`` went out with the search;
    ``rejected`` are the hits that they stand for. Both corpora are missing in events of older
    versions, where an id counts whatever its corpus. ``gains`` says by the scenario's rules how
    well each hit of a baseline's list fits, 0 to 1; None where that cannot be told.
    ``other_values``: what its hits have, where none has a value, or a field, that a rule asks for.
    ``truth``: how its hits are graded where a file says so (``--truth``).
    ``rest_overlap``: the share of a baseline's list that its question's at rest has.
    ``memory``: that the list is of the memory alone, which some targets are asked by itself.
    ``users`` is the number of concurrent users
    when the event ended. ``variant`` is the wording of the demands
    that the trio uses: trios of one variant ask the same questions. ``paired_seq`` is the event (on
    the same worker) that this one is compared with: a reissue's baseline, the memory arm of a
    control, the first query of a swap. ``question`` is the scenario's own key of what is asked
    (question.py), None in events of older versions. ``refused``: the message was larger than an
    inbox takes, and was refused, as it has to be. ``expected_fields``: of the fields that the
    scenario expects the LLM to read in a message, whether each came. ``visible_after_s``: seconds
    from the answer to an add to the first answer with the new resume in its list,
    ``visible_at_top1`` whether it stood first there; None where it was looked for to the end and
    not seen, missing where that is not known. ``changes``: what came of changing it afterwards,
    missing where the target cannot, or the item was not seen. ``recorded``: what the memory made of
    the recording, missing where it does not say. ``inserts``: of a reissue's list,
    what this run added since the baseline, where what it adds reaches its searches.
    ``scheduled``: missing where no schedule asked for the event.
    """

    seq: int = 0
    worker: str = ""
    time: Instant
    round: int
    trio: int
    variant: int | None = None
    phase: str
    arm: Arm | None = None
    coordinator: str
    namespace: str | None = None
    contract: str | None = None
    role: str | None = None
    query: str | None = None
    question: str | None = None
    k: int
    top_k: list[Hit] | None = None
    found: int | msgspec.UnsetType | None = msgspec.UNSET
    per_corpus_counts: dict[str, int] | None = None
    corpus_sizes: dict[str, int] | None = None
    expected: str | None = None
    expected_corpus: str | None = None
    exclude_ids: list[str] | None = None
    rejected: list[Item] | None = None
    boosted: int | None = None
    injected: int | None = None
    rating: int | None = None
    refused: bool = False
    parse_status: ParseStatus | None = None
    gains: list[float] | None = None
    other_values: list[str] | None = None
    expected_fields: dict[str, bool] | None = None
    visible_after_s: float | msgspec.UnsetType | None = msgspec.UNSET
    visible_at_top1: bool | None = None
    changes: Changed | msgspec.UnsetType = msgspec.UNSET
    recorded: Fate | msgspec.UnsetType = msgspec.UNSET
    inserts: Inserts | None = None
    truth: Graded | None = None
    rest_overlap: float | None = None
    memory: MemoryAsked | None = None
    users: int = 0
    outcome: Outcome = "ok"
    error: str | None = None
    latency_ms: float = 0.0
    lasted_ms: float | None = None
    trace_id: str | None = None
    paired_seq: int | None = None
    steps: list[StepRecord] = []
    scheduled: Scheduled | msgspec.UnsetType = msgspec.UNSET

    @property
    def cell(self) -> tuple[str, str]:
        """The cell (contract, role) that the event belongs to; empty words where it has none."""
        return (self.contract or "", self.role or "")

    @property
    def listed(self) -> list[Hit] | None:
        """The list of its search; None where no search succeeded."""
        return None if self.found is None else self.top_k

    def items(self) -> list[Item]:
        """What ``top_k`` lists, in rank order; empty where there is no list."""
        return [Item(hit.id, hit.corpus) for hit in self.top_k or ()]


def question_key(phase: str, variant: int, who: str, number: int) -> str:
    """The key of a demand of the contract ``who``, or of a message or resume of the persona."""
    return f"{phase}/{variant}/{who}/{number}"


def worded(key: str, wording: int | str) -> str:
    """``key`` with the number of its wording, or with the hash of words that have none."""
    if isinstance(wording, str):
        words = wording.encode(errors="surrogatepass")
        wording = blake2s(words, digest_size=HASH_BYTES).hexdigest()
    return f"{key}/{wording}"


def utc(unix_seconds: float) -> datetime:
    """``unix_seconds`` as an aware datetime in UTC."""
    return datetime.fromtimestamp(unix_seconds, UTC)


encoder = msgspec.json.Encoder(decimal_format="number")
decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
