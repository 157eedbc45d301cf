"""The ports that Locust will listen on, and those that its users connect from.

The first are tried before it forks workers or starts anything.

Locust finds a taken port after it has forked (the master's; exit code 1, and the workers may have
joined the other master meanwhile) or in a traceback (the web UI's).
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from argparse import Namespace
from pathlib import Path

from locust.argument_parser import LocustArgumentParser

from mcstress.errors import UsageError
from mcstress.exit_codes import EXIT_USAGE
from mcstress.locust_compat import look_at_options
from mcstress.process.file_limit import number_of
from mcstress.services.http.base_url import parse_base_url
from mcstress.services.http.dns import shared_among

EVERYWHERE = ("", "*")
PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


class PortCheck:
    """Looks once, when Locust reads its command line; later it reads it again for the web form."""

    def __init__(self) -> None:
        self._looked = False

    def stand_before(self, parser: LocustArgumentParser) -> None:
        """Check what ``parser`` will have read; a taken port is one line and exit code 2."""
        look_at_options(parser, self._look)

    def _look(self, options: Namespace) -> None:
        if self._looked:
            return
        self._looked = True
        try:
            check_ports(options)
        except UsageError as fault:
            sys.stderr.write(f"mcstress: {fault}\n")
            raise SystemExit(EXIT_USAGE) from None


def check_ports(options: Namespace) -> None:
    """Refuse ports that this process would listen on and cannot, by the option's name."""
    if options.worker or options.list_commands or _only_shows(options):
        return
    if options.processes:
        _check_way_to_the_master(options)
    if options.processes or options.master:
        renamed_by = "--master-bind-port and --master-port" if options.processes else ""
        _check("--master-bind", options.master_bind_host, options.master_bind_port, renamed_by)
    if options.headful or not options.headless:
        _check("--web", options.web_host, options.web_port)
    if port := getattr(options, "prometheus_port", 0):
        _check("--prometheus", options.web_host, port, by="--web-host")


def _only_shows(options: Namespace) -> bool:
    return bool(options.show_task_ratio or options.show_task_ratio_json)


def _check_way_to_the_master(options: Namespace) -> None:
    if options.master_port != options.master_bind_port:
        raise UsageError(
            f"--processes: its workers connect to --master-port {options.master_port}, and the "
            f"master listens on --master-bind-port {options.master_bind_port}; expected the same"
        )


def _check(option: str, host: str, port: int, renamed_by: str = "", by: str = "") -> None:
    """Listen for a moment as the process will.

    ``renamed_by`` are the options that name another port, and ``by`` the one that names the host.
    """
    where, by = f"{option}-port {port}", by or f"{option}-host"
    if host not in EVERYWHERE:
        where = f"{by} {host}, {where}"
    try:
        listen(host, port).close()
    except OverflowError:
        raise UsageError(f"{option}-port: found {port}, expected 0 to 65535") from None
    except socket.gaierror as fault:
        raise UsageError(f"{by}: found {host!r}: {fault.strerror}") from None
    except OSError as fault:
        reason = os.strerror(fault.errno).lower() if fault.errno else str(fault)
        if fault.errno == errno.EADDRINUSE:
            reason += f"; name another port with {renamed_by or f'{option}-port'}"
        raise UsageError(f"{where}: {reason}") from None


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; everywhere means by IPv6 too, where this machine has it."""
    if host in EVERYWHERE and socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    if host in EVERYWHERE:
        return socket.create_server(("", port))
    ((family, *_), *_) = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return socket.create_server((host, port), family=family)


def local_ports() -> int | None:
    """How many connections this machine can have to one address; None where it does not tell."""
    try:
        first, last = map(int, PORT_RANGE.read_text().split())
    except (OSError, ValueError):
        return None
    return last - first + 1


def check_connections(users: object, url: str) -> None:
    """Refuse more users on this machine than it has local ports for to a service; UsageError.

    A user holds a connection to it. Of a host that has no address the check before the run tells.
    """
    ports, number = local_ports(), number_of(users)
    if not url or ports is None or number is None or number <= ports:
        return
    service = parse_base_url(url)
    try:
        addresses = shared_among(service.host, service.port)
    except OSError:
        return
    if number > ports * addresses:
        raise UsageError(
            f"--users {number:,}: this machine has {ports:,} local ports to each address of a "
            f"service ({PORT_RANGE}), and {service.host} has {addresses}; expected at most "
            f"{ports * addresses:,} users here, a name with more addresses, or workers on other "
            "machines"
        )
