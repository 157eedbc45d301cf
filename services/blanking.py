"""Takes a bearer token out of what a service says, in the shapes that services give it.

A service may repeat the headers that it was sent: as they are, quoted for a URL, escaped for JSON
or HTML, or as base64. What is blanked here, before anybody reads the answer, gets into no report,
trace, spool, log or terminal.
"""

from __future__ import annotations

import re
from base64 import b64encode
from functools import lru_cache

BLANK = b"[token]"
TOKEN_BYTES = 8
"""Anything shorter is no secret, and blanking it would tear words apart."""
EXACT_BYTES = 64
"""So much of a token is matched byte by byte, and what follows by its kind: a pattern of kilobytes
would take long to compile."""

_known: list[Blanker] = []
_UNIT = (
    rb"(?:%(?:25)*[0-9a-f]{2}|\\+u[0-9a-f]{4}|\\+x[0-9a-f]{2}"
    rb"|&(?:amp;)*#x?[0-9a-f]+;|\\+[!-~]|[!-~])"
)
"""Any one character of a token in any shape."""
_BASE64 = rb"(?:[A-Za-z0-9+/_=-]|\\+[/nr]|%2[BbFf]|[\r\n])"


COMMON = b"etaoinsrhldcumfpgwybvk0123456789jxqzEATSIORNCLDMPBHUFGWYVKJXQZ"
"""Characters of JSON by how often they come, roughly."""
WINDOW = 8


class Blanker:
    """Blanks one token. A short one, or none, is left as it is."""

    __slots__ = ("_escapes", "_looks", "_pattern")

    def __init__(self, token: str) -> None:
        raw = token.encode() if len(token) >= TOKEN_BYTES else b""
        cores = [_core(raw, shift) for shift in range(3)] if raw else []
        # Two windows of each: base64 may be wrapped in the middle of one.
        windows = [core[at : at + WINDOW] for core in cores for at in (0, WINDOW)]
        needles = [raw, *(window for window in windows if len(window) == WINDOW)] if raw else []
        self._looks = [(_rarest(needle), needle) for needle in needles]
        self._escapes = _escapes(raw) if raw else []
        self._pattern = _pattern(raw, cores) if raw else None

    def blank(self, body: bytes) -> bytes:
        """``body`` without the token.

        For a body that has nothing of it, a microsecond or two: a look for the rarest character
        of each shape, which memchr does, comes before a search for the shape.
        """
        if self._pattern is not None and self._may_be_in(body):
            return self._pattern.sub(BLANK, body)
        return body

    def _may_be_in(self, body: bytes) -> bool:
        for rarest, needle in self._looks:
            if rarest in body and needle in body:
                return True
        return any(first in body and shape.search(body) for first, shape in self._escapes)


@lru_cache(maxsize=64)
def blanker(token: str) -> Blanker:
    """The one that all users of a token share."""
    made = Blanker(token)
    _known.append(made)
    return made


def blank_text(text: str) -> str:
    """``text`` of a service without any token that this process has sent."""
    raw = text.encode("utf-8", "surrogatepass")
    for each in _known:
        raw = each.blank(raw)
    return raw.decode("utf-8", "surrogatepass")


def _rarest(needle: bytes) -> int:
    return max(needle, key=COMMON.find)


def _escapes(token: bytes) -> list[tuple[int, re.Pattern[bytes]]]:
    """How a character of the token begins that is written as a number: first byte, and shape."""
    # Either case spelt out: a pattern that ignores it is searched for ten times as long.
    hexes = b"|".join(sorted({form % byte for byte in token for form in (b"%02x", b"%02X")}))
    marks = b"".join(re.escape(bytes([byte])) for byte in token if not chr(byte).isalnum())
    behind = rb"|[%b]" % marks if marks else b""
    numbers = b"|".join(sorted({b"%d" % byte for byte in token}))
    return [
        (ord("%"), re.compile(b"%%(?:25)*(?:%b)" % hexes)),
        (ord("\\"), re.compile(rb"\\(?:(?:[uU]00|[xX])(?:%b)%b)" % (hexes, behind))),
        (ord("&"), re.compile(b"&(?:amp;)*#(?:0*(?:%b)|[xX]0*(?:%b));" % (numbers, hexes))),
    ]


def _pattern(token: bytes, cores: list[bytes]) -> re.Pattern[bytes]:
    """Any of the token's shapes, in letters of either case."""
    exact = b"".join(map(_shapes, token[:EXACT_BYTES]))
    rest = b"%b{0,%d}" % (_UNIT, max(0, len(token) - EXACT_BYTES))
    # Before a core that does not begin a group stands a letter that is partly the token's.
    cut = [(_BASE64 if shift else b"") + _as_base64(core) for shift, core in enumerate(cores)]
    return re.compile(b"(?i)" + b"|".join([exact + rest, *cut]), re.DOTALL)


def _shapes(byte: int) -> bytes:
    r"""A character as it is, and as a number: ``%2f``, ``%252f``, ``\u002f``, ``&#47;``."""
    character = bytes([byte])
    plain = re.escape(character) if character.isalnum() else rb"\\*" + re.escape(character)
    return rb"(?:%b|%%(?:25)*%02x|\\+(?:u00|x)%02x|&(?:amp;)*#(?:0*%d|x0*%02x);)" % (
        plain,
        byte,
        byte,
        byte,
        byte,
    )


def _core(token: bytes, shift: int) -> bytes:
    """What base64 makes of ``token`` wherever it stands ``shift`` bytes after a group of three."""
    padded = bytes(shift) + token
    whole = len(padded) // 3 * 4
    return b64encode(padded)[-(-shift * 4 // 3) : whole]


def _as_base64(core: bytes) -> bytes:
    """The core with its two alphabets, wrapped or not, and what is left of the group after it."""
    units = {ord("+"): rb"(?:\+|-|%2b)", ord("/"): rb"(?:\\*/|_|%2f)"}
    letters = [units.get(byte, bytes([byte])) for byte in core[:EXACT_BYTES]]
    return rb"(?:\\+[nr]|[\r\n])*".join(letters) + b"%b{0,%d}" % (_BASE64, len(core) * 2 + 4)
