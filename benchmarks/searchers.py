"""Clients that POST the same search, each as its users would write it: one per user."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import locust
from geventhttpclient import HTTPClient
from locust import FastHttpUser, HttpUser
from locust.env import Environment

from mcstress.services.gateway.client import SEARCH, GatewayClient
from mcstress.services.gateway.schema import SearchRequest, encode
from mcstress.services.http.stream import tls_context
from mcstress.services.http.transport import Transport
from mcstress.services.target import MemoryLimits, Target, TargetSetup
from mcstress.services.target import Search as Wanted
from mcstress.services.target_class import make_target, read_target
from mcstress.services.trace_context import TraceContext
from mcstress.users.coordinator_session import Reporter

TRACE = TraceContext("0123456789abcdef" * 2)
REQUEST = SearchRequest(
    query_text="4 warehouse workers in Milwaukee, WI, forklift certified, night shift",
    corpora=["workers", "ethereal_workers"],
    k=8,
    use_playbook=True,
    playbook_corpus="playbook_alice",
    playbook_top_k=3,
    playbook_max_distance=0.5,
    playbook_max_inject_distance=0.3,
    query_role="warehouse worker",
)
BODY = encode(REQUEST)
WANTED = Wanted(
    REQUEST.query_text, REQUEST.corpora, 8, memory="playbook_alice", role=REQUEST.query_role
)
"""The same in the test's own words."""
HEADERS = {"Content-Type": "application/json", "traceparent": TRACE.traceparent("1" * 16)}

SearchCall = Callable[[], object]
MakeSearch = Callable[[str, Environment], SearchCall]


def transport_to(url: str) -> Transport:
    """The transport as a coordinator has it."""
    return Transport(url, connect_timeout_s=10, timeout_s=30)


def our_step(url: str, environment: Environment) -> SearchCall:
    """A ``matrix.search`` step: sent, received, decoded, checked, and told to Locust."""
    user = locust.User(environment)
    gateway, report = GatewayClient(transport_to(url)), Reporter(environment, user)
    return lambda: report(gateway.search(REQUEST, TRACE))


def our_step_untold(url: str, _: Environment) -> SearchCall:
    """The same without Locust's request event."""
    gateway = GatewayClient(transport_to(url))
    return lambda: gateway.search(REQUEST, TRACE)


def our_transport(url: str, _: Environment) -> SearchCall:
    """The transport alone: bytes out, bytes in."""
    transport = transport_to(url)
    return lambda: transport.post(SEARCH.path, BODY, HEADERS["traceparent"])


def fast_http_user(url: str, environment: Environment) -> SearchCall:
    """Locust's FastHttpUser, which throws the answer away."""
    client = type("Fast", (FastHttpUser,), {"host": url})(environment).client
    return lambda: client.post(SEARCH.path, data=BODY, headers=HEADERS)


def http_user(url: str, environment: Environment) -> SearchCall:
    """Locust's HttpUser, which throws the answer away."""
    client = type("Slow", (HttpUser,), {"host": url})(environment).client
    return lambda: client.post(SEARCH.path, data=BODY, headers=HEADERS)


def httpx_client(url: str, _: Environment) -> SearchCall:
    """An httpx.Client of the user's own, with the SSL context of all; nobody is told."""
    client = httpx.Client(base_url=url, verify=tls_context())
    return lambda: client.post(SEARCH.path, content=BODY, headers=HEADERS)


def geventhttpclient_client(url: str, _: Environment) -> SearchCall:
    """A geventhttpclient of the user's own; nobody is told."""
    client = HTTPClient.from_url(url, concurrency=1)
    return lambda: client.post(SEARCH.path, body=BODY, headers=HEADERS).read()


def by_target(name: str) -> MakeSearch:
    """The same search, as a coordinator asks it of a target: by its class, or by its file."""

    def make(url: str, _: Environment) -> SearchCall:
        if name not in _targets:
            read = read_target(name)
            setup = TargetSetup(
                url=url,
                corpora=tuple(REQUEST.corpora),
                memory=MemoryLimits(3, 0.5, 0.3),
                file=read.file,
                text=read.text,
            )
            _targets[name] = make_target(name, setup)
        target = _targets[name].connect()
        return lambda: target.search(WANTED, TRACE)

    return make


_targets: dict[str, Target] = {}
"""One a process, as in a run."""

FAST_HTTP_USER = "FastHttpUser, answer thrown away"

SEARCHERS: dict[str, tuple[MakeSearch, int]] = {
    FAST_HTTP_USER: (fast_http_user, 30),
    "matrix.search step, with Locust's event": (our_step, 200),
    "matrix.search step, without it": (our_step_untold, 200),
    "our transport alone": (our_transport, 200),
    "geventhttpclient": (geventhttpclient_client, 60),
    "httpx.Client": (httpx_client, 6),
    "HttpUser": (http_user, 6),
}
"""By name: how each user gets its client, and how many requests it makes in a turn."""

BY_CLASS = "search by the gateway's class"
TARGETS: dict[str, tuple[MakeSearch, int]] = {
    BY_CLASS: (by_target(""), 40),
    "search by a TOML file, text": (by_target("embedded"), 40),
}
"""The same by the two roads to a target."""
