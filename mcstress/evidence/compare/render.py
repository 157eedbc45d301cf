"""A comparison as text, Markdown or JSON."""

from __future__ import annotations

import re
from io import StringIO
from json import dumps

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mcstress.evidence.compare.comparison import Comparison
from mcstress.evidence.compare.figure import Figure
from mcstress.evidence.report import words
from mcstress.evidence.report.markdown import code, escape
from mcstress.metrics.metric import COUNT
from mcstress.metrics.names import METRICS

_COLUMNS = ("Figure", "Effect", "95 % interval", "", "A", "B", "n", "p (Holm)")
_WIDTH = 200
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")


def text(comparison: Comparison) -> str:
    """The comparison for a terminal, without colours."""
    table = Table(box=None, pad_edge=False, header_style="")
    for column in _COLUMNS:
        table.add_column(column, justify="left" if column in ("Figure", "") else "right")
    for figure in comparison.figures:
        table.add_row(*(Text(cell) for cell in _row(figure)))
    out = StringIO()
    Console(file=out, width=_WIDTH, no_color=True).print(table)
    lines = (line.rstrip() for line in out.getvalue().splitlines())
    return "\n".join([*_heading(comparison), "", *lines, "", *_remarks(comparison)]) + "\n"


def markdown(comparison: Comparison) -> str:
    """The comparison as GitHub's Markdown."""
    rows = [_row(figure) for figure in comparison.figures]
    return "\n".join(
        [
            "# Comparison",
            "",
            f"**{escape(summary(comparison))}**",
            "",
            *(f"- {side}: {', '.join(map(code, files))}" for side, files in _sides(comparison)),
            "",
            f"| {' | '.join(_COLUMNS)} |",
            "| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: |",
            *(f"| {' | '.join([code(row[0]), *map(escape, row[1:])])} |" for row in rows),
            "",
            *(f"- {escape(remark)}" for remark in _remarks(comparison)),
            "",
        ]
    )


def json(comparison: Comparison) -> str:
    """The comparison as one JSON object.

    ``regressions`` names what is proven to be worse, and what B does not have any more.
    """
    whole = msgspec.to_builtins(comparison)
    whole["regressions"] = comparison.regressions
    text = msgspec.json.format(msgspec.json.encode(whole), indent=2).decode()
    # In ASCII, which any terminal's encoding has: what it replaced would be lost to a machine.
    return _BEYOND_ASCII.sub(lambda found: dumps(found[0])[1:-1], text) + "\n"


def summary(comparison: Comparison) -> str:
    """What is proven, in one sentence."""
    said = [
        f"{verdict}: {words.sentence_list(names)}"
        for verdict in ("worse", "better")
        if (names := [one.name for one in comparison.figures if one.verdict == verdict])
    ]
    proven = f"Proven {'; '.join(said)}." if said else "No difference is proven."
    for side, names in (("A", comparison.gone), ("B", comparison.new)):
        if names:
            proven += f" Only in {side}: {words.sentence_list(names)}."
    return proven


def _heading(comparison: Comparison) -> list[str]:
    sides = [f"{side}: {', '.join(files)}" for side, files in _sides(comparison)]
    return [summary(comparison), *sides]


def _sides(comparison: Comparison) -> list[tuple[str, list[str]]]:
    return [("A", comparison.a), ("B", comparison.b)]


def _remarks(comparison: Comparison) -> list[str]:
    return [
        *(f"Warning: {warning}." for warning in comparison.warnings),
        *comparison.notes,
        "A and B are the reports' own figures; means where there are several runs a side.",
        "Effect: B less A over n queries that both were asked, or B by A less 1 over n runs.",
        "~ where nothing is proven.",
    ]


def _row(figure: Figure) -> list[str]:
    return [
        figure.name,
        _change(figure, figure.effect),
        _interval(figure),
        figure.verdict,
        _value(figure, figure.a),
        _value(figure, figure.b),
        f"{figure.n_a}" if figure.unit == "queries" else f"{figure.n_a} + {figure.n_b}",
        words.p_value(figure.p_holm),
    ]


def _change(figure: Figure, change: float) -> str:
    written = f"{change:+.1%}" if figure.relative else f"{change:+.3f}"
    return written.replace("-", "\u2212").replace("%", " %")


def _interval(figure: Figure) -> str:
    if figure.ci95 is None:
        return words.NONE
    low, high = (_change(figure, end) for end in figure.ci95)
    return f"[{low}, {high}]"


def _value(figure: Figure, value: float) -> str:
    if figure.name.startswith("latency."):
        return f"{words.milliseconds(value)} ms"
    if figure.name == "steps_per_s":
        return words.per_second(value)
    # A count of one run is a whole number; the mean of several need not be one.
    is_count = METRICS[figure.name].unit == COUNT and value == int(value)
    return words.count(int(value)) if is_count else words.score(value)
