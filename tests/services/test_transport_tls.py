"""TLS: verified, or not at all."""

import contextlib
import shutil
import ssl

import gevent.socket
import pytest
from gevent.event import Event
from tcp.certificate import certify
from tcp.raw_server import CLOSE, HOLD, RawServer, answer, script
from tcp.until import until

from mcstress.errors import TransportError
from mcstress.services.http.stream import tls_context
from mcstress.services.http.transport import Transport

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl to certify with")


@pytest.fixture(scope="module")
def certified(tmp_path_factory):
    return certify(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def _trusted(certified, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certified[1]))
    tls_context.cache_clear()
    yield
    tls_context.cache_clear()


@pytest.fixture
def transport_to():
    """Makes transports, and closes them after the test."""
    with contextlib.ExitStack() as stack:

        def make(url, **options):
            options = {"connect_timeout_s": 5, "timeout_s": 5, **options}
            return stack.enter_context(contextlib.closing(Transport(url, **options)))

        yield make


def test_a_certificate_that_nobody_vouches_for_is_refused(certified, transport_to):
    tls_context.cache_clear()
    with RawServer(script([answer(b"{}")]), tls=certified[0]) as server:
        with pytest.raises(TransportError, match=r"^TLS: certificate refused, self.signed cert"):
            transport_to(server.url).get("/")
        assert server.requests == []


@pytest.mark.usefixtures("_trusted")
def test_an_authority_of_ones_own_is_trusted_and_the_connection_kept(certified, transport_to):
    body = b"x" * 1_000_000
    with RawServer(script([answer(body)]), tls=certified[0]) as server:
        transport = transport_to(server.url)
        for _ in range(3):
            assert transport.post("/x", b"y" * 500_000).body == body
        assert server.connections == 1
        transport.close()
        until(lambda: server.hangups == 1)


@pytest.mark.usefixtures("_trusted")
def test_a_certificate_for_another_name_is_refused(certified, transport_to):
    with RawServer(script([answer(b"{}")]), host="127.0.0.2", tls=certified[0]) as server:
        with pytest.raises(TransportError, match=r"^TLS: certificate refused, IP address mismatch"):
            transport_to(server.url).get("/")
        assert server.requests == []


@pytest.mark.usefixtures("_trusted")
def test_a_connection_closed_while_idle_is_replaced(certified, transport_to):
    handle = script([answer(b"1"), CLOSE], [answer(b"2")])
    with RawServer(handle, tls=certified[0]) as server:
        transport = transport_to(server.url)
        assert [transport.get("/").body for _ in range(2)] == [b"1", b"2"]
        assert server.connections == 2


@pytest.mark.usefixtures("_trusted")
def test_an_end_that_came_is_seen_before_anything_is_sent(certified, transport_to):
    may_end = Event()

    def handle(_):
        yield answer(b"x")
        may_end.wait(5)
        yield CLOSE

    with RawServer(handle, tls=certified[0]) as server:
        transport = transport_to(server.url)
        assert transport.get("/").body == b"x"
        may_end.set()
        gevent.socket.wait_read(transport._idle._stream._sock.fileno(), timeout=5)
        assert not transport._idle.reusable
        reply = transport.get("/")
        assert (reply.body, reply.resent, len(server.requests)) == (b"x", False, 2)


@pytest.mark.usefixtures("_trusted")
def test_an_answer_that_nobody_asked_for_is_no_ones(certified, transport_to):
    handle = script([answer(b"1"), 0.05, answer(b"no one's")], [answer(b"2")])
    with RawServer(handle, tls=certified[0]) as server:
        transport = transport_to(server.url)
        assert transport.get("/").body == b"1"
        gevent.socket.wait_read(transport._idle._stream._sock.fileno(), timeout=5)
        assert transport.get("/").body == b"2"
        assert server.connections == 2


@pytest.mark.usefixtures("_trusted")
@pytest.mark.parametrize(
    ("acts", "reason"),
    [
        ([HOLD], r"^time-out after 0\.3 s$"),
        ([answer(b"{}")[:-1], HOLD], r"^time-out after 0\.3 s inside the answer$"),
        ([answer(b"{}")[:-1], CLOSE], r"^body cut short: 1 of 2 bytes$"),
        ([CLOSE], r"^connection closed without an answer$"),
    ],
)
def test_a_bad_answer_is_one_reason(certified, acts, reason, transport_to):
    with RawServer(script(acts, [answer(b"2")]), tls=certified[0]) as server:
        transport = transport_to(server.url, timeout_s=0.3)
        with pytest.raises(TransportError, match=reason):
            transport.get("/")
        assert transport.get("/").body == b"2"


@pytest.mark.usefixtures("_trusted")
@pytest.mark.parametrize(
    ("version", "reason"),
    [
        (ssl.TLSVersion.TLSv1_3, "TLS: a client certificate is asked for; none is supported"),
        (
            ssl.TLSVersion.TLSv1_2,
            "TLS: handshake refused, as where a client certificate is asked for",
        ),
    ],
)
def test_a_server_that_asks_for_a_client_certificate_is_a_reason(
    version, reason, certified, transport_to
):
    asking = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    asking.load_cert_chain(certified[1], certified[1].with_name("key.pem"))
    asking.verify_mode = ssl.CERT_REQUIRED
    asking.load_verify_locations(certified[1])
    asking.minimum_version = asking.maximum_version = version
    with RawServer(script([answer(b"{}")]), tls=asking) as server:
        with pytest.raises(TransportError) as caught:
            transport_to(server.url).post("/x", b"x")
        assert str(caught.value) == reason
        assert server.requests == []


def test_a_server_without_tls_is_a_reason(transport_to):
    with (
        RawServer(script([HOLD]), greeting=[b"220 mail.example ESMTP\r\n"]) as server,
        pytest.raises(TransportError, match=r"^TLS: "),
    ):
        transport_to(server.url.replace("http", "https")).get("/")


def test_a_server_that_never_shakes_hands_ends_with_the_connect_time_out(transport_to):
    with RawServer(script([HOLD]), greeting=[HOLD]) as server:
        transport = transport_to(server.url.replace("http", "https"), connect_timeout_s=0.3)
        with pytest.raises(TransportError, match=r"^no connection within 0\.3 s$"):
            transport.get("/")
        until(lambda: server.hangups == 1)
