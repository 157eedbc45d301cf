r"""Half a surrogate pair, as in ``"\ud83d"``: what JavaScript leaves where it cuts an emoji in two.

JSON's grammar lets it stand and UTF-8 has no bytes for it. Text that nobody needs must not decide
over an answer: it is read as U+FFFD, the character for what cannot be shown.
"""

from __future__ import annotations

import re

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
