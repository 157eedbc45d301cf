"""``--mix``: the weights of single requests that arrivals are, apart from the phases."""

from __future__ import annotations

from argparse import Namespace
from difflib import get_close_matches
from math import isfinite

from mcstress.errors import UsageError
from mcstress.metrics.phase import MIX, add_mix
from mcstress.services.target import Capabilities
from mcstress.users.scenarios.model import Scenario

KINDS = {phase.word_tag: phase.name for phase in MIX}
"""What the option calls each, and the name that its events have."""
NEEDS = {"record": "record", "add": "add"}


def mix_of(options: Namespace, scenario: Scenario) -> dict[str, float]:
    """The weights by the events' names; empty without the option. Raises UsageError."""
    text = str(options.mix or "").strip()
    if not text:
        return {}
    weights = _weights(text)
    if not (options.arrival_rate or options.find_capacity):
        raise UsageError(
            f"--mix: found {text!r} and neither --arrival-rate nor --find-capacity, expected one: "
            "a mix is of a schedule's arrivals"
        )
    for name in ("tags", "exclude_tags"):
        if given := getattr(options, name, None):
            raise UsageError(
                f"--mix: found --{name.replace('_', '-')} {' '.join(given)} with it, expected one "
                "of the two: a mix is apart from the phases"
            )
    if str(options.rounds).strip() not in ("", "0"):
        raise UsageError(f"--mix: found --rounds {options.rounds} with it, expected -t: no rounds")
    if weights.get("add") and not all(variant.resumes for variant in scenario.variants):
        raise UsageError(f"--mix: found add, and the scenario {scenario.name} has no resumes")
    add_mix()
    return {KINDS[kind]: weight for kind, weight in weights.items() if weight}


def _weights(text: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for part in text.split(","):
        kind, equals, number = (piece.strip() for piece in part.partition("="))
        if kind not in KINDS:
            close = get_close_matches(kind, KINDS, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise UsageError(f"--mix: found {kind!r}, expected one of {', '.join(KINDS)}{hint}")
        if kind in weights:
            raise UsageError(f"--mix: found {kind} twice, expected each once")
        weights[kind] = _weight(number) if equals else -1.0
        if weights[kind] < 0:
            raise UsageError(
                f"--mix: found {part.strip()!r}, expected a weight of 0 or more, as {kind}=5"
            )
    if not sum(weights.values()):
        raise UsageError(f"--mix: found {text!r}, expected a weight above 0")
    return weights


def _weight(text: str) -> float:
    """-1 where it is none."""
    try:
        weight = float(text)
    except ValueError:
        return -1.0
    return weight if isfinite(weight) else -1.0


def refuse_what_target_cannot(mix: dict[str, float], can: Capabilities) -> None:
    """Raise UsageError where the mix has what the system under test cannot do."""
    for kind, capability in NEEDS.items():
        if KINDS[kind] in mix and not getattr(can, capability):
            raise UsageError(f"--mix: found {kind}, and the target cannot {capability}")
