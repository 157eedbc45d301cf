"""Text as terms: words in lower case, without plural s, in whatever script."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from pathlib import Path

WORD = re.compile(r"([^\W_]{1,64})[^\W_]*")
"""A word, of which only the first 64 letters count: a longer one is no word of any language."""
SHORTEST_PLURAL = 4
WORDS_KEPT = 16_384

STOP_WORDS = frozenset(Path(__file__).with_name("stop_words.txt").read_text("utf-8").split())
"""Function words, numbers, and how needs are spoken of: they say nothing about a worker."""


def term_counts(text: str) -> Counter[str]:
    """How often each term occurs in ``text``, stop words left out."""
    counts = Counter(map(term, WORD.findall(text.lower())))
    counts.pop("", None)
    return counts


@lru_cache(WORDS_KEPT)
def term(word: str) -> str:
    """``word`` without a plural s, which is crude but the same everywhere; empty for stop words."""
    if word in STOP_WORDS:
        return ""
    if len(word) >= SHORTEST_PLURAL and word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    return word
