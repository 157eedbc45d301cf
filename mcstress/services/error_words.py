"""What a service says of an error, in every usual spelling.

``{"error": str}``, ``{"error": {"message"}}``, ``{"message"}``, ``{"errors": […]}``, FastAPI's
``detail`` (a string, or a list of ``loc`` and ``msg``), and ``title`` and ``detail`` (RFC 9457).
Of a failed answer also ``{"fault": {"text"}}``, whatever its name.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_SHOWN = rb"\ufffd"


def has_surrogates(json: bytes) -> bool:
    """Whether ``json`` spells any surrogate, in a pair or alone; may say so where it does not."""
    return _SURROGATE.search(json) is not None


def without_lone_surrogates(json: bytes) -> bytes:
    """``json`` with U+FFFD for each half of a pair whose other half is missing."""
    if not has_surrogates(json):
        return json
    return _ESCAPE.sub(lambda found: _SHOWN if found["half"] else found[0], json)


LARGEST_BODY = 256 * 1024
"""Bytes. Words for people are shorter; a longer body is not taken apart."""
MOST_PARTS = 3
"""Of a list of errors, so many are told."""

_ONE_ERROR = ("message", "msg", "reason", "description", "detail", "error", "title", "type")


def error_words(body: bytes) -> str | None:
    """The words in ``body``; None where it is no JSON, or says nothing of an error."""
    said = _object(body)
    error, message = _words(said.get("error")), _text(said.get("message"))
    if error and message and message not in error:
        return f"{error}: {message}"  # Spring and Nest: the status's name, then what is wrong
    title, detail = _text(said.get("title")), _words(said.get("detail"))
    if title and detail and title not in detail:
        return error or message or f"{title}: {detail}"
    return error or message or detail or title or _words(said.get("errors"))


def words_of_failure(body: bytes) -> str | None:
    """The same of an answer that says by its status that it failed: whatever member has words."""
    words = error_words(body)
    if words is not None:
        return words
    return next((words for one in _object(body).values() if (words := _inner(one))), None)


def _inner(member: Any) -> str | None:
    """The words in an object that has no usual name."""
    if not isinstance(member, dict):
        return None
    return _one(member) or _text(member.get("text"))


def error_member(body: bytes) -> str | None:
    """The words of ``error`` alone: a success may have a ``message`` too."""
    return member_words(_object(body).get("error"))


def member_words(error: Any) -> str | None:
    """The words of an ``error`` member; None where it is null, false or empty: no error."""
    if not error:
        return None
    return _words(error) or "an error without words"


def _object(body: bytes) -> dict[str, Any]:
    if len(body) > LARGEST_BODY:
        return {}
    text = body.decode("utf-8", "replace").encode()
    try:
        said = msgspec.json.decode(without_lone_surrogates(text))
    except (msgspec.DecodeError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _words(error: Any) -> str | None:
    """One error or several, in words."""
    if isinstance(error, list):
        parts = [words for part in error[:MOST_PARTS] if (words := _one(part))]
        return "; ".join(parts) or None
    return _one(error)


def _one(error: Any) -> str | None:
    """A text, or the first of the usual members that has one, after the place it is about."""
    if not isinstance(error, dict):
        return _text(error)
    words = next((text for key in _ONE_ERROR if (text := _text(error.get(key)))), None)
    place = error.get("loc")
    if words is None or not isinstance(place, list):
        return words
    return f"{'.'.join(map(str, place))}: {words}"


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None
