"""What the key of a question names, and how many questions that missed are told."""

import pytest
from made_report import MadeRun, head_of, typed

from mcstress.evidence.report.sections.misses import asked, called, missed_resumes

ROLES = ["welder", "cook"]


@pytest.fixture(scope="module")
def document():
    head = head_of(MadeRun().events(trios=1, rounds=1))
    demands = [{"role": role} for role in ROLES]
    contracts = [{"name": name, "demands": demands} for name in ("alpha", "north/south")]
    return typed(head | {"scenario": head["scenario"] | {"variants": [{"contracts": contracts}]}})


@pytest.mark.parametrize(
    ("question", "who", "number", "role"),
    [
        ("handover/3/alpha/2", "alpha", "2", "cook"),
        ("handover/3/north/south/1", "north/south", "1", "welder"),
        ("handover_paraphrase/3/alpha/2/1", "alpha", "2", "cook"),
        ("handover_paraphrase/3/north/south/1/9f86d081", "north/south", "1", "welder"),
        ("handover/3/alpha/0", "alpha", "0", ""),
        ("handover/3/alpha/3", "alpha", "3", ""),
        ("handover/3/beta/1", "beta", "1", ""),
        ("fresh_resume/3/alice/2", "alice", "2", ""),
        ("older", "", "older", ""),
    ],
)
def test_a_key_names_its_contract_number_and_role(document, question, who, number, role):
    assert asked(document, question) == (who, number, role)
    assert called(document, question) == (f"{who}: {role}" if role else question)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (12, []),
        (13, ["1 more question missed too: the JSON has them, the worst 100 of each kind."]),
        (100, ["88 more questions missed too: the JSON has them, the worst 100 of each kind."]),
    ],
)
def test_twelve_questions_are_shown_and_the_others_counted(document, rows, said):
    missed = [
        {"question": f"fresh_resume/1/alice/{number}", "unit": 1, "missed": 3, "asked": 4}
        for number in range(1, rows + 1)
    ]
    document.metrics["freshness"]["missed"] = missed
    (table,), notes = missed_resumes(document)
    assert [row[0] for row in table.rows] == [f"number {n} of alice" for n in range(1, 13)]
    assert table.rows[0][2] == "3 of 4"
    assert notes == said
