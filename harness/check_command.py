"""``mcstress check``: all that a run would refuse, found without load."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Sequence

from locust.argument_parser import LocustArgumentParser
from locust.util.load_locustfile import load_locustfile

from harness.beginning import check_claim
from harness.ground import prepare
from harness.options import add_options
from harness.settings import Settings, read_settings
from tracing.check import check_langfuse
from tracing.settings import load_settings
from users.casting import check_cast


def check(arguments: Sequence[str]) -> list[str]:
    """What was looked at and found right, a line each. Raises MisuseError for what is wrong."""
    options = parse(arguments)
    if options.locustfile:
        load_locustfile(options.locustfile)  # personas of one's own
    settings = read_settings(options, options.host)
    check_cast(settings.scenario, ())
    check_claim(settings)
    ground = prepare(settings)
    try:
        return [*_input(settings), *_services(settings, ground.corpus_sizes), _langfuse(settings)]
    finally:
        ground.leave()


def parse(arguments: Sequence[str]) -> Namespace:
    """The options of a run, without those that only Locust needs."""
    parser = LocustArgumentParser(prog="mcstress check", allow_abbrev=False)
    parser.add_argument("-H", "--host", default=os.environ.get("LOCUST_HOST"))
    parser.add_argument("-T", "--tags", nargs="*", default=[])
    parser.add_argument("-E", "--exclude-tags", nargs="*", default=[])
    parser.add_argument("-f", "--locustfile", default=os.environ.get("LOCUST_LOCUSTFILE"))
    add_options(parser)
    options: Namespace = parser.parse_args(list(arguments))
    return options


def _input(settings: Settings) -> list[str]:
    scenario = settings.scenario
    return [
        f"scenario {scenario.name}: {len(scenario.variants)} variants, K {settings.top_k}",
        f"phases: {', '.join(settings.phases)}",
        f"checks: {', '.join(check.text for check in settings.checks)}",
        f"reports: {settings.report_dir} can be written",
    ]


def _services(settings: Settings, sizes: dict[str, int]) -> list[str]:
    corpora = ", ".join(f"{name} ({size:,})" for name, size in sorted(sizes.items()))
    gateway, llm = settings.gateway_url or "embedded", settings.llm_url or "embedded"
    return [f"gateway {gateway}: {corpora}", f"LLM {llm}: {settings.llm_model} is there"]


def _langfuse(settings: Settings) -> str:
    found, warnings = load_settings(settings.langfuse_env, os.environ)
    return check_langfuse(found) if found else "; ".join(warnings)
