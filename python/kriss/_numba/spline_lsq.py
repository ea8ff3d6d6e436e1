"""Numba twins of the least-squares kernels: the arithmetic of ``spline/lsq.hpp`` in the same order.

Equations and references are in the headers. Placement of knots is in `spline_place`. `workers` is accepted and ignored.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from kriss._numba._elementary import log64
from kriss._numba.spline_bspline import _basis

MAX_DEGREE = 15
_ROWS = 64
_EPS = 2.2e-16 * 8.0


@njit(cache=True, nogil=True, error_model="numpy")
def _dot(a, b, octets):
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
    for o in range(0, 8 * octets, 8):
        s0 += a[o] * b[o]
        s1 += a[o + 1] * b[o + 1]
        s2 += a[o + 2] * b[o + 2]
        s3 += a[o + 3] * b[o + 3]
        s4 += a[o + 4] * b[o + 4]
        s5 += a[o + 5] * b[o + 5]
        s6 += a[o + 6] * b[o + 6]
        s7 += a[o + 7] * b[o + 7]
    return ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7))


@njit(cache=True, nogil=True, error_model="numpy")
def _absorb(r, q, rss, first, rows, block):
    octets = (rows + 7) // 8
    k = r.shape[1] - 1
    m = q.shape[1]
    for c in range(k + 1):
        a = block[c]
        sigma = _dot(a, a, octets)
        if sigma == 0.0:
            continue
        row = r[first + c]
        alpha = row[0]
        norm = math.sqrt(alpha * alpha + sigma)
        v0 = alpha + norm if alpha > 0.0 else alpha - norm
        scale = 1.0 / (norm * abs(v0))
        row[0] = -norm if alpha > 0.0 else norm
        for d in range(c + 1, k + 1):
            b = block[d]
            f = scale * (v0 * row[d - c] + _dot(a, b, octets))
            row[d - c] -= f * v0
            for i in range(8 * octets):
                b[i] -= f * a[i]
        right = q[first + c]
        for j in range(m):
            b = block[k + 1 + j]
            f = scale * (v0 * right[j] + _dot(a, b, octets))
            right[j] -= f * v0
            for i in range(8 * octets):
                b[i] -= f * a[i]
    for j in range(m):
        b = block[k + 1 + j]
        rss[j] += _dot(b, b, octets)


@njit(cache=True, nogil=True, error_model="numpy")
def _basis_block(t, k, cell, x, begin, rows, block):
    octets = (rows + 7) // 8
    ell = cell + k
    gap = np.empty(k * (k + 1) // 2 + 1)
    at = 0
    for j in range(1, k + 1):
        for m in range(1, j + 1):
            gap[at] = 1.0 / (t[ell + m] - t[ell + m - j])
            at += 1
    for i in range(8 * octets):
        p = x[begin + i] if i < rows else t[ell]
        block[0, i] = 1.0 if i < rows else 0.0
        at = 0
        for j in range(1, k + 1):
            old = block[0, i]
            block[0, i] = 0.0
            for m in range(1, j + 1):
                following = block[m, i] if m < j else 0.0
                w = old * gap[at]
                at += 1
                block[m - 1, i] += w * (t[ell + m] - p)
                block[m, i] = w * (p - t[ell + m - j])
                old = following


@njit(cache=True, nogil=True, error_model="numpy")
def _last_cell(t, n, k):
    last = n - k - 1
    while last > 0 and not t[last + k] < t[last + k + 1]:
        last -= 1
    return last


@njit(cache=True, nogil=True, error_model="numpy")
def _next_block(t, k, last, x, cell, i):
    while cell < last and x[i] >= t[cell + k + 1]:
        cell += 1
    end = i + 1
    most = min(x.size, i + _ROWS)
    while end < most and (cell == last or x[end] < t[cell + k + 1]):
        end += 1
    return cell, end


@njit(cache=True, nogil=True, error_model="numpy")
def _back_substitute(r, q, least, c):
    n = r.shape[0]
    k = r.shape[1] - 1
    for i in range(n - 1, -1, -1):
        norm = 0.0
        for d in range(min(k, i) + 1):
            v = r[i - d, d]
            norm += v * v
        if not r[i, 0] * r[i, 0] > least * least * norm:
            return i
        for j in range(q.shape[1]):
            v = q[i, j]
            for d in range(1, min(k, n - 1 - i) + 1):
                v -= r[i, d] * c[i + d, j]
            c[i, j] = v / r[i, 0]
    return -1


@njit(cache=True, nogil=True, error_model="numpy")
def _solve(x, y, w, t, k, r, q, rss, c, block):
    n = t.size - k - 1
    m = y.shape[1]
    r[:] = 0.0
    q[:] = 0.0
    rss[:] = 0.0
    last = _last_cell(t, n, k)
    cell = 0
    i = 0
    while i < x.size:
        cell, end = _next_block(t, k, last, x, cell, i)
        rows = end - i
        _basis_block(t, k, cell, x, i, rows, block)
        for j in range(m):
            b = block[k + 1 + j]
            for row in range(rows):
                b[row] = y[i + row, j]
            for row in range(rows, (rows + 7) // 8 * 8):
                b[row] = 0.0
        for a in range(k + 1 + m):
            for row in range(rows):
                block[a, row] *= w[i + row]
        _absorb(r, q, rss, cell, rows, block)
        i = end
    return _back_substitute(r, q, _EPS, c)


def solve(x, y, w, t, k, r, q, rss, c, block, workers):
    bad = _solve(x, y, w, t, k, r, q, rss, c, block.reshape(k + 1 + y.shape[1], _ROWS))
    return (9, bad) if bad >= 0 else (0, -1)


@njit(cache=True, nogil=True, error_model="numpy")
def inverse(r, z):
    n = r.shape[0]
    k = r.shape[1] - 1
    for i in range(n - 1, -1, -1):
        w = min(n - 1 - i, k)
        for j in range(w + 1, k + 1):
            z[i, j] = 0.0
        for j in range(w, 0, -1):
            total = 0.0
            for p in range(1, w + 1):
                total += r[i, p] * z[i + min(j, p), abs(j - p)]
            z[i, j] = -total / r[i, 0]
        total = 0.0
        for p in range(1, w + 1):
            total += r[i, p] * z[i, p]
        z[i, 0] = (1.0 / r[i, 0] - total) / r[i, 0]


@njit(cache=True, nogil=True, error_model="numpy")
def _leverage(x, w, t, k, z, out, block):
    last = _last_cell(t, t.size - k - 1, k)
    cell = 0
    i = 0
    while i < x.size:
        cell, end = _next_block(t, k, last, x, cell, i)
        rows = end - i
        _basis_block(t, k, cell, x, i, rows, block)
        for a in range(k + 1):
            for row in range(rows):
                block[a, row] *= w[i + row]
        for row in range(rows):
            total = 0.0
            for a in range(k + 1):
                inner = z[cell + a, 0] * block[a, row]
                for b in range(a + 1, k + 1):
                    inner += 2.0 * z[cell + a, b - a] * block[b, row]
                total += block[a, row] * inner
            out[i + row] = total
        i = end


def leverage(x, w, t, k, z, out, block, workers):
    _leverage(x, w, t, k, z, out, block.reshape(k + 1, _ROWS))
    return 0


@njit(cache=True, nogil=True, error_model="numpy")
def penalty(t, k, nu, nodes, weights, p):
    scratch = np.empty(k + 1)
    for span in range(p.shape[0]):
        left = t[span + k]
        width = t[span + k + 1] - left
        for i in range(nodes.size):
            row = p[span, i]
            _basis(np.float64, t, span + k, k, left + nodes[i] * width, nu, row, scratch)
            root = math.sqrt(weights[i] * width)
            for a in range(k + 1):
                row[a] *= root


@njit(cache=True, nogil=True, error_model="numpy")
def penalised(r, q, p, lam, edf, rss, rough, logdet, c, z, work, workers):
    n, width = r.shape
    k = width - 1
    parts = p.shape[1]
    triangle = work[: n * width].reshape(n, width)
    gram = work[n * width : 2 * n * width].reshape(n, width)
    right = work[2 * n * width : 2 * n * width + n].reshape(n, 1)
    ignored = work[2 * n * width + n : 2 * n * width + n + 1]
    start = 2 * n * width + n + 1
    block = work[start : start + _ROWS * (width + 1)].reshape(width + 1, _ROWS)
    for i in range(n):
        for d in range(width):
            total = 0.0
            if i + d < n:
                for s in range(max(i + d - k, 0), i + 1):
                    total += r[s, i - s] * r[s, i + d - s]
            gram[i, d] = total
    solution = c.reshape(n, 1)
    for which in range(lam.size):
        root = math.sqrt(lam[which])
        triangle[:] = 0.0
        right[:] = 0.0
        ignored[:] = 0.0
        for first in range(n - k):
            own = k + 1 if first == n - k - 1 else 1
            block[:] = 0.0
            for i in range(own):
                for a in range(i, width):
                    block[a, i] = r[first + i, a - i]
                block[width, i] = q[first + i]
            for i in range(parts):
                for a in range(width):
                    block[a, own + i] = root * p[first, i, a]
            _absorb(triangle, right, ignored, first, own + parts, block)
        edf[which] = rss[which] = rough[which] = logdet[which] = np.nan
        if _back_substitute(triangle, right, 0.0, solution) >= 0:
            continue
        inverse(triangle, z)
        trace = squares = logs = 0.0
        for i in range(n):
            inner = gram[i, 0] * z[i, 0]
            residual = -q[i]
            for d in range(min(width, n - i)):
                inner += 2.0 * gram[i, d] * z[i, d] if d > 0 else 0.0
                residual += r[i, d] * c[i + d]
            trace += inner
            squares += residual * residual
            logs += log64(abs(triangle[i, 0]))
        bends = 0.0
        for first in range(n - k):
            for i in range(parts):
                v = 0.0
                for a in range(width):
                    v += p[first, i, a] * c[first + a]
                bends += v * v
        edf[which] = trace
        rss[which] = squares
        rough[which] = bends
        logdet[which] = 2.0 * logs
    return 0


def place(x, y, w, k, starts, rounds, polished, sweeps, iterations, relocations, knots, workers):
    from kriss._numba.spline_place import place_knots

    return place_knots(x, y, w, k, starts, rounds, polished, sweeps, iterations, relocations, knots)
