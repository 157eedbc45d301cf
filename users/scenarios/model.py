"""The scenario: who asks for what, as data. See docs/scenario.md."""

from __future__ import annotations

from datetime import date
from functools import cached_property
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from mcstress.metrics.event import question_key
from mcstress.metrics.wording import Words
from mcstress.services.llm.prompts import FieldKind, Prompts
from mcstress.users.scenarios.clock_model import (
    PLAIN_NAME,
    START,
    ArrivalSource,
    Shift,
    TimelineEntry,
)

NOT_EMPTY = r"\S"

NotEmptyText = Annotated[str, Meta(pattern=NOT_EMPTY)]
"""Text that says something."""

PersonaName = Annotated[str, Meta(pattern=PLAIN_NAME)]
"""A name that can stand in a namespace, a seat and a class: small letters and digits."""

Count = Annotated[int, Meta(ge=1, le=1_000_000)]
CosineDistance = Annotated[float, Meta(ge=0, le=2)]
MessageType = Literal["email", "sms"]
Priority = Literal["urgent", "high", "medium", "low"]
ParaphrasesBy = Literal["scenario", "llm"]
Field = str | int | list[str]
"""What a field of a scenario's own may hold: a text, a whole number, or texts."""

NAME = "{name}"
PRIORITIES: tuple[Priority, ...] = ("urgent", "high", "medium", "low")

QuestionOf = tuple[str, str, str | None, str | None, int | None]
"""Phase, persona, contract, role, and the number of a message or a resume."""
KEYS_KEPT = 4096
"""Keys of a variant's questions: of three personas' ten phases there are a hundred."""


class Demand(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What one contract needs of one role, in one variant's wording.

    ``fields`` are the scenario's own, its contract's and its own; without any the key is left out,
    so that runs compare with those from before there were any.
    """

    role: NotEmptyText
    headcount: Count | None
    location: NotEmptyText | None
    certs: list[NotEmptyText]
    skills: list[NotEmptyText]
    shift: NotEmptyText | None
    query: NotEmptyText
    paraphrases: Annotated[list[NotEmptyText], Meta(min_length=1)]
    surge_query: NotEmptyText
    fields: dict[str, Any] = {}


class Contract(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A contract, the persona that holds it, and its demands in the order of its roles."""

    name: NotEmptyText
    persona: PersonaName
    demands: list[Demand]

    def demand(self, role: str) -> Demand:
        """The contract's demand for ``role``."""
        return next(demand for demand in self.demands if demand.role == role)


class Resume(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new resume, what it says, and the query that should find it.

    Text and query hold ``{name}``: every trio and round brings another person, and a query that
    fits two of them has no right answer.
    """

    persona: PersonaName
    text: NotEmptyText
    query: NotEmptyText
    metadata: dict[str, str]

    def of(self, name: str) -> Resume:
        """The resume of somebody called ``name``, who stands wherever it says ``{name}``."""
        return msgspec.structs.replace(
            self,
            text=self.text.replace(NAME, name),
            query=self.query.replace(NAME, name),
            metadata={key: said.replace(NAME, name) for key, said in self.metadata.items()},
        )


class InboxMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An email or SMS that reaches a coordinator; ``priority`` decides the order.

    ``expect``: what the LLM should read in it, by the fields of ``[parse]``, None for those that
    may be anything; no table: that is not judged.
    """

    persona: PersonaName
    type: MessageType
    sender: NotEmptyText
    body: NotEmptyText
    priority: Priority
    subject: str = ""
    expect: dict[str, Any] | None = None


class PriorityRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Mail in which one of the words stands has this priority, unless it says another itself."""

    words: Annotated[list[NotEmptyText], Meta(min_length=1)]
    is_: Priority = msgspec.field(name="is")


class MailInbox(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Mail from outside, instead of the variants' messages (docs/inbox.md).

    ``source``: a folder of ``.eml`` files, an mbox or JSON lines; empty: none. ``priority``: rules
    for mail that names no priority; the first that fits holds.
    """

    source: str = ""
    priority: list[PriorityRule] = []


class Swap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A client rejects the list of one cell; its persona asks again without those hits."""

    persona: PersonaName
    contract: NotEmptyText
    role: NotEmptyText


class Merge(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Contracts become one: ``persona`` searches the ``roles`` of all of them."""

    persona: PersonaName
    contracts: Annotated[list[NotEmptyText], Meta(min_length=2)]
    roles: Annotated[list[NotEmptyText], Meta(min_length=1)]


class Handover(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``to_persona`` takes over ``contract`` with the memory of ``from_persona``."""

    from_persona: PersonaName
    to_persona: PersonaName
    contract: NotEmptyText


class SplitShare(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ``roles`` of ``contract`` that fall to ``persona`` when it is divided."""

    contract: NotEmptyText
    persona: PersonaName
    roles: Annotated[list[NotEmptyText], Meta(min_length=1)]


class PlaybookUse(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How searches use the playbook memory (WIRE.md), sent with each of them."""

    top_k: Count
    max_distance: CosineDistance
    max_inject_distance: CosineDistance


class Names(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the people of new resumes are called: three first names and a last one.

    Two are soon used up: with 64 and 96 to choose from, after 500 resumes of a kind every twelfth
    bears a name that is taken, and a query that fits two people has no right answer. Of four there
    are 25 million.
    """

    first: Annotated[list[NotEmptyText], Meta(min_length=1)]
    last: Annotated[list[NotEmptyText], Meta(min_length=1)]

    def by(self, drawn: int) -> str:
        """The name for a number in [0, 2**64)."""
        parts = []
        for names in (self.first, self.first, self.first, self.last):
            drawn, place = divmod(drawn, len(names))
            parts.append(names[place])
        return " ".join(parts)


class Templates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sentences for all variants, and the search by what was read in a message.

    ``inbox_query``: parts, joined by commas; one whose placeholders are all empty is left out.
    """

    query: NotEmptyText | None = None
    paraphrases: Annotated[list[NotEmptyText], Meta(min_length=1)] | None = None
    surge_query: NotEmptyText | None = None
    inbox_query: list[NotEmptyText] = []


class Threshold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A check in its text form, and the samples below which it is unknown."""

    check: NotEmptyText
    needs: Annotated[int, Meta(ge=0, le=1_000_000)]


class RelevanceRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A condition on one field of a hit's metadata; its text has a demand's placeholders.

    ``is``: the field's value is the text. ``has``: it holds the text, or each word of a list such
    as ``{certs}``; the share of those that it holds counts. ``weight``: its part in a hit's gain.
    ``must``: where it does not hold, the hit does not fit, and its gain is 0.
    """

    field: NotEmptyText
    is_: NotEmptyText | None = msgspec.field(default=None, name="is")
    has: NotEmptyText | None = None
    weight: Annotated[float, Meta(ge=0, le=1_000_000)] = 1.0
    must: bool = False


class Variant(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """One wording of all that a trio says. ``number`` counts from 1; ``inbox`` is by priority."""

    number: int
    contracts: list[Contract]
    resumes: list[Resume]
    inbox: list[InboxMessage]

    def contract(self, name: str) -> Contract:
        """The contract called ``name``."""
        return next(contract for contract in self.contracts if contract.name == name)

    def place(self, contract: str, role: str) -> int:
        """The number, from 1, of the demand for ``role`` in ``contract``; 0 where it has none."""
        for held in self.contracts:
            if held.name == contract:
                for number, demand in enumerate(held.demands, start=1):
                    if demand.role == role:
                        return number
        return 0

    def contract_of(self, persona: str) -> Contract:
        """The contract that ``persona`` holds."""
        return next(contract for contract in self.contracts if contract.persona == persona)

    @cached_property
    def question_keys(self) -> QuestionKeys:
        """The keys of its questions, one for all trios that use the wording."""
        return QuestionKeys(self)


class QuestionKeys(dict[QuestionOf, str]):
    """The key of what is asked (metrics/question.py): a message, a resume, or a demand.

    Made once for each, since every event has one.
    """

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        self._variant = variant

    def __missing__(self, asked: QuestionOf) -> str:
        if len(self) >= KEYS_KEPT:
            self.clear()
        phase, persona, contract, role, number = asked
        variant = self._variant
        if number is None and contract is not None and role is not None:
            who, number = contract, variant.place(contract, role)
        else:
            who, number = persona, number or 0
        key = self[asked] = question_key(phase, variant.number, who, number)
        return key


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A scenario with its variants spelt out. ``load_scenario`` makes it from a TOML file."""

    name: str
    title: str
    top_k: int
    record_rank: int
    corpora: list[str]
    fresh_corpus: str
    personas: list[str]
    playbook: PlaybookUse
    names: Names
    paraphrases_by: ParaphrasesBy
    swaps: list[Swap]
    merges: list[Merge]
    handovers: list[Handover]
    splits: list[SplitShare]
    thresholds: list[Threshold]
    variants: list[Variant]
    relevance: list[RelevanceRule] = []
    inbox: MailInbox = MailInbox()
    words: Words = Words()
    prompts: Prompts = Prompts()
    parse: dict[str, FieldKind] = {}
    templates: Templates = Templates()
    corpus_files: list[str] = []
    start: date = START
    zone: str = "UTC"
    timeline: list[TimelineEntry] = []
    arrivals: list[ArrivalSource] = []
    shifts: list[Shift] = []

    def variant_of(self, trio: int) -> Variant:
        """The wording that ``trio`` (counted from 1) uses."""
        return self.variants[(trio - 1) % len(self.variants)]
