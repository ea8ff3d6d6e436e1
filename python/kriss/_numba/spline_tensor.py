"""Numba twins of the tensor-product spline kernels: arithmetic and order of ``cpp/include/kriss/spline/tensor.hpp``.

`workers` is accepted and ignored.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from kriss._numba.spline import _base, _locate


@njit(cache=True, nogil=True, error_model="numpy")
def _basis(t, at, out):
    K = out.shape[1]
    low = np.zeros(K + 1)
    high = np.zeros(K + 1)
    rate = np.zeros(K + 1)
    for i in range(at.size):
        p = out[i]
        p[:] = 0.0
        p[0, K - 1] = 1.0
        left = t[at[i]]
        for d in range(1, K):
            low[:] = 0.0
            high[:] = 0.0
            rate[:] = 0.0
            for j in range(K - d, K):
                first = at[i] - (K - 1) + j
                width = t[first + d] - t[first]
                low[j] = (left - t[first]) / width
                high[j] = (t[first + d] - left) / width
                rate[j] = 1.0 / width
            for j in range(K - 1 - d, K):
                for q in range(d, -1, -1):
                    total = low[j] * p[q, j]
                    if q > 0:
                        total += rate[j] * p[q - 1, j]
                    if j + 1 < K:
                        total += high[j + 1] * p[q, j + 1]
                        if q > 0:
                            total -= rate[j + 1] * p[q - 1, j + 1]
                    p[q, j] = total


def basis(t, at, out):
    _basis(t, at, out)


@njit(cache=True, nogil=True, error_model="numpy")
def _weights_at(basis, cell, s, nu, w):
    K = w.size
    for j in range(K):
        w[j] = 0.0 if s == s else s
    for p in range(K - 1, nu - 1, -1):
        f = 1.0
        for j in range(nu):
            f *= float(p - j)
        for j in range(K):
            w[j] = w[j] * s + basis[cell, p, j] * f


@njit(cache=True, nogil=True, error_model="numpy")
def _place(x, table, how, beyond, q):
    n = x.size
    known = q == q if beyond == 1 else q >= x[0] and q <= x[n - 1]
    if not known:
        return 0, math.nan
    buckets = table.size - 1 if table.size > 0 else n - 1
    i = _locate(x, table, how, buckets / (x[n - 1] - x[0]), _base(x, how), buckets, q)
    return i, q - x[i]


@njit(cache=True, nogil=True, error_model="numpy")
def _scattered(x, xtable, xmap, xstart, xbasis, y, ytable, ymap, ystart, ybasis, c, qx, qy, nux, nuy, beyond, out):
    K = xbasis.shape[1]
    wx = np.empty(K)
    wy = np.empty(K)
    rows = np.empty(K)
    for l in range(qx.size):
        i, sx = _place(x, xtable, xmap, beyond, qx[l])
        j, sy = _place(y, ytable, ymap, beyond, qy[l])
        _weights_at(xbasis, i, sx, nux, wx)
        _weights_at(ybasis, j, sy, nuy, wy)
        i0 = xstart[i]
        j0 = ystart[j]
        for t in range(c.shape[2]):
            for b in range(K):
                rows[b] = 0.0
            for a in range(K):
                for b in range(K):
                    rows[b] += wx[a] * c[i0 + a, j0 + b, t]
            total = 0.0
            for b in range(K):
                total += wy[b] * rows[b]
            out[l, t] = total


def scattered(
    x, xtable, xmap, xstart, xbasis, y, ytable, ymap, ystart, ybasis, c, qx, qy, nux, nuy, beyond, out, workers
):
    _scattered(
        x,
        xtable,
        xmap,
        xstart,
        xbasis,
        y,
        ytable,
        ymap,
        ystart,
        ybasis,
        c,
        qx.reshape(-1),
        qy.reshape(-1),
        nux,
        nuy,
        beyond,
        out.reshape(qx.size, c.shape[2]),
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _weights(x, table, how, start, basis, q, nu, beyond, w, first):
    for l in range(q.size):
        i, s = _place(x, table, how, beyond, q[l])
        _weights_at(basis, i, s, nu, w[l])
        first[l] = start[i]


def weights(x, table, how, start, basis, q, nu, beyond, w, first, workers):
    _weights(x, table, how, start, basis, q, nu, beyond, w, first)


@njit(cache=True, nogil=True, error_model="numpy")
def _contract(a, w, first, out):
    outer, _, inner = a.shape
    q, K = w.shape
    for o in range(outer):
        for j in range(q):
            at = first[j]
            for t in range(inner):
                total = 0.0
                for b in range(K):
                    total += w[j, b] * a[o, at + b, t]
                out[o, j, t] = total


def contract(a, w, first, out, workers):
    _contract(a, w, first, out.reshape(a.shape[0], w.shape[0], a.shape[2]))


@njit(cache=True, nogil=True, error_model="numpy")
def _solve(w, first, band, b):
    n, K = w.shape
    k = K - 1
    band[:] = 0.0
    for i in range(n):
        if first[i] > i or first[i] + k < i or first[i] < 0 or first[i] + k >= n:
            return 9
        for j in range(K):
            band[i, k + first[i] + j - i] = w[i, j]
    for i in range(n):
        pivot = band[i, k]
        if not pivot > 0.0:
            return 9
        last = min(i + k, n - 1)
        for r in range(i + 1, last + 1):
            factor = band[r, k + i - r] / pivot
            band[r, k + i - r] = factor
            for j in range(i + 1, last + 1):
                band[r, k + j - r] -= factor * band[i, k + j - i]
    columns = b.shape[1]
    for i in range(1, n):
        for j in range(max(i - k, 0), i):
            factor = band[i, k + j - i]
            if factor != 0.0:
                for t in range(columns):
                    b[i, t] -= factor * b[j, t]
    for i in range(n - 1, -1, -1):
        for j in range(i + 1, min(i + k, n - 1) + 1):
            factor = band[i, k + j - i]
            if factor != 0.0:
                for t in range(columns):
                    b[i, t] -= factor * b[j, t]
        for t in range(columns):
            b[i, t] /= band[i, k]
    return 0


def solve(w, first, band, b, workers):
    return _solve(w, first, band.reshape(w.shape[0], 2 * w.shape[1] - 1), b)
