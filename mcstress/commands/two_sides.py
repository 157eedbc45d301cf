"""The arguments of a command that compares two sets of files: ``A… -- B…``."""

from __future__ import annotations

import click


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
