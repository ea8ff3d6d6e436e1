"""Numba twins of approximate and matrix-free covariances.

Orders and neighbours are the same as the compiled ones, by loops over all pairs instead of a tree; weights, variances
and products are the same bits, one point at a time instead of eight.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from kriss._numba.gp import _distance, _lane_total, _point64

_CHUNK = 256
_ROWS = 32
_LANES = 8


@njit(inline="always")
def _squared(a, b):
    total = 0.0
    for q in range(a.size):
        delta = a[q] - b[q]
        total += delta * delta
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _maximin(x, centre, order):
    n = x.shape[0]
    far = np.full(n, np.inf)
    best = 0
    for i in range(1, n):
        if _squared(x[i], centre) < _squared(x[best], centre):
            best = i
    for k in range(n):
        order[k] = best
        far[best] = -1.0
        here = best
        best = -1
        for i in range(n):
            if far[i] < 0.0:
                continue
            gap = _squared(x[i], x[here])
            if gap < far[i]:
                far[i] = gap
            if best < 0 or far[i] > far[best]:
                best = i


def maximin(x, centre, order, workers):
    _maximin(x, centre, order)


@njit(cache=True, nogil=True, error_model="numpy")
def _nearest(x, z, before, near):
    m = near.shape[1]
    gaps = np.empty(m)
    for i in range(z.shape[0]):
        have = 0
        for j in range(i if before else x.shape[0]):
            gap = _squared(x[j], z[i])
            if m == 0 or (have == m and not gap < gaps[m - 1]):
                continue
            at = have if have < m else m - 1
            have = min(have + 1, m)
            while at > 0 and gaps[at - 1] > gap:
                gaps[at] = gaps[at - 1]
                near[i, at] = near[i, at - 1]
                at -= 1
            gaps[at] = gap
            near[i, at] = j
        near[i, have:] = -1


def nearest(x, z, before, near, workers):
    _nearest(x, z, before, near)


@njit(cache=True, nogil=True, error_model="numpy")
def _entry(kind, variance, first, dim, inv, xt, i, zt, j):
    total = 0.0
    for t in range(kind.size):
        total += variance[t] * _point64(kind[t], _distance(first, dim, inv, t, xt, i, zt, j))[0]
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _small(kind, variance, first, dim, inv, xt, zt, noise, own, near, i, s):
    """The covariance matrix of the neighbours of point i and of itself, lower triangle of s."""
    m = near.size
    for r in range(m + 1):
        for c in range(r + 1):
            real = (r == m or near[r] >= 0) and (c == m or near[c] >= 0)
            value = 0.0
            if real and c == m:
                value = _entry(kind, variance, first, dim, inv, zt, i, zt, i)
            elif real and r == m:
                value = _entry(kind, variance, first, dim, inv, zt, i, xt, near[c])
            elif real:
                value = _entry(kind, variance, first, dim, inv, xt, near[r], xt, near[c])
            s[r, c] = value
        if r == m:
            s[r, r] += own[i] if own.size else 0.0
        elif near[r] >= 0:
            s[r, r] += noise[near[r]]
        else:
            s[r, r] += 1.0


@njit(cache=True, nogil=True, error_model="numpy")
def _cholesky(s, inv, b, strict):
    """s to its factor, weights into b; returns the last pivot and whether one is not above its rounding errors."""
    m = s.shape[0] - 1
    tiny = 4.0 * np.sqrt(m + 1.0) * np.finfo(np.float64).eps
    bad = False
    pivot = 0.0
    for r in range(m + 1):
        for c in range(r):
            total = s[r, c]
            for k in range(c):
                total -= s[r, k] * s[c, k]
            s[r, c] = total * inv[c]
        pivot = s[r, r]
        limit = tiny * pivot
        for k in range(r):
            pivot -= s[r, k] * s[r, k]
        if r < m or strict:
            bad = bad or not (pivot > limit) or not (pivot <= np.finfo(np.float64).max)
        s[r, r] = np.sqrt(pivot)
        inv[r] = 1.0 / s[r, r]
    for r in range(m - 1, -1, -1):
        total = s[m, r]
        for k in range(r + 1, m):
            total -= s[k, r] * b[k]
        b[r] = total * inv[r]
    return pivot, bad


@njit(cache=True, nogil=True, error_model="numpy")
def _factor(kind, variance, first, dim, inv, xt, zt, noise, own, near, b, v):
    m = near.shape[1]
    s, scale, weights = np.empty((m + 1, m + 1)), np.empty(m + 1), np.empty(m + 1)
    worst = -1
    for i in range(near.shape[0]):
        _small(kind, variance, first, dim, inv, xt, zt, noise, own, near[i], i, s)
        v[i], bad = _cholesky(s, scale, weights, own.size > 0)
        b[i] = weights[:m]
        if bad and worst < 0:
            worst = i
    return worst


def vecchia_factor(kind, variance, first, dim, inv_lengthscale, xt, zt, noise, own, near, b, v, workers):
    return int(_factor(kind, variance, first, dim, inv_lengthscale, xt, zt, noise, own, near, b, v))


def _groups_per_chunk(n, d, m):
    """The cut of cpp/include/kriss/gp/vecchia.hpp."""
    groups = -(-n // _LANES)
    item = _LANES * ((m + 1) * (m + 2) // 2 + (m + 1) * (d + 9))
    chunks = min(groups, min(64, max(4, (1 << 23) // item)))
    return -(-groups // max(chunks, 1))


@njit(cache=True, nogil=True, error_model="numpy")
def _gradient(kind, variance, first, dim, inv, xt, noise, near, y, out, per):
    n, m = near.shape
    groups = (n + _LANES - 1) // _LANES
    chunks = (groups + per - 1) // per if groups else 0
    part = np.zeros((chunks, out.size, _LANES))
    s, scale, a = np.empty((m + 1, m + 1)), np.empty(m + 1), np.empty(m + 1)
    w = np.empty(m + 1)
    for i in range(n):
        _small(kind, variance, first, dim, inv, xt, xt, noise, noise, near[i], i, s)
        v = _cholesky(s, scale, a, True)[0]
        for r in range(m):
            total = y[near[i, r]] if near[i, r] >= 0 else 0.0
            for k in range(r):
                total -= s[r, k] * w[k]
            w[r] = total * scale[r]
        for r in range(m - 1, -1, -1):
            total = w[r]
            for k in range(r + 1, m):
                total -= s[k, r] * w[k]
            w[r] = total * scale[r]
        e = y[i]
        for k in range(m):
            e -= a[k] * (y[near[i, k]] if near[i, k] >= 0 else 0.0)
            a[k] = -a[k]
        a[m], w[m] = 1.0, 0.0
        two = e / v
        one = two * two - 1.0 / v
        acc = part[i // _LANES // per, :, i % _LANES]
        for r in range(m + 1):
            pr = i if r == m else near[i, r]
            if pr < 0:
                continue
            slot = 0
            for t in range(kind.size):
                for c in range(r + 1):
                    pc = i if c == m else near[i, c]
                    if pc < 0:
                        continue
                    weight = (0.5 if r == c else 1.0) * (one * (a[r] * a[c]) + two * (w[r] * a[c] + a[r] * w[c]))
                    value, slope = _point64(kind[t], _distance(first, dim, inv, t, xt, pr, xt, pc))
                    acc[slot] += weight * value
                    for p in range(first[t], first[t + 1]):
                        delta = (xt[dim[p], pr] - xt[dim[p], pc]) * inv[p]
                        square = min(delta * delta, 1e30)
                        acc[slot + 1 + p - first[t]] += slope * weight * square
                    if t == 0 and r == c:
                        acc[out.size - 1] += weight * noise[pr]
                slot += 1 + first[t + 1] - first[t]
    for slot in range(out.size):
        out[slot] = 0.0
        for k in range(chunks):
            out[slot] += _lane_total(part[k, slot])
    slot = 0
    for t in range(kind.size):
        for _ in range(first[t + 1] - first[t] + 1):
            out[slot] *= variance[t]
            slot += 1


def vecchia_gradient(kind, variance, first, dim, inv_lengthscale, xt, noise, near, y, out, workers):
    per = max(1, _groups_per_chunk(near.shape[0], xt.shape[0], near.shape[1]))
    _gradient(kind, variance, first, dim, inv_lengthscale, xt, noise, near, y, out, per)


@njit(cache=True, nogil=True, error_model="numpy")
def _residual(near, b, y, e):
    for s in range(y.shape[0]):
        for i in range(near.shape[0]):
            total = y[s, i]
            for k in range(near.shape[1]):
                if near[i, k] >= 0:
                    total -= b[i, k] * y[s, near[i, k]]
            e[s, i] = total


def vecchia_residual(near, b, y, e, workers):
    _residual(near, b, y, e)


@njit(cache=True, nogil=True, error_model="numpy")
def _substitute(near, b, z):
    for x in z:
        for i in range(near.shape[0]):
            total = x[i]
            for k in range(near.shape[1]):
                if near[i, k] >= 0:
                    total += b[i, k] * x[near[i, k]]
            x[i] = total


def vecchia_substitute(near, b, z, workers):
    _substitute(near, b, z)


@njit(cache=True, nogil=True, error_model="numpy")
def _product(kind, variance, first, dim, inv, xt, zt, vt, out):
    nz, k = zt.shape[1], vt.shape[0]
    row = np.empty(_CHUNK)
    part = np.empty(_LANES)
    out[:] = 0.0
    for i in range(xt.shape[1]):
        for j0 in range(0, nz, _CHUNK):
            length = min(_CHUNK, nz - j0)
            for j in range(length):
                row[j] = _entry(kind, variance, first, dim, inv, xt, i, zt, j0 + j)
            for s in range(k):
                part[:] = 0.0
                for j in range(length):
                    part[j % _LANES] += row[j] * vt[s, j0 + j]
                out[i, s] += _lane_total(part)


def product(kind, variance, first, dim, inv_lengthscale, xt, zt, vt, out, workers):
    _product(kind, variance, first, dim, inv_lengthscale, xt, zt, vt, out)
