"""How many samples a run of fixed rounds should have, so that a check knows what is missing."""

from __future__ import annotations

from collections.abc import Mapping

from mcstress.metrics.metric import PlannedRound
from mcstress.metrics.registry import REGISTRY
from mcstress.users.run import Run


def plan(run: Run, seats: Mapping[str, int]) -> dict[str, int]:
    """Samples by figure for the seats of each persona that there were; empty without ``--rounds``.

    What a trio does together is planned for as many trios as are whole.
    """
    if run.rounds == 0:
        return {}
    one_round = planned_round(run, seats)
    planned = {
        path: samples * run.rounds
        for metric in REGISTRY.values()
        for path, samples in metric.planned(one_round).items()
    }
    if run.mail is not None and not run.mail.repeat:
        planned["inbox"] = min(planned.get("inbox", 0), run.mail.messages)
    return planned


def planned_round(run: Run, seats: Mapping[str, int]) -> PlannedRound:
    """One round of ``seats``: what is asked in each of the chosen phases."""
    scenario, variant = run.scenario, run.scenario.variants[0]
    demands = sum(
        len(contract.demands) * seats.get(contract.persona, 0) for contract in variant.contracts
    )
    handed_over = sum(
        len(variant.contract(handover.contract).demands) * seats.get(handover.to_persona, 0)
        for handover in scenario.handovers
    )
    asked = {
        "baseline": demands,
        "reissue": demands,
        "fresh_resume": sum(seats.get(resume.persona, 0) for resume in variant.resumes),
        "swap": sum(seats.get(swap.persona, 0) for swap in scenario.swaps),
        "inbox": sum(
            _messages(run, persona) * seats.get(persona, 0) for persona in scenario.personas
        ),
        "handover": handed_over,
        "handover_paraphrase": handed_over,
    }
    return PlannedRound(
        {phase: events for phase, events in asked.items() if phase in run.phases},
        min((seats.get(persona, 0) for persona in scenario.personas), default=0),
        [[demand.role for demand in contract.demands] for contract in variant.contracts],
    )


def _messages(run: Run, persona: str) -> int:
    """How many a coordinator handles in a round."""
    own = sum(message.persona == persona for message in run.scenario.variants[0].inbox)
    return own if run.mail is None else max(own, 1)
