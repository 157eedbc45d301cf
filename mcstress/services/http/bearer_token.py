"""Bearer tokens: from the environment only, shown nowhere, and sent to their own services alone.

A token belongs to scheme, host and port. Which, the variable ``GATEWAY_TOKEN_HOST`` (or
``LLM_TOKEN_HOST``) says; else it is the service that the command was started with. What a web form
names later gets none.
"""

from __future__ import annotations

import os
import re

import msgspec

from mcstress.errors import UsageError
from mcstress.services.http.base_url import parse_base_url, sendable

GATEWAY_TOKEN = "GATEWAY_TOKEN"  # noqa: S105  (a variable's name)
LLM_TOKEN = "LLM_TOKEN"  # noqa: S105  (likewise)
HOST_SUFFIX = "_HOST"
_APART = re.compile(r"[,\s]+")


class TokenHosts(msgspec.Struct, frozen=True):
    """The services that each token may be sent to, as ``scheme://host:port``."""

    gateway: tuple[str, ...] = ()
    llm: tuple[str, ...] = ()

    def of(self, variable: str) -> tuple[str, ...]:
        """The services of the token that ``variable`` holds."""
        return self.gateway if variable == GATEWAY_TOKEN else self.llm


def token_hosts(gateway_url: str | None, llm_url: str | None) -> TokenHosts:
    """What the environment says, or else the URLs that the command was started with.

    Raises UsageError for a variable or a URL that is no base URL; an empty URL is no service.
    """
    return TokenHosts(
        gateway=_named(GATEWAY_TOKEN) or _origins("--host", gateway_url),
        llm=_named(LLM_TOKEN) or _origins("--llm-host", llm_url),
    )


def authorization(variable: str, url: str, hosts: TokenHosts) -> dict[str, str]:
    """The header with the token of ``variable``; none where it is unset or not meant for ``url``.

    A worker may be told by its own environment; else what the master says counts.
    """
    token = token_of(variable)
    if not token or origin_of(url) not in (_named(variable) or hosts.of(variable)):
        return {}
    return {"Authorization": f"Bearer {token}"}


def withheld(variable: str, url: str, hosts: TokenHosts) -> str:
    """One sentence where there is a token and ``url`` does not get it; else empty."""
    if not token_of(variable) or authorization(variable, url, hosts):
        return ""
    owners = ", ".join(_named(variable) or hosts.of(variable)) or "no service"
    return (
        f"{variable} was not sent to {origin_of(url)}: it belongs to {owners}; "
        f"to send it there, start with {variable}{HOST_SUFFIX}={origin_of(url)}"
    )


def token_of(variable: str) -> str:
    """The token; empty where there is none. Raises UsageError for what no header can carry."""
    token = os.environ.get(variable, "").strip()
    if not sendable(token):
        raise UsageError(
            f"{variable}: holds characters that no header can carry; "
            "expected a token in ASCII without spaces"
        )
    return token


def origin_of(url: str, place: str = "URL") -> str:
    """Scheme, host and port of a base URL; paths and the case of a name do not count."""
    base = parse_base_url(url, place)
    return str(msgspec.structs.replace(base, host=base.host.lower().rstrip("."), prefix=""))


def _named(variable: str) -> tuple[str, ...]:
    place = variable + HOST_SUFFIX
    texts = filter(None, _APART.split(os.environ.get(place, "")))
    return tuple(origin_of(text, place) for text in texts)


def _origins(place: str, url: str | None) -> tuple[str, ...]:
    return (origin_of(url, place),) if url else ()
