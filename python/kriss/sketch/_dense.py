"""The n x n steps between two passes over a tall matrix: serial kernels up to `LIMIT` columns, LAPACK above.

A threaded BLAS would leave its threads spinning into the next pass; see cpp/include/kriss/sketch/dense.hpp. Complex
matrices go to LAPACK whatever their size.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg as sla

from kriss import _backend

Array = npt.NDArray[np.float64]
Number = npt.NDArray[Any]  # float64 or complex128
LIMIT = 200
PIECE = 1 << 18  # multiplications up to which OpenBLAS wakes no thread


def _ours(a: Number, size: int) -> bool:
    return size <= LIMIT and a.dtype == np.float64


def qr_r(a: Number, steps: int) -> Number:
    """R of the QR factorisation of the first `steps` columns, and Q' times the others: (steps, cols)."""
    rows, cols = a.shape
    if rows >= steps and _ours(a, cols):
        work = np.array(a, order="C")
        _backend.kernels("sketch").householder_r(work, steps)
        return work[:steps]
    return np.asarray(sla.qr(a, mode="r", check_finite=False)[0])[:steps]


def lapack_r(a: Number, count: int) -> Number:
    """The first `count` rows of R of all of `a`, which is overwritten if it is in Fortran order."""
    geqrf, query = sla.get_lapack_funcs(("geqrf", "geqrf_lwork"), (a,))
    work = query(*a.shape)[0]
    done = geqrf(a, lwork=max(int(work.real), 1), overwrite_a=True)
    return np.triu(np.asarray(done[0])[:count])


def cholesky(g: Number) -> Number | None:
    """The upper factor, or None if a pivot is not positive."""
    if _ours(g, g.shape[0]):
        u: Number = np.array(g, order="C")
        return None if _backend.kernels("sketch").cholesky_upper(u) >= 0 else u
    try:
        u = np.ascontiguousarray(sla.cholesky(g, check_finite=False))
    except sla.LinAlgError:
        return None
    return u if np.isfinite(u).all() else None


def solve(u: Number, b: Number, transposed: bool = False) -> Number:
    """u^-1 b, or u^-H b."""
    if u.dtype == b.dtype and _ours(u, u.shape[0]):
        out = np.array(b, order="C")
        _backend.kernels("sketch").solve_upper(np.ascontiguousarray(u), out, transposed)
        return out
    return np.asarray(sla.solve_triangular(u, b, trans="C" if transposed else "N", check_finite=False))


def multiply(u: Number, x: Number) -> Number:
    """u x for upper triangular u."""
    if u.dtype == x.dtype and _ours(u, u.shape[0]):
        out = np.empty(x.shape)
        _backend.kernels("sketch").multiply_upper(np.ascontiguousarray(u), np.ascontiguousarray(x), out, False)
        return out
    return np.asarray(u @ x)


def in_pieces(x: Array, p: Array) -> Array:
    """x p, a few rows at a time: so few that BLAS does it on the thread that calls, unless p is large anyway."""
    step = PIECE // max(p.size, 1)
    if not 8 <= step < x.shape[0]:
        return np.asarray(x @ p)
    out = np.empty((x.shape[0], p.shape[1]))
    for i in range(0, x.shape[0], step):
        np.matmul(x[i : i + step], p, out=out[i : i + step])
    return out


def svd(r: Number) -> tuple[Number, Array]:
    """Right singular vectors as rows, and singular values, of any matrix."""
    if r.shape[0] == r.shape[1] and _ours(r, r.shape[0]) and np.isfinite(r).all():
        vt = np.array(r, order="C")
        s = np.empty(r.shape[0])
        if _backend.kernels("sketch").jacobi_rows(vt, s) >= 0:
            known = int(np.count_nonzero(s))
            if known < s.size:  # a zero value leaves its vector open: any that is orthogonal to the others
                vt[known:] = np.linalg.qr(vt[:known].T, mode="complete")[0][:, known:].T
            return vt, s
    _, s, vt = sla.svd(r, full_matrices=False, check_finite=False, lapack_driver="gesdd")
    return vt, s
