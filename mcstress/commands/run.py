"""``mcstress run`` and ``mcstress options``: a run as by ``locust``, and our options in groups.

``locust --help`` cannot show them: it is printed before a locustfile is read.
"""

from __future__ import annotations

import sys
from argparse import Action, Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path

from click import HelpFormatter
from locust.argument_parser import get_empty_argument_parser

from mcstress.commands.check import LOCUSTFILE, has_locustfile, make_parser
from mcstress.options import add_options

DEFAULT_LOAD = ("-u", "24", "-r", "0.75", "-t", "40s", "--think-time", "0.1-0.5")
"""Where nobody says how much load: a ramp over all eight wordings, with three bands of users."""

GROUPS: dict[str, tuple[str, ...]] = {
    "What is tested": (
        "--target", "--target-token", "--set", "--llm-host", "--llm-model", "--llm-api",
        "--llm-max-tokens", "--stack-fault", "--memory-size", "--playbook-prefix",
    ),
    "What is asked": (
        "--scenario", "--rounds", "--seed", "--top-k", "--inbox", "--inbox-repeat",
    ),
    "How much load": (
        "--think-time", "--arrival-rate", "--arrivals", "--max-wait", "--mix",
        "--find-capacity", "--clock", "--time-scale",
        "--reference", "--llm-parallel", "--overload",
    ),
    "What is judged": ("--check", "--truth", "--rest"),
    "Limits": ("--timeout", "--llm-timeout", "--wait-deadline", "--max-answer"),
    "Reports and evidence": (
        "--report-dir", "--report-assets", "--run-id", "--evidence", "--junit", "--json-progress",
    ),
    "Traces and metrics for others": (
        "--langfuse-env", "--otlp-traces", "--trace-sample", "--mask", "--otlp-metrics",
        "--prometheus-port", "--heartbeat",
    ),
    "The web UI": ("--web-allowed-host",),
}  # fmt: skip
OTHERS = "Others"


def command_line(arguments: Sequence[str]) -> list[str]:
    """What ``locust`` is started with for ``mcstress run`` and ``arguments``; raises SystemExit."""
    options = _read(arguments)
    line = [sys.executable, "-m", "locust"]
    if not has_locustfile(options):
        line += ["-f", str(LOCUSTFILE)]
    line += ["--headless", "--only-summary"]
    if not _says_load(options):
        line += [*DEFAULT_LOAD, "--stop-timeout", "5"]
    return [*line, *arguments]


def report_dir_of(arguments: Sequence[str]) -> Path:
    """Where a run with ``arguments`` leaves its report."""
    return Path(_read(arguments).report_dir)


def _read(arguments: Sequence[str]) -> Namespace:
    parser = make_parser()
    parser.prog = "mcstress run"
    # Not as the run that begins reads them: that ends where a port is taken.
    options: Namespace = type(parser).parse_args(parser, list(arguments))
    return options


def _says_load(options: Namespace) -> bool:
    said = (
        options.num_users, options.run_time, options.rounds, options.arrival_rate, options.clock,
        options.find_capacity,
    )  # fmt: skip
    return options.worker or any(said)


def options_text() -> str:
    """Our options in groups: names, defaults, meanings, and the variable that sets each."""
    actions = {names[0]: action for action in _actions() if (names := action.option_strings)}
    named = [name for names in GROUPS.values() for name in names]
    groups = {**GROUPS, OTHERS: tuple(name for name in actions if name not in named)}
    formatter = HelpFormatter(max_width=110)
    for title, names in groups.items():
        shown = [(_named(name, actions[name]), _meaning(actions[name])) for name in names]
        if shown:
            with formatter.section(title):
                formatter.write_dl(shown)
    formatter.write_paragraph()
    formatter.write_text(
        "Each can stand in the environment too: --llm-host as MCSTRESS_LLM_HOST. Locust's own "
        "(-u, -r, -t, --host, --tags, --processes, …): locust --help. All of them: docs/options.md"
    )
    return formatter.getvalue()


def _actions() -> Iterator[Action]:
    """Our options, as our own listener adds them to an empty parser."""
    parser = get_empty_argument_parser(add_help=False)
    before = {id(action) for action in parser._actions}  # noqa: SLF001  (argparse has no other list)
    add_options(parser)
    return (action for action in parser._actions if id(action) not in before)  # noqa: SLF001  (likewise)


def _named(name: str, action: Action) -> str:
    value = "" if action.nargs == 0 else action.metavar or "|".join(action.choices or ())
    return f"{name} {value}".strip()


def _meaning(action: Action) -> str:
    has_default = action.default not in (None, "", False, 0)
    return f"{action.help}  [default: {action.default}]" if has_default else str(action.help)
