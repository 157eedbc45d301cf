"""Where a collector is and what lets us in: from ``--otlp-…`` and OpenTelemetry's variables.

The option says whether; ``OTEL_EXPORTER_OTLP_*`` say where, and with which headers, and never
whether. Headers may hold secrets: they belong to the endpoint that the variables name, or else to
the one that the option names, and go to no other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

from mcstress.errors import UsageError
from mcstress.services.http.base_url import parse_base_url
from mcstress.services.http.bearer_token import origin_of
from mcstress.tracing.sink import Where

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcstress.tracing.http.delivery_outcome import Peer

FROM_VARIABLES = "env"
"""What an option says without a URL: the variables say where."""
_PREFIX = "OTEL_EXPORTER_OTLP"
ENDPOINT = f"{_PREFIX}_ENDPOINT"
COLLECTOR = "http://localhost:4318"
"""Where the specification looks for a collector when nobody says where it is."""
SPOKEN = "http/protobuf"

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\x20-\x7e]*")
_SHORTEST_SECRET = 4


@dataclass(frozen=True, slots=True)
class Signal:
    """One of OpenTelemetry's signals: the option that asks for it, and the names of its own."""

    option: str
    name: str

    @property
    def route(self) -> str:
        """Its path at a collector of which only the base is given."""
        return f"/v1/{self.name}"

    @property
    def endpoint(self) -> str:
        """The variable that names its endpoint alone."""
        return self.variables("ENDPOINT")[0]

    def variables(self, what: str) -> tuple[str, str]:
        """Its own variable, and the one for all signals, which counts after it."""
        return f"{_PREFIX}_{self.name.upper()}_{what}", f"{_PREFIX}_{what}"


TRACES = Signal("--otlp-traces", "traces")
METRICS = Signal("--otlp-metrics", "metrics")
OPTION = TRACES.option


@dataclass(frozen=True, slots=True)
class OtlpSettings:
    """A collector's address, and the headers that it gets with everything."""

    url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    gzip: bool = True
    signal: Signal = TRACES

    @property
    def where(self) -> Where:
        """Which sink this is."""
        return Where("otlp", self.url)

    @property
    def peer(self) -> Peer:
        """Who is called, and what a user is told to look at where that fails."""
        from mcstress.tracing.http.delivery_outcome import Peer  # noqa: PLC0415  (httpx, which most runs do without)

        return Peer("collector", self.url, self.signal.option, self.signal.variables("HEADERS")[1])

    def redact(self, text: str) -> str:
        """``text`` without the values of headers, in whatever words a server echoes them."""
        for _, value in self.headers:
            for secret in (value, value.rpartition(" ")[2]):
                if len(secret) >= _SHORTEST_SECRET:
                    text = text.replace(secret, "***")
        return text


def load_otlp(
    given: str, environ: Mapping[str, str], signal: Signal = TRACES
) -> tuple[OtlpSettings, tuple[str, ...]]:
    """The settings of a run that asked for OTLP by ``given``, and what the user should be told.

    Raises
    ------
    UsageError
        A URL, or a variable, that nothing can be sent with. No value of a header is in it.
    """
    variable, named = _named(environ, signal)
    if given != FROM_VARIABLES:
        url = _url(given, signal.option, signal.route)
    else:
        url = named or f"{COLLECTOR}{signal.route}"
        _refuse_other_protocols(environ, signal)
    variable_of_headers, headers = _headers(environ, signal)
    gzip = _gzip(environ, signal)
    if headers and named and origin_of(url) != origin_of(named):
        told = (
            f"{variable_of_headers} was not sent to {origin_of(url)}: it belongs to "
            f"{origin_of(named)}, which {variable} names"
        )
        return OtlpSettings(url, gzip=gzip, signal=signal), (told,)
    return OtlpSettings(url, headers, gzip, signal), ()


def _named(environ: Mapping[str, str], signal: Signal) -> tuple[str, str]:
    """The variable that names an endpoint, and the URL that this means; else two empty texts."""
    if text := environ.get(signal.endpoint, "").strip():
        return signal.endpoint, _url(text, signal.endpoint, "/")
    if text := environ.get(ENDPOINT, "").strip():
        return ENDPOINT, str(parse_base_url(text, ENDPOINT)) + signal.route
    return "", ""


def _url(text: str, place: str, route: str) -> str:
    """The URL of ``text``; where that has no path, not even a slash, with ``route``."""
    base = parse_base_url(text, place)
    if base.prefix:
        return str(base)
    return f"{base}/" if text.rstrip().endswith("/") else f"{base}{route}"


def _refuse_other_protocols(environ: Mapping[str, str], signal: Signal) -> None:
    variable, protocol = _first(signal.variables("PROTOCOL"), environ)
    if protocol not in ("", SPOKEN):
        raise UsageError(f"{variable}: found {protocol!r}, expected {SPOKEN}")


def _gzip(environ: Mapping[str, str], signal: Signal) -> bool:
    variable, compression = _first(signal.variables("COMPRESSION"), environ)
    if compression not in ("", "gzip", "none"):
        raise UsageError(f"{variable}: found {compression!r}, expected gzip or none")
    return compression != "none"


def _headers(environ: Mapping[str, str], signal: Signal) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The variable that has headers, and those: ``key=value`` by commas, percent-encoded."""
    variable, text = _first(signal.variables("HEADERS"), environ)
    headers = []
    for number, pair in enumerate(filter(str.strip, text.split(",")), start=1):
        name, is_pair, value = pair.partition("=")
        name, value = unquote(name.strip()), unquote(value.strip())
        if not is_pair or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise UsageError(
                f"{variable}: entry {number} is no header, expected KEY=VALUE in ASCII"
            )
        headers.append((name.lower(), value))
    return variable, tuple(headers)


def _first(names: tuple[str, ...], environ: Mapping[str, str]) -> tuple[str, str]:
    """The first of ``names`` that is set, and what to."""
    for name in names:
        if text := environ.get(name, "").strip():
            return name, text
    return names[-1], ""
