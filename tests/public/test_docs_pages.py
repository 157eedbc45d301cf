"""docs/phases.md, docs/faq.md and docs/document.md are what the code says."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

from mcstress.evidence.document_parts import Completeness, WorkerPart
from mcstress.evidence.run_document import _starved
from mcstress.evidence.schema_tables import tables
from mcstress.metrics.arrivals import ArrivalTotals
from mcstress.metrics.check import METRICS, parse_check
from mcstress.metrics.phase import PHASES
from mcstress.metrics.verdict import evaluate

ROOT = Path(__file__).parents[2]
PHASES_PAGE = (ROOT / "docs" / "phases.md").read_text()
FAQ = (ROOT / "docs" / "faq.md").read_text()
SAMPLE = ROOT / "reports" / "reality-tests" / "multi_coord_stress_sample.json"
OURS = [phase for phase in PHASES.values() if phase.number != "7"]


def test_the_table_of_phases_is_the_codes():
    rows = re.findall(
        r"^\| \[(\w+)\]\(#\S+\) \| `(\w+)` \| `(\w+)` \| (\S*) *\|", PHASES_PAGE, re.MULTILINE
    )
    assert rows == [
        (p.number, p.name, p.word_tag, ", ".join(f"`{need}`" for need in p.needs)) for p in OURS
    ]


def test_the_steps_and_the_number_of_events_of_a_phase_are_a_runs():
    events = [event for event in json.loads(SAMPLE.read_bytes())["events"] if event["trio"] == 1]
    numbers = Counter(event["phase"] for event in events)
    for phase in OURS:
        told = PHASES_PAGE.partition(f"\n## {phase.number} {phase.words}\n")[2].partition("\n## ")[
            0
        ]
        assert re.search(rf"\b{numbers[phase.name]} events", told), phase.name
        if phase.name != "handover_paraphrase":  # of which it says that it has the same
            first = next(e for e in events if e["phase"] == phase.name and e["outcome"] == "ok")
            steps = re.findall(r"`([a-z_]+(?:\.[a-z0-9_]+)*)`", told)
            made = [step["name"] for step in first["steps"] if step["name"] != "freshness.poll"]
            assert steps[: len(made)] == made


def reason_of(complete=True, starved=None, unsent=0, needs=12, **seen):
    """Why a check is unknown, as a report says it."""
    check = parse_check("determinism.mean_jaccard >= 0.95", needs=needs)
    metric = METRICS[check.metric]
    if starved:
        check = parse_check("latency.matrix_search.p95_ms < 9")
        metric, seen = METRICS[check.metric], {"samples": 50}
    results = {"faults": {"unsent_steps": unsent}}
    for name, value in seen.items():
        *path, leaf = getattr(metric, name).split(".")
        section = results.setdefault("metrics", {}) if path[0] != "latency" else results
        for key in path:
            section = section.setdefault(key, {})
        section[leaf] = value
    how = {"selected_phases": [*PHASES], "complete": complete, "starved": starved}
    (outcome,) = evaluate([check], results, **how)
    assert outcome.verdict == "unknown"
    return outcome.reason


def test_each_reason_for_unknown_is_what_a_report_says():
    told = [
        reason_of(samples=12, questions=12, needs=24),
        reason_of(samples=40, questions=40, planned=96),
        reason_of(questions=0),
        reason_of(complete=False),
        reason_of(unsent=7),
    ]
    for each in told:
        assert f"`{each}`" in FAQ
    by_schedule = ArrivalTotals(offered=1, begun=1, missed=0, cut=0, unknown=0)
    slow = WorkerPart(name="local", seconds_watched=10, seconds_saturated=5)
    slow_reason = reason_of(starved=_starved(Completeness(workers=[slow], arrivals=by_schedule)))
    (start,) = re.findall(r"`(the load generator did not.*?)`", FAQ)
    assert slow_reason.startswith(start)


def test_the_tables_of_the_document_are_the_schemas():
    page = (ROOT / "docs" / "document.md").read_text()
    assert page.endswith(tables()), "run: python -m mcstress.evidence.schema_tables"
