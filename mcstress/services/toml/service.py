"""The services of a target's file: where they are, what is sent along, and connections to them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path

import msgspec

from mcstress.errors import TransportError, UsageError
from mcstress.services.http.base_url import parse_base_url
from mcstress.services.http.bearer_token import origin_of
from mcstress.services.http.request_head import header_lines
from mcstress.services.http.stream import tls_context
from mcstress.services.http.transport import Reply, Transport
from mcstress.services.target import TargetSetup
from mcstress.services.toml.secrets import refuse_variable, sent, value_of
from mcstress.services.toml.target_file import FileError, ServiceTable, small_file, why_not
from mcstress.services.toml.template import TemplateError, parsed

HOST = "{host}"
UNAUTHORIZED = 401
OF_THE_TRANSPORT = ("Host", "Content-Length", "Content-Type", "Transfer-Encoding", "Connection")
"""What every request says for itself: said twice, servers differ in what they take it for."""


class Outgoing(msgspec.Struct, gc=False):
    """A request that is filled in. ``body`` None: it has none.

    ``is_fixed_post``: a POST of JSON to a path without placeholders, whose head is kept.
    """

    method: str
    path: str
    body: bytes | None
    content_type: str
    is_fixed_post: bool = False


class TomlService:
    """One service, for all coordinators of a process. ``version`` counts its tokens.

    Raises FileError or UsageError for what is wrong with its table, or not in the environment.
    """

    def __init__(self, place: str, table: ServiceTable, setup: TargetSetup) -> None:
        self.url = url_of(place, table, setup.url)
        self.version = 0
        self._place, self._table = place, table
        self._timeout_s = table.timeout or setup.timeout_s
        self._size_limit_bytes = setup.max_answer_bytes
        self._file = _file_of(setup, table.token_file)
        if table.token and table.token_file:
            raise FileError(f"{place}: found token and token_file, expected one of the two")
        if (table.user is None) != (table.password is None):
            raise FileError(f"{place}: found one of user and password, expected both")
        if table.user is not None and (table.token or table.token_file):
            raise FileError(f"{place}: found user and a token, expected one of the two")
        for key, variable in self.variables():
            refuse_variable(f"{place}.{key}", variable, self.url, setup.tokens)
        self._secret = ""
        self._headers = self._made_headers()
        ca = _file_of(setup, table.ca)
        self._ca = str(ca) if ca else ""
        _check_ca(place, self._ca)

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return origin_of(self.url)

    def variables(self) -> list[tuple[str, str]]:
        """The keys that name variables, and the variables."""
        given = (("token", self._table.token), ("password", self._table.password))
        return [(key, variable) for key, variable in given if variable]

    def _made_headers(self) -> dict[str, str]:
        table, place = self._table, self._place
        _refuse_headers(f"{place}.headers", table.headers)
        headers = dict(table.headers)
        if table.password and table.user is not None:
            self._secret = value_of(f"{place}.password", table.password)
            pair = f"{table.user}:{self._secret}".encode()
            headers["Authorization"] = f"Basic {b64encode(pair).decode()}"
        elif table.token:
            self._secret = value_of(f"{place}.token", table.token)
        elif self._file is not None:
            self._secret = self._read_file(self._file)
        if self._secret and not table.password:
            headers[table.header] = table.scheme + self._secret
        try:
            header_lines(headers)
        except ValueError as error:
            raise FileError(f"{place}: {error}") from None
        return headers

    def _read_file(self, file: Path) -> str:
        place = f"{self._place}.token_file"
        try:
            text = small_file(file).decode("ascii").strip()
        except UnicodeDecodeError:
            raise UsageError(
                f"{place}: {file}: found what is not ASCII, expected a token"
            ) from None
        except (OSError, ValueError) as error:
            raise UsageError(f"{place}: {file} cannot be read: {why_not(error)}") from None
        if not text:
            raise UsageError(f"{place}: {file} is empty, expected a token")
        return sent(place, str(file), text)

    def renew(self) -> bool:
        """Read the token's file again, after a 401; whether there is another token now."""
        if self._file is None:
            return False
        before = self._secret
        try:
            self._headers = self._made_headers()
        except UsageError:
            return False
        if self._secret == before:
            return False
        self.version += 1
        return True

    def transport(self) -> Transport:
        """A connection of one greenlet's own."""
        return Transport(
            self.url,
            connect_timeout_s=self._timeout_s,
            timeout_s=self._timeout_s,
            headers=self._headers,
            size_limit_bytes=self._size_limit_bytes,
            secret=self._secret,
            ca=self._ca,
        )


class Connections:
    """One coordinator's connections to a service: as many as it has requests at once."""

    __slots__ = ("_idle", "_service", "_version")

    def __init__(self, service: TomlService) -> None:
        self._service = service
        self._idle: list[Transport] = []
        self._version = service.version

    @property
    def base_url(self) -> str:
        """The service's URL."""
        return self._service.url

    def send(self, out: Outgoing, traceparent: str | None) -> Reply:
        """The answer; a 401 is asked once more where the token's file has another token by now."""
        version = self._version
        reply = self._sent(out, traceparent)
        if reply.status != UNAUTHORIZED or not self._renewed(version):
            return reply
        return self._sent(out, traceparent)

    def _renewed(self, version: int) -> bool:
        """Whether there is a newer token than that of ``version``, which was refused."""
        if version != self._version:  # another request of this coordinator has found out meanwhile
            return True
        if version == self._service.version and not self._service.renew():
            return False
        self.close()
        self._version = self._service.version
        return True

    def _sent(self, out: Outgoing, traceparent: str | None) -> Reply:
        transport = self._idle.pop() if self._idle else self._service.transport()
        version = self._version
        try:
            if out.is_fixed_post and out.body is not None:
                return transport.post(out.path, out.body, traceparent)
            return transport.send(
                out.method, out.path, out.body, traceparent, content_type=out.content_type
            )
        except TransportError:
            transport.close()
            raise
        finally:
            if version == self._version:
                self._idle.append(transport)
            else:
                transport.close()

    def close(self) -> None:
        """Close those that are idle; a later request opens another."""
        while self._idle:
            self._idle.pop().close()


def url_of(place: str, table: ServiceTable, host: str) -> str:
    """The service's base URL, with ``--host`` in its place; UsageError where it is none."""
    text = table.url
    if HOST in text:
        if not host:
            raise UsageError(f'{place}.url: found "{text}" and no --host, expected one')
        text = text.replace(HOST, host)
    return str(parse_base_url(text, f"{place}.url"))


def _file_of(setup: TargetSetup, name: str | None) -> Path | None:
    """A file that the target's file names: from its own folder."""
    return Path(setup.file).parent / name if name else None


def _refuse_headers(place: str, headers: Mapping[str, str]) -> None:
    """FileError for what a request says for itself, and for a placeholder: they are fixed."""
    for name, value in headers.items():
        if name.title() in OF_THE_TRANSPORT:
            raise FileError(f"{place}: found {name}, which every request has of its own")
        try:
            names = [word for is_name, word in parsed(value, f"{place}.{name}") if is_name]
        except TemplateError as error:
            raise FileError(str(error)) from None
        if names:
            raise FileError(f"{place}.{name}: found {{{names[0]}}}, expected no placeholder")


def _check_ca(place: str, ca: str) -> None:
    if not ca:
        return
    try:
        small_file(Path(ca))
        tls_context(ca)
    except (OSError, ValueError) as error:
        told = why_not(error)
        raise FileError(f"{place}.ca: {ca} is no file of certificates: {told}") from None
