"""Where a collector is: the option says whether, the variables say where and with which headers."""

from __future__ import annotations

import pytest

from mcstress.errors import UsageError
from mcstress.tracing.otlp.settings import COLLECTOR, FROM_VARIABLES, TRACES, load_otlp

SECRET = "s3cr3t"
HEADERS = {"OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{SECRET}, x-team = a b"}
PARSED = (("authorization", f"Bearer {SECRET}"), ("x-team", "a b"))


@pytest.mark.parametrize(
    ("given", "environ", "url"),
    [
        ("http://c:4318", {}, "http://c:4318/v1/traces"),
        ("http://c:4318/", {}, "http://c:4318/"),
        ("https://c/otlp/v1/traces/", {}, "https://c/otlp/v1/traces"),
        ("http://c:4318", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://b"}, "http://c:4318/v1/traces"),
        (FROM_VARIABLES, {}, COLLECTOR + TRACES.route),
        (FROM_VARIABLES, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://b:1"}, "http://b:1/v1/traces"),
        (
            FROM_VARIABLES,
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://b:1/p/"},
            "http://b:1/p/v1/traces",
        ),
        (
            FROM_VARIABLES,
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://b:1",
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://t:1/x",
            },
            "http://t:1/x",
        ),
        (FROM_VARIABLES, {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://t:1"}, "http://t:1/"),
    ],
)
def test_where(given, environ, url):
    settings, warnings = load_otlp(given, environ)
    assert (settings.url, warnings) == (url, ())
    assert load_otlp(settings.url, environ)[0].url == url, "as a worker is told"


def test_headers_are_read_and_not_shown():
    settings, _ = load_otlp("http://c", HEADERS)
    assert settings.headers == PARSED
    assert SECRET not in repr(settings)
    assert settings.redact(f"no {SECRET}, no Bearer {SECRET}") == "no ***, no ***"


@pytest.mark.parametrize(
    ("given", "named", "gets"),
    [
        ("http://c:1", None, True),
        ("http://c:1", "http://c:1/other", True),
        ("http://c:1", "http://c:2", False),
        ("http://c:1", "https://c:1", False),
        ("http://evil", "http://c", False),
        (FROM_VARIABLES, "http://c", True),
        (FROM_VARIABLES, None, True),
    ],
)
def test_headers_go_to_the_host_that_was_named_with_them(given, named, gets):
    environ = HEADERS | ({"OTEL_EXPORTER_OTLP_ENDPOINT": named} if named else {})
    settings, warnings = load_otlp(given, environ)
    assert settings.headers == (PARSED if gets else ())
    if gets:
        assert warnings == ()
    else:
        (told,) = warnings
        assert "OTEL_EXPORTER_OTLP_HEADERS was not sent to" in told
        assert "OTEL_EXPORTER_OTLP_ENDPOINT names" in told
        assert SECRET not in told


def test_the_variables_of_traces_go_before_the_general_ones():
    environ = HEADERS | {"OTEL_EXPORTER_OTLP_TRACES_HEADERS": "a=b"}
    assert load_otlp("http://c", environ)[0].headers == (("a", "b"),)


@pytest.mark.parametrize(("said", "gzip"), [("", True), ("gzip", True), ("none", False)])
def test_compression(said, gzip):
    settings, _ = load_otlp("http://c", {"OTEL_EXPORTER_OTLP_COMPRESSION": said})
    assert settings.gzip is gzip


@pytest.mark.parametrize(
    ("given", "environ", "said"),
    [
        ("grpc://c:4317", {}, r"--otlp-traces: found 'grpc://c:4317'; expected http://HOST"),
        ("c:4318", {}, r"--otlp-traces: found 'c:4318'; expected http"),
        ("http://u:pw@c", {}, r"--otlp-traces: a name or password in a URL would be seen"),
        ("http://c/?key=x", {}, r"--otlp-traces: found .* which holds more than host and path"),
        (
            FROM_VARIABLES,
            {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "c"},
            r"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: found 'c'; expected http",
        ),
        (
            FROM_VARIABLES,
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            r"OTEL_EXPORTER_OTLP_PROTOCOL: found 'grpc', expected http/protobuf",
        ),
        (
            "http://c",
            {"OTEL_EXPORTER_OTLP_COMPRESSION": "zstd"},
            r"OTEL_EXPORTER_OTLP_COMPRESSION: found 'zstd', expected gzip or none",
        ),
        (
            "http://c",
            {"OTEL_EXPORTER_OTLP_HEADERS": f"a=b,{SECRET}"},
            r"OTEL_EXPORTER_OTLP_HEADERS: entry 2 is no header, expected KEY=VALUE",
        ),
        (
            "http://c",
            {"OTEL_EXPORTER_OTLP_HEADERS": f"a={SECRET}%0d%0ax: y"},
            r"OTEL_EXPORTER_OTLP_HEADERS: entry 1 is no header",
        ),
    ],
)
def test_what_cannot_be_used_is_named_in_one_line(given, environ, said):
    with pytest.raises(UsageError, match=said) as refused:
        load_otlp(given, environ)
    assert SECRET not in str(refused.value)
    assert "pw" not in str(refused.value)
    assert "\n" not in str(refused.value)
