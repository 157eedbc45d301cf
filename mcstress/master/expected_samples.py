"""How many samples a run of fixed rounds should have, so that a check knows what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from math import comb

from mcstress.users.run import Run
from mcstress.users.scenarios.model import Variant


def plan(run: Run, seats: Mapping[str, int]) -> dict[str, int]:
    """Samples by figure for the seats of each persona that there were; empty without ``--rounds``.

    What a trio does together is planned for as many trios as are whole.
    """
    if run.rounds == 0:
        return {}
    personas, variant = run.scenario.personas, run.scenario.variants[0]
    trios = min((seats.get(persona, 0) for persona in personas), default=0)
    one_round = {
        **_diversity(variant, trios),
        **_alone(run, variant, seats),
        **_handover(run, variant, seats),
    }
    return {
        figure: samples * run.rounds
        for figure, samples in one_round.items()
        if PHASE_OF[figure] in run.phases
    }


PHASE_OF = {
    "diversity.same_role_across_contracts": "baseline",
    "diversity.different_roles_within_contract": "baseline",
    "determinism": "reissue",
    "freshness": "fresh_resume",
    "swap": "swap",
    "inbox": "inbox",
    "handover.verbatim": "handover",
    "handover.paraphrase": "handover_paraphrase",
}


def _diversity(variant: Variant, trios: int) -> dict[str, int]:
    roles = [demand.role for contract in variant.contracts for demand in contract.demands]
    same = sum(comb(roles.count(role), 2) for role in set(roles))
    within = sum(comb(len(contract.demands), 2) for contract in variant.contracts)
    return {
        "diversity.same_role_across_contracts": same * trios,
        "diversity.different_roles_within_contract": within * trios,
    }


def _alone(run: Run, variant: Variant, seats: Mapping[str, int]) -> dict[str, int]:
    return {
        "determinism": sum(
            len(contract.demands) * seats.get(contract.persona, 0) for contract in variant.contracts
        ),
        "freshness": sum(seats.get(resume.persona, 0) for resume in variant.resumes),
        "swap": sum(seats.get(swap.persona, 0) for swap in run.scenario.swaps),
        "inbox": sum(seats.get(message.persona, 0) for message in variant.inbox),
    }


def _handover(run: Run, variant: Variant, seats: Mapping[str, int]) -> dict[str, int]:
    queries = sum(
        len(variant.contract(handover.contract).demands) * seats.get(handover.to_persona, 0)
        for handover in run.scenario.handovers
    )
    return {"handover.verbatim": queries, "handover.paraphrase": queries}
