"""Transports for tests: quick to give up, and closed when the test is over."""

import contextlib

import gevent
import pytest
from toml_files import served

from mcstress.services.gateway.client import GatewayClient
from mcstress.services.http.transport import Transport

__all__ = ["served"]


@pytest.fixture(autouse=True)
def _no_hang():
    with gevent.Timeout(60):
        yield


@pytest.fixture
def transport_to():
    """Makes transports with short time-outs, and closes them after the test."""
    with contextlib.ExitStack() as stack:

        def make(server=None, base_url=None, **options):
            options = {"connect_timeout_s": 2, "timeout_s": 2, **options}
            transport = Transport(base_url or server.url, **options)
            return stack.enter_context(contextlib.closing(transport))

        yield make


@pytest.fixture
def gateway_of():
    """Makes the gateway of a server."""
    transports = []

    def make(server, **options):
        options = {"connect_timeout_s": 2, "timeout_s": 2, **options}
        transports.append(Transport(server.url, **options))
        return GatewayClient(transports[-1])

    yield make
    for transport in transports:
        transport.close()
