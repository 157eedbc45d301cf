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
LAYERS = b"{1,16}"
"""So many backslashes, or signs quoted once more, stand before a character: four texts of JSON
within one another. Without a bound, a search of a long run takes the square of its length."""
MAYBE_LAYERS = b"{0,16}"
SLASHES = rb"\\{1,16}+"
"""None is given back: what follows them is another character."""

_known: list[Blanker] = []
_UNIT = (
    rb"(?:%%(?:25)%(maybe)b[0-9a-f]{2}|%(slashes)bu[0-9a-f]{4}|%(slashes)bx[0-9a-f]{2}"
    rb"|&(?:amp;)%(maybe)b#x?[0-9a-f]{1,16};|%(slashes)b[!-~]|[!-~])"
) % {b"maybe": MAYBE_LAYERS, b"slashes": SLASHES}
"""Any one character of a token in any shape."""
_BASE64 = rb"(?:[A-Za-z0-9+/_=-]|%b[/nr]|%%2[BbFf]|[\r\n])" % SLASHES
_LINE_BREAKS = rb"(?:%b[nr]|[\r\n]){0,4}" % SLASHES

COMMON = b"etaoinsrhldcumfpgwybvk0123456789jxqzEATSIORNCLDMPBHUFGWYVKJXQZ"
"""Characters of JSON by how often they come, roughly."""
WINDOW = 8
SHORTEST_LINE = 48
"""Lines of base64 have 64 characters or 76: of two windows that lie within so many of one another,
a line's end cuts one at most."""


class Blanker:
    """Blanks one token. A short one, or none, is left as it is."""

    __slots__ = ("_escapes", "_looks", "_pattern")

    def __init__(self, token: str) -> None:
        raw = token.encode() if len(token) >= TOKEN_BYTES else b""
        cores = [_core(raw, shift) for shift in range(3)] if raw else []
        needles = [raw, *(window for core in cores for window in _windows(core))] if raw else []
        self._looks = [(*_rarest(needle), needle) for needle in needles]
        self._escapes = _escapes(raw) if raw else []
        self._pattern = _pattern(raw, cores) if raw else None

    def blank(self, body: bytes) -> bytes:
        """``body`` without the token.

        For a body that has nothing of it, a microsecond or two: a look for the rarest characters
        of each shape, which memchr does, comes before a search for the shape.
        """
        if self._pattern is not None and self._may_be_in(body):
            return self._pattern.sub(BLANK, body)
        return body

    def _may_be_in(self, body: bytes) -> bool:
        for rarest, second, third, needle in self._looks:
            if rarest in body and second in body and third in body and needle in body:
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


def _rarest(needle: bytes) -> tuple[int, int, int]:
    """The three of its characters that are the least likely to stand in a body."""
    first, second, third = (sorted(set(needle), key=COMMON.find, reverse=True) * 3)[:3]
    return first, second, third


def _windows(core: bytes) -> list[bytes]:
    """Two pieces of ``core`` that do not overlap: base64 may be wrapped in the middle of one.

    Those whose rarest characters are the least likely to stand in a body, and without ``+`` and
    ``/``, which may be spelt in another way.
    """
    starts = range(min(len(core), SHORTEST_LINE) - WINDOW + 1)

    def likelihood(at: int) -> tuple[bool, int]:
        window = core[at : at + WINDOW]
        return b"+" in window or b"/" in window, -sum(map(COMMON.find, _rarest(window)))

    by_rarity = sorted(starts, key=likelihood)
    chosen = by_rarity[:1]
    chosen += [at for at in by_rarity if abs(at - chosen[0]) >= WINDOW][:1]
    return [core[at : at + WINDOW] for at in chosen]


def _escapes(token: bytes) -> list[tuple[int, re.Pattern[bytes]]]:
    """How a character of the token begins that is written as a number: first byte, and shape."""
    hexes = _hexes(token)
    marks = b"".join(re.escape(bytes([byte])) for byte in token if not chr(byte).isalnum())
    behind = rb"|[%b]" % marks if marks else b""
    numbers = b"|".join(sorted({b"%d" % byte for byte in token}))
    return [
        (ord("%"), re.compile(b"%%(?:25)%b(?:%b)" % (MAYBE_LAYERS, hexes))),
        (ord("\\"), re.compile(rb"\\(?:(?:[uU]00|[xX])(?:%b)%b)" % (hexes, behind))),
        (
            ord("&"),
            re.compile(
                b"&(?:amp;)%b#(?:0{0,16}(?:%b)|[xX]0{0,16}(?:%b));" % (MAYBE_LAYERS, numbers, hexes)
            ),
        ),
    ]


def _hexes(token: bytes) -> bytes:
    """The numbers of the token's characters, by their first digit: few are looked at in vain.

    Either case is spelt out: a pattern that ignores it is searched for ten times as long.
    """
    seconds: dict[bytes, set[bytes]] = {}
    for byte in token:
        first, second = b"%x" % (byte >> 4), b"%x" % (byte & 15)
        seconds.setdefault(first, set()).update({second, second.upper()})
    return b"|".join(b"%b[%b]" % (one, b"".join(sorted(seconds[one]))) for one in sorted(seconds))


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
    plain = re.escape(character)
    if character == b"\\":
        plain = rb"\\" + LAYERS
    elif not character.isalnum():
        plain = b"(?:%b)?%b" % (SLASHES, plain)
    numbers = (
        rb"%%(?:25)%(maybe)b%(byte)02x|%(slashes)b(?:u00|x)%(byte)02x"
        rb"|&(?:amp;)%(maybe)b#(?:0{0,16}%(byte)d|x0{0,16}%(byte)02x);"
    ) % {b"maybe": MAYBE_LAYERS, b"slashes": SLASHES, b"byte": byte}
    return b"(?:%b|%b)" % (plain, numbers)


def _core(token: bytes, shift: int) -> bytes:
    """What base64 makes of ``token`` wherever it stands ``shift`` bytes after a group of three."""
    padded = bytes(shift) + token
    whole = len(padded) // 3 * 4
    return b64encode(padded)[-(-shift * 4 // 3) : whole]


def _as_base64(core: bytes) -> bytes:
    """The core with its two alphabets, wrapped or not, and what is left of the group after it."""
    units = {ord("+"): rb"(?:\+|-|%2b)", ord("/"): rb"(?:(?:%b)?/|_|%%2f)" % SLASHES}
    letters = [units.get(byte, bytes([byte])) for byte in core[:EXACT_BYTES]]
    return _LINE_BREAKS.join(letters) + b"%b{0,%d}" % (_BASE64, len(core) * 2 + 4)
