"""The section on the events themselves: where each list stands, and how to ask for it."""

from __future__ import annotations

import re
import shlex

from mcstress.evidence.document_parts import RunSection
from mcstress.evidence.report.section import Command, Section

OF_ROLE = '.events[] | select(.role == "warehouse worker")'
QUERIES = (
    '.events[] | select(.phase == "merge")',
    '.events[] | select(.coordinator == "alice" and .phase == "baseline")',
    f"{OF_ROLE} | {{phase, contract, top_k_ids: [.top_k[].id]}}",
)
"""The questions that the seed's report answers with jq; they work on every run."""

PLAIN_PATH = re.compile(r"[A-Za-z0-9_./-]+")
NO_LIST = (
    "An event without a list has an empty top_k and found null, and outcome says why: failed, "
    "skipped, unmet or cut. found 0 is a search that found nothing."
)


def capture(run: RunSection) -> Section:
    """How to read the events of the run; empty where none is kept."""
    section = Section(key="capture", title="Per-event capture")
    if not run.evidence_path or run.evidence == "none":
        return section
    # A path of other letters could mean something to Markdown or a shell: it stands at the top.
    path = run.evidence_path if PLAIN_PATH.fullmatch(run.evidence_path) else "REPORT.json"
    section.commands = [Command(f"jq {shlex.quote(query)} {path}") for query in QUERIES]
    kept = "A share of the events" if run.evidence.startswith("sample") else "Every event"
    section.notes = [f"{kept} is kept, with its query and its list (top_k).", NO_LIST]
    return section
