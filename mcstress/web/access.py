"""Who may use the web UI: its own pages, and programs; not the pages of other sites.

Locust checks neither, and answers every origin that asks (CORS): any page that a browser shows
could start runs, stop them, and read their figures.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from flask import Flask, Response, make_response, request

from mcstress.host_names import (
    OPTION,
    Authority,
    OwnNames,
    authority,
    is_loopback,
    origin,
    same,
)
from mcstress.services.failure_reason import clip

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
OWN_SITES = ("same-origin", "none")
"""Values of Sec-Fetch-Site: a page of ours, and what the user typed or opened from a bookmark."""
LOCUSTS_CORS = "flask_cors.extension"
SAID_AT_MOST = 100
"""So many different refusals are logged, each once: a page may try on and on."""

logger = logging.getLogger(__name__)


class Access:
    """Stands before every route, Locust's and ours and the locustfile's own."""

    def __init__(self, names: OwnNames) -> None:
        self._names = names
        self._said: set[str] = set()

    def guard(self, app: Flask) -> None:
        """Refuse what is not meant for us, and answer no other origin any more."""
        take_away_cors(app)
        app.before_request_funcs.setdefault(None, []).insert(0, self._refuse)
        app.after_request(self._keep_out_of_frames)

    def _refuse(self) -> Response | None:
        fault = self.fault(request.method, dict(request.headers), request.remote_addr or "")
        if not fault:
            return None
        said = f"{request.method} {clip(request.path)}: {fault}"
        if said not in self._said and len(self._said) < SAID_AT_MOST:
            self._said.add(said)
            logger.warning("%s", said)
        response = make_response(f"{fault}\n", 403)
        response.mimetype = "text/plain"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    def fault(self, method: str, headers: Mapping[str, str], peer: str) -> str:
        """Why a request is refused, in one line; empty where it is not."""
        named = headers.get("Host", "")
        here = authority(named) if named else None
        if named and (here is None or not self._names.know(here)):
            return (
                f"refused: {clip(named)!r} is no name of this machine; expected an IP address, "
                f"localhost, the machine's name, or one that it was started with: {OPTION} NAME"
            )
        if method in SAFE_METHODS:
            return ""
        return self._foreign_page(headers, here, peer)

    def _foreign_page(self, headers: Mapping[str, str], here: Authority | None, peer: str) -> str:
        site = headers.get("Sec-Fetch-Site")
        if site is not None:
            return "" if site in OWN_SITES else _refused(f"Sec-Fetch-Site: {clip(site)}")
        header = "Origin" if "Origin" in headers else "Referer"
        text = headers.get(header)
        if text is None:
            return ""
        page, scheme = origin(text), text.partition("://")[0]
        if page is not None:
            places = [here] if here else []
            if is_loopback(peer):
                forwarded = headers.get("X-Forwarded-Host", "").split(",")
                places += [place for name in forwarded if (place := authority(name))]
            if any(same(page, place, scheme) for place in (*places, *self._names.allowed)):
                return ""
        return _refused(f"{header}: {clip(text)}")

    def _keep_out_of_frames(self, response: Response) -> Response:
        """A page of another site must not lay ours under its own, for a user to click on."""
        policy = " ".join(["frame-ancestors 'self'", *map(str, self._names.allowed)])
        response.headers.setdefault("Content-Security-Policy", policy)
        return response


def take_away_cors(app: Flask) -> None:
    """Locust's ``CORS(app)`` lets the page of any origin ask, and read the answer."""
    after = app.after_request_funcs.get(None, [])
    after[:] = [each for each in after if each.__module__ != LOCUSTS_CORS]
    for name in ("handle_exception", "handle_user_exception"):
        wrapped = vars(app).get(name)
        if wrapped is not None and wrapped.__module__ == LOCUSTS_CORS:
            delattr(app, name)


def _refused(reason: str) -> str:
    return (
        f"refused: the page that sent this is of another site ({reason}); where a proxy serves "
        f"this web UI under that name, it has to be started with: {OPTION} NAME"
    )
