"""Numba twins of the B-spline kernels: the same arithmetic in the same order as ``cpp/include/kriss/spline``.

Equations, traffic and references are in the headers ``bspline.hpp`` and ``bspline_interp.hpp``. `workers` is accepted
and ignored.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from kriss._numba.spline import _base, _locate


@njit(cache=True, nogil=True, error_model="numpy")
def _basis(dtype, t, ell, k, x, nu, h, scratch):
    h[0] = dtype(1)
    for j in range(1, k + 1):
        for m in range(j):
            scratch[m] = h[m]
        h[0] = dtype(0)
        for m in range(1, j + 1):
            right = t[ell + m]
            left = t[ell + m - j]
            if right == left:
                h[m] = dtype(0)
                continue
            if j <= k - nu:
                w = scratch[m - 1] / (right - left)
                h[m - 1] += w * (right - x)
                h[m] = w * (x - left)
            else:
                w = dtype(j) * scratch[m - 1] / (right - left)
                h[m - 1] -= w
                h[m] = w


@njit(cache=True, nogil=True, error_model="numpy")
def _evaluate(dtype, t, table, how, c, k, q, nu, beyond, out):
    n = t.size - k - 1
    m = c.shape[1]
    knots = t[k : n + 1]
    first = knots[0]
    last = knots[n - k]
    buckets = table.size - 1 if table.size > 0 else n - k
    scale = dtype(buckets) / (last - first)
    base = _base(knots, how)
    period = last - first
    h = np.zeros(k + 1, t.dtype)
    scratch = np.zeros(k + 1, t.dtype)
    for p in range(q.size):
        v = q[p]
        if beyond == 2:
            d = v - first
            if not (d > 0 and d < period):
                d = np.fmod(d, period)
                if d < 0:
                    d += period
            v = first + d
            if v > last:
                v = last
        if (beyond == 4 or (beyond == 3 and nu > 0)) and (v < first or v > last):
            for column in range(m):
                out[p, column] = dtype(0)
            continue
        if beyond == 3:
            v = first if v < first else last if v > last else v
        known = v == v if beyond == 1 else first <= v and v <= last
        if not known or nu > k:
            for column in range(m):
                out[p, column] = dtype(0) if known else math.nan
            continue
        i = _locate(knots, table, how, scale, base, buckets, v)
        _basis(dtype, t, i + k, k, v, nu, h, scratch)
        for column in range(m):
            total = dtype(0)
            for a in range(k + 1):
                total += c[i + a, column] * h[a]
            out[p, column] = total


def evaluate(t, table, map, c, k, q, nu, beyond, out, workers):
    _evaluate(t.dtype.type, t, table, map, c, k, q.reshape(-1), nu, beyond, out.reshape(q.size, c.shape[1]))


@njit(cache=True, nogil=True, error_model="numpy")
def _march(t, n, x, ell):
    while ell < n - 1 and x >= t[ell + 1]:
        ell += 1
    return ell


@njit(cache=True, nogil=True, error_model="numpy")
def _interpolate(dtype, x, t, k, c, rows, first):
    n, m = c.shape
    h = np.zeros(k + 1, t.dtype)
    scratch = np.zeros(k + 1, t.dtype)
    ell = k
    for i in range(n):
        ell = _march(t, n, x[i], ell)
        _basis(dtype, t, ell, k, x[i], 0, h, scratch)
        first[i] = ell - k
        for j in range(k + 1):
            rows[i, j] = h[j]
    for i in range(n):
        f = first[i]
        if i < f or i > f + k:
            return 9, i
        for j in range(f, i):
            g = first[j]
            factor = rows[i, j - f] * rows[j, j - g]
            rows[i, j - f] = factor
            for column in range(j + 1, g + k + 1):
                rows[i, column - f] -= factor * rows[j, column - g]
        pivot = rows[i, i - f]
        rows[i, i - f] = dtype(1) / pivot
        if not pivot > 0:
            return 9, i
    for i in range(n):
        f = first[i]
        for j in range(f, i):
            factor = rows[i, j - f]
            for column in range(m):
                c[i, column] -= factor * c[j, column]
    for i in range(n - 1, -1, -1):
        f = first[i]
        for j in range(f + k, i, -1):
            factor = rows[i, j - f]
            for column in range(m):
                c[i, column] -= factor * c[j, column]
        inverse = rows[i, i - f]
        for column in range(m):
            c[i, column] *= inverse
    return 0, -1


def interpolate(x, t, k, c, rows, first, workers):
    return _interpolate(x.dtype.type, x, t, k, c, rows, first)


@njit(cache=True, nogil=True, error_model="numpy")
def _interpolate_ends(dtype, x, t, k, left, right, c, a):
    n, m = c.shape
    lefts = left.size
    points = x.size
    h = np.zeros(k + 1, t.dtype)
    scratch = np.zeros(k + 1, t.dtype)
    ell = k
    for i in range(n):
        for j in range(3 * k + 1):
            a[i, j] = dtype(0)
        if i < lefts:
            q = x[0]
            nu = left[i]
        elif i < lefts + points:
            q = x[i - lefts]
            nu = 0
        else:
            q = x[points - 1]
            nu = right[i - lefts - points]
        ell = _march(t, n, q, ell)
        first = ell - k
        if first < i - k or first > i:
            return 9, i
        _basis(dtype, t, ell, k, q, nu, h, scratch)
        largest = dtype(0)
        for j in range(k + 1):
            largest = max(largest, abs(h[j]))
        scale = dtype(1) / largest if nu > 0 else dtype(1)
        for j in range(k + 1):
            a[i, first + j - i + k] = h[j] * scale
        if nu > 0:
            for j in range(m):
                c[i, j] *= scale
    for i in range(n):
        below = min(i + k, n - 1)
        best = i
        size = dtype(0)
        for r in range(i, below + 1):
            here = abs(a[r, i - r + k])
            if here > size:
                size = here
                best = r
        if not size > 0:
            return 9, i
        end = min(i + 2 * k, n - 1)
        if best != i:
            for j in range(i, end + 1):
                v = a[i, j - i + k]
                a[i, j - i + k] = a[best, j - best + k]
                a[best, j - best + k] = v
            for j in range(m):
                v = c[i, j]
                c[i, j] = c[best, j]
                c[best, j] = v
        inverse = dtype(1) / a[i, k]
        for r in range(i + 1, below + 1):
            if a[r, i - r + k] == 0:
                continue
            factor = a[r, i - r + k] * inverse
            for j in range(i + 1, end + 1):
                a[r, j - r + k] -= factor * a[i, j - i + k]
            for j in range(m):
                c[r, j] -= factor * c[i, j]
    for i in range(n - 1, -1, -1):
        for j in range(i + 1, min(i + 2 * k, n - 1) + 1):
            for column in range(m):
                c[i, column] -= a[i, j - i + k] * c[j, column]
        for column in range(m):
            c[i, column] /= a[i, k]
    return 0, -1


def interpolate_ends(x, t, k, left, right, c, rows, workers):
    return _interpolate_ends(x.dtype.type, x, t, k, left, right, c, rows)


@njit(cache=True, nogil=True, error_model="numpy")
def _to_pieces(dtype, t, c, k, x, out):
    n = t.size - k - 1
    m = c.shape[1]
    cells = x.size - 1
    value = np.zeros((k + 1, k + 1), t.dtype)
    inverse = np.zeros((k + 1, k + 1), t.dtype)
    d = np.zeros(k + 1, t.dtype)
    value[0, 0] = dtype(1)
    ell = k
    for i in range(cells):
        ell = _march(t, n, x[i], ell)
        for q in range(1, k + 1):
            value[q, 0] = dtype(0)
            for j in range(1, q + 1):
                right = t[ell + j]
                left = t[ell + j - q]
                r = dtype(1) / (right - left)
                w = value[q - 1, j - 1] * r
                inverse[q, j - 1] = r
                value[q, j - 1] += w * (right - x[i])
                value[q, j] = w * (x[i] - left)
        for column in range(m):
            for a in range(k + 1):
                d[a] = c[ell - k + a, column]
            for p in range(k + 1):
                q = k - p
                if p > 0:
                    factor = dtype(q + 1) / dtype(p)
                    for a in range(q + 1):
                        d[a] = (d[a + 1] - d[a]) * (inverse[q + 1, a] * factor)
                total = dtype(0)
                for a in range(q + 1):
                    total += d[a] * value[q, a]
                out[q, i, column] = total


def to_pieces(t, c, k, x, out, workers):
    _to_pieces(t.dtype.type, t, c, k, x, out.reshape(k + 1, x.size - 1, c.shape[1]))
