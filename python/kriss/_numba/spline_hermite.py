"""Numba twins of local cubic interpolation: the arithmetic of ``cpp/include/kriss/spline/hermite.hpp``.

Equations and references are in the header. Scratch and `workers` are accepted and ignored.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit


def work(n, m):
    return 0


@njit(cache=True, nogil=True, error_model="numpy")
def _slopes(x, y, s):
    big = np.finfo(x.dtype).max
    good = True
    for i in range(x.size - 1):
        h = x[i + 1] - x[i]
        good &= h > 0 and h <= big
        for t in range(y.shape[1]):
            v = (y[i + 1, t] - y[i, t]) / h
            good &= v <= big and v >= -big
            s[i, t] = v
    return good


@njit(cache=True, nogil=True, error_model="numpy")
def _cells(dtype, x, y, d, c):
    for i in range(x.size - 1):
        h = x[i + 1] - x[i]
        for k in range(y.shape[1]):
            s = c[0, i, k]
            t = (d[i, k] + d[i + 1, k] - dtype(2) * s) / h
            c[0, i, k] = t / h
            c[1, i, k] = (s - d[i, k]) / h - t
            c[2, i, k] = d[i, k]
            c[3, i, k] = y[i, k]


@njit(cache=True, nogil=True, error_model="numpy")
def _pchip_end(dtype, h0, h1, s0, s1):
    d = ((dtype(2) * h0 + h1) * s0 - h0 * s1) / (h0 + h1)
    if np.sign(d) != np.sign(s0):
        return dtype(0)
    if np.sign(s0) != np.sign(s1) and abs(d) > dtype(3) * abs(s0):
        return dtype(3) * s0
    return d


@njit(cache=True, nogil=True, error_model="numpy")
def _pchip(dtype, x, s, d):
    N = x.size - 1
    for t in range(d.shape[1]):
        if N == 1:
            d[0, t] = s[0, t]
            d[1, t] = s[0, t]
            continue
        d[0, t] = _pchip_end(dtype, x[1] - x[0], x[2] - x[1], s[0, t], s[1, t])
        d[N, t] = _pchip_end(dtype, x[N] - x[N - 1], x[N - 1] - x[N - 2], s[N - 1, t], s[N - 2, t])
        for i in range(1, N):
            s0 = s[i - 1, t]
            s1 = s[i, t]
            h0 = x[i] - x[i - 1]
            h1 = x[i + 1] - x[i]
            w1 = dtype(2) * h1 + h0
            w2 = h1 + dtype(2) * h0
            if (s0 > 0 and s1 > 0) or (s0 < 0 and s1 < 0):
                d[i, t] = dtype(1) / ((w1 / s0 + w2 / s1) / (w1 + w2))
            else:
                d[i, t] = dtype(0)


@njit(cache=True, nogil=True, error_model="numpy")
def _slope(dtype, s, k, t):
    N = s.shape[0]
    if k >= 0 and k < N:
        return s[k, t]
    a = s[0, t] if k < 0 else s[N - 1, t]
    b = s[1, t] if k < 0 else s[N - 2, t]
    once = dtype(2) * a - b
    return once if k == -1 or k == N else dtype(2) * once - a


@njit(cache=True, nogil=True, error_model="numpy")
def _weight(dtype, a, b, modified):
    w = abs(b - a)
    return w + dtype(0.5) * abs(b + a) if modified else w


@njit(cache=True, nogil=True, error_model="numpy")
def _akima(dtype, s, modified, shared, d):
    n, m = d.shape
    if n == 2:
        for t in range(m):
            d[0, t] = s[0, t]
            d[1, t] = s[0, t]
        return True
    peak = np.zeros(m, s.dtype)
    for t in range(m):
        for i in range(n):
            f = _weight(dtype, _slope(dtype, s, i, t), _slope(dtype, s, i + 1, t), modified) + _weight(
                dtype, _slope(dtype, s, i - 2, t), _slope(dtype, s, i - 1, t), modified
            )
            if not f <= peak[t]:
                peak[t] = f if f == f else dtype(math.inf)
    most = peak.max()
    if most > np.finfo(s.dtype).max:
        return False
    for t in range(m):
        least = dtype(1e-9) * (most if shared else peak[t])
        for i in range(n):
            s0 = _slope(dtype, s, i - 2, t)
            s1 = _slope(dtype, s, i - 1, t)
            s2 = _slope(dtype, s, i, t)
            s3 = _slope(dtype, s, i + 1, t)
            f1 = _weight(dtype, s2, s3, modified)
            f2 = _weight(dtype, s0, s1, modified)
            f = f1 + f2
            d[i, t] = s1 + (f2 / f) * (s2 - s1) if f > least else dtype(0.5) * (s3 + s0)
    return True


def hermite(x, y, d, c, work, workers):
    if not _slopes(x, y, c[0]):
        return 11
    _cells(x.dtype.type, x, y, d, c)
    return 0


def local(kind, x, y, shared, c, work, workers):
    if not _slopes(x, y, c[0]):
        return 11
    d = np.empty(y.shape, y.dtype)
    if kind == 0:
        _pchip(x.dtype.type, x, c[0], d)
    elif not _akima(x.dtype.type, c[0], kind == 2, shared, d):
        return 6
    _cells(x.dtype.type, x, y, d, c)
    return 0
