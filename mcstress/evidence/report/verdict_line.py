"""The verdict in one line: the same in the log, at a report's head, on the page, for CI.

``PASS: 11 checks, 7 certain``: certain is a check whose figure has an interval, which does not
cross the threshold. Where some are not, it says what would settle them; a failure is named with its
value and threshold; and a built-in server stands at the head, for it says nothing about yours.
"""

from __future__ import annotations

from collections.abc import Sequence

from mcstress.evidence.report import formatting
from mcstress.evidence.report.sections.relevance import not_measured
from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.number_format import beyond
from mcstress.metrics.verdict import APART, CheckOutcome, expected, line, value_of

SAYS_NOTHING_OF_YOURS = "built-in server: this says nothing about yours"
GATEWAY = "gateway"
NAMED = 2
"""Checks that are named one by one; the others are counted."""


def verdict_line(document: RunDocument) -> str:
    """The verdict, how many checks, and how sure; and where nothing of yours was tested, that."""
    return f"{document.verdict.upper()}: {verdict_words(document)}"


def verdict_words(document: RunDocument) -> str:
    """The line without the word of the verdict."""
    embedded = any(one.embedded and one.name == GATEWAY for one in document.run.services)
    told = _of_checks(document)
    if said := not_measured(document):
        told += f"; {said}"
    return told + (f"; {SAYS_NOTHING_OF_YOURS}" if embedded else "")


def _of_checks(document: RunDocument) -> str:
    checks = document.checks
    if not checks:
        return "no check was made"
    failed = [check for check in checks if check.verdict == "fail"]
    unknown = [check for check in checks if check.verdict == "unknown"]
    faults = document.completeness.faults
    if faults:
        return f"incomplete: {faults[0]}; {_share(unknown, checks, 'unknown')}"
    if failed:
        return f"{_failed(failed[0])}; {_share(failed, checks, 'failed')}"
    if unknown:
        return f"{line(unknown[0])}; {_share(unknown, checks, 'unknown')}"
    return _passed(checks)


def _share(some: Sequence[CheckOutcome], checks: Sequence[CheckOutcome], verb: str) -> str:
    return f"{len(some):,} of {formatting.plural(len(checks), 'check')} {verb}"


def _failed(check: CheckOutcome) -> str:
    value = formatting.NONE if check.at_least is None else beyond(check.at_least)
    if check.value is not None:
        value = value_of(check.metric, check.value, check.threshold)
    return f"{check.metric} = {value}, expected {expected(check)}"


def _passed(checks: Sequence[CheckOutcome]) -> str:
    judged = [check for check in checks if check.verdict == "pass"]
    certain = sum(check.certain for check in judged)
    told = f"{formatting.plural(len(judged), 'check')}, {certain:,} certain"
    if bare := sum(check.ci95 is None for check in judged):
        told += f", {bare:,} without an interval"
    if skipped := len(checks) - len(judged):
        told += f", {skipped:,} skipped"
    unsettled = [check for check in judged if check.crosses]
    if not unsettled:
        return told
    first = sorted(unsettled, key=_is_beyond)[:NAMED]
    named = [f"{check.metric} {_settled_by(check)}" for check in first]
    if more := len(unsettled) - len(first):
        named.append(f"{more:,} more")
    return f"{told}; not settled: {formatting.sentence_list(named)}"


def _is_beyond(check: CheckOutcome) -> bool:
    """What this scenario cannot settle is named after what it can."""
    return check.enough is None or (check.there_are or check.enough) < check.enough


def _settled_by(check: CheckOutcome) -> str:
    if check.enough is None:
        return "(its 95 % interval has values on both sides of the threshold)"
    if (check.questions or 0) >= check.enough:
        return f"({APART})"
    needs = f"needs {check.enough:,} questions"
    if check.there_are is not None and check.there_are < check.enough:
        return f"{needs}, the scenario has {check.there_are:,}"
    return f"{needs}, {check.questions or 0:,} were asked"
