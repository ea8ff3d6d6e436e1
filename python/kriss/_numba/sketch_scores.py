"""Twin of kriss._core.sketch_scores: scores of rows. The products go through BLAS and agree to rounding."""

from __future__ import annotations

import numpy as np

_CHUNK = 2048


def score_rows(a, precond, squares, gram, workers):
    m, n = a.shape
    total = np.zeros(precond.shape)
    p = np.triu(precond)[:n]
    for begin in range(0, m, _CHUNK):
        with np.errstate(over="ignore", invalid="ignore"):
            part = a[begin : begin + _CHUNK] @ p
            np.einsum("ij,ij->i", part, part, out=squares[begin : begin + _CHUNK])
            if gram.size:
                total += part.T @ part
    if gram.size:
        gram[:] = total
