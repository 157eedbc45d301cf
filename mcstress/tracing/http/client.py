"""The HTTP client for servers that collect traces: made in this one place, which never fails.

Of the environment counts what concerns the server's address: the proxy for it (``proxy.py``), and
``SSL_CERT_FILE`` or ``SSL_CERT_DIR`` where TLS is spoken. httpx would read all of it, and raise for
what is of no concern: an IPv6 range in NO_PROXY, a certificate file where there is no TLS.
"""

from __future__ import annotations

import logging
import os
import ssl
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import certifi
import httpx

from mcstress.tracing.http.answer_limit import limit_answers
from mcstress.tracing.http.proxy import is_port, proxy_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcstress.tracing.http.proxy import ProxySetting

CERT_FILE = "SSL_CERT_FILE"
CERT_DIR = "SSL_CERT_DIR"
TLS = "https"
_UNUSABLE = "names no proxy that can be used; expected http://HOST:PORT"
_NOT_HTTPX = (OSError, ValueError, OverflowError)
"""What sockets and names raise that httpx lets through: a host that no name server can be asked
for, a proxy's port above 65535."""


class EnvironmentFaultError(Exception):
    """A variable of the environment cannot be obeyed; the message names it, and any file."""


def make_client(
    url: str,
    timeout_s: float,
    *,
    auth: httpx.Auth | None = None,
    headers: Mapping[str, str] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> httpx.Client:
    """A client for the server at ``url`` that says nothing of its requests to the log.

    It follows no redirect, so that ``auth`` and ``headers`` go nowhere else; answers end after a
    limit. Whatever goes wrong, with the environment too, is an ``httpx.TransportError`` of a
    request.
    """
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return limit_answers(
        httpx.Client(
            base_url=url,
            auth=auth,
            headers=headers,
            timeout=timeout_s,
            trust_env=False,
            transport=_Guarded(httpx.URL(url), environ),
        )
    )


def unneeded_fault(name: str, address: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """What is wrong with the certificates that the environment names, where no TLS needs them.

    ``name`` and ``address`` are those of the server that is reached without them.
    """
    url = httpx.URL(address)
    if _speaks_tls(url, proxy_for(url, environ)):
        return None
    try:
        _certificates(environ)
    except EnvironmentFaultError as fault:
        return f"{fault} ({name} at {address} is reached without it)"
    return None


class _Guarded(httpx.BaseTransport):
    """Sends by what the environment says, and names the variables that had a part in a fault."""

    def __init__(self, url: httpx.URL, environ: Mapping[str, str]) -> None:
        self._proxy: ProxySetting | None = None
        self._certificates = ""
        self._fault = ""
        self._inner: httpx.BaseTransport | None = None
        try:
            self._proxy = proxy_for(url, environ)
            self._inner = self._open(url, environ)
        except EnvironmentFaultError as fault:
            self._fault = str(fault)
        except Exception as fault:  # noqa: BLE001  (best-effort border: every request tells of it)
            self._fault = self._explained(fault)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self._inner is None:
            raise httpx.ConnectError(self._fault, request=request)
        try:
            return self._inner.handle_request(request)
        except httpx.TimeoutException:
            raise
        except httpx.TransportError as error:
            raise type(error)(self._explained(error), request=request) from error
        except _NOT_HTTPX as error:
            raise httpx.ConnectError(self._explained(error), request=request) from error

    def close(self) -> None:
        if self._inner is not None:
            self._inner.close()

    def _open(self, url: httpx.URL, environ: Mapping[str, str]) -> httpx.BaseTransport:
        proxy = _proxy(self._proxy)
        if not _speaks_tls(url, self._proxy):
            return httpx.HTTPTransport(verify=_no_tls(), proxy=proxy)
        variable, path = _certificates(environ)
        self._certificates = variable and f"with the certificates of {variable}, {path}: "
        tls = _tls(variable, path)
        if proxy is not None and proxy.url.scheme == TLS:  # no other may have one
            proxy.ssl_context = tls
        return httpx.HTTPTransport(verify=tls, proxy=proxy)

    def _explained(self, error: Exception) -> str:
        """What went wrong, after the variables that it may hang on."""
        said = str(error) or type(error).__name__
        by = f"by the proxy that {self._proxy.variable} names: " if self._proxy else ""
        return f"{by}{self._certificates if 'CERTIFICATE' in said else ''}{said}"


def _speaks_tls(url: httpx.URL, proxy: ProxySetting | None) -> bool:
    """Whether there is TLS on the way to ``url``."""
    return url.scheme == TLS or (proxy is not None and proxy.address.startswith(f"{TLS}://"))


def _proxy(setting: ProxySetting | None) -> httpx.Proxy | None:
    """The proxy of ``setting``; one of SOCKS needs a package that need not be there."""
    if setting is None:
        return None
    try:
        proxy = httpx.Proxy(setting.address)
        usable = proxy.url.host and is_port(proxy.url.port)
        httpx.HTTPTransport(verify=_no_tls(), proxy=proxy).close()
    except ImportError:
        raise EnvironmentFaultError(
            f"{setting.variable} names a SOCKS proxy, which needs the package socksio"
        ) from None
    except (httpx.InvalidURL, ValueError):
        raise EnvironmentFaultError(f"{setting.variable} {_UNUSABLE}") from None
    if not usable:
        raise EnvironmentFaultError(f"{setting.variable} {_UNUSABLE}")
    return proxy


def _certificates(environ: Mapping[str, str]) -> tuple[str, str]:
    """The variable that names the certificates to trust, and what it names; else two empty texts.

    Raises
    ------
    EnvironmentFaultError
        What it names is not there, or holds no certificates.
    """
    variable = next((name for name in (CERT_FILE, CERT_DIR) if environ.get(name)), "")
    if not variable:
        return "", ""
    path = environ[variable]
    _tls(variable, path)
    return variable, path


@lru_cache(maxsize=4)
def _tls(variable: str, path: str) -> ssl.SSLContext:
    """A TLS context, one for the whole process: each costs 17 ms and 0.7 MB."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if variable == CERT_DIR:  # OpenSSL reads its files when it needs them, and says nothing
            if not any(Path(folder).is_dir() for folder in path.split(os.pathsep)):
                raise EnvironmentFaultError(f"{variable} names {path}: there is no such folder")
            tls.load_verify_locations(capath=path)
        else:
            tls.load_verify_locations(cafile=path or certifi.where())
    except ssl.SSLError:
        raise EnvironmentFaultError(f"{variable} names {path}: it holds no certificates") from None
    except OSError as error:
        raise EnvironmentFaultError(f"{variable} names {path}: {error.strerror}") from None
    except ValueError:
        raise EnvironmentFaultError(f"{variable} names no file: it holds a zero byte") from None
    return tls


@lru_cache(maxsize=1)
def _no_tls() -> ssl.SSLContext:
    """A context that trusts nobody, for where no TLS is spoken; the certificates stay unread."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
