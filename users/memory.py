"""What a memory that is asked by itself is filled with first, and how a leak of it is known.

With the few answers of a scenario alone, a list of K would hold the right one by construction. The
filler is other demands made from the scenario's words and the seed, each with an answer of an id
that names its namespace: where such an id comes back in another, the memory leaks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from itertools import chain, count, islice
from random import Random

from mcstress.metrics.event import Hit, Item
from mcstress.services.target import Recording, Target
from mcstress.users.bulk_write import WrittenBatch, write_all
from mcstress.users.run import Seat
from mcstress.users.scenarios.model import Demand, Scenario

FILLER = "filler:"


def filler(scenario: Scenario, seed: int, namespace: str) -> Iterator[Recording]:
    """Recordings without end for ``namespace``, the same for the same seed.

    None asks for a role in a place where a demand of the scenario asks for it, as long as its words
    allow others: those have their own answers.
    """
    random = Random(f"{seed}/{namespace}/filler")
    demands = [
        demand
        for variant in scenario.variants
        for contract in variant.contracts
        for demand in contract.demands
    ]
    asked = {(demand.role, demand.location) for demand in demands}
    every = dict.fromkeys((one.role, other.location) for one in demands for other in demands)
    others = [pair for pair in every if pair not in asked] or [*every]
    for number in count(1):
        role, location = random.choice(others)
        answer = Item(f"{FILLER}{namespace}:{number}", scenario.corpora[0])
        yield Recording(_sentence(random, role, location, demands), answer, namespace, role)


def _sentence(random: Random, role: str, location: str | None, demands: Sequence[Demand]) -> str:
    certs, skills, shift = (random.choice(demands) for _ in range(3))
    place = f" in {location}" if location else ""
    parts = [
        f"{random.randint(1, 99)} {role}{place}",
        ", ".join(certs.certs),
        ", ".join(random.sample(skills.skills, len(skills.skills))),
        shift.shift,
    ]
    return "; ".join(part for part in parts if part)


def remembering(scenario: Scenario, users: int, prefix: str) -> list[str]:
    """The namespaces that ``users`` coordinators will ask for what was handed over, or ask in.

    Those are the first generations' seats; there are a few more where users come and go.
    """
    personas = {
        persona: None
        for handover in scenario.handovers
        for persona in (handover.from_persona, handover.to_persona)
    }
    trios = -(-users // len(scenario.personas))
    return [
        Seat(persona, trio).namespace(prefix)
        for trio in range(1, trios + 1)
        for persona in personas
    ]


def fill(
    target: Target, scenario: Scenario, seed: int, namespaces: Iterable[str], size: int
) -> Iterator[WrittenBatch]:
    """Record ``size`` pairs in each of ``namespaces``; gives each batch when it is done."""
    pairs = chain.from_iterable(
        islice(filler(scenario, seed, namespace), size) for namespace in namespaces
    )
    return write_all(target, pairs, lambda its, those, trace: its.record_all(those, trace))


def leaks(hits: Iterable[Hit], namespace: str, told: AbstractSet[Item] | None = None) -> int:
    """How many of ``hits``, found in ``namespace``, another one was told.

    That is filler of another one; and, where all that this one was ``told`` beside its filler is
    known, whatever is not among it.
    """
    own = f"{FILLER}{namespace}:"
    return sum(
        not hit.id.startswith(own)
        and (
            hit.id.startswith(FILLER) or (told is not None and Item(hit.id, hit.corpus) not in told)
        )
        for hit in hits
    )
