"""What all coordinators of one run share, on whatever worker they live."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import msgspec

from mcstress.services.llm.clients import Api
from mcstress.services.llm.language_model import ModelSetup
from mcstress.services.target import MemoryLimits, TargetSetup
from mcstress.users.lists_at_rest import RestLists
from mcstress.users.scenarios.model import Scenario, Variant
from mcstress.users.truth import QuestionTruth

SECONDS_AN_HOUR = 3600


def drawn(seed: int, *what: object) -> int:
    """A number in [0, 2**64) that depends on ``seed`` and ``what`` alone."""
    key = "/".join(map(str, (seed, *what)))
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big")


class Seat(msgspec.Struct, frozen=True):
    """(persona, trio), leased. ``generation`` counts the leases of a seat in a run, from 1.

    ``first_round`` continues after the last round that any holder of the seat began, so that
    (trio, round, cell) names one list in a run.
    """

    persona: str
    trio: int
    generation: int = 1
    first_round: int = 1

    @property
    def name(self) -> str:
        """``alice``, ``alice-2``: what events call the coordinator."""
        return self.persona if self.trio == 1 else f"{self.persona}-{self.trio}"

    def namespace(self, prefix: str) -> str:
        """The seat's playbook corpus; a later generation never inherits a stranger's memory."""
        name = prefix + self.name.replace("-", "_")
        return name if self.generation == 1 else f"{name}_g{self.generation}"


class MailFacts(msgspec.Struct, frozen=True):
    """Mail from outside, which inbox phases take instead of the scenario's messages.

    ``messages``: how many there are; with ``repeat`` they begin again when used up.
    """

    source: str
    messages: int
    repeat: bool = False


class ClockPace(msgspec.Struct, frozen=True):
    """The scenario's clock: so many ``hours``, at ``time_scale`` times real speed."""

    hours: float
    time_scale: float

    @property
    def lasts_s(self) -> float:
        """How long it takes in seconds of real time."""
        return self.hours * SECONDS_AN_HOUR / self.time_scale


class Run(msgspec.Struct, frozen=True):
    """Made once, by the master or the local runner, and sent to every worker.

    ``phases`` are the chosen ones in their order; ``rounds`` 0 means until stopped. ``top_k`` is
    the scenario's unless an option says otherwise. ``target`` is ``--target``, empty for the
    gateway. ``truth``: the grades of a question's ids, by ``question_id``; ``rest``: its
    list at rest (``--rest``). ``reference``: the first trio is alone at the beginning, and goes
    through all wordings, one a round. ``mix``: the weights of single requests in place of phases,
    by their events' names. ``clock``: the pace of the scenario's timeline, where that
    says when events begin. ``memory_size``: how many pairs each namespace of the first
    ``memory_trios`` trios was filled with. The setups are what every worker makes its target and
    its LLM's client from; ``llm_api`` None: there is no LLM.
    """

    uid: str
    label: str
    target_setup: TargetSetup
    llm_setup: ModelSetup
    scenario: Scenario
    phases: list[str]
    rounds: int
    seed: int
    top_k: int
    playbook_prefix: str
    fresh_prefix: str
    wait_deadline_s: float
    think_from_s: float
    think_to_s: float
    trace_sample: float = 1.0
    target: str = ""
    llm_api: Api | None = "ollama"
    truth: dict[str, QuestionTruth] = {}
    rest: RestLists = {}
    mail: MailFacts | None = None
    reference: bool = False
    mix: dict[str, float] = {}
    clock: ClockPace | None = None
    memory_size: int = 0
    memory_trios: int = 0

    @property
    def owns_namespaces(self) -> bool:
        """Whether they are the run's own by their names, so that no other wrote into them."""
        return self.uid[:8] in self.playbook_prefix

    def _is_reference(self, trio: int) -> bool:
        return self.reference and trio == 1

    def variant_of(self, trio: int, round_: int) -> Variant:
        """The wording of a trio's round: its own, or that of the reference's turn."""
        turn = round_ - 1 if self._is_reference(trio) else 0
        return self.scenario.variant_of(trio + turn)

    def rounds_of(self, trio: int) -> int:
        """The rounds of a trio; the reference makes one of each wording at least."""
        if self.rounds and self._is_reference(trio):
            return max(self.rounds, len(self.scenario.variants))
        return self.rounds

    def draw(self, *what: object) -> int:
        """A number in [0, 2**64) that depends on the seed and ``what`` alone.

        All that is random in a run comes from here, never from a generator that users share.
        """
        return drawn(self.seed, *what)


def model_setup_of(scenario: Scenario, **others: Any) -> ModelSetup:
    """A language model's setup for ``scenario``; ``others`` are the fields that are not of it."""
    return ModelSetup(prompts=scenario.prompts, parse=scenario.parse, **others)


def setup_of(scenario: Scenario, **others: Any) -> TargetSetup:
    """A target's setup for ``scenario``; ``others`` are the fields that are not of it."""
    playbook = scenario.playbook
    return TargetSetup(
        corpora=tuple(scenario.corpora),
        fresh_corpus=scenario.fresh_corpus,
        memory=MemoryLimits(playbook.top_k, playbook.max_distance, playbook.max_inject_distance),
        **others,
    )
