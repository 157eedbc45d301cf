"""Hangs our listeners on Locust's own events: options, the lifecycle, and the end."""

from __future__ import annotations

import logging
import os
import sys
from argparse import Namespace
from functools import cache
from typing import Any

import gevent
from locust import events
from locust.argument_parser import LocustArgumentParser, get_empty_argument_parser
from locust.env import Environment
from locust.runners import Runner

from mcstress import locust_compat
from mcstress.errors import UsageError
from mcstress.exit_codes import EXIT_USAGE
from mcstress.export.exporter import Exporter
from mcstress.lifecycle import Lifecycle
from mcstress.option_defaults import DEFAULT_SCENARIO
from mcstress.options import add_options, add_scenario, option
from mcstress.process.file_limit import raise_nofile_limit
from mcstress.process.heartbeat import beat
from mcstress.process.parent_death import Descent
from mcstress.process.ports import PortCheck
from mcstress.process.tuning import disable_greenlet_tree, tolerate_encoding, tune_gc
from mcstress.services.target_class import import_early
from mcstress.settings import Settings
from mcstress.signals import Interrupts
from mcstress.snapshots import Snapshots
from mcstress.tracing.otlp.settings import METRICS, load_otlp
from mcstress.users.coordinator_session import hook_of
from mcstress.users.persona_classes import put_classes
from mcstress.users.scenarios.load import load_scenario

logger = logging.getLogger(__name__)


def install() -> None:
    """Called by every locustfile: listens to Locust, and makes the scenario's user classes.

    They are made where the locustfile has no coordinator's class of its own. Nothing starts yet:
    ``--processes`` forks after this.
    """
    register()
    put_classes(sys._getframe(1).f_globals, _personas())  # noqa: SLF001  (Locust looks for classes where install() is called)


@cache
def register() -> None:
    """Register options and listeners, once."""
    hook_of(events)
    locust_compat.install()
    tolerate_encoding()
    events.init_command_line_parser.add_listener(add_options)
    events.init_command_line_parser.add_listener(PortCheck().stand_before)
    events.init_command_line_parser.add_listener(_import_before_connecting)
    descent = Descent()
    events.init.add_listener(lambda **_: descent.settle())
    events.init.add_listener(on_init)


def _import_before_connecting(parser: LocustArgumentParser) -> None:
    """A worker's own ``--target`` is imported before its master counts on it."""

    def look(options: Namespace) -> None:
        if options.worker and not options.processes:
            import_early(options.target)

    locust_compat.look_at_options(parser, look)


def _personas() -> list[str]:
    """Those of the scenario that the options name; the default's where it is refused later.

    Locust reads all options after its locustfile, this one by the same rules.
    """
    parser = get_empty_argument_parser(add_help=False)
    add_scenario(parser)
    options, _ = parser.parse_known_args()
    try:
        return load_scenario(options.scenario).personas
    except UsageError:
        return load_scenario(DEFAULT_SCENARIO).personas


def on_init(environment: Environment, runner: Runner, **_: Any) -> Lifecycle:
    """Check all input, and refuse a run that is wrong before its first user.

    With the web UI the services are looked at when its form is sent: it may name others. Workers
    get their options with the first spawn, and are told what they need by the master.
    """
    raise_nofile_limit()
    disable_greenlet_tree()
    tune_gc(environment)
    locust_compat.log_requests_at_once(environment)
    lifecycle = Lifecycle(environment, runner)
    Interrupts(lifecycle)
    beat(lifecycle, option(environment, "heartbeat"))
    if lifecycle.controller is None:
        lifecycle.is_set_up = True
        return lifecycle
    try:
        settings = lifecycle.settings()
        users = vars(environment.parsed_options)["num_users"]
        lifecycle.check_users(users, settings.gateway_url)
        if environment.web_ui is None or vars(environment.parsed_options)["autostart"]:
            lifecycle.prepare(settings)
    except UsageError as fault:
        lifecycle.leave()
        sys.stderr.write(f"mcstress: {fault}\n")
        raise SystemExit(EXIT_USAGE) from None
    _open_export(lifecycle, settings)
    if environment.web_ui is not None:
        from mcstress.web.install import open_web  # noqa: PLC0415  (Bokeh and scipy load slowly)

        open_web(lifecycle, environment.web_ui, settings)
    # Locust's run time begins now: after what loaded slowly, the loop's time is that of before.
    gevent.get_hub().loop.update_now()
    lifecycle.is_set_up = True
    return lifecycle


def _open_export(lifecycle: Lifecycle, settings: Settings) -> None:
    """Give ``lifecycle`` an Exporter where options ask for one."""
    port = option(lifecycle.environment, "prometheus_port")
    if not port and not settings.otlp_metrics:
        return
    otlp = None
    if settings.otlp_metrics:
        otlp, warnings = load_otlp(settings.otlp_metrics, os.environ, METRICS)
        for said in warnings:
            logger.warning("%s", said)
    lifecycle.exporter = Exporter(Snapshots(lifecycle), otlp)
    if port:
        lifecycle.exporter.serve(option(lifecycle.environment, "web_host") or "", port)
