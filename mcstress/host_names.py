"""The names and ports under which the web UI is reached, read from headers and options."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from functools import cached_property
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

import msgspec

from mcstress.errors import UsageError
from mcstress.services.http.base_url import DEFAULT_PORTS, ascii_host

OPTION = "--web-allowed-host"
EXPECTED = "expected NAME or NAME:PORT, as in load.example.com"


class Authority(msgspec.Struct, frozen=True):
    """A host and its port; 0 where none is written, which is the default port of the scheme."""

    name: str
    port: int = 0

    def __str__(self) -> str:
        name = f"[{self.name}]" if ":" in self.name else self.name
        return f"{name}:{self.port}" if self.port else name

    @property
    def is_address(self) -> bool:
        """Whether it is an IP address: no name, so nobody else can make it lead here."""
        try:
            ip_address(self.name)
        except ValueError:
            return False
        return True


def authority(text: str) -> Authority | None:
    """``NAME[:PORT]`` as a header has it; None for anything else."""
    try:
        parts = urlsplit(f"//{text.strip()}")
        name, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return None
    if not name or parts.netloc != text.strip() or "@" in text or "," in text:
        return None
    return Authority(name, port or 0)


def origin(text: str) -> Authority | None:
    """Host and port of an ``Origin`` or a ``Referer``; None for ``null`` and what is no URL.

    A port that is the default of the URL's scheme becomes 0.
    """
    scheme, _, rest = text.strip().partition("://")
    found = authority(rest.partition("/")[0].partition("?")[0])
    if scheme not in DEFAULT_PORTS or found is None:
        return None
    return Authority(found.name, 0) if found.port == DEFAULT_PORTS[scheme] else found


def same(page: Authority, here: Authority, scheme: str) -> bool:
    """Whether ``page``, an ``origin`` of ``scheme``, is ``here``; the scheme itself is no part.

    Behind a proxy that ends TLS the page is ``https`` where we see ``http``.
    """
    default = DEFAULT_PORTS.get(scheme, 0)
    return page.name == here.name and (here.port or default) == (page.port or default)


def allowed_hosts(texts: Iterable[str] | None) -> list[Authority]:
    """What the option allows. Raises UsageError for what is no host."""
    return [_allowed(text) for text in texts or ()]


def _allowed(text: str) -> Authority:
    found = authority(text)
    if found is None or "/" in text:
        raise UsageError(f"{OPTION}: found {text!r}; {EXPECTED}")
    if ":" in found.name:
        return found
    return Authority(ascii_host(found.name, OPTION).lower(), found.port)


class OwnNames:
    """The names that lead to this machine, and those that the option adds to them.

    A name of somebody else's may be made to lead here while a browser shows their page (DNS
    rebinding); the page could then do all that ours can.
    """

    def __init__(self, allowed: list[Authority], web_host: str) -> None:
        self.allowed = allowed
        self._given = {web_host.lower()} | {one.name for one in allowed}

    def know(self, here: Authority) -> bool:
        """Whether ``here`` is an address, a name of this machine, or allowed; at any port."""
        return here.is_address or here.name in self._given or here.name in self._machine

    @cached_property
    def _machine(self) -> set[str]:
        # Asked for once, and only when a name comes: a resolver may take seconds.
        return {"localhost", socket.gethostname().lower(), socket.getfqdn().lower().rstrip(".")}


def is_loopback(address: str) -> bool:
    """Whether a peer's address is of this machine's loopback."""
    try:
        peer = ip_address(address)
    except ValueError:
        return False
    mapped = peer.ipv4_mapped if isinstance(peer, IPv6Address) else None
    return (mapped or peer).is_loopback
