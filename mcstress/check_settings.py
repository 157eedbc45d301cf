"""Which checks a run has, by ``--check`` or its scenario, and that each can be judged."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from mcstress.arrival_settings import refuse_without_schedule
from mcstress.errors import UsageError
from mcstress.metrics.verdict import Check, CheckSyntaxError, parse_check
from mcstress.users.scenarios.model import Scenario

if TYPE_CHECKING:
    from mcstress.settings import Settings

_APART = re.compile(r"[\n;]|,(?!\d)")
"""Several checks in one text: the web form has one box, and Locust joins its texts by commas.

No check begins with a digit: one after a comma is of a number that was meant to have a point.
"""
OF_TRUTH = {f"relevance.{name}" for name in ("recall_at_k", "ndcg_at_k", "mrr")}


def refuse_checks_of_nothing(settings: Settings) -> None:
    """Checks of figures without what they are judged by: they would be unknown in each run."""
    for check in settings.checks:
        if check.metric in OF_TRUTH:
            if not settings.truth.path:
                raise UsageError(f"check {check.text!r}: found no --truth, expected a file of it")
        elif check.metric.startswith("stability.against_rest."):
            if not (settings.rest_path or settings.reference_s):
                raise UsageError(
                    f"check {check.text!r}: found neither --rest nor --reference, expected lists "
                    "at rest"
                )
        elif check.metric.startswith("inbox.fields."):
            _refuse_field(check, settings.scenario)
        elif check.metric.startswith("relevance.") and not settings.scenario.relevance:
            raise UsageError(
                f"check {check.text!r}: found no [[relevance]] in the scenario "
                f"{settings.scenario.name}, expected one that says what fits"
            )
        else:
            refuse_without_schedule(check, settings.arrivals, by_clock=settings.clock is not None)


def _refuse_field(check: Check, scenario: Scenario) -> None:
    """What the LLM reads in a message has the scenario's own names."""
    name = check.metric.split(".")[2]
    if name not in scenario.parse:
        known = ", ".join(scenario.parse) or "there are none"
        raise UsageError(
            f"check {check.text!r}: found the field {name}, expected one of the fields of parse in "
            f"the scenario {scenario.name}: {known}"
        )


def checks_of(scenario: Scenario, expressions: list[str] | str | None) -> list[Check]:
    """The checks of the command line, or the scenario's thresholds where there are none."""
    lines = [expressions] if isinstance(expressions, str) else expressions or []
    texts = [text for line in lines for text in _APART.split(line) if text.strip()]
    try:
        needs = {parse_check(one.check).metric: one.needs for one in scenario.thresholds}
        if texts:
            return [_with_needs(parse_check(text), needs) for text in texts]
        return [parse_check(item.check, needs=item.needs) for item in scenario.thresholds]
    except CheckSyntaxError as fault:
        place = "--check" if texts else f"scenario {scenario.name}, thresholds"
        raise UsageError(f"{place}: {fault}") from fault


def _with_needs(check: Check, needs: dict[str, int]) -> Check:
    """A check of a metric that the scenario also checks needs as many samples."""
    return msgspec.structs.replace(check, needs=needs.get(check.metric, check.needs))
