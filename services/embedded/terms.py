"""Text as terms: words in lower case, without plural s, in whatever script."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

WORD = re.compile(r"[^\W_]+")
SHORTEST_PLURAL = 4

STOP_WORDS = frozenset(Path(__file__).with_name("stop_words.txt").read_text("utf-8").split())
"""Function words, numbers, and how needs are spoken of: they say nothing about a worker."""


def terms(text: str) -> list[str]:
    """The terms of ``text`` in their order, without stop words."""
    return [singular(word) for word in WORD.findall(text.lower()) if word not in STOP_WORDS]


def singular(word: str) -> str:
    """``word`` without a plural s: crude, and the same for query and resume."""
    if len(word) >= SHORTEST_PLURAL and word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    return word


def term_counts(text: str) -> Counter[str]:
    """How often each term occurs in ``text``."""
    return Counter(terms(text))
