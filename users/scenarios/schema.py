"""The keys of a scenario's TOML file, and what each of them may be. See docs/scenario.md."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from mcstress.metrics.wording import Words
from mcstress.services.llm.prompts import FieldKind, Prompts
from mcstress.users.scenarios.clock_model import START, ArrivalSource, Shift, TimelineEntry
from mcstress.users.scenarios.model import (
    Count,
    Handover,
    InboxMessage,
    MailInbox,
    Merge,
    Names,
    NotEmptyText,
    ParaphrasesBy,
    PersonaName,
    PlaybookUse,
    RelevanceRule,
    Resume,
    SplitShare,
    Swap,
    Templates,
    Threshold,
)

Paraphrases = Annotated[list[NotEmptyText], Meta(min_length=1)]


class FileDemand(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A demand; the sentences that it lacks are its variant's. ``fields``: any of its own."""

    role: NotEmptyText
    headcount: Count | None = None
    shift: NotEmptyText | None = None
    certs: list[NotEmptyText] = []
    skills: list[NotEmptyText] = []
    fields: dict[str, Any] = {}
    in_other_words: NotEmptyText | None = None
    query: NotEmptyText | None = None
    paraphrases: Paraphrases | None = None
    surge_query: NotEmptyText | None = None


class FileSite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a variant places a contract, and what is demanded there."""

    name: NotEmptyText
    demands: list[FileDemand]
    location: NotEmptyText | None = None
    fields: dict[str, Any] = {}


class FileVariant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A variant; its sentences have placeholders, which each demand fills in."""

    contracts: list[FileSite]
    resumes: list[Resume] = []
    inbox: list[InboxMessage] = []
    query: NotEmptyText | None = None
    paraphrases: Paraphrases | None = None
    surge_query: NotEmptyText | None = None


class FileContract(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A contract: who holds it, and its roles, the same in every variant."""

    name: NotEmptyText
    persona: PersonaName
    roles: Annotated[list[NotEmptyText], Meta(min_length=1)]


class ScenarioFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole file."""

    title: NotEmptyText
    top_k: Count
    record_rank: Count
    corpora: Annotated[list[NotEmptyText], Meta(min_length=1)]
    fresh_corpus: NotEmptyText
    personas: Annotated[list[PersonaName], Meta(min_length=1)]
    playbook: PlaybookUse
    names: Names
    contracts: list[FileContract]
    variants: Annotated[list[FileVariant], Meta(min_length=1)]
    paraphrases_by: ParaphrasesBy = "scenario"
    swaps: list[Swap] = []
    merges: list[Merge] = []
    handovers: list[Handover] = []
    splits: list[SplitShare] = []
    relevance: list[RelevanceRule] = []
    inbox: MailInbox = MailInbox()
    thresholds: list[Threshold] = []
    words: Words = Words()
    prompts: Prompts = Prompts()
    parse: dict[str, FieldKind] = {}
    templates: Templates = Templates()
    corpus_files: list[NotEmptyText] = []
    start: date = START
    zone: NotEmptyText = "UTC"
    timeline: list[TimelineEntry] = []
    arrivals: list[ArrivalSource] = []
    shifts: list[Shift] = []
