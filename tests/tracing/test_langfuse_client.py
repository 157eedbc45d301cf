"""The way to Langfuse that the environment names: obeyed where it concerns it, named where not."""

from __future__ import annotations

from contextlib import suppress
from ssl import PROTOCOL_TLS_SERVER, SSLContext

import gevent
import httpx
import pytest
from free_ports import free_port
from gevent import socket
from gevent.pool import Pool
from gevent.server import StreamServer
from langfuse_standin import PUBLIC_KEY, SECRET_KEY, StandIn
from tcp.certificate import certify
from trace_rounds import balanced, event, observation, step

from mcstress.tracing.http.client import make_client
from mcstress.tracing.http.proxy import proxy_for
from mcstress.tracing.langfuse.check import check_langfuse
from mcstress.tracing.langfuse.readback import read_back
from mcstress.tracing.langfuse.sdk import LangfuseSdk
from mcstress.tracing.langfuse.settings import LangfuseSettings, load_settings
from mcstress.tracing.notices import ThrottledWarnings
from mcstress.tracing.observation import encoder
from mcstress.tracing.spool.replay import replay

ELSEWHERE = "http://langfuse.invalid:3000"
VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    """Nothing but what a test sets."""
    for name in (*VARIABLES, *map(str.upper, VARIABLES), "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


def settings(url):
    """The stand-in's keys at ``url``."""
    return LangfuseSettings(url, PUBLIC_KEY, SECRET_KEY)


HTTP = "http://lf.example:3000"
HTTPS = "https://lf.example"
LOCAL = "http://127.0.0.1:3000"
PROXIES = [
    (HTTP, {}, None),
    (HTTP, {"http_proxy": "http://p:1"}, ("http_proxy", "http://p:1")),
    (HTTP, {"HTTP_PROXY": "p:1"}, ("HTTP_PROXY", "http://p:1")),
    (HTTP, {"HTTPS_PROXY": "http://p:1"}, None),
    (HTTPS, {"HTTPS_PROXY": "http://p:1"}, ("HTTPS_PROXY", "http://p:1")),
    (HTTPS, {"HTTPS_PROXY": "http://p:1", "https_proxy": ""}, None),
    (HTTPS, {"ALL_PROXY": "socks5://p:1"}, ("ALL_PROXY", "socks5://p:1")),
    (HTTPS, {"ALL_PROXY": "a:1", "https_proxy": "b:1"}, ("https_proxy", "http://b:1")),
    (HTTP, {"http_proxy": "p:1", "no_proxy": "*"}, None),
    (HTTP, {"http_proxy": "p:1", "NO_PROXY": "x, lf.example"}, None),
    (HTTP, {"http_proxy": "p:1", "NO_PROXY": "LF.example:3000"}, None),
    (HTTP, {"http_proxy": "p:1", "NO_PROXY": "lf.example:3001"}, ("http_proxy", "http://p:1")),
    (HTTPS, {"https_proxy": "p:1", "NO_PROXY": "lf.example:443"}, None),
    (HTTP, {"http_proxy": "p:1", "NO_PROXY": "example"}, None),
    (HTTP, {"http_proxy": "p:1", "NO_PROXY": ".example,"}, None),
    (HTTP, {"http_proxy": "p:1", "NO_PROXY": "*.example"}, None),
    (HTTP, {"http_proxy": "p:1", "NO_PROXY": "f.example"}, ("http_proxy", "http://p:1")),
    (LOCAL, {"http_proxy": "p:1", "NO_PROXY": "127.0.0.1"}, None),
    (LOCAL, {"http_proxy": "p:1", "NO_PROXY": "10.0.0.0/8,127.0.0.0/8"}, None),
    (LOCAL, {"http_proxy": "p:1", "NO_PROXY": "fd07:b51a:cc66:f0::/64,127.0.0.1"}, None),
    (LOCAL, {"http_proxy": "p:1", "NO_PROXY": "fd07::/64"}, ("http_proxy", "http://p:1")),
    ("http://[fd07::1]:3000", {"http_proxy": "p:1", "NO_PROXY": "fd07::/64"}, None),
    ("http://[fd07::1]:3000", {"http_proxy": "p:1", "NO_PROXY": "[fd07::]/64"}, None),
    ("http://[::1]:3000", {"http_proxy": "p:1", "NO_PROXY": "::1"}, None),
    ("http://[::1]:3000", {"http_proxy": "p:1", "NO_PROXY": "[::1]:3000"}, None),
    ("http://[fd08::1]", {"http_proxy": "p:1", "no_proxy": "fd07::/64"}, ("http_proxy", "http://p:1")),
]  # fmt: skip


@pytest.mark.parametrize(("url", "environ", "expected"), PROXIES)
def test_which_proxy(url, environ, expected):
    assert proxy_for(httpx.URL(url), environ) == expected


NO_FILE = "/nonexistent/cacert.pem"
FAULTY = [
    (HTTPS, "SSL_CERT_FILE", NO_FILE, f"SSL_CERT_FILE names {NO_FILE}: No such file or directory"),
    (HTTPS, "SSL_CERT_FILE", "/etc", "SSL_CERT_FILE names /etc: "),
    (HTTPS, "SSL_CERT_FILE", __file__, f"SSL_CERT_FILE names {__file__}: it holds no certificates"),
    (HTTPS, "SSL_CERT_DIR", "/nowhere", "SSL_CERT_DIR names /nowhere: there is no such folder"),
    (HTTPS, "HTTPS_PROXY", "http://:x", "HTTPS_PROXY names no proxy that can be used"),
    (HTTP, "http_proxy", "ftp://p:1", "http_proxy names no proxy that can be used"),
    (HTTP, "http_proxy", "http://p:99999", "http_proxy names no proxy that can be used"),
    (HTTP, "http_proxy", "http://\udcff", "http_proxy names no proxy that can be used"),
    (HTTP, "http_proxy", "http://xn--a:1", "http_proxy names no proxy that can be used"),
    (HTTP, "http_proxy", "http://", "http_proxy names no proxy that can be used"),
    (HTTP, "ALL_PROXY", "socks5://p:1", "ALL_PROXY names a SOCKS proxy, which needs the package"),
    (HTTP, "http_proxy", "http://127.0.0.1:9", "by the proxy that http_proxy names: [Errno 111]"),
    ("http://" + "a" * 70 + ".example", "no_proxy", "x", "label"),
    ("http://a..b", "no_proxy", "x", "label"),
]


@pytest.mark.parametrize("fault", FAULTY)
def test_a_fault_names_the_variable_wherever_a_client_is_used(monkeypatch, caplog, fault):
    url, variable, value, said = fault
    monkeypatch.setenv(variable, value)
    assert said in check_langfuse(settings(url))[1]
    client = make_client(url, 1.0)
    assert said in LangfuseSdk(settings(url), client).project().text
    assert said in str(LangfuseSdk(settings(url), client).observations("run", float("inf")))
    assert read_back(settings(url), "run", 1, 0.1, ThrottledWarnings(str)) is None
    assert said in caplog.text


@pytest.mark.parametrize("fault", [FAULTY[0], FAULTY[4], FAULTY[-1]])
def test_a_run_makes_and_spools_and_a_replay_says_why_not(monkeypatch, trace_to, caplog, fault):
    url, variable, value, said = fault
    monkeypatch.setenv(variable, value)
    tracer = trace_to(url)
    tracer.record(event("surge"), [step("matrix.search")])
    tracer.score("verdict", "pass")
    counts = tracer.finish(2)
    assert balanced(counts)
    assert (counts.spooled, counts.scores.spooled) == (1, 1)
    assert said in caplog.text
    assert "fault in tracing" not in caplog.text
    monkeypatch.setattr("mcstress.tracing.spool.replay_kind.TRIES", 1)
    outcome = replay(tracer._spool_path, settings(url))
    assert (outcome.delivered, outcome.left) == (0, 2)
    assert said in outcome.fault


HARMLESS = [
    ("NO_PROXY", "localhost,127.0.0.1,fd07:b51a:cc66:f0::/64"),
    ("HTTPS_PROXY", "http://:x"),
    ("SSL_CERT_FILE", NO_FILE),
    ("SSL_CERT_DIR", "/nowhere"),
    ("SSLKEYLOGFILE", "/nowhere/keys"),
]


@pytest.mark.parametrize(("variable", "value"), HARMLESS)
def test_what_is_of_no_concern_is_not_obeyed(monkeypatch, newest, trace_to, variable, value):
    monkeypatch.setenv(variable, value)
    tracer = trace_to(newest.url)
    tracer.record(event("surge"), [step("matrix.search")])
    assert tracer.finish(60).delivered == 1
    assert tracer.read_back(1, within_s=60) == 1


def test_a_run_goes_by_the_proxy(monkeypatch, newest, trace_to):
    monkeypatch.setenv("HTTP_PROXY", newest.url)
    tracer = trace_to(ELSEWHERE)
    tracer.record(event("surge"), [step("matrix.search")])
    assert tracer.finish(60).delivered == 1
    assert len(newest.observations) == 1
    assert tracer.read_back(1, within_s=60) == 1
    assert "project stand-in" in check_langfuse(settings(ELSEWHERE))[1]


def test_or_not_by_it(monkeypatch, newest, trace_to):
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("NO_PROXY", "fd07::/64,127.0.0.0/8")
    tracer = trace_to(newest.url)
    tracer.record(event("surge"), [step("matrix.search")])
    assert tracer.finish(60).delivered == 1


@pytest.fixture
def secure(tmp_path):
    """A stand-in that speaks TLS, and the file with its certificate."""
    context, certificate = certify(tmp_path)
    standin = StandIn()
    listening = standin.server.socket
    standin.server.socket = context.wrap_socket(
        listening, server_side=True, do_handshake_on_connect=False
    )
    standin.url = standin.url.replace("http://", "https://")
    with standin:
        yield standin, certificate


class TunnelProxy:
    """An HTTP proxy that opens tunnels with CONNECT, and notes where to."""

    def __init__(self, context=None):
        self.tunnels = []
        tls = {"ssl_context": context} if context else {}
        self._server = StreamServer(("127.0.0.1", 0), self._serve, spawn=Pool(), **tls)
        self._scheme = "https" if context else "http"

    def __enter__(self):
        self._server.start()
        self.url = f"{self._scheme}://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *_):
        self._server.stop(timeout=0)

    def _serve(self, client, _address):
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(1)
        method, target, _ = head.decode().split(" ", 2)
        self.tunnels.append((method, target))
        host, _, port = target.rpartition(":")
        with socket.create_connection((host, int(port))) as server:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            ways = [(client, server), (server, client)]
            gevent.joinall([gevent.spawn(self._copy, *way) for way in ways], count=1)

    @staticmethod
    def _copy(source, target):
        with suppress(OSError):
            while content := source.recv(65536):
                target.sendall(content)


@pytest.mark.parametrize("proxy_speaks_tls", [False, True])
def test_tls_goes_through_a_proxys_tunnel(
    monkeypatch, secure, trace_to, tmp_path, proxy_speaks_tls
):
    """The usual way out of a company: an https:// server behind an http:// proxy."""
    standin, certificate = secure
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = None
    if proxy_speaks_tls:
        context = SSLContext(PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    with TunnelProxy(context) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        tracer = trace_to(standin.url)
        tracer.record(event("surge"), [step("matrix.search")])
        assert tracer.finish(60).delivered == 1
        assert tracer.read_back(1, within_s=60) == 1
        assert "project stand-in" in check_langfuse(settings(standin.url))[1]
        line = encoder.encode(observation())
        (tmp_path / "left.jsonl").write_bytes(line + b"\n")
        assert replay(tmp_path / "left.jsonl", settings(standin.url)).delivered == 1
    assert set(proxy.tunnels) == {("CONNECT", f"127.0.0.1:{standin.port}")}


def test_what_no_client_can_be_made_of_is_a_fault_of_every_request(monkeypatch, trace_to):
    """Whatever a library raises for: a run, the check and a replay say it and go on."""

    def refuse(*_, **__):
        raise RuntimeError("not allowed here")

    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setattr("httpx.HTTPTransport", refuse)
    said = "by the proxy that HTTPS_PROXY names: not allowed here"
    assert said in check_langfuse(settings(HTTPS))[1]
    tracer = trace_to(HTTPS)
    tracer.record(event("surge"), [step("matrix.search")])
    assert tracer.finish(1).spooled == 1
    monkeypatch.setattr("mcstress.tracing.spool.replay_kind.TRIES", 1)
    outcome = replay(tracer._spool_path, settings(HTTPS))
    assert outcome.left == 1
    assert said in outcome.fault


@pytest.mark.parametrize("key_log", [None, "/nowhere/keys"])
def test_a_certificate_of_ones_own(monkeypatch, secure, trace_to, key_log):
    standin, certificate = secure
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    if key_log:
        monkeypatch.setenv("SSLKEYLOGFILE", key_log)
    tracer = trace_to(standin.url)
    tracer.record(event("surge"), [step("matrix.search")])
    assert tracer.finish(60).delivered == 1


def test_a_certificate_that_is_not_trusted(monkeypatch, secure, tmp_path):
    standin, _ = secure
    assert "CERTIFICATE_VERIFY_FAILED" in check_langfuse(settings(standin.url))[1]
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    line = check_langfuse(settings(standin.url))[1]
    assert f"with the certificates of SSL_CERT_DIR, {tmp_path}: " in line


@pytest.mark.parametrize(
    "key", ["sk-ü€", "sk lf", "sk\nlf\x01", "x" * 5000, "'\"%\\", "\uff53\uff4b"]
)
def test_keys_of_any_characters(key):
    with StandIn(sink=True) as standin:
        line = check_langfuse(LangfuseSettings(standin.url, key, key))[1]
        assert line.endswith("project stand-in, by otlp")
    with StandIn() as wrong:
        line = check_langfuse(LangfuseSettings(wrong.url, key, key))[1]
        assert "check LANGFUSE_PUBLIC_KEY" in line
        assert key not in line


def test_certificates_that_are_not_needed_are_warned_of(tmp_path):
    environ = {
        "LANGFUSE_URL": HTTP,
        "LANGFUSE_PUBLIC_KEY": "pk",
        "LANGFUSE_SECRET_KEY": "sk",
        "SSL_CERT_FILE": NO_FILE,
    }
    found, (warning,) = load_settings(tmp_path / "none.env", environ)
    assert found
    assert warning == (
        f"SSL_CERT_FILE names {NO_FILE}: No such file or directory "
        f"(Langfuse at {HTTP} is reached without it)"
    )
    assert load_settings(tmp_path / "none.env", environ | {"LANGFUSE_URL": HTTPS})[1] == ()
