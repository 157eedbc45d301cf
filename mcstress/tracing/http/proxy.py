"""The proxy that the environment names for one host. What it says of other hosts is not read."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, NamedTuple

from mcstress.services.http.base_url import DEFAULT_PORTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

_LAST_PORT = 65535


class ProxySetting(NamedTuple):
    """A proxy's address as ``variable`` of the environment has it. It may hold a password."""

    variable: str
    address: str


def proxy_for(url: httpx.URL, environ: Mapping[str, str]) -> ProxySetting | None:
    """The proxy for ``url``, as curl chooses it; None where it is called without one.

    ``https_proxy`` (or ``http_proxy``, by the URL's scheme) goes before ``all_proxy``, and either
    in small letters before capitals; ``no_proxy`` excepts hosts.
    """
    for name in (f"{url.scheme}_proxy", "all_proxy"):
        variable = _set_one(name, environ)
        address = environ.get(variable, "").strip()
        if address:
            exceptions = environ.get(_set_one("no_proxy", environ), "")
            port = url.port or DEFAULT_PORTS[url.scheme]
            if _is_excepted(url.host, port, exceptions):
                return None
            return ProxySetting(variable, address if "://" in address else f"http://{address}")
    return None


def _set_one(name: str, environ: Mapping[str, str]) -> str:
    """The spelling of ``name`` that the environment has."""
    return name if name in environ else name.upper()


def _is_excepted(host: str, port: int, exceptions: str) -> bool:
    """Whether a list of names, addresses and ranges holds ``host``, with or without its port."""
    entries = [entry.strip().lower() for entry in exceptions.split(",") if entry.strip()]
    named = {host, f"{host}:{port}", f"[{host}]", f"[{host}]:{port}"}
    return (
        "*" in entries
        or any(_is_name_of(name, entry) for name in named for entry in entries)
        or _is_in_ranges(host, entries)
    )


def _is_name_of(host: str, entry: str) -> bool:
    """Whether ``entry`` is the ``host`` or a domain above it, with or without a dot before it."""
    domain = entry.removeprefix("*").removeprefix(".")
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))


def _is_in_ranges(host: str, entries: list[str]) -> bool:
    """Whether ``host`` is an IP address, and one of ``entries`` is it or a range that holds it."""
    with suppress(ValueError):
        address = ip_address(host)
        for entry in entries:
            with suppress(ValueError):  # a name, or what is meant for others
                if address in ip_network(entry.replace("[", "").replace("]", ""), strict=False):
                    return True
    return False


def is_port(port: int | None) -> bool:
    """Whether there can be such a port; None is the scheme's own."""
    return port is None or 0 < port <= _LAST_PORT
