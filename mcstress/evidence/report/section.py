"""Sections of a report: what Markdown and HTML both show, said once."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

import msgspec

from mcstress.evidence.report.readings import Reading
from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.results import FigureSection

_FIGURE = re.compile(r"(?:< )?[-+\u2212\[]*\d[^a-z]*( of [\d,]+)?$|> [\d.,]+(?: %| m?s)?$|\u2013$")


class Verbatim(str):
    """Text that a service or a scenario chose: shown as it is, never as markup."""

    __slots__ = ()


class Link(Verbatim):
    """A URL that a reader may follow."""

    __slots__ = ()


class Beside(Verbatim):
    """The path of a file in the report's own folder."""

    __slots__ = ()

    @property
    def href(self) -> str:
        """Where it is, seen from the report."""
        return quote(PurePath(self).name)


class Command(Verbatim):
    """A line for a shell, shown in a block of its own, exactly as it is typed."""

    __slots__ = ()


class Table(msgspec.Struct):
    """A table. Cells are text, Verbatim, or a Reading; the first of a row is its name."""

    columns: list[str]
    rows: list[list[Any]]

    @property
    def numeric(self) -> list[bool]:
        """Which columns hold figures, to be set flush right."""
        columns = zip(*self.rows, strict=True) if self.rows else ([] for _ in self.columns)
        return [all(map(_is_figure, column)) for column in columns]


class Headline(msgspec.Struct, frozen=True):
    """A section's one figure, its interval, and what it is where its question does not say."""

    value: str
    interval: str = ""
    label: str = ""


class Section(msgspec.Struct, kw_only=True):
    """One part of a report.

    ``answer`` answers ``question``, where there is one; ``lead`` is a sentence before the tables,
    ``commands`` are lines for a shell below them, ``notes`` the sentences at the end.
    """

    key: str
    title: str
    question: str = ""
    answer: Reading | None = None
    headline: Headline | None = None
    lead: str = ""
    tables: list[Table] = []
    commands: list[Command] = []
    notes: list[str] = []

    @property
    def is_shown(self) -> bool:
        """Whether it has anything to say; a report leaves out what has not."""
        return bool(self.tables or self.notes or self.lead)


def _is_figure(cell: Any) -> bool:
    return type(cell) is str and (not cell or _FIGURE.match(cell) is not None)


def figures(document: RunDocument, path: str) -> FigureSection:
    """The part of the document's metrics at a dotted ``path``; empty where it is not there."""
    found: FigureSection = document.metrics
    for key in path.split("."):
        found = found.get(key) or {}
    return found
