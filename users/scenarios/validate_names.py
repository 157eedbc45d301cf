"""What the names in a scenario's file must keep: who holds what, and who hands what to whom."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from mcstress.users.scenarios.scenario_error import entry, twice, unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mcstress.users.scenarios.schema import ScenarioFile


def name_faults(file: ScenarioFile) -> Iterator[str]:
    """Names that are there twice or not at all, and numbers that do not fit each other."""
    yield from _header(file)
    yield from _contracts(file)
    yield from _swaps(file)
    yield from _merges(file)
    yield from _handovers(file)
    yield from _splits(file)


def _header(file: ScenarioFile) -> Iterator[str]:
    for key in ("corpora", "personas"):
        yield from twice(key, getattr(file, key))
    for key in ("first", "last"):
        yield from twice(f"names.{key}", getattr(file.names, key))
    if file.record_rank > file.top_k:
        yield f"record_rank: found {file.record_rank}, expected at most top_k, {file.top_k}"


def _contracts(file: ScenarioFile) -> Iterator[str]:
    yield from twice("contracts", [contract.name for contract in file.contracts])
    for contract in file.contracts:
        place = entry("contracts", contract.name)
        yield from unknown(f"{place}.persona", contract.persona, file.personas, "personas")
        yield from twice(f"{place}.roles", contract.roles)
    held = Counter(contract.persona for contract in file.contracts)
    for persona in file.personas:
        if held[persona] != 1:
            yield f'personas: found "{persona}" with {held[persona]} contracts, expected one each'


def _swaps(file: ScenarioFile) -> Iterator[str]:
    yield from twice("swaps", [f"{swap.contract}, {swap.role}" for swap in file.swaps])
    for index, swap in enumerate(file.swaps):
        place = entry("swaps", index)
        yield from unknown(f"{place}.persona", swap.persona, file.personas, "personas")
        yield from _cells(file, place, swap.contract, {"role": swap.role})


def _merges(file: ScenarioFile) -> Iterator[str]:
    known = [contract.name for contract in file.contracts]
    yield from twice(
        "merges",
        [
            f"{', '.join(sorted([*one.contracts, *one.roles]))} by {one.persona}"
            for one in file.merges
        ],
    )
    for index, merge in enumerate(file.merges):
        place = entry("merges", index)
        yield from unknown(f"{place}.persona", merge.persona, file.personas, "personas")
        yield from twice(f"{place}.contracts", merge.contracts)
        yield from twice(f"{place}.roles", merge.roles)
        for number, name in enumerate(merge.contracts):
            yield from unknown(f"{place}.{entry('contracts', number)}", name, known, "contracts")
            roles = {entry("roles", at): role for at, role in enumerate(merge.roles)}
            yield from _roles(file, place, name, roles)


def _handovers(file: ScenarioFile) -> Iterator[str]:
    holders = {contract.name: contract.persona for contract in file.contracts}
    yield from twice("handovers", [f"{one.contract} to {one.to_persona}" for one in file.handovers])
    for index, handover in enumerate(file.handovers):
        place, giver, taker = entry("handovers", index), handover.from_persona, handover.to_persona
        yield from unknown(f"{place}.from_persona", giver, file.personas, "personas")
        yield from unknown(f"{place}.to_persona", taker, file.personas, "personas")
        yield from unknown(f"{place}.contract", handover.contract, list(holders), "contracts")
        if giver == taker:
            yield f'{place}.to_persona: found "{taker}", who gives it, expected another persona'
        if holders.get(handover.contract, giver) != giver:
            yield (
                f'{place}.contract: found "{handover.contract}", which '
                f"{holders[handover.contract]} holds, expected a contract of from_persona, {giver}"
            )


def _splits(file: ScenarioFile) -> Iterator[str]:
    for index, share in enumerate(file.splits):
        place = entry("splits", index)
        yield from unknown(f"{place}.persona", share.persona, file.personas, "personas")
        roles = {entry("roles", at): role for at, role in enumerate(share.roles)}
        yield from _cells(file, place, share.contract, roles)
    for contract in file.contracts:
        shares = [share for share in file.splits if share.contract == contract.name]
        given = [role for share in shares for role in share.roles]
        yield from twice(f'splits of "{contract.name}"', given)
        missing = [role for role in contract.roles if role not in given]
        if shares and missing:
            yield (
                f'splits of "{contract.name}": found nobody for {", ".join(missing)}, '
                "expected each of its roles to fall to somebody"
            )


def _cells(file: ScenarioFile, place: str, contract: str, roles: dict[str, str]) -> Iterator[str]:
    """Faults of a contract, and of its ``roles``, which stand at the keys they have here."""
    known = {held.name: held.roles for held in file.contracts}
    yield from unknown(f"{place}.contract", contract, known, "contracts")
    yield from _roles(file, place, contract, roles)


def _roles(file: ScenarioFile, place: str, contract: str, roles: dict[str, str]) -> Iterator[str]:
    for key, role in roles.items():
        for held in file.contracts:
            if held.name == contract:
                yield from unknown(f"{place}.{key}", role, held.roles, f"roles of {contract}")
