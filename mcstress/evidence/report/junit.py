"""Checks as JUnit XML: fail is a failure, unknown an error, skipped is skipped."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from mcstress.errors import UsageError
from mcstress.evidence.report.verdict_line import verdict_line
from mcstress.evidence.run_document import RunDocument
from mcstress.evidence.store.atomic import atomic_file
from mcstress.metrics.verdict import line

SUITE = "multi_coord_stress"
_OUTCOMES = {"fail": "failure", "unknown": "error", "skipped": "skipped"}
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(path: Path, document: RunDocument) -> None:
    """Write the checks of a document's head to ``path``. Raises UsageError where it cannot."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path) as file:
            file.write(junit(document))
    except OSError as error:
        raise UsageError(f"--junit {path}: cannot be written: {error.strerror}") from error


def junit(document: RunDocument) -> bytes:
    """One suite with a test case for each check; its property ``scenario`` is the title."""
    run, checks = document.run, document.checks
    verdicts = Counter(check.verdict for check in checks)
    suite = Element(
        "testsuite",
        name=SUITE,
        tests=str(len(checks)),
        failures=str(verdicts["fail"]),
        errors=str(verdicts["unknown"]),
        skipped=str(verdicts["skipped"]),
    )
    if run.started and run.ended:
        suite.set("timestamp", run.started.replace(tzinfo=None).isoformat(timespec="seconds"))
        suite.set("time", f"{(run.ended - run.started).total_seconds():.3f}")
    asked = document.asked
    scenario = SubElement(SubElement(suite, "properties"), "property", name="scenario")
    scenario.set("value", _text(asked.title or asked.name))
    for check in checks:
        case = SubElement(suite, "testcase", classname=SUITE, name=_text(check.check))
        if outcome := _OUTCOMES.get(check.verdict):
            SubElement(case, outcome, message=_text(line(check)))
    SubElement(suite, "system-out").text = _text(verdict_line(document))
    suites = Element("testsuites")
    suites.append(suite)
    indent(suites)
    return bytes(tostring(suites, encoding="utf-8", xml_declaration=True)) + b"\n"


def _text(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
