"""Hashed character n-grams of a word: words that look alike get vectors that are close.

Feature hashing with a sign per n-gram: K. Weinberger et al., "Feature hashing for large scale
multitask learning", 2009; n-grams of 3 to 5 with word borders as in P. Bojanowski et al.,
"Enriching word vectors with subword information", 2017.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

LENGTHS = (3, 4, 5)


def ngrams(word: str) -> list[str]:
    """The n-grams of ``word`` between its borders, and the word itself."""
    bordered = f"<{word}>"
    parts = [
        bordered[start : start + length]
        for length in LENGTHS
        for start in range(len(bordered) - length + 1)
    ]
    return [*parts, bordered]


def ngram_vector(word: str, dimension: int) -> NDArray[np.float32]:
    """A unit vector of ``dimension`` numbers; the same in every process, on every machine."""
    vector = np.zeros(dimension, np.float32)
    for ngram in ngrams(word):
        digest = int.from_bytes(blake2b(ngram.encode(), digest_size=8).digest(), "little")
        vector[(digest >> 1) % dimension] += 1.0 if digest & 1 else -1.0
    length = float(np.linalg.norm(vector))
    return vector / np.float32(length) if length else vector
