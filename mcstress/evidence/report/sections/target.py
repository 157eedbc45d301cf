"""The target: what it can do, and what was left out since it cannot."""

from __future__ import annotations

from mcstress.evidence.document_parts import RunSection
from mcstress.evidence.report import words
from mcstress.evidence.report.readings import Reading
from mcstress.evidence.report.section import Section, Table, Verbatim


def target(run: RunSection) -> Section:
    """The capabilities of a target of the user's own; empty for the gateway, which has all."""
    rows = [
        [one.name, Reading("yes", "good") if one.there else "no", one.effect]
        for one in run.capabilities
    ]
    return Section(
        key="target",
        title="Target",
        tables=[Table(["The target can", "", "What follows"], rows)] if rows else [],
        notes=[
            f"{Verbatim(words.spaced(phase))} was skipped: {reason}."
            for phase, reason in run.left_out.items()
        ],
    )
