"""``mcstress``: what is done beside a run."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any

import click

from mcstress.errors import UsageError
from mcstress.exit_codes import EXIT_CODES, EXIT_REGRESSION, EXIT_USAGE
from mcstress.options import DEFAULT_LANGFUSE_ENV
from mcstress.process.tuning import tolerate_encoding
from mcstress.services.embedded.faults import explained, parse_faults
from mcstress.tracing.trace import LEVELS, MaskLevel

EXIT_LEFT = 1


class Group(click.Group):
    """A misuse is one line on standard error and exit code 2, in any terminal's encoding."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        tolerate_encoding()
        return super().main(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except UsageError as fault:
            sys.stderr.write(f"mcstress: {fault}\n")
            raise SystemExit(EXIT_USAGE) from None


@click.group(cls=Group)
@click.version_option(package_name="multi-coordinator-stress", prog_name="mcstress")
def main() -> None:
    """Reports, comparison, replay, the embedded stack, and a check without load."""


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--skip-damaged", is_flag=True, help="leave out lines that cannot be read; unknown")
def report(file: Path, *, skip_damaged: bool) -> None:
    """Make the report of FILE, a cut-off run's .events.jsonl or a run's .json; exit by verdict."""
    from mcstress.commands.report import report_again  # noqa: PLC0415  (scipy and Bokeh load slowly)

    try:
        verdict, told = report_again(file, skip_damaged=skip_damaged)
    except OSError as fault:
        raise UsageError(f"{fault.filename or file}: {fault.strerror}; wrote no report") from fault
    click.echo(told)
    raise SystemExit(EXIT_CODES[verdict])


@main.command(epilog=f"Faults (docs/faults.md), several with commas:\n\n\b\n{explained()}")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0: a free one")
@click.option("--data", type=click.Path(path_type=Path), default=None, help="survives a restart")
@click.option("--seed", type=int, default=42, show_default=True, help="of the corpora")
@click.option("--fault", multiple=True, metavar="NAME=VALUE,...", help="what is wrong with it")
def stack(port: int, data: Path | None, seed: int, fault: tuple[str, ...]) -> None:
    """Serve the embedded stack alone, in the foreground, until Ctrl-C."""
    faults = parse_faults(fault, "--fault")
    from mcstress.services.embedded.__main__ import serve  # noqa: PLC0415  (numpy's tables load slowly)

    serve(port=port, data_dir=data, seed=seed, faults=faults)


class TwoSides(click.Command):
    """Takes ``A… -- B…``: the parser would drop the ``--`` that stands between the sides."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep what follows the first ``--`` as the B side."""
        if "--" in args:
            cut = args.index("--")
            args, ctx.obj = args[:cut], args[cut + 1 :]
        return super().parse_args(ctx, args)


@main.command(cls=TwoSides, options_metavar="[OPTIONS]", epilog="B: the files after --")
@click.argument("a", nargs=-1, type=click.Path(path_type=Path), metavar="A.json... -- B.json...")
@click.option("--format", "form", type=click.Choice(["text", "markdown", "json"]), default="text")
@click.option(
    "--fail-on-regression",
    is_flag=True,
    help="exit code 5 where B is proven worse, 4 where a file proves nothing",
)
@click.pass_context
def compare(
    ctx: click.Context, a: tuple[Path, ...], form: str, *, fail_on_regression: bool
) -> None:
    """Compare runs B with runs A: effect first, interval, and ~ where nothing is proven."""
    from mcstress.evidence.compare import comparison, render  # noqa: PLC0415  (scipy loads slowly)
    from mcstress.evidence.store.history import blaming, read_run  # noqa: PLC0415  (likewise)

    b = [Path(name) for name in ctx.obj or []]
    runs = [read_run(path) for path in a], [read_run(path) for path in b]
    with ExitStack() as reading:
        for run in chain(*runs):
            reading.enter_context(blaming(run))
        found = comparison.compare(*runs)
    click.echo(getattr(render, form)(found), nl=False)
    if fail_on_regression and (found.damaged or found.unsent):
        raise SystemExit(EXIT_CODES["unknown"])
    if fail_on_regression and found.regressions:
        raise SystemExit(EXIT_REGRESSION)


@main.command(
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    add_help_option=False,
)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def check(options: tuple[str, ...]) -> None:
    """Find without load what a run with the same OPTIONS would refuse."""
    # Locust comes first: it patches ssl, which must not be in use by then.
    import locust  # noqa: F401, PLC0415

    from mcstress.commands import check as check_command  # noqa: PLC0415

    if {"-h", "--help"} & set(options):
        check_command.make_parser().print_help()
        return
    failed = False
    for finding in check_command.check(options):
        click.echo(f"{finding.mark:4}  {finding.text}")
        failed |= finding.mark == "fail"
    if failed:
        raise SystemExit(EXIT_USAGE)


@main.command()
@click.argument("spools", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--langfuse-env", type=click.Path(path_type=Path), default=DEFAULT_LANGFUSE_ENV)
@click.option(
    "--otlp-traces",
    metavar="URL",
    default="",
    help="where spools of OTLP go; env: to where OTEL_EXPORTER_OTLP_TRACES_ENDPOINT says",
)
@click.option("--mask", type=click.Choice(LEVELS), help="in place of what the run had")
@click.option(
    "--timeout",
    type=click.IntRange(1, 3600),
    default=30,
    show_default=True,
    help="seconds that the server has for an answer",
)
@click.option(
    "--within",
    type=click.IntRange(1),
    help="seconds for everything; what is left then stays  [default: no limit]",
)
def replay(  # noqa: PLR0917  (click passes them by name)
    spools: tuple[Path, ...],
    langfuse_env: Path,
    otlp_traces: str,
    mask: MaskLevel | None,
    timeout: int,
    within: int | None,
) -> None:
    """Send what a run left in SPOOLS to Langfuse or a collector, each observation once."""
    from mcstress.commands.replay import replay_spools  # noqa: PLC0415  (httpx loads slowly)

    outcomes = []
    replayed = replay_spools(
        *(spools, langfuse_env, otlp_traces), mask=mask, timeout_s=timeout, within_s=within
    )
    for spool, outcome in replayed:
        outcomes.append(outcome)
        click.echo(f"{spool}: {outcome}")
    if any(each.left or each.rejected or each.interrupted for each in outcomes):
        raise SystemExit(EXIT_LEFT)
