"""Numba twins of conjugate gradients on several right-hand sides: every column has the bits of the single solve."""

import math
from typing import Any

import numpy as np
from numba import njit

from kriss._numba.solve import GRAIN, LANES, _lane_sum

OK, MAXITER, MATRIX, PRECOND, NONFINITE = 0, 2, 4, 5, 6


@njit(cache=True, nogil=True)
def _matmat(indptr, indices, data, x, y):
    k = x.shape[1]
    for i in range(indptr.size - 1):
        for c in range(k):
            y[i, c] = 0
        for e in range(indptr[i], indptr[i + 1]):
            row = indices[e]
            for c in range(k):
                y[i, c] += data[e] * x[row, c]


def csr_matmat(indptr, indices, data, x, y, workers):
    _matmat(indptr, indices, data, x, y)


@njit(cache=True, nogil=True)
def _dots(x, y, out):
    n, k = x.shape
    s = np.empty((k, LANES))
    out[:] = 0.0
    for b in range(0, n, GRAIN):
        e = min(b + GRAIN, n)
        s[:] = 0.0
        for i in range(b, e):
            l = (i - b) % LANES
            for c in range(k):
                s[c, l] += np.float64(x[i, c]) * np.float64(y[i, c])
        for c in range(k):
            out[c] += _lane_sum(s[c])


@njit(cache=True, nogil=True)
def _peaks(x, peaks):
    n, k = x.shape
    peaks[:] = 0.0
    for i in range(n):
        for c in range(k):
            size = abs(np.float64(x[i, c]))
            if size > peaks[c]:
                peaks[c] = size


def column_scan(x, norms, peaks, workers):
    _dots(x, x, norms)
    _peaks(x, peaks)


@njit(cache=True, nogil=True)
def _weighted(inverse, r, out):
    n, k = r.shape
    s = np.empty((k, LANES))
    out[:] = 0.0
    for b in range(0, n, GRAIN):
        e = min(b + GRAIN, n)
        s[:] = 0.0
        for i in range(b, e):
            l = (i - b) % LANES
            for c in range(k):
                w = np.float64(r[i, c])
                s[c, l] += w * (np.float64(inverse[i]) * w)
        for c in range(k):
            out[c] += _lane_sum(s[c])


@njit(cache=True, nogil=True)
def _direction(inverse, z, beta, alpha, p, x):
    n, k = z.shape
    for i in range(n):
        for c in range(k):
            pi = p[i, c]
            x[i, c] = x[i, c] + alpha[c] * pi
            zi = inverse[i] * z[i, c] if inverse.size else z[i, c]
            p[i, c] = zi + beta[c] * pi


@njit(cache=True, nogil=True)
def _axpy(alpha, q, r):
    n, k = q.shape
    for i in range(n):
        for c in range(k):
            r[i, c] = r[i, c] + alpha[c] * q[i, c]


def cg_multi(indptr, indices, data, b, x, inverse, product, precond, tol, maxiter, zero_start, workers):
    with np.errstate(all="ignore"):
        return _cg_multi(indptr, indices, data, b, x, inverse, product, precond, tol, maxiter, zero_start)


def _cg_multi(indptr, indices, data, b, x, inverse, product, precond, tol, maxiter, zero_start):
    k = b.shape[1]
    out: list[Any] = [None] * k
    norms: list[list[float]] = [[] for _ in range(k)]
    columns = list(range(k))
    r, p, q, xs = b.copy(), np.zeros_like(b), np.empty_like(b), x.copy()
    z = np.empty_like(b) if precond is not None else None
    products = 0

    def multiply(v, y):
        nonlocal products
        products += 1
        if product is not None:
            product(v, y)
        else:
            _matmat(indptr, indices, data, v, y)

    if not zero_start:
        multiply(xs, q)
        _axpy(np.full(k, -1, b.dtype), q, r)

    def judge():
        rr, rho = np.empty(len(columns)), np.empty(len(columns))
        _dots(r, r, rr)
        if inverse.size:
            _weighted(inverse, r, rho)
        else:
            rho[:] = rr
        for slot, c in enumerate(columns):
            norms[c].append(float(np.sqrt(rr[slot])))
        return rr, rho

    rr, following = judge()
    peak = rr.copy()
    alpha, beta, rho = np.zeros(k, b.dtype), np.zeros(k, b.dtype), np.zeros(k)
    iteration = 0

    def retire(leaving):
        """Hand columns back ({slot: status}) and keep the others."""
        nonlocal r, p, q, z, xs, rr, following, peak, alpha, beta, rho, columns
        for slot, status in leaving.items():
            c = columns[slot]
            x[:, c] = xs[:, slot] + alpha[slot] * p[:, slot] if alpha[slot] != 0 else xs[:, slot]
            out[c] = (status, iteration, float(np.sqrt(rr[slot])), np.array(norms[c]))
        if leaving:
            stay = [s for s in range(len(columns)) if s not in leaving]
            r, p, q, xs = (np.ascontiguousarray(v[:, stay]) for v in (r, p, q, xs))
            z = np.ascontiguousarray(z[:, stay]) if z is not None else None
            rr, following, peak, alpha, beta, rho = (v[stay] for v in (rr, following, peak, alpha, beta, rho))
            columns = [columns[s] for s in stay]

    while True:
        leaving = {}
        for slot, c in enumerate(columns):
            finite = math.isfinite(rr[slot])
            if finite and (math.sqrt(rr[slot]) <= tol[c] or rr[slot] <= 1e-60 * peak[slot]):
                leaving[slot] = OK
            elif not finite:
                leaving[slot] = NONFINITE
            elif iteration >= maxiter:
                leaving[slot] = MAXITER
        retire(leaving)
        if not columns:
            break
        if precond is not None:
            precond(r, z)
            _dots(r, z, following)
        bad = ~((following > 0) & np.isfinite(following))
        retire({s: PRECOND if math.isfinite(following[s]) else NONFINITE for s in np.nonzero(bad)[0].tolist()})
        if not columns:
            break
        if iteration > 0:
            beta = (following / rho).astype(b.dtype)
        rho = following.copy()
        _direction(inverse, z if z is not None else r, beta, alpha, p, xs)
        alpha = np.zeros(len(columns), b.dtype)
        multiply(p, q)
        pq = np.empty(len(columns))
        _dots(p, q, pq)
        bad = ~((pq > 0) & np.isfinite(pq))
        retire({s: MATRIX if math.isfinite(pq[s]) else NONFINITE for s in np.nonzero(bad)[0].tolist()})
        if not columns:
            break
        step = rho / pq[~bad]
        alpha = step.astype(b.dtype)
        _axpy((-step).astype(b.dtype), q, r)
        rr, following = judge()
        peak = np.maximum(peak, rr)
        iteration += 1
    true = np.full(k, np.nan)
    if product is None:
        room = np.empty_like(b)
        _matmat(indptr, indices, data, x, room)
        np.subtract(b, room, out=room)
        _dots(room, room, true)
    return [(*o[:3], float(math.sqrt(t)), o[3]) for o, t in zip(out, true, strict=True)], products, 0
