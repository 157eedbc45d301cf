"""The leading right singular vectors of a tall matrix, the same for the same matrix."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
Matrix = NDArray[np.float32]


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
