"""The base URL of a service, as a user gives it."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit

import msgspec

from mcstress.errors import UsageError

DEFAULT_PORTS = {"http": 80, "https": 443}
EXPECTED = "expected http://HOST[:PORT][/PREFIX] or the same with https"


class BaseUrl(msgspec.Struct, frozen=True):
    """A URL in its parts. ``prefix`` is empty or begins with a slash, and never ends with one."""

    scheme: str
    host: str
    port: int
    prefix: str

    @property
    def authority(self) -> str:
        """The ``Host`` header: IPv6 in brackets, the port where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.prefix}"


@lru_cache(maxsize=64)
def parse_base_url(text: str, place: str = "URL") -> BaseUrl:
    """``text`` as a base URL; ``place`` names it in the UsageError that a bad one raises."""
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{place}: {error} in {shown(text)}; {EXPECTED}") from None
    if "@" in parts.netloc:
        raise UsageError(
            f"{place}: a name or password in a URL would be seen in every report; {EXPECTED}"
        )
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or port == 0:
        raise UsageError(f"{place}: found {shown(text)}; {EXPECTED}")
    if parts.query or parts.fragment or not sendable(parts.path):
        raise UsageError(
            f"{place}: found {shown(text)}, which holds more than host and path; {EXPECTED}"
        )
    return BaseUrl(
        scheme=parts.scheme,
        host=ascii_host(parts.hostname, place),
        port=port or DEFAULT_PORTS[parts.scheme],
        prefix=parts.path.rstrip("/"),
    )


def ascii_host(host: str, place: str) -> str:
    """``host`` as it goes into a header and to the resolver; foreign letters in IDNA."""
    try:
        name = host.encode("idna").decode("ascii")
    except UnicodeError:
        name = ""
    if not name or not sendable(name):
        raise UsageError(f"{place}: no host can be called {host!r}; {EXPECTED}")
    return name


def sendable(text: str) -> bool:
    """Whether ``text`` can stand in a request line: visible ASCII only, so no second header."""
    return text.isascii() and text.isprintable() and " " not in text


def shown(text: str) -> str:
    """``text`` for a message; what may be a password is left out."""
    return repr(text) if "@" not in text else "a URL with an @ in it"
