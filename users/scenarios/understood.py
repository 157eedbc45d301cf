"""How much of what a message asks for the LLM read in it.

Texts are compared by their words, in small letters, without punctuation and a plural's s. That all
expected words are there is not enough: an answer that repeats the whole message has them too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

NEAR = 0.05
"""Counts that differ by so much of the expected one are equal: 41 for 40, but not 5 for 4."""
LONGEST = 2
"""A text may have so many times the words that are expected, and one more."""

_WORD = re.compile(r"[^\W_]+")


def understood(expect: Mapping[str, Any], parsed: object) -> dict[str, bool]:
    """Whether each expected field came; ``parsed`` has attributes of the same names.

    A field of which None is expected may be anything.
    """
    return {
        name: _came(value, getattr(parsed, name))
        for name, value in expect.items()
        if value is not None
    }


def _came(expected: Any, found: Any) -> bool:
    if isinstance(expected, int):
        return bool(abs(found - expected) <= NEAR * expected)
    if isinstance(expected, str):
        return _is_said(expected, found)
    return all(any(_is_said(one, said) for said in found) for one in expected)


def _is_said(expected: str, found: str) -> bool:
    wanted, said = words_in(expected), words_in(found)
    return set(wanted) <= set(said) and len(said) <= LONGEST * len(wanted) + 1


def words_in(text: str) -> list[str]:
    """The words of ``text``, folded."""
    return [_singular(word) for word in _WORD.findall(text.casefold())]


def _singular(word: str) -> str:
    return word[:-1] if len(word) > len("gas") and word.endswith("s") else word
