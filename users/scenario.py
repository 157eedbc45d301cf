"""The scenario: who asks for what, as data. See docs/scenario.md."""

from __future__ import annotations

import msgspec


class Demand(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one contract needs of one role, in one variant's wording."""

    role: str
    headcount: int
    location: str
    certs: list[str]
    skills: list[str]
    shift: str
    query: str
    paraphrases: list[str]
    surge_query: str


class Contract(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A contract, the persona that holds it, and its demands in the order of its roles."""

    name: str
    persona: str
    demands: list[Demand]

    def demand(self, role: str) -> Demand:
        """The contract's demand for ``role``."""
        return next(demand for demand in self.demands if demand.role == role)


class Resume(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new resume, what it says, and the query that should find it."""

    persona: str
    text: str
    query: str
    metadata: dict[str, str]


class InboxMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An email or SMS that reaches a coordinator; ``priority`` decides the order."""

    persona: str
    type: str
    sender: str
    subject: str
    body: str
    priority: str


class Swap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A client rejects the list of one cell; its persona asks again without those hits."""

    persona: str
    contract: str
    role: str


class Merge(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Contracts become one: ``persona`` searches the ``roles`` of all of them."""

    persona: str
    contracts: list[str]
    roles: list[str]


class Handover(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``to_persona`` takes over ``contract`` with the memory of ``from_persona``."""

    from_persona: str
    to_persona: str
    contract: str


class SplitShare(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ``roles`` of ``contract`` that fall to ``persona`` when it is divided."""

    contract: str
    persona: str
    roles: list[str]


class Playbook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How searches use the playbook memory (WIRE.md), sent with each of them."""

    top_k: int
    max_distance: float
    max_inject_distance: float


class Threshold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A check in its text form, and the samples below which it is unknown."""

    check: str
    needs: int


class Variant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One wording of all that a trio says. ``number`` counts from 1."""

    number: int
    contracts: list[Contract]
    resumes: list[Resume]
    inbox: list[InboxMessage]

    def contract(self, name: str) -> Contract:
        """The contract called ``name``."""
        return next(contract for contract in self.contracts if contract.name == name)

    def contract_of(self, persona: str) -> Contract:
        """The contract that ``persona`` holds."""
        return next(contract for contract in self.contracts if contract.persona == persona)


class Scenario(msgspec.Struct, frozen=True):
    """A scenario with its variants spelt out. ``load_scenario`` makes it from a TOML file."""

    name: str
    title: str
    top_k: int
    record_rank: int
    corpora: list[str]
    fresh_corpus: str
    personas: list[str]
    playbook: Playbook
    swaps: list[Swap]
    merges: list[Merge]
    handovers: list[Handover]
    splits: list[SplitShare]
    thresholds: list[Threshold]
    variants: list[Variant]

    def variant_of(self, trio: int) -> Variant:
        """The wording that ``trio`` (counted from 1) uses."""
        return self.variants[(trio - 1) % len(self.variants)]
