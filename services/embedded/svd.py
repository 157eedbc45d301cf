"""The leading right singular vectors of a tall matrix, the same for the same matrix."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
Matrix = NDArray[np.float32]

OVERSAMPLING = 16
POWER_ITERATIONS = 1
SKETCH_SEED = 0


def right_singular(matrix: Matrix, count: int) -> tuple[Matrix, Vector]:
    """The ``count`` leading right singular vectors, as columns, and their singular values.

    Randomized range finder with power iterations: N. Halko, P. G. Martinsson, J. A. Tropp,
    "Finding structure with randomness", 2011, algorithms 4.4 and 5.1. The sketch's seed is fixed.
    """
    sketch = np.random.default_rng(SKETCH_SEED).standard_normal(
        (matrix.shape[1], count + OVERSAMPLING), dtype=np.float32
    )
    basis = np.linalg.qr(matrix @ sketch).Q
    for _ in range(POWER_ITERATIONS):
        across = np.linalg.qr(matrix.T @ basis).Q
        basis = np.linalg.qr(matrix @ across).Q
    found = np.linalg.svd(basis.T @ matrix, full_matrices=False)
    return sign_fixed(found.Vh[:count].T), found.S[:count]


def sign_fixed(vectors: Matrix) -> Matrix:
    """``vectors`` with each column's largest entry positive: a factorization leaves that open."""
    largest = np.abs(vectors).argmax(axis=0)
    signs = np.sign(vectors[largest, np.arange(vectors.shape[1])])
    fixed: Matrix = np.ascontiguousarray(vectors * signs, dtype=np.float32)
    return fixed
