"""The command line tool ``mcstress``: everything but the run itself."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from mcstress.commands.compare import TwoSides, compare_files, write_page
from mcstress.errors import UsageError
from mcstress.evidence.report.writers import Assets
from mcstress.exit_codes import COMPARED, EXIT_CODES, EXIT_USAGE
from mcstress.option_defaults import ASSETS, DEFAULT_LANGFUSE_ENV, DEFAULT_REPORT_DIR
from mcstress.process.tuning import tolerate_encoding
from mcstress.services.embedded.faults import explained, parse_faults
from mcstress.tracing.trace import LEVELS, MaskLevel

EXIT_LEFT = 1


ASSETS_OPTION = click.option(
    "--assets",
    type=click.Choice(ASSETS),
    default=ASSETS[0],
    show_default=True,
    help="the charts' JavaScript: in each page, or in a file beside all of them",
)


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
    """Check a setup, make reports again, compare runs, replay traces, serve the embedded stack."""


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--skip-damaged",
    is_flag=True,
    help="skip lines that cannot be read; the verdict is then unknown",
)
@ASSETS_OPTION
def report(file: Path, assets: Assets, *, skip_damaged: bool) -> None:
    """Make the report again, from a run's .events.jsonl or .json FILE; exits by the verdict."""
    from mcstress.commands.report import report_again  # noqa: PLC0415  (scipy and Bokeh load slowly)

    try:
        verdict, told = report_again(file, skip_damaged=skip_damaged, assets=assets)
    except OSError as fault:
        raise UsageError(f"{fault.filename or file}: {fault.strerror}; wrote no report") from fault
    click.echo(told)
    raise SystemExit(EXIT_CODES[verdict])


@main.command()
@click.argument(
    "folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=DEFAULT_REPORT_DIR,
)
@ASSETS_OPTION
def index(folder: Path, assets: Assets) -> None:
    """Write index.html of a FOLDER of reports: each run, its verdict, its key figures over runs."""
    from mcstress.evidence.report.folder_index import write_index  # noqa: PLC0415  (Bokeh loads slowly)

    try:
        click.echo(write_index(folder, assets))
    except OSError as fault:
        raise UsageError(f"{fault.filename or folder}: {fault.strerror}") from fault


@main.command(epilog=f"Faults (docs/faults.md), several with commas:\n\n\b\n{explained()}")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="port; 0: any free one")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=None,
    help="folder that keeps all data over a restart",
)
@click.option("--seed", type=int, default=42, show_default=True, help="random seed of the corpora")
@click.option("--fault", multiple=True, metavar="NAME=VALUE,...", help="faults to inject")
@click.option(
    "--corpus",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="NAME.jsonl",
    help="serve the corpus of this file instead of the seed's; repeatable",
)
def stack(
    port: int, data: Path | None, seed: int, fault: tuple[str, ...], corpus: tuple[Path, ...]
) -> None:
    """Serve the built-in gateway and LLM alone, in the foreground, until Ctrl-C."""
    faults = parse_faults(fault, "--fault")
    from mcstress.services.embedded.__main__ import serve  # noqa: PLC0415  (numpy's tables load slowly)

    serve(port=port, data_dir=data, seed=seed, faults=faults, announce=_announce, corpora=corpus)


def _announce(url: str) -> None:
    click.echo(
        f"Built-in gateway and LLM on {url} - use it for --host and --llm-host. Ctrl-C stops."
    )


@main.command()
@click.option("--scenario", default="three_cities", show_default=True, help="a name or a file")
@click.option("--seed", type=int, default=42, show_default=True, help="of the corpora")
@click.option("--top-k", type=click.IntRange(0, 1000), default=0, help="ids a query; 0: its K")
@click.option(
    "--corpus",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="NAME.jsonl",
    help="the files that the stack was given; repeatable",
)
def truth(scenario: str, seed: int, top_k: int, corpus: tuple[Path, ...]) -> None:
    """Print what the embedded stack should find, by exact search: a file for --truth."""
    from mcstress.commands.truth import exact_lines  # noqa: PLC0415  (numpy's tables load slowly)

    for line in exact_lines(scenario, seed, top_k, corpus):
        click.echo(line)


@main.command()
@click.option("--scenario", default="three_cities", show_default=True, help="a name or a file")
@click.option("--seed", type=int, default=42, show_default=True, help="of the corpora")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="folder to write to")
@click.option("--vectors", is_flag=True, help="with each item's vector, by the built-in embedding")
def corpus(scenario: str, seed: int, out: Path, *, vectors: bool) -> None:
    """Write the corpora that a scenario searches, a JSON line for each item."""
    from mcstress.commands.corpus import write_corpora  # noqa: PLC0415  (numpy's tables load slowly)

    for told in write_corpora(scenario, seed, out, vectors=vectors):
        click.echo(told)


@main.command()
@click.option("--target", default="", help="where to: a shipped target, FILE.toml or module:Class")
@click.option("--host", default="", help="the gateway; or the {host} of the target's file")
@click.option("--target-token", multiple=True, metavar="NAME@HOST", help="as a run takes it")
@click.option("--set", "numbers", multiple=True, metavar="KEY=NUMBER", help="as a run takes it")
@click.option("--timeout", type=click.FloatRange(0.1, 3600), default=30, show_default=True)
@click.option("--scenario", default="three_cities", show_default=True, help="a name or a file")
@click.option("--seed", type=int, default=42, show_default=True, help="of the corpora")
@click.option(
    "--corpus",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="NAME.jsonl",
    help="write the corpus of this file instead of the scenario's; repeatable",
)
@click.option(
    "--memories",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="write N recordings instead of corpora",
)
@click.option(
    "--tenants",
    type=click.IntRange(1),
    default=1,
    metavar="T",
    help="over how many namespaces they go",
)
@click.option("--truth", default="", metavar="FILE", help="write what exact search finds, too")
@click.option("--again", is_flag=True, help="write again what was written before")
def load(target_token: tuple[str, ...], corpus: tuple[Path, ...], **options: Any) -> None:
    """Write a scenario's corpora, or many memories, into a target; what is there is left out."""
    # Locust comes first: it patches ssl, which must not be in use by then.
    import locust  # noqa: F401, PLC0415

    from mcstress.commands.load import LoadRequest  # noqa: PLC0415
    from mcstress.commands.load import load as load_target  # noqa: PLC0415

    timeout_s = options.pop("timeout")
    request = LoadRequest(files=corpus, tokens=target_token, timeout_s=timeout_s, **options)
    for told in load_target(request):
        click.echo(told)


@main.command(
    cls=TwoSides,
    options_metavar="[OPTIONS]",
    epilog="B: the files after --; options may stand anywhere. Pages: docs/compare.md",
)
@click.argument("a", nargs=-1, type=click.Path(path_type=Path), metavar="A.json... -- B.json...")
@click.option("--format", "form", type=click.Choice(["text", "markdown", "json"]), default="text")
@click.option(
    "--fail-on-regression",
    is_flag=True,
    help="exit code 5 where B is proven worse, 4 where that cannot be judged",
)
@click.option(
    "--html", "page", type=click.Path(path_type=Path), help="also write a page with charts"
)
@click.pass_context
def compare(
    ctx: click.Context,
    a: tuple[Path, ...],
    form: str,
    page: Path | None,
    *,
    fail_on_regression: bool,
) -> None:
    """Compare two sets of runs."""
    from mcstress.evidence.compare import render  # noqa: PLC0415  (scipy loads slowly)

    found, sides = compare_files(a, [Path(name) for name in ctx.obj or []])
    click.echo(getattr(render, form)(found), nl=False)
    if page is not None:
        write_page(page, found, sides)
    if fail_on_regression:
        raise SystemExit(COMPARED[found.outcome])


@main.command(
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    add_help_option=False,
)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def check(options: tuple[str, ...]) -> None:
    """Validate options, scenario, services and checks without running a test."""
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


@main.command(
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    add_help_option=False,
)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def run(options: tuple[str, ...]) -> None:
    """Run a test as locust --headless does; without options, 40 s on the built-in server."""
    import locust  # noqa: F401, PLC0415  (it patches ssl, which must not be in use by then)

    from mcstress.commands.run import command_line, options_text  # noqa: PLC0415  (with it)
    from mcstress.commands.sweep import sweep, varied  # noqa: PLC0415  (with it)

    if {"-h", "--help"} & set(options):
        click.echo("Usage: mcstress run [OPTIONS]\n")
        click.echo(options_text(), nl=False)
        return
    if varied(options):
        raise SystemExit(sweep(options, click.echo))
    line = command_line(options)
    os.execv(line[0], line)  # noqa: S606  (the exit code, the signals and the terminal are Locust's)


@main.command()
def options() -> None:
    """Show our options of a run in groups, with their defaults: locust --help cannot."""
    import locust  # noqa: F401, PLC0415  (it patches ssl, which must not be in use by then)

    from mcstress.commands.run import options_text  # noqa: PLC0415  (with it)

    click.echo(options_text(), nl=False)


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--within",
    type=click.FloatRange(0, min_open=True),
    default=15.0,
    show_default=True,
    help="seconds since the last heartbeat",
)
def health(file: Path, within: float) -> None:
    """Tell whether the process that has --heartbeat FILE is alive: exit code 0, else 1."""
    from mcstress.process.heartbeat import read_heartbeat  # noqa: PLC0415  (imports Locust)

    alive, told = read_heartbeat(file, within)
    click.echo(told)
    if not alive:
        raise SystemExit(EXIT_LEFT)


@main.command()
@click.argument("spools", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--langfuse-env", type=click.Path(path_type=Path), default=DEFAULT_LANGFUSE_ENV)
@click.option(
    "--otlp-traces",
    metavar="URL",
    default="",
    help="where spools of OTLP go; env: to where OTEL_EXPORTER_OTLP_TRACES_ENDPOINT says",
)
@click.option("--mask", type=click.Choice(LEVELS), help="masking level instead of the run's own")
@click.option(
    "--timeout",
    type=click.IntRange(1, 3600),
    default=30,
    show_default=True,
    help="seconds to wait for one response",
)
@click.option(
    "--within",
    type=click.IntRange(1),
    help="seconds for everything; the rest stays in the spool  [default: no limit]",
)
def replay(  # noqa: PLR0917  (click passes them by name)
    spools: tuple[Path, ...],
    langfuse_env: Path,
    otlp_traces: str,
    mask: MaskLevel | None,
    timeout: int,
    within: int | None,
) -> None:
    """Send the traces that a run left in its SPOOLS to Langfuse or a collector, each once."""
    import locust  # noqa: F401, PLC0415  (it patches ssl, which must not be in use by then)

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
