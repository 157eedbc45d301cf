"""Where Langfuse is and who we are there, from the env file and the environment."""

from __future__ import annotations

import base64
import io
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dotenv.parser import parse_stream

from mcstress.services.regular_file import open_file
from mcstress.tracing.http.proxy import is_port
from mcstress.tracing.sink import Where

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mcstress.tracing.http.delivery_outcome import Peer

API = "/api/public/"
URL_NAMES = ("LANGFUSE_URL", "LANGFUSE_HOST", "LANGFUSE_BASE_URL")
PUBLIC_KEY = "LANGFUSE_PUBLIC_KEY"
SECRET_KEY = "LANGFUSE_SECRET_KEY"  # noqa: S105  (the variable's name)
NAMES = (*URL_NAMES, PUBLIC_KEY, SECRET_KEY)

_LARGEST_FILE = 64 * 1024


class UnusableFileError(Exception):
    """The env file is there and cannot be used; the message is the reason, never a value."""


@dataclass(frozen=True, slots=True)
class LangfuseSettings:
    """A Langfuse project: its address, without a slash at the end, and its keys."""

    url: str
    public_key: str = field(repr=False)
    secret_key: str = field(repr=False)

    @property
    def where(self) -> Where:
        """Which sink this is."""
        return Where("langfuse", self.url)

    @property
    def peer(self) -> Peer:
        """Who is called, and what a user is told to look at where that fails."""
        from mcstress.tracing.http.delivery_outcome import Peer  # noqa: PLC0415  (as in _url_fault)

        return Peer("Langfuse", self.url, URL_NAMES[0], f"{PUBLIC_KEY} and {SECRET_KEY}", API)

    def redact(self, text: str) -> str:
        """``text`` without the keys, in whatever form a server or a library echoes them."""
        pair = f"{self.public_key}:{self.secret_key}".encode()
        for secret in (base64.b64encode(pair).decode(), self.secret_key, self.public_key):
            text = text.replace(secret, "***")
        return text


def load_settings(
    env_file: Path, environ: Mapping[str, str]
) -> tuple[LangfuseSettings | None, tuple[str, ...]]:
    """The settings, or None where tracing is off, and the warnings that the user should see.

    The file wins over the environment, variable by variable. A file that cannot be used counts as
    if it were missing; one warning names it and the reason, and never a value.
    """
    found, fault = _read(env_file)
    merged = _merge(found, environ)
    reason = _reason(env_file, fault, merged)
    if reason:
        return None, (f"Langfuse tracing is off: {reason}",)
    from mcstress.tracing.http.client import unneeded_fault  # noqa: PLC0415  (as in _url_fault)

    settings = LangfuseSettings(merged["url"].rstrip("/"), merged[PUBLIC_KEY], merged[SECRET_KEY])
    warnings = []
    if fault and fault != _MISSING:
        warnings.append(f"{env_file} {fault}: Langfuse's settings come from the environment")
    elif found.get(SECRET_KEY) and env_file.stat().st_mode & stat.S_IROTH:
        warnings.append(f"{env_file} holds a secret key and others can read it: chmod 600 it")
    if unneeded := unneeded_fault("Langfuse", settings.url, environ):
        warnings.append(unneeded)
    return settings, tuple(warnings)


_MISSING = "is missing"


NOT_ASKED_FOR = "Langfuse tracing is off: no credentials (see docs/tracing.md)"


def is_asked_for(env_file: Path, default: str, environ: Mapping[str, str]) -> bool:
    """Whether a file or a variable names a Langfuse: only then is it a fault that there is none.

    ``default`` is the file that is read where no other is named.
    """
    named = any(value for name, value in environ.items() if name.startswith("LANGFUSE_"))
    return named or str(env_file) != default or env_file.exists()


def _read(env_file: Path) -> tuple[dict[str, str], str | None]:
    """What the file sets, and the reason where it sets nothing."""
    try:
        return parse_env(_text(env_file)), None
    except UnusableFileError as fault:
        return {}, str(fault)


def _text(env_file: Path) -> str:
    try:
        with open_file(env_file) as stream:
            content = stream.read(_LARGEST_FILE + 1)
    except FileNotFoundError:
        raise UnusableFileError(_MISSING) from None
    except OSError as fault:
        raise UnusableFileError(f"cannot be read: {fault.strerror}") from None
    if len(content) > _LARGEST_FILE or b"\0" in content:
        raise UnusableFileError("is not a file of KEY=VALUE lines")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnusableFileError("is not text in UTF-8") from None


def parse_env(text: str) -> dict[str, str]:
    """The variables that KEY=VALUE lines set; a line that is neither that nor a comment is refused.

    Raises
    ------
    UnusableFileError
        With the number of the line, or that there is none.
    """
    variables = {}
    for line in parse_stream(io.StringIO(text)):
        if line.error or (line.key and line.value is None):
            raise UnusableFileError(f"is broken: line {line.original.line} is not KEY=VALUE")
        if line.key and line.value:
            variables[line.key] = line.value
    if not variables:
        raise UnusableFileError("is empty")
    return variables


def _merge(found: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """The three settings, each from the file or else from the environment, or else empty."""

    def first(*names: str) -> str:
        sources = (source.get(name, "").strip() for source in (found, environ) for name in names)
        return next(filter(None, sources), "")

    return {
        "url": first(*URL_NAMES),
        PUBLIC_KEY: first(PUBLIC_KEY),
        SECRET_KEY: first(SECRET_KEY),
    }


def _reason(env_file: Path, fault: str | None, merged: Mapping[str, str]) -> str | None:
    """Why nothing can be traced; None where it can."""
    names = {"url": URL_NAMES[0], PUBLIC_KEY: PUBLIC_KEY, SECRET_KEY: SECRET_KEY}
    lacking = " and no ".join(names[key] for key, value in merged.items() if not value)
    if lacking and fault:
        found = f"{env_file} {fault}, and the environment has no {lacking}"
        return f"{found} (see docs/tracing.md)" if fault == _MISSING else found
    if lacking:
        return f"{env_file} has no {lacking}, nor has the environment"
    faults = {
        URL_NAMES[0]: _url_fault(merged["url"]),
        PUBLIC_KEY: _key_fault(merged[PUBLIC_KEY]),
        SECRET_KEY: _key_fault(merged[SECRET_KEY]),
    }
    for name, wrong in faults.items():
        if wrong:
            return f"{name}, from {env_file} or the environment, {wrong}"
    return None


def _key_fault(key: str) -> str | None:
    """The reason where HTTP's Basic authentication cannot carry a key."""
    if ":" in key:
        return "has a colon in it, which no key has"
    try:
        key.encode()
    except UnicodeEncodeError:
        return "is not text in UTF-8"
    return None


def _url_fault(text: str) -> str | None:
    """The reason where the address is none that can be called."""
    import httpx  # noqa: PLC0415  (memory that a process without a Langfuse need not have)

    try:
        url = httpx.URL(text)
        host = url.host
    except (httpx.InvalidURL, UnicodeError):
        return "is no URL"
    if url.scheme not in ("http", "https") or not host:
        return "is no http:// or https:// address"
    if url.userinfo or url.query or url.fragment:
        return "has more than a scheme, host, port and path"
    if not is_port(url.port) or "%" in host:
        return "is no URL: its port or its host is none that there can be"
    return None
