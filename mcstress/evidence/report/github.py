"""What GitHub Actions shows of a run: its Markdown as the step's summary, checks as annotations."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from mcstress.evidence.report.verdict_line import verdict_line
from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.verdict import line

_LEVELS = {"fail": "error", "unknown": "warning"}

logger = logging.getLogger(__name__)


def tell_github(
    document: RunDocument, markdown: str, environment: Mapping[str, str], out: TextIO
) -> None:
    """Do what ``environment`` (``os.environ``) asks for; nothing outside of GitHub Actions.

    A summary that cannot be written costs the summary, and a warning in the log.
    """
    if environment.get("GITHUB_ACTIONS") == "true":
        out.writelines(f"{line}\n" for line in check_annotations(document))
    if summary := environment.get("GITHUB_STEP_SUMMARY"):
        try:
            with Path(summary).open("a", encoding="utf-8", errors="replace") as file:
                file.write(f"{markdown}\n")
        except OSError as error:
            logger.warning("GITHUB_STEP_SUMMARY %s: %s", summary, error.strerror)


def check_annotations(document: RunDocument) -> list[str]:
    """The verdict's line, an error for each check that failed, a warning for each unknown one."""
    worst = _LEVELS.get(document.verdict, "notice")
    told = f"::{worst} title=multi_coord_stress::{_message(verdict_line(document))}"
    return [told] * bool(document.checks) + [
        f"::{level} title={_property(check.check)}::{_message(line(check))}"
        for check in document.checks
        if (level := _LEVELS.get(check.verdict))
    ]


def _message(text: str) -> str:
    """Escaped as the runner reads it, so that no text begins a command of its own."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
