"""The section on the events themselves: where each list stands, and how to ask for it."""

from __future__ import annotations

import json
import re
import shlex

from mcstress.evidence.report.section import Command, Section
from mcstress.evidence.run_document import RunDocument

PLAIN_PATH = re.compile(r"[A-Za-z0-9_./-]+")
NO_LIST = (
    "An event without a list has an empty top_k and found null, and outcome says why: failed, "
    "skipped, unmet or cut. found 0 is a search that found nothing."
)


def capture(document: RunDocument) -> Section:
    """How to read the events of the run; empty where none is kept."""
    run = document.run
    section = Section(key="capture", title="Per-event capture")
    if not run.evidence_path or run.evidence == "none":
        return section
    # A path of other letters could mean something to Markdown or a shell: it stands at the top.
    path = run.evidence_path if PLAIN_PATH.fullmatch(run.evidence_path) else "REPORT.json"
    section.commands = [Command(f"jq {shlex.quote(query)} {path}") for query in queries(document)]
    kept = "A share of the events" if run.evidence.startswith("sample") else "Every event"
    section.notes = [f"{kept} is kept, with its query and its list (top_k).", NO_LIST]
    return section


def queries(document: RunDocument) -> list[str]:
    """The questions that the seed's report answers with jq, of the scenario's own names."""
    contracts = document.asked.contracts
    persona, roles = "alice", ["warehouse worker"]
    if contracts:
        persona = contracts[0].persona or persona
        roles = [demand.role for demand in contracts[0].demands] or roles
    of_role = f".events[] | select(.role == {_quoted(roles[0])})"
    return [
        '.events[] | select(.phase == "merge")',
        f'.events[] | select(.coordinator == {_quoted(persona)} and .phase == "baseline")',
        f"{of_role} | {{phase, contract, top_k_ids: [.top_k[].id]}}",
    ]


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)
