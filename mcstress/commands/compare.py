"""``mcstress compare A… -- B…``: its arguments, and what it does with the files."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mcstress.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mcstress.evidence.compare.comparison import Comparison
    from mcstress.evidence.store.history import RunFile

    Sides = tuple[list[RunFile], list[RunFile]]


class TwoSides(click.Command):
    """Takes ``A… -- B…``: the parser would drop the ``--`` that stands between the sides.

    Options may stand before, between and after the files. A second ``--`` ends them: what follows
    it are files, whatever their names begin with.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the files that follow the first ``--`` as the B side."""
        if "--" in args:
            cut = args.index("--")
            args, rest = args[:cut], args[cut + 1 :]
            end = rest.index("--") if "--" in rest else len(rest)
            options, files = self._told_apart(rest[:end])
            args, ctx.obj = [*args, *options], [*files, *rest[end + 1 :]]
        return super().parse_args(ctx, args)

    def _told_apart(self, args: list[str]) -> tuple[list[str], list[str]]:
        """Options, each with its value, and files."""
        valued = {
            name
            for parameter in self.params
            if isinstance(parameter, click.Option) and not parameter.is_flag
            for name in parameter.opts
        }
        options: list[str] = []
        files: list[str] = []
        rest = iter(args)
        for arg in rest:
            (options if arg.startswith("-") else files).append(arg)
            if arg in valued:
                options += [value for value in [next(rest, None)] if value is not None]
        return options, files


def compare_files(a: Sequence[Path], b: Sequence[Path]) -> tuple[Comparison, Sides]:
    """The comparison of the runs ``a`` with the runs ``b``, and what was read of both."""
    from mcstress.evidence.compare import comparison  # noqa: PLC0415  (scipy loads slowly)
    from mcstress.evidence.store.history import blaming, read_run  # noqa: PLC0415  (likewise)

    sides = [read_run(path) for path in a], [read_run(path) for path in b]
    with ExitStack() as reading:
        for run in chain(*sides):
            reading.enter_context(blaming(run))
        return comparison.compare(*sides), sides


def write_page(page: Path, found: Comparison, sides: Sides) -> None:
    """Write the comparison as a page with charts."""
    from mcstress.evidence.compare.page import html  # noqa: PLC0415  (Bokeh loads slowly)
    from mcstress.evidence.store.atomic import write_text  # noqa: PLC0415  (with it)

    documents = ([run.document for run in side] for side in sides)
    try:
        write_text(page, html(found, *documents))
    except OSError as fault:
        raise UsageError(f"--html {page}: {fault.strerror}") from fault
