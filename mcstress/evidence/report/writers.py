"""The forms of a report: one list. A run's files are written, numbered, served and told from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    # At run time the texts need it, not their list, which the command line reads.
    from mcstress.evidence.run_document import RunDocument

Assets = Literal["inline", "shared"]
"""Where a page has Bokeh's JavaScript, 1.1 MB: ``inline`` in itself, so that it travels alone, or
``shared`` with all pages of its folder, in a file beside them."""


class Form(msgspec.Struct, frozen=True):
    """How the page calls a file of a run, and as what it serves it."""

    title: str
    mimetype: str


class Writer(Form, frozen=True):
    """A form for people to read; ``text`` makes a file of it, which is UTF-8."""

    text: Callable[[RunDocument, Assets], str]


def _markdown(document: RunDocument, _: Assets) -> str:
    from mcstress.evidence.report.markdown import markdown  # noqa: PLC0415  (see below)

    return markdown(document)


def _html(document: RunDocument, assets: Assets) -> str:
    # Loading Bokeh takes a second: workers do without it, and a thread does not keep them waiting.
    from mcstress.evidence.report.html import html  # noqa: PLC0415  (see above)

    return html(document, assets=assets)


WRITERS: dict[str, Writer] = {
    "md": Writer("Markdown", "text/plain", _markdown),
    "html": Writer("report", "text/html", _html),
}
"""By the ending of the file's name, in the order in which people are told of the files."""

DOCUMENT = "json"


def forms() -> dict[str, Form]:
    """Those of WRITERS, and last the JSON document, which has the events too."""
    return {**WRITERS, DOCUMENT: Form("JSON", "application/json")}
