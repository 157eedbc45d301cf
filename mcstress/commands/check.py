"""``mcstress check``: all that a run would refuse, found without load."""

from __future__ import annotations

import os
from argparse import ArgumentParser, BooleanOptionalAction, Namespace
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from locust import events
from locust.argument_parser import get_locustfiles_locally, get_parser, parse_locustfile_option
from locust.main import merge_locustfiles_content

from mcstress.commands import probe
from mcstress.commands.probe import Finding
from mcstress.errors import UsageError
from mcstress.master.run_start import check_claim
from mcstress.metrics.wording import Words
from mcstress.option_defaults import DEFAULT_LANGFUSE_ENV
from mcstress.plugin import register
from mcstress.process.file_limit import check_asked, raise_nofile_limit
from mcstress.process.ports import check_connections, check_ports
from mcstress.services.llm.clients import API_NAMES, NO_MODEL
from mcstress.services.preflight import ModelFacts
from mcstress.services.target import Capabilities
from mcstress.settings import Settings, read_settings
from mcstress.system_under_test import (
    look_at_llm,
    look_at_target,
    skipped_phases,
    start_stack,
)
from mcstress.tracing.langfuse.check import check_langfuse
from mcstress.tracing.langfuse.settings import NOT_ASKED_FOR, is_asked_for, load_settings
from mcstress.tracing.otlp.settings import load_otlp
from mcstress.truth_check import said_of_truth
from mcstress.users.coordinator_session import has_listeners
from mcstress.users.persona_check import check_personas, host_of
from mcstress.users.persona_classes import in_step

LOCUSTFILE = Path(__file__).with_name("default_locustfile.py")
"""For a folder without one of its own."""

DEFAULT_NAMES = ("locustfile", "locustfile.py")
"""What Locust looks for where nobody names another."""


def check(arguments: Sequence[str]) -> Iterator[Finding]:
    """Look at everything, in the order in which a run would; nothing is raised for what is wrong.

    Where the options are wrong, there are no services to look at.
    """
    try:
        options = parse(arguments, load_classes(arguments))
    except UsageError as fault:
        yield Finding("fail", str(fault))
        return
    yield from _machine(options)
    try:
        settings = _settings(options)
    except UsageError as fault:
        yield Finding("fail", str(fault))
        return
    yield from _connections(options, settings)
    yield from _input(settings)
    yield from _services(settings, probing=options.probe)
    yield from _langfuse(settings)
    yield from _collector(settings)


def load_classes(arguments: Sequence[str]) -> dict[str, type[Any]]:
    """The user classes of the locustfiles that ``mcstress run`` would load; raises UsageError."""
    try:
        named: Any = parse_locustfile_option(list(arguments))  # Locust calls it a tuple: it is none
        if not has_locustfile(named):
            named.locustfile = str(LOCUSTFILE)
        files = get_locustfiles_locally(named)
        classes: dict[str, type[Any]] = merge_locustfiles_content(files)[0]
    except SystemExit as left:  # Locust has said why on standard error
        raise UsageError("locustfile: locust would not start with it, see above") from left
    if not has_listeners(events):
        raise UsageError(
            f"locustfile {', '.join(files)}: found no call of install(), expected one: "
            "from mcstress import install; install()"
        )
    return classes


def has_locustfile(options: Namespace) -> bool:
    """Whether one is named, or lies in this folder."""
    return options.locustfile not in DEFAULT_NAMES or any(
        Path(name).exists() for name in DEFAULT_NAMES
    )


def parse(arguments: Sequence[str], classes: dict[str, type[Any]] | None = None) -> Namespace:
    """The options as Locust reads them, its configuration files and environment included.

    ``user_classes`` are those of ``classes`` that were chosen. Raises UsageError for others.
    """
    parser = make_parser()
    # Not as the run that begins reads them: that ends where a port is taken, see _machine.
    options: Namespace = type(parser).parse_args(parser, list(arguments))
    classes = classes or {}
    if unknown := [name for name in options.user_classes if name not in classes]:
        raise UsageError(
            f"user classes: found {', '.join(unknown)}, expected {', '.join(classes) or 'none'}"
        )
    options.chosen_classes = bool(options.user_classes)
    options.user_classes = [classes[name] for name in options.user_classes or classes]
    return options


def make_parser() -> ArgumentParser:
    """Locust's own parser with our options, and that of the check."""
    register()
    parser: ArgumentParser = get_parser()
    parser.prog = "mcstress check"
    parser.add_argument(
        "--probe",
        action=BooleanOptionalAction,
        help="send one search and one chat, of a target's file one request of each operation, "
        "which writes; default: one search and one chat to the services whose host is given",
    )
    return parser


def _machine(options: Namespace) -> Iterator[Finding]:
    """The ports and open files that this machine lacks for the run."""
    raise_nofile_limit()
    local = not (options.master or options.worker or options.processes)
    processes = options.processes
    looks: list[Callable[[], None]] = [
        lambda: check_ports(options),
        lambda: check_asked(options.num_users, processes=processes, local=local),
    ]
    for look in looks:
        try:
            look()
        except UsageError as fault:
            yield Finding("fail", str(fault))


def _settings(options: Namespace) -> Settings:
    settings = read_settings(options, host_of(options.host, options.user_classes))
    if not options.chosen_classes:
        options.user_classes = in_step(options.user_classes, settings.scenario)
    check_personas(settings.scenario, options.user_classes)
    check_claim(settings)
    said_of_truth(settings)
    return settings


def _connections(options: Namespace, settings: Settings) -> Iterator[Finding]:
    """The local ports that this machine lacks for its users."""
    if options.processes or not (options.master or options.worker):
        try:
            check_connections(options.num_users, settings.gateway_url)
        except UsageError as fault:
            yield Finding("fail", str(fault))


def _input(settings: Settings) -> Iterator[Finding]:
    scenario = settings.scenario
    variants = f"{len(scenario.variants)} variants, K {settings.top_k}"
    yield Finding("ok", f"scenario {scenario.name}: {variants}")
    yield Finding("ok", f"phases: {', '.join(settings.phases)}")
    yield Finding("ok", f"checks: {', '.join(check.text for check in settings.checks)}")
    yield from (Finding("warn", said) for said in said_of_truth(settings))
    yield from (Finding("warn", said) for said in settings.target_name.warnings())
    yield Finding("ok", f"reports: {settings.report_dir} can be written")


def _services(settings: Settings, *, probing: bool | None) -> Iterator[Finding]:
    """Those that were given at once; the embedded stack takes some seconds to start."""
    url, llm_url = settings.gateway_url, settings.llm.url
    own = settings.keeps_what_is_written
    if own:
        yield from _target(settings, url, probing=probing is not False, whole=bool(probing))
    if llm_url:
        yield from _llm(settings, llm_url, probing=probing is not False)
    if settings.llm.absent:
        yield Finding("ok", f"LLM: {NO_MODEL}: {_without_llm(settings)}")
    if own and (llm_url or settings.llm.absent):
        return
    try:
        stack = start_stack(settings)
    except UsageError as fault:
        yield Finding("fail", str(fault))
        return
    try:
        if not own:
            yield from _target(settings, stack.url, probing=bool(probing))
        if not llm_url:
            yield from _llm(settings, stack.llm_url, probing=bool(probing))
    finally:
        stack.stop()


def _target(
    settings: Settings, url: str, *, probing: bool, whole: bool = False
) -> Iterator[Finding]:
    """The target; a file's operations are each tried where the ``whole`` of it is asked for.

    Then a look that finds it wanting ends nothing: the probe shows why.
    """
    whole = whole and bool(settings.target_name.file)
    if settings.target_name.file:
        yield from probe.secrets(settings, url)
    try:
        facts = look_at_target(settings, url)
    except UsageError as fault:
        yield Finding("fail", str(fault))
        if whole:
            yield from probe.each_operation(settings, url)
        return
    sizes = sorted(facts.corpus_sizes.items())
    corpora = ", ".join(f"{name} ({size:,})" for name, size in sizes) or "corpora not known"
    if settings.target:
        yield Finding("ok", f"target {facts.title}: {corpora}")
        yield from _capabilities(facts.capabilities, settings.scenario.words)
    else:
        where = settings.gateway_url or "built in, not your system"
        yield Finding("ok", f"gateway {where}: {corpora}")
    if whole:
        yield from probe.each_operation(settings, url)
    elif probing:
        yield probe.search(settings, url)


def _capabilities(can: Capabilities, nouns: Words) -> Iterator[Finding]:
    """One line each; what a target cannot do is no fault, but changes what is tested."""
    for words, there, effect in can.table():
        told = "yes" if there else f"no, {nouns.fill(effect)}"
        yield Finding("ok", f"target can {words}: {told}")


def _llm(settings: Settings, url: str, *, probing: bool) -> Iterator[Finding]:
    try:
        model = look_at_llm(settings, url)
    except UsageError as fault:
        yield Finding("fail", str(fault))
        return
    yield _looked(settings, model)
    if probing:
        yield probe.chat(settings, url, model)


def _without_llm(settings: Settings) -> str:
    """Which of the chosen phases are left out for want of a language model."""
    skipped = skipped_phases(settings, Capabilities())
    left_out = [phase for phase in settings.phases if skipped.get(phase) == NO_MODEL]
    return f"{', '.join(left_out) or 'no phase'} left out; --llm-host or [llm] names one"


def _looked(settings: Settings, model: ModelFacts) -> Finding:
    """Which model answers, and by which API."""
    if not model.rule_based:
        api = API_NAMES[model.api]
        return Finding("ok", f"LLM {settings.llm.url}: {model.name} is there, by {api}")
    text = f"LLM {settings.llm.url or 'built in'}: rules, no language model ({model.name})"
    if settings.keeps_what_is_written and not settings.llm.url:
        unlike = "no --llm-host is given, so that rules parse and rate your results"
        return Finding("warn", f"{text}; {unlike}")
    return Finding("ok", text)


def _langfuse(settings: Settings) -> Iterator[Finding]:
    """Tracing never stops a run: at most a warning. That nobody asked for it is right."""
    if not is_asked_for(settings.langfuse_env, DEFAULT_LANGFUSE_ENV, os.environ):
        yield Finding("ok", NOT_ASKED_FOR)
        return
    found, warnings = load_settings(settings.langfuse_env, os.environ)
    if found is None:
        yield Finding("warn", "; ".join(warnings))
        return
    yield from (Finding("warn", text) for text in warnings)
    reached, text = check_langfuse(found)
    yield Finding("ok" if reached else "warn", text)


def _collector(settings: Settings) -> Iterator[Finding]:
    """What the collector says to a body without spans, where one was asked for."""
    if not settings.otlp_traces:
        return
    found, warnings = load_otlp(settings.otlp_traces, os.environ)
    yield from (Finding("warn", text) for text in warnings)
    # httpx and protobuf, which a check without a collector does without.
    from mcstress.tracing.otlp.collector import check_otlp  # noqa: PLC0415

    reached, text = check_otlp(found)
    yield Finding("ok" if reached else "warn", text)
