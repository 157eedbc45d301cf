"""What stands beside the web UI: a page of another site, and a reverse proxy with its own name."""

from __future__ import annotations

from collections import Counter
from typing import Self

import gevent
import httpx
from gevent.pywsgi import WSGIServer
from tcp.raw_server import RawServer, answer

HOP_BY_HOP = ("connection", "transfer-encoding", "content-encoding", "content-length")

PAGE = """<!doctype html><title>elsewhere</title>
<form method=post action="{target}swarm">
<input name=user_count value=3><input name=spawn_rate value=3></form>
<script>if (location.hash === '#submit') document.forms[0].submit();</script>"""


def page_for(target: str, host: str) -> RawServer:
    """A server at ``host`` whose page sends the start form of ``target`` where asked to."""
    page = PAGE.format(target=target)
    return RawServer(lambda _: [answer(page, content_type="text/html")], host=host)


class Proxy:
    """Forwards to ``upstream``: with the name that it was asked for, or with that beside.

    ``authorizations`` counts the requests by their header of that name, empty where there was none.
    """

    def __init__(self, upstream: str, *, keeps_host: bool) -> None:
        self._client = httpx.Client(timeout=60)
        self._upstream = httpx.URL(upstream)
        self._keeps_host = keeps_host
        self.authorizations: Counter[str] = Counter()
        self._server = WSGIServer(("127.0.0.1", 0), self._forward, log=None)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        gevent.sleep(0)  # who was accepted begins, and so closes its socket when it is killed
        self._server.stop(timeout=0)
        self._client.close()

    def url(self, name: str) -> str:
        """The address of the proxy under ``name``."""
        return f"http://{name}:{self._server.server_port}{self._upstream.path}"

    def _forward(self, environ, start_response):
        headers = {
            name.removeprefix("HTTP_").replace("_", "-"): value
            for name, value in environ.items()
            if name.startswith("HTTP_") and name != "HTTP_CONNECTION"
        }
        if "CONTENT_TYPE" in environ:
            headers["Content-Type"] = environ["CONTENT_TYPE"]
        self.authorizations[headers.get("AUTHORIZATION", "")] += 1
        if not self._keeps_host:
            headers["X-Forwarded-Host"] = headers["HOST"]
            headers["HOST"] = self._upstream.netloc.decode()
        query = environ["QUERY_STRING"].encode()
        url = self._upstream.copy_with(path=environ["PATH_INFO"], query=query or None)
        body = environ["wsgi.input"].read()
        answered = self._client.request(
            environ["REQUEST_METHOD"], url, headers=headers, content=body
        )
        kept = [(n, v) for n, v in answered.headers.items() if n not in HOP_BY_HOP]
        start_response(f"{answered.status_code} {answered.reason_phrase}", kept)
        return [answered.content]
