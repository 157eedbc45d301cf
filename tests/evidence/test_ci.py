import io
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest

from mcstress.errors import UsageError
from mcstress.evidence.document_parts import RunSection
from mcstress.evidence.report.github import check_annotations, tell_github
from mcstress.evidence.report.junit import junit, write_junit
from mcstress.evidence.report.verdict_line import verdict_line
from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.verdict import CheckOutcome


def check(verdict, text="determinism.mean_jaccard >= 0.95", reason="0.910 (12 questions)"):
    return CheckOutcome(
        check=text, metric="determinism.mean_jaccard", operator=">=", threshold=0.95,
        verdict=verdict, value=0.91, samples=12, needs=1, planned=None, ci95=None, crosses=False,
        reason=reason,
    )  # fmt: skip


ALL = RunDocument(
    run=RunSection(
        started=datetime(2026, 9, 21, 12, tzinfo=UTC),
        ended=datetime(2026, 9, 21, 12, 1, 35, 500_000, tzinfo=UTC),
    ),
    checks=[check(verdict) for verdict in ("pass", "fail", "unknown", "skipped", "fail")],
    verdict="fail",
    scenario={"title": "Three cities", "name": "three_cities"},
)


FAILED = "determinism.mean_jaccard = 0.910, expected >= 0.95 (12 questions)"


def test_junit_has_a_case_for_each_check():
    suite = ET.fromstring(junit(ALL)).find("testsuite")
    assert suite.attrib == {
        "name": "multi_coord_stress",
        "tests": "5",
        "failures": "2",
        "errors": "1",
        "skipped": "1",
        "timestamp": "2026-09-21T12:00:00",
        "time": "95.500",
    }
    properties, *cases, said = suite
    assert properties[0].attrib == {"name": "scenario", "value": "Three cities"}
    outcomes = [[child.tag for child in case] for case in cases]
    assert outcomes == [[], ["failure"], ["error"], ["skipped"], ["failure"]]
    assert said.text == verdict_line(ALL)
    assert cases[1].get("name") == "determinism.mean_jaccard >= 0.95"
    assert cases[1][0].get("message") == FAILED
    assert cases[2][0].get("message") == "determinism.mean_jaccard >= 0.95: 0.910 (12 questions)"


def test_junit_takes_any_text():
    hostile = 'a < b & "c" \x00\x1b\ud800 ]]> é\n'
    suite = ET.fromstring(junit(RunDocument(checks=[check("fail", hostile, hostile)])))[0]
    assert suite[1].get("name") == 'a < b & "c" \ufffd\ufffd\ufffd ]]> é\n'


def test_junit_goes_where_it_was_asked_to(tmp_path):
    path = tmp_path / "results" / "junit.xml"
    write_junit(path, ALL)
    assert path.read_bytes() == junit(ALL)
    with pytest.raises(UsageError, match=r"--junit .*: cannot be written: File exists"):
        write_junit(path / "x.xml", ALL)


def test_annotations_are_errors_and_warnings():
    title = "title=determinism.mean_jaccard >= 0.95"
    assert check_annotations(ALL) == [
        f"::error title=multi_coord_stress::{verdict_line(ALL)}",
        f"::error {title}::{FAILED}",
        f"::warning {title}::determinism.mean_jaccard >= 0.95: 0.910 (12 questions)",
        f"::error {title}::{FAILED}",
    ]
    assert verdict_line(ALL) == (
        "FAIL: determinism.mean_jaccard = 0.910, expected >= 0.95; 2 of 5 checks failed"
    )


def test_no_text_becomes_a_command():
    _, line = check_annotations(
        RunDocument(checks=[check("unknown", "a:b,c%\n::x::", "100 %\r\n::stop::")])
    )
    title, text = "a%3Ab%2Cc%25%0A%3A%3Ax%3A%3A", "a:b,c%25%0A::x::: 100 %25%0D%0A::stop::"
    assert line == f"::warning title={title}::{text}"


def test_the_summary_is_appended_and_annotations_are_printed(tmp_path):
    summary, out = tmp_path / "summary.md", io.StringIO()
    summary.write_text("before\n")
    environment = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    tell_github(ALL, "# Report", environment, out)
    assert summary.read_text() == "before\n# Report\n"
    assert out.getvalue().count("::error") == 3


def test_elsewhere_nothing_happens():
    out = io.StringIO()
    tell_github(ALL, "# Report", {}, out)
    assert out.getvalue() == ""


def test_a_summary_that_cannot_be_written_costs_a_warning(tmp_path, caplog):
    tell_github(ALL, "# Report", {"GITHUB_STEP_SUMMARY": str(tmp_path)}, io.StringIO())
    assert "GITHUB_STEP_SUMMARY" in caplog.text
