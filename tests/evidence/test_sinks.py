"""The report and the live table say for each sink, once, where traces went and what became."""

from __future__ import annotations

import msgspec
import pytest

from mcstress.evidence.document_parts import Completeness, Tracing
from mcstress.evidence.report import formatting
from mcstress.evidence.report.sections.checks_and_completeness import completeness
from mcstress.evidence.run_document import RunDocument, head_of
from mcstress.web.table import _completeness

NOTHING = {"made": 0, "sampled_out": 0, "delivered": 0, "spooled": 0, "dropped": {}}
OTLP = {
    "sink": "otlp", "title": "OTLP", "where": "http://127.0.0.1:4318/v1/traces", "made": 109,
    "sampled_out": 1, "delivered": 100, "spooled": 5, "dropped": {"rejected by the collector": 3},
    "scores": NOTHING, "spools": ["/r/x.otlp.spool.jsonl"], "spools_elsewhere": [],
    "faults": ["worker-1 on there traced nothing: no header"], "read_back": None,
}  # fmt: skip
COUNTS = NOTHING | {
    "made": 9, "delivered": 9, "scores": NOTHING, "spools": ["/r/x.spool.jsonl"],
    "spools_elsewhere": [], "faults": [], "read_back": 9,
}  # fmt: skip
LANGFUSE = COUNTS | {"sink": "langfuse", "title": "Langfuse", "where": "https://langfuse.example"}
WORKERS = [
    {
        "name": "worker-0", "tracing": NOTHING | {"made": 9, "delivered": 9},
        "sinks": {
            "langfuse": NOTHING | {"made": 9, "delivered": 9},
            "otlp": NOTHING | {"made": 60, "delivered": 60},
        },
    },
    {"name": "worker-1", "sinks": {"otlp": NOTHING | {"made": 49, "delivered": 40}}},
]  # fmt: skip


def document(tracing, workers=()):
    """With what a run says of its traces."""
    section = {"tracing": {"mask": "on"} | tracing, "workers": list(workers)}
    return RunDocument(completeness=msgspec.convert(section, Completeness))


@pytest.fixture
def both():
    """A run that was traced in Langfuse and to a collector."""
    return document(COUNTS | {"on": True, "sinks": [LANGFUSE, OTLP]}, WORKERS)


def cells(section, first):
    """A table's columns and rows, by what its first column begins with."""
    (table,) = [table for table in section.tables if table.columns[0].startswith(first)]
    return [list(table.columns), *([str(cell) for cell in row] for row in table.rows)]


def test_the_report_has_a_column_for_each_sink(both):
    section = completeness(both)
    assert cells(section, "Trace observations") == [
        ["Trace observations", "Langfuse", "OTLP"],
        ["to", "https://langfuse.example", OTLP["where"]],
        ["made", "9", "109"],
        ["sampled out", "0", "1"],
        ["delivered", "9", "100"],
        ["read back", "9", formatting.NONE],
        ["spooled", "0", "5"],
        ["dropped", "0", "3 (rejected by the collector: 3)"],
    ]
    assert [row[0] for row in cells(section, "Not delivered")[1:]] == [
        "/r/x.spool.jsonl",
        "/r/x.otlp.spool.jsonl",
    ]
    assert "OTLP: worker-1 on there traced nothing: no header" in section.notes
    assert [note for note in section.notes if "(--mask on)" in note]


def test_the_report_says_of_each_worker_what_each_sink_got(both):
    assert cells(completeness(both), "Traced by")[1:] == [
        ["worker-0 to Langfuse", "9", "0", "9", "0", "0"],
        ["worker-0 to OTLP", "60", "0", "60", "0", "0"],
        [
            "worker-1 to Langfuse",
            formatting.NONE,
            formatting.NONE,
            formatting.NONE,
            formatting.NONE,
            formatting.NONE,
        ],
        ["worker-1 to OTLP", "49", "0", "40", "0", "0"],
    ]


def test_a_document_without_sinks_is_read_as_langfuses():
    old = document(COUNTS | {"on": True}, [WORKERS[0] | {"sinks": {}}, WORKERS[1] | {"sinks": {}}])
    section = completeness(old)
    assert cells(section, "Trace observations")[:2] == [
        ["Trace observations", "Count"],
        ["made", "9"],
    ]
    assert cells(section, "Traced by")[1:] == [
        ["worker-0", "9", "0", "9", "0", "0"],
        [
            "worker-1",
            formatting.NONE,
            formatting.NONE,
            formatting.NONE,
            formatting.NONE,
            formatting.NONE,
        ],
    ]


def test_a_run_with_a_collector_alone_shows_no_zeros_of_langfuse():
    section = completeness(document(NOTHING | {"on": False, "sinks": [OTLP]}))
    assert cells(section, "Trace observations")[0] == ["Trace observations", "OTLP"]
    assert "worker-1 on there traced nothing: no header" in section.notes
    assert [note for note in section.notes if "(--mask on)" in note]


def test_the_table_has_each_sink_once(both):
    rows = {row.figure: row for row in _completeness(both.completeness) if row.figure != "notice"}
    langfuse, otlp = rows["trace observations made"], rows["OTLP trace observations made"]
    assert (langfuse.value, langfuse.reading) == (9, "to https://langfuse.example")
    assert (otlp.value, otlp.reading) == (109, f"to {OTLP['where']}")
    dropped = rows["OTLP trace observations dropped"]
    assert (dropped.value, dropped.reading) == (3, "rejected by the collector: 3")
    assert rows["trace observations read back"].value == 9
    notices = [row.reading for row in _completeness(both.completeness) if row.figure == "notice"]
    assert notices == OTLP["faults"]


def test_the_file_has_every_sink_as_it_was_counted(both):
    stored = head_of(both)["completeness"]["tracing"]
    assert stored["sinks"] == [LANGFUSE, OTLP]
    assert msgspec.convert(stored, Tracing) == both.completeness.tracing
