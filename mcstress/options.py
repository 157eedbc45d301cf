"""The options that Locust's command line, environment and web form get from us."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from locust.argument_parser import LocustArgumentParser
from locust.env import Environment

from mcstress.option_defaults import (
    ASSETS,
    DEFAULT_LANGFUSE_ENV,
    DEFAULT_REPORT_DIR,
    DEFAULT_SCENARIO,
    EMBEDDED,
    MAX_WAIT_S,
    REFERENCE_S,
    USUAL_LLM_TIMEOUT_S,
    USUAL_MODEL,
)

Add = Callable[..., None]
"""Adds one option, with what argparse takes."""


def add_scenario(parser: LocustArgumentParser) -> None:
    """Add ``--scenario`` alone: its personas are needed before all options can be read."""
    _add(
        parser,
        "--scenario",
        metavar="NAME or FILE",
        default=DEFAULT_SCENARIO,
        help="name of a scenario that ships with mcstress, or a TOML file",
    )


def _add(parser: LocustArgumentParser, *names: str, hidden: bool = False, **how: Any) -> None:
    variable = "MCSTRESS_" + names[0].lstrip("-").upper().replace("-", "_")
    parser.add_argument(*names, include_in_web_ui=not hidden, env_var=variable, **how)


def add_options(parser: LocustArgumentParser) -> None:
    """Add every option of docs/options.md. No argument group: Locust would lose them."""

    def add(*names: str, hidden: bool = False, **how: Any) -> None:
        _add(parser, *names, hidden=hidden, **how)

    add(
        "--llm-host",
        metavar="URL",
        default="",
        help="the LLM's base URL; empty: the built-in rules, but with --target, where they are "
        f"{EMBEDDED}",
    )
    add(
        "--llm-model",
        metavar="NAME",
        default=USUAL_MODEL,
        help="the model that parses and judges messages",
    )
    add_scenario(parser)
    add(
        "--rounds",
        type=int,
        metavar="N",
        default=0,
        help="rounds per coordinator; 0: until stopped",
    )
    add("--seed", type=int, metavar="N", default=42, help="random seed")
    add(
        "--check",
        metavar="EXPR",
        action="append",
        # Not []: of an empty list Locust's web UI believes that it holds whole numbers.
        default=None,
        help="check(s) that replace the scenario's, e.g. 'errors.rate <= 0.01'; "
        "separate several with ';'",
    )
    add("--top-k", type=int, metavar="N", default=0, help="results per search; 0: the scenario's")
    add(
        "--think-time",
        metavar="MIN-MAX",
        default="0",
        help="seconds between a coordinator's events, e.g. 2 or 1-5",
    )
    add(
        "--arrival-rate",
        metavar="R or FROM-TO",
        default="",
        help="events begin by a schedule: so many a second over all workers, e.g. 50, or 10-100 "
        "ramped over the run time; empty: each user begins its next event when the last is over",
    )
    add(
        "--arrivals",
        metavar="KIND",
        default="poisson",
        help="with --arrival-rate: poisson (by chance) or constant (evenly)",
    )
    add(
        "--mix",
        metavar="KIND=WEIGHT,...",
        default="",
        help="with --arrival-rate: single requests by weight in place of the phases, e.g. "
        "search=90,record=5,add=5",
    )
    add(
        "--find-capacity",
        action="store_true",
        default=False,
        help="find the highest rate at which every check holds: from --arrival-rate (or 5/s) up, "
        "half as much again each time; ends by itself",
    )
    add(
        "--max-wait",
        type=float,
        metavar="S",
        default=MAX_WAIT_S,
        help="with --arrival-rate or --clock: what no user has begun after so many seconds is "
        "missed",
    )
    add(
        "--clock",
        metavar="HOURS",
        default="",
        help="events begin by the scenario's timeline, which takes so many hours, e.g. 48; "
        "empty: no clock",
    )
    add(
        "--time-scale",
        metavar="X",
        default="",
        help="with --clock: how many times as fast as real time; empty: 3600, or what your LLM "
        "keeps up with",
    )
    add(
        "--reference",
        type=float,
        nargs="?",
        const=REFERENCE_S,
        metavar="S",
        default=0.0,
        help="seconds that one group of users runs alone first, as the baseline for load; 0: none",
    )
    _add_hidden(add)


def _add_hidden(add: Add) -> None:
    """Add the options that the web form does not show."""
    for some in (_add_target, _add_report, _add_input, _add_outputs):
        some(partial(add, hidden=True))


def _add_target(add: Add) -> None:
    """What is tested, and how it is spoken to."""
    add(
        "--target",
        metavar="NAME or FILE or MODULE:CLASS",
        default="",
        help="what to test instead of the gateway: a name that ships, a TOML file, your own class",
    )
    add(
        "--target-token",
        metavar="NAME@HOST",
        action="append",
        default=None,
        help="a variable that a target's file may name beside TARGET_…, and the host it may go to",
    )
    add(
        "--set",
        metavar="KEY=NUMBER",
        action="append",
        default=None,
        help="a number of the target's file in place of the one there, as search.ef=128",
    )
    add(
        "--memory-size",
        metavar="N",
        default=1000,
        help="other answers that a memory asked by itself is filled with first, per namespace",
    )
    add(
        "--llm-api",
        metavar="NAME",
        default="",
        help="API of the LLM: ollama or openai; empty: detected before the run",
    )
    add(
        "--llm-max-tokens",
        type=int,
        metavar="N",
        default=0,
        help="most tokens in one LLM response; 0: the LLM's own limit",
    )


def _add_report(add: Add) -> None:
    """Where the report goes, and what is kept."""
    add(
        "--report-dir",
        metavar="DIR",
        default=DEFAULT_REPORT_DIR,
        help="folder for reports",
    )
    add(
        "--report-assets",
        choices=ASSETS,
        default=ASSETS[0],
        help="the charts' JavaScript: inline, in each page, or shared, in one file beside all",
    )
    add(
        "--run-id",
        metavar="ID",
        default="",
        help="id of the run; empty: the next free number",
    )
    add(
        "--evidence",
        metavar="POLICY",
        default="all",
        help="events to keep: all, full (with bodies), sample=0.1, none; metrics always use all",
    )
    add(
        "--playbook-prefix",
        metavar="TEXT",
        default="",
        help="prefix of playbook namespaces; empty: playbook_, with --host playbook_<run>_",
    )


def _add_input(add: Add) -> None:
    """What the run is made of, and its limits."""
    add(
        "--overload",
        action="store_true",
        help="with --clock: run though there is more to do than there is time for",
    )
    add(
        "--stack-fault",
        metavar="NAME=VALUE,...",
        action="append",
        default=None,
        help="faults for the embedded stack, e.g. noise=1; see docs/faults.md",
    )
    add(
        "--timeout",
        type=float,
        metavar="S",
        default=30.0,
        help="seconds to wait for one response",
    )
    add(
        "--truth",
        metavar="FILE",
        default="",
        help="which ids are relevant: TREC qrels, BEIR's TSV or JSON lines; adds recall, nDCG, MRR",
    )
    add(
        "--llm-timeout",
        type=float,
        metavar="S",
        default=USUAL_LLM_TIMEOUT_S,
        help="seconds to wait for one answer of the LLM",
    )
    add(
        "--rest",
        metavar="RUN.json",
        default="",
        help="the report of a run at rest, to compare each question's list with",
    )
    add(
        "--inbox",
        metavar="PATH",
        default="",
        help="messages from outside: a folder of .eml files, an mbox, or JSON lines of SMS",
    )
    add(
        "--inbox-repeat",
        action="store_true",
        help="begin again when all messages of --inbox are used up",
    )
    add(
        "--max-answer",
        metavar="SIZE",
        default="8MB",
        help="largest response; a larger one is a failed step",
    )
    add(
        "--wait-deadline",
        type=float,
        metavar="S",
        default=60.0,
        help="seconds to wait for another coordinator",
    )
    add(
        "--llm-parallel",
        type=int,
        metavar="N",
        default=4,
        help="most LLM calls in flight per process",
    )


def _add_outputs(add: Add) -> None:
    """What else the run tells, and to whom."""
    add(
        "--junit",
        metavar="FILE",
        default="",
        help="write the checks to FILE as JUnit XML",
    )
    add(
        "--json-progress",
        action="store_true",
        default=False,
        help="write progress as JSON lines to standard error",
    )
    add(
        "--langfuse-env",
        metavar="FILE",
        default=DEFAULT_LANGFUSE_ENV,
        help="KEY=VALUE file with LANGFUSE_URL, LANGFUSE_PUBLIC_KEY, LANGFUSE_SECRET_KEY",
    )
    add(
        "--otlp-traces",
        nargs="?",
        const="env",
        metavar="URL",
        default="",
        help="traces to an OTLP/HTTP collector; without URL, where OTEL_EXPORTER_OTLP_* say",
    )
    add(
        "--otlp-metrics",
        nargs="?",
        const="env",
        metavar="URL",
        default="",
        help="metrics to an OTLP/HTTP collector; without URL, where OTEL_EXPORTER_OTLP_* say",
    )
    add(
        "--prometheus-port",
        type=int,
        metavar="N",
        default=0,
        help="serve /metrics for Prometheus on this port; 0: do not",
    )
    add(
        "--heartbeat",
        metavar="FILE",
        default="",
        help="file that this process touches every second, for mcstress health",
    )
    add(
        "--trace-sample",
        type=float,
        metavar="X",
        default=1.0,
        help="share of traces sent, 0 to 1",
    )
    add(
        "--mask",
        metavar="LEVEL",
        default="on",
        help="mask traces: off, on (phone numbers, email addresses, cards), strict (no bodies)",
    )
    add(
        "--web-allowed-host",
        metavar="NAME",
        action="append",
        default=None,
        help="another host name for the web UI, e.g. a proxy's; repeatable",
    )


def option(environment: Environment, name: str) -> Any:
    """What the option says now; None where Locust is used as a library and has read no options."""
    return getattr(environment.parsed_options, name, None)
