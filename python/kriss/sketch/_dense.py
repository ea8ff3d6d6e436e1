"""The n x n steps between two passes over a tall matrix: serial kernels up to `LIMIT` columns, LAPACK above.

A threaded BLAS would leave its threads spinning into the next pass; see cpp/include/kriss/sketch/dense.hpp.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.linalg as sla

from kriss import _backend

Array = npt.NDArray[np.float64]
LIMIT = 200


def qr_r(a: Array, steps: int) -> Array:
    """R of the QR factorisation of the first `steps` columns, and Q' times the others: (steps, cols)."""
    rows, cols = a.shape
    if cols <= LIMIT and rows >= steps:
        work = np.array(a, order="C")
        _backend.kernels("sketch").householder_r(work, steps)
        return work[:steps]
    return np.asarray(sla.qr(a, mode="r", check_finite=False)[0])[:steps]


def cholesky(g: Array) -> Array | None:
    """The upper factor, or None if a pivot is not positive."""
    if g.shape[0] <= LIMIT:
        u = np.array(g, order="C")
        return None if _backend.kernels("sketch").cholesky_upper(u) >= 0 else u
    try:
        u = np.ascontiguousarray(sla.cholesky(g, check_finite=False))
    except sla.LinAlgError:
        return None
    return u if np.isfinite(u).all() else None


def solve(u: Array, b: Array, transposed: bool = False) -> Array:
    """u^-1 b, or u^-T b."""
    if u.shape[0] <= LIMIT:
        out = np.array(b, order="C")
        _backend.kernels("sketch").solve_upper(np.ascontiguousarray(u), out, transposed)
        return out
    return np.asarray(sla.solve_triangular(u, b, trans="T" if transposed else "N", check_finite=False))


def multiply(u: Array, x: Array) -> Array:
    """u x for upper triangular u."""
    if u.shape[0] <= LIMIT:
        out = np.empty(x.shape)
        _backend.kernels("sketch").multiply_upper(np.ascontiguousarray(u), np.ascontiguousarray(x), out, False)
        return out
    return np.asarray(u @ x)


def svd(r: Array) -> tuple[Array, Array]:
    """Right singular vectors as rows, and singular values, of any matrix."""
    if r.shape[0] == r.shape[1] <= LIMIT and np.isfinite(r).all():
        vt = np.array(r, order="C")
        s = np.empty(r.shape[0])
        if _backend.kernels("sketch").jacobi_rows(vt, s) >= 0:
            return vt, s
    _, s, vt = sla.svd(r, full_matrices=False, check_finite=False, lapack_driver="gesdd")
    return vt, s
