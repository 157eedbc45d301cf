"""Proxies that the environment names and that the services under test are called without."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.request import (  # type: ignore[attr-defined]  # the stubs lack the second
    getproxies_environment,
    proxy_bypass_environment,
)

from mcstress.services.http.base_url import parse_base_url

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def unused_proxy(urls: Iterable[str]) -> str:
    """One sentence where a proxy variable concerns one of the base URLs ``urls``; else empty.

    A load test measures the service; a proxy in between would be measured with it.
    """
    proxies = getproxies_environment()
    for base in map(parse_base_url, filter(None, urls)):
        concerned = base.host not in LOOPBACK and not proxy_bypass_environment(base.host)
        if concerned and (base.scheme in proxies or "all" in proxies):
            variable = base.scheme if base.scheme in proxies else "all"
            return (
                f"{variable.upper()}_PROXY is set, and not used: {base.host} is called directly; "
                "put it into NO_PROXY to leave this out"
            )
    return ""
