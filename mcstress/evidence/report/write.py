"""The door to a run's report: JSON, Markdown and HTML, each whole on disk or not there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mcstress.evidence.report.html import html
from mcstress.evidence.report.markdown import markdown
from mcstress.evidence.report.section import Document
from mcstress.evidence.store.atomic import write_text
from mcstress.evidence.store.document import replace_head, write_document
from mcstress.evidence.store.history import RunFile
from mcstress.evidence.store.paths import ReportPaths
from mcstress.evidence.store.time_order import TimeOrder


class Views(NamedTuple):
    """A report for people to read."""

    markdown: str
    html: str


def views_of(head: Document) -> Views:
    """What is shown of the document ``head``."""
    return Views(markdown(head), html(head))


def write_report(
    paths: ReportPaths,
    head: Document,
    source: Sequence[Path] | RunFile,
    views: Views | None = None,
) -> int:
    """Write the reports of a run; the number of events in its JSON.

    ``head`` is the document (DESIGN.md section 6) without ``events``; ``source`` the events files
    of the run, or the run as ``read_run`` gave it. The files of ``source`` stay. ``views`` are
    those of ``head``; None: they are made once the JSON is on disk.
    """
    order = TimeOrder(source) if isinstance(source, Sequence) else source.order
    count = write_document(paths.json, head, order.raw_events(), order.workers)
    _write_views(paths, views or views_of(head))
    return count


def update_head(paths: ReportPaths, head: Document) -> None:
    """Write the reports anew with ``head``; the events in the JSON stay as they are."""
    replace_head(paths.json, head)
    _write_views(paths, views_of(head))


def _write_views(paths: ReportPaths, views: Views) -> None:
    write_text(paths.markdown, views.markdown)
    write_text(paths.html, views.html)
