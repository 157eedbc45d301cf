"""What a transport calls, and how: one object for all users of a service."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import msgspec

from mcstress.services.http.base_url import BaseUrl, parse_base_url
from mcstress.services.http.blanking import blanker
from mcstress.services.http.request_head import RequestHeads, header_lines, request_heads


class Origin(msgspec.Struct, frozen=True, gc=False):
    """A service. ``blank`` takes its token out of an answer; None where there is none.

    ``ca`` is a file of the authorities that its certificate is verified by; empty: the system's.
    """

    url: BaseUrl
    base_url: str
    heads: RequestHeads
    blank: Callable[[bytes], bytes] | None
    connect_timeout_s: float
    timeout_s: float
    size_limit_bytes: int
    ca: str = ""


@lru_cache(maxsize=64)
def origin(
    base_url: str,
    headers: tuple[tuple[str, str], ...],
    connect_timeout_s: float,
    timeout_s: float,
    size_limit_bytes: int,
    *,
    secret: str = "",
    ca: str = "",
) -> Origin:
    """The service at ``base_url``, called with ``headers`` beside those that every call has.

    ``secret`` is what of them must be seen by nobody; empty: the bearer token, if there is one.
    """
    url = parse_base_url(base_url)
    own = dict(headers)
    lines = header_lines(
        {
            "Host": url.authority,
            "User-Agent": "multi-coordinator-stress",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            **own,
        }
    )
    token = secret or own.get("Authorization", "").rpartition(" ")[2]
    return Origin(
        url=url,
        base_url=str(url),
        heads=request_heads(url.prefix, lines),
        blank=blanker(token).blank if token else None,
        connect_timeout_s=connect_timeout_s,
        timeout_s=timeout_s,
        size_limit_bytes=size_limit_bytes,
        ca=ca,
    )
