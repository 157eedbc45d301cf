"""The Markdown report: the short form, good to paste into a pull request.

What services and scenarios chose (Verbatim) stands in code spans, and every other text is escaped,
so that neither becomes markup, a mention or a table's border.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from mcstress.evidence.report.readings import Reading
from mcstress.evidence.report.section import Command, Link, Verbatim
from mcstress.evidence.report.view import view
from mcstress.evidence.run_document import RunDocument

_SPECIAL = re.compile(
    r"[\\`*|]|~(?=\S)|(?<=\S)~"  # emphasis, code, a table's border, strike-through
    r"|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"
    r"|^[>#+-](?=\s)|^\[(?=[\sxX^])|](?=[(\[:])"  # a quote, heading or list; a link
    r"|<(?=[A-Za-z/!?])|&(?=[#A-Za-z])"  # HTML
    r"|(?<![A-Za-z0-9])@|#(?=\d)"  # a mention, an issue
)
_IN_CODE = re.compile(r"[^A-Za-z0-9 .,:/()=-]")
_URL = re.compile(r"https?://[^\s<>]+")
_SPACE = re.compile(r"\s+")
_NOT_PRINTED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def markdown(document: RunDocument, generated: datetime | None = None) -> str:
    """The report of a document's head as GitHub's Markdown."""
    return _template().render(report=view(document, generated))


def escape(text: str) -> str:
    """``text`` on one line, meaning nothing but itself in GitHub's Markdown."""
    return _SPECIAL.sub(_entity, one_line(text))


def code(text: str) -> str:
    """``text`` in a code span, also inside a table."""
    line = one_line(text).strip()
    if not line:
        return ""
    if "|" in line or "`" in line:
        return f"<code>{_IN_CODE.sub(_entity, line)}</code>"
    return f"`{line}`"


def one_line(text: str) -> str:
    """``text`` without line breaks, control characters and changes of direction."""
    return _SPACE.sub(" ", _NOT_PRINTED.sub("\ufffd", text))


def _entity(match: re.Match[str]) -> str:
    return f"&#{ord(match[0])};"


def _cell(value: Any) -> str:
    """Any value of the view, as Markdown."""
    if isinstance(value, Reading):
        return escape(value.words)
    if isinstance(value, Link) and _URL.fullmatch(value):
        return f"<{value}>"
    if isinstance(value, Command):
        return one_line(value)
    if isinstance(value, Verbatim):
        return code(value)
    return escape(str(value))


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        # Markdown is no HTML: _cell escapes what Markdown reads.
        autoescape=False,  # noqa: S701
        finalize=_cell,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    return environment.get_template("report.md.jinja")
