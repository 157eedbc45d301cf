"""``python -m services.embedded``: the embedded stack in the foreground."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mcstress.errors import UsageError
from mcstress.services.embedded.faults import NO_FAULTS, InjectedFaults, parse_faults
from mcstress.services.embedded.lifeline import Announcement, Lifeline, line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MISUSE = 2
LOOPBACK = ("127.0.0.1", "localhost")


def serve(
    host: str = "127.0.0.1",
    port: int = 0,
    data_dir: Path | None = None,
    seed: int = 42,
    *,
    faults: InjectedFaults = NO_FAULTS,
    announce: Callable[[str], None] = click.echo,
    corpora: Sequence[Path] = (),
) -> None:
    """Serve until SIGINT or SIGTERM; ``announce`` gets the URL as soon as the stack answers.

    Port 0 takes a free one. Without ``data_dir`` nothing outlives the process. ``corpora``: files
    of JSON lines that take the place of the seed's (corpus_file.py).
    ServiceRefusalError where the port or the folder cannot be used, UsageError for a wrong file.
    """
    # one thread of arithmetic: the same vectors every time, and no core taken from the generator
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from mcstress.services.embedded.server import run_server  # noqa: PLC0415  # numpy reads the line above

    with suppress(KeyboardInterrupt):
        run_server(*(host, port, data_dir, seed), faults=faults, announce=announce, corpora=corpora)


@click.command()
@click.option("--host", type=click.Choice(LOOPBACK), default=LOOPBACK[0], show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0 takes a free one.")
@click.option(
    "--data", "data_dir", type=click.Path(path_type=Path), help="What outlives a restart."
)
@click.option("--seed", type=int, default=42, show_default=True, help="Makes the corpora.")
@click.option("--fault", "faults", multiple=True, metavar="NAME=VALUE,...", help="What is wrong.")
@click.option(
    "--corpus", multiple=True, type=click.Path(path_type=Path), help="NAME.jsonl to serve."
)
@click.option("--parent", type=int, hidden=True, help="The process to die with.")
def main(
    *,
    host: str,
    port: int,
    data_dir: Path | None,
    seed: int,
    faults: tuple[str, ...],
    corpus: tuple[Path, ...],
    parent: int | None,
) -> None:
    """Gateway and Ollama API of the embedded stack on one loopback port."""
    if parent is not None:
        Lifeline(parent).hold()
    try:
        serve(
            host,
            port,
            data_dir,
            seed,
            faults=parse_faults(faults, "--fault"),
            corpora=corpus,
            announce=announce_url if parent is not None else click.echo,
        )
    except UsageError as refusal:
        if parent is not None:
            click.echo(line(Announcement(refused=str(refusal))))
        else:
            click.echo(f"Error: {refusal}", err=True)
        sys.exit(MISUSE)


def announce_url(url: str) -> None:
    """Tell the parent where the stack answers."""
    click.echo(line(Announcement(url=url)))


if __name__ == "__main__":
    main()
