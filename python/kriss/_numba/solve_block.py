"""Numba twins of block conjugate gradients: the same passes and the same small dense work."""

import math
from typing import Any

import numpy as np
from numba import njit

from kriss._numba.solve import GRAIN, LANES, _lane_sum
from kriss._numba.solve_krylov import _Context

OK, MAXITER, BREAKDOWN, MATRIX, PRECOND, NONFINITE = 0, 2, 3, 4, 5, 6


@njit(cache=True, nogil=True)
def _inner(x, y):
    total = 0.0
    s = np.empty(LANES)
    for b in range(0, x.size, GRAIN):
        s[:] = 0.0
        for i in range(b, min(b + GRAIN, x.size)):
            s[(i - b) % LANES] += np.float64(x[i]) * np.float64(y[i])
        total += _lane_sum(s)
    return total


def _gram(v, w):
    return np.array([[_inner(x, y) for y in w] for x in v]).reshape(len(v), len(w))


@njit(cache=True, nogil=True)
def _axpy(y, c, v):
    for t in range(y.size):
        y[t] = y[t] + c * v[t]


@njit(cache=True, nogil=True)
def _scale(y, c):
    for t in range(y.size):
        y[t] = y[t] * c


def _add(v, c, sign, y):
    """y_j += sign sum_i v_i c_ij."""
    for j in range(len(y)):
        for i in range(len(v)):
            _axpy(y[j], y[j].dtype.type(sign * c[i, j]), v[i])


@njit(cache=True, nogil=True)
def _pivoted_cholesky(g, drop, pivot):
    k = g.shape[0]
    for i in range(k):
        pivot[i] = i
    rank = 0
    while rank < k:
        best = rank
        for i in range(rank + 1, k):
            if g[i, i] > g[best, best]:
                best = i
        if not g[best, best] > drop:
            break
        for i in range(k):
            g[rank, i], g[best, i] = g[best, i], g[rank, i]
        for i in range(k):
            g[i, rank], g[i, best] = g[i, best], g[i, rank]
        pivot[rank], pivot[best] = pivot[best], pivot[rank]
        root = math.sqrt(g[rank, rank])
        g[rank, rank] = root
        for j in range(rank + 1, k):
            g[rank, j] /= root
        for i in range(rank + 1, k):
            for j in range(rank + 1, k):
                g[i, j] -= g[rank, i] * g[rank, j]
        rank += 1
    return rank


def _orthonormal(v):
    """The vectors v as an orthonormal basis of what they span, in place; None on NaN."""
    drops = (1e-9, 1e-10) if v and v[0].dtype == np.float32 else (1e-12, 1e-15)
    for drop in drops:
        if not v:
            break
        g = _gram(v, v)
        length = np.sqrt(np.diagonal(g))
        if not np.isfinite(length).all():
            return None
        scale = np.outer(length, length)
        g = np.divide(g, scale, out=np.zeros_like(g), where=scale > 0)
        np.fill_diagonal(g, (length > 0).astype(float))
        if not np.isfinite(g).all():
            return None
        pivot = np.zeros(len(v), np.int64)
        rank = _pivoted_cholesky(g, drop, pivot)
        v[:] = [v[i] for i in pivot]
        for j in range(rank):
            for i in range(j):
                _axpy(v[j], v[j].dtype.type(-(g[i, j] * length[pivot[j]])), v[i])
            _scale(v[j], v[j].dtype.type(1.0 / (g[j, j] * length[pivot[j]])))
        v = v[:rank]
    return v


@njit(cache=True, nogil=True)
def _cholesky(g):
    """g = L L' in place; NaN-safe. Returns the pivot that failed, or 1."""
    k = g.shape[0]
    for j in range(k):
        for i in range(j):
            g[j, j] -= g[j, i] * g[j, i]
        if not (g[j, j] > 0.0 and math.isfinite(g[j, j])):
            return g[j, j]
        g[j, j] = math.sqrt(g[j, j])
        for r in range(j + 1, k):
            for i in range(j):
                g[r, j] -= g[r, i] * g[j, i]
            g[r, j] /= g[j, j]
    return 1.0


@njit(cache=True, nogil=True)
def _solve(l, c):
    k, m = c.shape
    for j in range(m):
        for i in range(k):
            for t in range(i):
                c[i, j] -= l[i, t] * c[t, j]
            c[i, j] /= l[i, i]
        for i in range(k - 1, -1, -1):
            for t in range(i + 1, k):
                c[i, j] -= l[t, i] * c[t, j]
            c[i, j] /= l[i, i]


def block_cg(a, m, b, x, zero_start, tol, maxiter, callback, workers):
    with np.errstate(all="ignore"):
        return _block_cg(a, m, b, x, zero_start, tol, maxiter, callback)


def _block_cg(a, m, b, x, zero_start, tol, maxiter, callback):
    s = _Context(a, m, None)
    k = b.shape[0]
    r = [v.copy() for v in b]
    xs = list(x)
    history: list[float] = []
    done, smallest = 0, k
    p: list[Any] = []
    q: list[Any] = []
    g = np.zeros((0, 0))
    if not zero_start:
        room = np.empty_like(x[0])
        for j in range(k):
            s.multiply(x[j].copy(), room)
            _axpy(r[j], room.dtype.type(-1), room)

    def judge():
        norm = np.sqrt([_inner(v, v) for v in r])
        history.extend(norm.tolist())
        return norm

    def end(status):
        return status, done, s.matvecs, smallest, np.array(history)

    norm = judge()
    while not (norm <= tol).all():
        if not np.isfinite(norm).all():
            return end(NONFINITE)
        if done >= maxiter:
            return end(MAXITER)
        if m is None:
            z = [v.copy() for v in r]
        else:
            z = [np.empty_like(v) for v in r]
            for j in range(k):
                m.apply(r[j], z[j], 0)
                rho = _inner(r[j], z[j])
                if norm[j] > 0 and not (rho > 0 and math.isfinite(rho)):
                    return end(PRECOND if math.isfinite(rho) else NONFINITE)
        if done:
            c = _gram(q, z)
            _solve(g, c)
            _add(p, c, -1.0, z)
        basis = _orthonormal(z)
        if basis is None:
            return end(NONFINITE)
        if not basis:
            return end(BREAKDOWN)
        p = basis
        smallest = min(smallest, len(p))
        q = [np.empty_like(v) for v in p]
        for i in range(len(p)):
            s.multiply(p[i], q[i])
        g = _gram(p, q)
        bad = _cholesky(g)
        if not bad > 0 or not math.isfinite(bad):
            return end(MATRIX if math.isfinite(bad) else NONFINITE)
        c = _gram(p, r)
        _solve(g, c)
        _add(p, c, 1.0, xs)
        _add(q, c, -1.0, r)
        done += 1
        norm = judge()
        if callback is not None:
            callback()
    return end(OK)
