"""An embedding that needs no download: latent semantic analysis joined with character n-grams.

Latent semantic analysis (S. Deerwester et al., 1990) learns from the corpus which words go
together, so that other words for the same thing are close; its dimensions are weighted by the
square root of their singular values (J. Caron, 2001). The n-grams keep apart names and spellings
that the corpus has never seen. Each half is scaled to its share of a unit vector.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

from mcstress.errors import UsageError
from mcstress.services.embedded.ngrams import ngram_vector
from mcstress.services.embedded.terms import term_counts

Vector = NDArray[np.float32]
Matrix = NDArray[np.float32]

LATENT_DIMENSION = 128
NGRAM_DIMENSION = 128
DIMENSION = LATENT_DIMENSION + NGRAM_DIMENSION
LATENT_SHARE = 0.8
UNKNOWN_WEIGHT = 4.0
UNKNOWN_WORDS_KEPT = 4096
MOST_TERMS = 2048
"""Of a corpus's terms, those that most texts have: the time grows with the cube of their number."""
MOST_LEARNT_FROM = 16_384
"""Texts, evenly spaced among all."""


class Embedding:
    """Texts to unit vectors of ``DIMENSION`` numbers. Made by ``fit_embedding``.

    A term weighs ``(1 + log count) * log inverse document frequency``; one that the corpus does not
    have, often a name, weighs ``UNKNOWN_WEIGHT`` times the median term and has its n-grams only.
    """

    dimension = DIMENSION

    def __init__(self, rows: dict[str, int], weights: Vector, table: Matrix) -> None:
        """``rows`` maps terms to rows of ``table``, their vectors, and of their ``weights``."""
        self._rows = rows
        self.weights, self.table = weights, table
        self._table = table * weights[:, np.newaxis]
        self._unknown_weight = np.float32(UNKNOWN_WEIGHT * np.median(weights))
        self._unknown = lru_cache(UNKNOWN_WORDS_KEPT)(self._unknown_row)

    @property
    def terms(self) -> list[str]:
        """The terms, each at the place of its row."""
        return list(self._rows)

    def encode(self, text: str) -> Vector:
        """The unit vector of ``text``; zero where it has no words."""
        known: list[int] = []
        counts: list[float] = []
        unknown: list[Vector] = []
        for term, count in term_counts(text).items():
            row = self._rows.get(term)
            if row is None:
                unknown.append(self._unknown(term) * np.float32(1 + log(count)))
            else:
                known.append(row)
                counts.append(1 + log(count))
        vector: Vector = np.array(counts, np.float32) @ self._table[known]
        for row_of_unknown in unknown:
            vector[LATENT_DIMENSION:] += row_of_unknown
        return joined(vector)

    def _unknown_row(self, term: str) -> Vector:
        return ngram_vector(term, NGRAM_DIMENSION) * self._unknown_weight


def fit_embedding(texts: list[str]) -> tuple[Embedding, Matrix]:
    """The embedding that ``texts`` teach, and their own vectors, one row for each."""
    documents = [term_counts(text) for text in texts]
    return fitted(documents, sorted(set().union(*documents)))


def fit_any(texts: list[str]) -> tuple[Embedding, Matrix]:
    """The same for texts of any kind and number: within a bound of time and memory."""
    learnt_from = texts[:: -(-len(texts) // MOST_LEARNT_FROM)]
    documents = [term_counts(text) for text in learnt_from]
    frequencies = Counter(term for document in documents for term in document)
    most = sorted(frequencies, key=lambda term: (-frequencies[term], term))[:MOST_TERMS]
    if not most:
        raise UsageError("corpora: found no word in any text, expected some to learn from")
    kept = {*most}
    known = [
        Counter({term: count for term, count in document.items() if term in kept})
        for document in documents
    ]
    embedding, _ = fitted(known, sorted(most))
    return embedding, np.stack([embedding.encode(text) for text in texts])


def fitted(documents: list[Counter[str]], terms: list[str]) -> tuple[Embedding, Matrix]:
    """The embedding that ``documents`` teach of ``terms``, which hold all of theirs."""
    rows = {term: row for row, term in enumerate(terms)}
    matrix = count_matrix(documents, rows)
    frequencies = np.count_nonzero(matrix, axis=0)
    weights = np.log((1 + len(documents)) / (1 + frequencies)).astype(np.float32)
    matrix *= weights
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    lengths[lengths == 0] = 1
    matrix /= lengths
    latent, singular_values = right_singular(matrix, LATENT_DIMENSION)
    ngrams = np.stack([ngram_vector(term, NGRAM_DIMENSION) for term in rows])
    few = np.zeros((len(rows), max(0, LATENT_DIMENSION - len(rows))), np.float32)
    table = np.hstack([latent * np.sqrt(singular_values), few, ngrams])
    vectors: Matrix = matrix @ table
    for vector in vectors:
        joined(vector)
    return Embedding(rows, weights, table), vectors


def count_matrix(documents: list[Counter[str]], rows: dict[str, int]) -> Matrix:
    """``1 + log count`` of each term: a row for each document, a column for each term."""
    matrix = np.zeros((len(documents), len(rows)), np.float32)
    document = np.repeat(np.arange(len(documents)), [len(counts) for counts in documents])
    term = [rows[term] for counts in documents for term in counts]
    count = [count for counts in documents for count in counts.values()]
    matrix[document, term] = 1 + np.log(np.array(count, np.float32))
    return matrix


def joined(vector: Vector) -> Vector:
    """``vector``, in place, with each half at its share of length 1.

    A half without a word leaves everything to the other; a vector without any stays zero.
    """
    latent, ngram = vector[:LATENT_DIMENSION], vector[LATENT_DIMENSION:]
    latent_square, ngram_square = float(latent @ latent), float(ngram @ ngram)
    share = LATENT_SHARE if ngram_square else 1.0
    if latent_square:
        latent *= np.float32(sqrt(share / latent_square))
    if ngram_square:
        rest = 1 - share if latent_square else 1.0
        ngram *= np.float32(sqrt(rest / ngram_square))
    return vector


def right_singular(matrix: Matrix, count: int) -> tuple[Matrix, Vector]:
    """The ``count`` leading right singular vectors, as columns, and their singular values.

    Eigenvectors of ``matrix.T @ matrix``, whose eigenvalues are the squares: faster than a
    factorization of a matrix with many rows, and good for values that are not tiny.
    """
    squares, vectors = np.linalg.eigh(matrix.T @ matrix)
    leading = slice(None, -count - 1, -1)
    values: Vector = np.sqrt(np.maximum(squares[leading], 0))
    return sign_fixed(vectors[:, leading]), values


def sign_fixed(vectors: Matrix) -> Matrix:
    """``vectors`` with each column's largest entry positive: a factorization leaves that open."""
    largest = np.abs(vectors).argmax(axis=0)
    signs = np.sign(vectors[largest, np.arange(vectors.shape[1])])
    fixed: Matrix = np.ascontiguousarray(vectors * signs, dtype=np.float32)
    return fixed
