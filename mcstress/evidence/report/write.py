"""The door to a run's report: the JSON document and all of WRITERS, each whole on disk or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mcstress.evidence.report.writers import WRITERS, Assets
from mcstress.evidence.run_document import RunDocument, head_of
from mcstress.evidence.store.atomic import write_text
from mcstress.evidence.store.document import replace_head, write_document
from mcstress.evidence.store.history import RunFile
from mcstress.evidence.store.paths import ReportPaths
from mcstress.evidence.store.time_order import TimeOrder

Texts = dict[str, str]
"""The text of each writer, by the ending of its file."""


def texts_of(document: RunDocument, assets: Assets = "inline") -> Texts:
    """What people are to read of ``document``."""
    return {ending: writer.text(document, assets) for ending, writer in WRITERS.items()}


def write_report(
    paths: ReportPaths,
    document: RunDocument,
    source: Sequence[Path] | RunFile,
    texts: Texts | None = None,
    stored: Mapping[str, Any] | None = None,
) -> int:
    """Write the reports of a run; the number of events in its JSON.

    ``source`` are the events files of the run, or the run as ``read_run`` gave it; its files stay.
    ``texts`` are those of ``document``; None: they are made once the JSON is on disk. ``stored`` is
    the head that the document was made again from (see ``head_of``).
    """
    order = TimeOrder(source) if isinstance(source, Sequence) else source.order
    head = head_of(document, stored)
    count = write_document(paths.json, head, order.raw_events(), order.workers)
    _write_texts(paths, texts or texts_of(document, paths.assets))
    return count


def update_head(paths: ReportPaths, document: RunDocument) -> None:
    """Write the reports anew with ``document``; the events in the JSON stay as they are."""
    replace_head(paths.json, head_of(document))
    _write_texts(paths, texts_of(document, paths.assets))


def _write_texts(paths: ReportPaths, texts: Texts) -> None:
    if paths.assets == "shared":
        from mcstress.evidence.report.page_assets import write_shared  # noqa: PLC0415  (see writers.py)

        write_shared(paths.folder)
    for ending, text in texts.items():
        write_text(paths.report(ending), text)
