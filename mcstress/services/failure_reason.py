"""Why a call failed, in words short and steady enough to be counted by."""

from __future__ import annotations

import re

import msgspec

from mcstress.services.error_words import error_member, error_words, words_of_failure
from mcstress.services.http.blanking import blank_text
from mcstress.services.http.transport import Reply

ERROR_TEXT_CHARACTERS = 200
ID_CHARACTERS = 80
CONTENT_TYPE_CHARACTERS = 4096
"""So much of a header is looked at: what is shown, and a token in it in any spelling."""
SUCCESS = frozenset(range(200, 300))
REDIRECTS = range(300, 400)
TOO_MANY = 429
GZIP_START = b"\x1f\x8b"
MISSING = "missing required field"

DECODE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""All that msgspec raises for bytes that are not the JSON that was asked for."""


def clip(text: str, characters: int = ID_CHARACTERS) -> str:
    """``text`` on one line, without control characters, cut after ``characters``."""
    line = " ".join(text.split())
    line = "".join(character if character.isprintable() else "�" for character in line)
    return line if len(line) <= characters else line[: characters - 1] + "…"


def status_fault(reply: Reply) -> str:
    """The reason that a status other than 2xx is, with the service's own words."""
    if reply.status in REDIRECTS:
        return f"redirect {reply.status} not followed"
    words = words_of_failure(reply.body)
    later = _later(reply) if reply.status == TOO_MANY else ""
    if words is None:
        return f"HTTP {reply.status} ({later or content_type(reply)})"
    return said_fault(reply, words) + (f" ({later})" if later else "")


def _later(reply: Reply) -> str:
    """When a service that is asked too often wants to be asked again, as it says it."""
    # A date differs by call, and reasons are counted by.
    said = reply.header(b"retry-after")
    return f"retry after {int(said)} s" if said.isdigit() and len(said) < ID_CHARACTERS else ""


def said_fault(reply: Reply, words: str) -> str:
    """The reason that a service's own ``words`` are, under any status."""
    return f"HTTP {reply.status}: {clip(words, ERROR_TEXT_CHARACTERS)}"


def decode_fault(reply: Reply, error: Exception) -> str:
    """The reason that a 2xx body is which ``error`` was raised for.

    Where what is due is not there at all, the service may say why.
    """
    said = error_words if MISSING in str(error) else error_member
    if words := said(reply.body):
        return said_fault(reply, words)
    if isinstance(error, msgspec.ValidationError):
        return text_fault(error, "answer")
    if not reply.body:
        return f"{reply.status} but empty"
    if reply.body.startswith(GZIP_START):
        return f"{reply.status} but gzip, which was not asked for"
    return f"{reply.status} but {json_fault(error)} ({content_type(reply)})"


def text_fault(error: Exception, whole: str) -> str:
    """What is wrong with a text, which is called ``whole``, and where in it, by its ``error``."""
    if isinstance(error, msgspec.ValidationError):
        return type_fault(error, whole)
    return f"{whole}: {json_fault(error)}"


def json_fault(error: Exception) -> str:
    """What is wrong with bytes that should be JSON; positions that differ by call are left out."""
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    if isinstance(error, RecursionError):
        return "JSON nested too deep"
    if "truncated" in str(error):
        return "JSON cut short"
    return "not JSON"


def type_fault(error: msgspec.ValidationError, whole: str) -> str:
    """Msgspec's words after the place of the fault, without the number of its element."""
    words, _, place = str(error).replace("`", "").partition(" - at $")
    words = words.replace("Object missing required", "missing")
    where = re.sub(r"\[\d+\]", "[]", place).lstrip(".") or whole
    return f"{where}: {words[:1].lower()}{words[1:]}"


def content_type(reply: Reply) -> str:
    """The media type that ``reply`` claims to be, without parameters."""
    # Cut first: a header may be long, and is searched for tokens whole.
    named = reply.content_type[:CONTENT_TYPE_CHARACTERS].partition(";")[0]
    return clip(blank_text(named)) or "no content type"
