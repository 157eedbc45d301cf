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
from mcstress.evidence.compare.figure import Figure, Shown
from mcstress.evidence.compare.run_figures import STEPS_PER_S
from mcstress.evidence.compare.verdicts import SideVerdict
from mcstress.evidence.report import formatting
from mcstress.evidence.report.markdown import code, escape
from mcstress.metrics.metric import COUNT
from mcstress.metrics.names import METRICS

COLUMNS = (
    "Figure", "A", "B", "Change", "95 % interval", "", "p", "Mann\u2013Whitney p", "Over",
)  # fmt: skip
LEFT = ("Figure", "")
_WIDTH = 240
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")


def text(comparison: Comparison) -> str:
    """The comparison for a terminal, without colours."""
    table = Table(box=None, pad_edge=False, header_style="")
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in LEFT else "right")
    for figure in comparison.figures:
        table.add_row(*(Text(cell) for cell in row(figure)))
    out = StringIO()
    Console(file=out, width=_WIDTH, no_color=True).print(table)
    lines = (line.rstrip() for line in out.getvalue().splitlines())
    return "\n".join([*_heading(comparison), "", *lines, "", *remarks(comparison)]) + "\n"


def markdown(comparison: Comparison) -> str:
    """The comparison as GitHub's Markdown."""
    rows = [row(figure) for figure in comparison.figures]
    return "\n".join(
        [
            "# Comparison",
            "",
            f"**{escape(summary(comparison))}**",
            "",
            *(f"- {escape(line)}" for line in _lost(comparison)),
            *(
                f"- {escape(told)}: {', '.join(map(code, files))}"
                for told, files in sides(comparison)
            ),
            "",
            f"| {' | '.join(COLUMNS)} |",
            f"| {' | '.join('---' if one in LEFT else '---:' for one in COLUMNS)} |",
            *(f"| {' | '.join([code(cells[0]), *map(escape, cells[1:])])} |" for cells in rows),
            "",
            *(f"- {escape(remark)}" for remark in remarks(comparison)),
            "",
        ]
    )


def json(comparison: Comparison) -> str:
    """The comparison as one JSON object.

    ``regressions`` names what is proven to be worse, and what B does not have any more; ``outcome``
    is what ``--fail-on-regression`` goes by.
    """
    whole = msgspec.to_builtins(comparison)
    whole |= {"regressions": comparison.regressions, "outcome": comparison.outcome}
    text = msgspec.json.format(msgspec.json.encode(whole), indent=2).decode()
    # In ASCII, which any terminal's encoding has: what it replaced would be lost to a machine.
    return _BEYOND_ASCII.sub(lambda found: dumps(found[0])[1:-1], text) + "\n"


def summary(comparison: Comparison) -> str:
    """What is proven, and what could not be, in a few sentences."""
    said = [
        f"{verdict}: {formatting.sentence_list(names)}"
        for verdict in ("worse", "better")
        if (names := [one.name for one in comparison.figures if one.verdict == verdict])
    ]
    told = [f"Proven {'; '.join(said)}." if said else "No difference is proven."]
    if certain := [one.check for one in comparison.lost_checks if one.certain]:
        told.append(f"B fails what A passes: {formatting.sentence_list(certain)}.")
    for side, names in (("A", comparison.gone), ("B", comparison.new)):
        if names:
            told.append(f"Only in {side}: {formatting.sentence_list(names)}.")
    told += [f"Unknown: {one}." for one in comparison.unproven]
    return " ".join(told)


def _heading(comparison: Comparison) -> list[str]:
    told = [f"{said}: {', '.join(files)}" for said, files in sides(comparison)]
    return [summary(comparison), *_lost(comparison), *told]


def _lost(comparison: Comparison) -> list[str]:
    return [f"Check {one.check}: {one.said}." for one in comparison.lost_checks]


def sides(comparison: Comparison) -> list[tuple[str, list[str]]]:
    """Each side with its verdict in words, and its files."""
    return [
        (f"A, {_verdict(comparison.a_verdict)}", comparison.a),
        (f"B, {_verdict(comparison.b_verdict)}", comparison.b),
    ]


def _verdict(side: SideVerdict) -> str:
    """``PASS``, or ``FAIL in 3 runs, PASS in 1 run; failed: …``."""
    if len(side.verdicts) == 1:
        (verdict,) = side.verdicts
        said = verdict.upper()
    else:
        said = ", ".join(
            f"{verdict.upper()} in {formatting.plural(runs, 'run')}"
            for verdict, runs in side.verdicts.items()
        )
    failed = [f"{one.check} ({formatting.plural(one.runs, 'run')})" for one in side.failed]
    return said + (f"; failed: {', '.join(failed)}" if failed else "")


def remarks(comparison: Comparison) -> list[str]:
    """Warnings, notes, and what the columns mean, in sentences."""
    return [
        *(f"Warning: {warning}." for warning in comparison.warnings),
        *comparison.notes,
        *(
            f"{name}: a change by a factor of {ratio:.2f} or more would have been found "
            "in 80 % of comparisons."
            for name, ratio in comparison.reaches.items()
        ),
        *_REMARKS,
    ]


_REMARKS = (
    (
        "A and B are the reports' own figures; of several runs the mean, of times and paces the "
        "geometric mean."
    ),
    (
        "Change over runs is B - A, of times and paces B / A - 1; over questions, the mean of "
        "B - A over those that both sides were asked. The interval is of the test that judged; "
        "over runs that were not tested it is Welch's."
    ),
    (
        '"~": no difference is proven. All figures but the descriptive ones are tested together, '
        "p is corrected: where nothing changed, at most 5 % of comparisons find anything."
    ),
    '"descriptive": not tested. The interval stands alone; of many such, some exclude 0 by chance.',
)


def row(figure: Figure) -> list[str]:
    """A figure's cells, in the order of COLUMNS."""
    shown = figure.shown
    return [
        figure.name,
        _value(figure, figure.a),
        _value(figure, figure.b),
        _change(shown.change, relative=shown.relative),
        _interval(shown.ci95, relative=shown.relative),
        figure.verdict,
        formatting.p_value(figure.p),
        formatting.p_value(figure.mannwhitney_p),
        _over(figure, shown),
    ]


def _over(figure: Figure, shown: Shown) -> str:
    """What the change is over, with how many of them."""
    if shown.over == "questions" and figure.paired is not None:
        return formatting.plural(figure.paired.n, "question")
    return f"{figure.n_a} against {formatting.plural(figure.n_b, 'run')}"


def _change(change: float, *, relative: bool = False) -> str:
    written = f"{change:+.1%}" if relative else f"{change:+.3f}"
    return written.replace("-", "\u2212").replace("%", " %")


def _interval(ci95: tuple[float, float] | None, *, relative: bool = False) -> str:
    if ci95 is None:
        return formatting.NONE
    low, high = (_change(end, relative=relative) for end in ci95)
    return f"[{low}, {high}]"


def _value(figure: Figure, value: float) -> str:
    if figure.name == STEPS_PER_S:
        return formatting.per_second(value)
    if figure.relative:
        return f"{formatting.milliseconds(value)} ms"
    # A count of one run is a whole number; the mean of several need not be one.
    is_count = figure.name in METRICS and METRICS[figure.name].unit == COUNT
    return (
        formatting.count(int(value))
        if is_count and value == int(value)
        else formatting.score(value)
    )
