"""The report and the live table say for each sink where traces went, and what became of them."""

from __future__ import annotations

from made_report import run_section

from mcstress.evidence.report.sections.trust import completeness
from mcstress.web.table import _sinks

NOTHING = {"made": 0, "sampled_out": 0, "delivered": 0, "spooled": 0, "dropped": {}}
OTLP = {
    "sink": "otlp", "where": "http://127.0.0.1:4318/v1/traces", "made": 109, "sampled_out": 1,
    "delivered": 100, "spooled": 5, "dropped": {"rejected by the collector": 3},
    "scores": NOTHING, "spools": ["/r/x.otlp.spool.jsonl"], "spools_elsewhere": [],
    "faults": ["worker-1 on there traced nothing: no header"],
}  # fmt: skip
LANGFUSE = NOTHING | {
    "sink": "langfuse", "where": "https://langfuse.example", "made": 9, "delivered": 9,
    "scores": NOTHING, "spools": [], "spools_elsewhere": [], "faults": [],
}  # fmt: skip


def test_the_report_has_a_row_for_each_sink():
    tracing = LANGFUSE | {"on": True, "mask": "on", "sinks": [LANGFUSE, OTLP]}
    section = completeness({"completeness": {"tracing": tracing}}, run_section())
    (table,) = [table for table in section.tables if table.columns[0] == "Traces by"]
    cells = [[str(cell) for cell in row] for row in table.rows]
    assert cells == [
        ["Langfuse", "https://langfuse.example", "9", "0", "9", "0", "0"],
        ["OTLP", OTLP["where"], "109", "1", "100", "5", "3 (rejected by the collector: 3)"],
    ]
    (waiting,) = [table for table in section.tables if "mcstress replay" in table.columns[0]]
    assert [[str(cell) for cell in row] for row in waiting.rows] == [OTLP["spools"]]
    assert "OTLP: worker-1 on there traced nothing: no header" in section.notes
    assert [note for note in section.notes if "(--mask on)" in note]


def test_the_table_says_where_and_how_many():
    langfuse, otlp, notice = _sinks([LANGFUSE, OTLP])
    assert (langfuse.figure, langfuse.value) == ("traces by Langfuse", 9)
    assert (otlp.figure, otlp.value) == ("traces by OTLP", 109)
    assert otlp.reading == f"to {OTLP['where']}: 100 delivered, 5 spooled, 3 lost"
    assert notice.reading.startswith("OTLP: worker-1 on there traced nothing")
