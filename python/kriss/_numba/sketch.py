"""Numba twins of the sketch kernels.

The sketch has the bits of the compiled one. So have residual and gradient of `tall_pass`; its Gram matrix goes through
BLAS and agrees to rounding.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from scipy.linalg import solve_triangular

from kriss._numba._philox import bounded32, philox4x32, random_sign

_BLOCK = 64
_CHUNK = 2048
_SLOTS = 32
_MASK = np.uint64(0xFFFFFFFF)


@njit(nogil=True)
def _border(d, zeta, e):
    return d // zeta * e + d % zeta * e // zeta


@njit(nogil=True)
def _entries(seed, d, zeta, i, rows, signs):
    """rows, signs: (zeta) for column i of S."""
    for q in range((zeta + 3) // 4):
        words = philox4x32(seed, np.uint64(i), np.uint64(q))
        for t in range(min(4, zeta - 4 * q)):
            e = 4 * q + t
            word = words[0] if t == 0 else words[1] if t == 1 else words[2] if t == 2 else words[3]
            first = _border(d, zeta, e)
            size = _border(d, zeta, e + 1) - first
            rows[e] = first + np.int64(bounded32((word << np.uint64(1)) & _MASK, np.uint64(size)))
            signs[e] = random_sign(word)


@njit(cache=True, nogil=True)
def _all_entries(seed, d, zeta, row0, rows, signs):
    place = np.empty(zeta, np.int64)
    sign = np.empty(zeta, np.float64)
    for i in range(rows.shape[0]):
        _entries(seed, d, zeta, row0 + i, place, sign)
        for e in range(zeta):
            rows[i, e] = place[e]
            signs[i, e] = np.int8(sign[e])


def sparse_sign_entries(seed, d, zeta, row0, rows, signs):
    _all_entries(np.uint64(seed), d, zeta, row0, rows, signs)


@njit(cache=True, nogil=True)
def _dense(a, seed, d, zeta, row_offset, out, unit):
    m, n = a.shape
    place = np.empty(zeta, np.int64)
    sign = np.empty(zeta, np.float64)
    term = np.empty(n, out.dtype)
    for i in range(m):
        _entries(seed, d, zeta, row_offset + i, place, sign)
        for j in range(n):
            term[j] = out.dtype.type(a[i, j]) * unit
        for e in range(zeta):
            row = out[place[e]]
            if sign[e] > 0:
                for j in range(n):
                    row[j] = row[j] + term[j]
            else:
                for j in range(n):
                    row[j] = row[j] - term[j]


def sparse_sign_dense(a, seed, d, zeta, row_offset, out, workers):
    unit = out.dtype.type(1.0 / math.sqrt(zeta))
    # In blocks, so that Ctrl-C is seen between them.
    for begin in range(0, a.shape[0], 65536):
        _dense(a[begin : begin + 65536], np.uint64(seed), d, zeta, row_offset + begin, out, unit)


@njit(cache=True, nogil=True)
def _csr(begin, end, indptr, indices, data, seed, d, zeta, row_offset, out, unit):
    place = np.empty(zeta, np.int64)
    sign = np.empty(zeta, np.float64)
    for i in range(begin, end):
        _entries(seed, d, zeta, row_offset + i, place, sign)
        for e in range(zeta):
            row = out[place[e]]
            for k in range(indptr[i], indptr[i + 1]):
                term = data[k] * unit
                if sign[e] > 0:
                    row[indices[k]] = row[indices[k]] + term
                else:
                    row[indices[k]] = row[indices[k]] - term


def sparse_sign_csr(indptr, indices, data, cols, seed, d, zeta, row_offset, out, workers):
    unit = out.dtype.type(1.0 / math.sqrt(zeta))
    rows = indptr.size - 1
    for begin in range(0, rows, 65536):
        end = min(begin + 65536, rows)
        _csr(begin, end, indptr, indices, data, np.uint64(seed), d, zeta, row_offset, out, unit)


@njit(nogil=True)
def _two_sum(high, low, x):
    for k in range(high.size):
        total = high[k] + x[k]
        part = total - high[k]
        low[k] += (high[k] - (total - part)) + (x[k] - part)
        high[k] = total


@njit(nogil=True)
def _block(panel, i0, rows, b, bscale, z, r, out):
    """Residual and its sums over one block; out: (nrhs, np + 8). Lanes and order as in tall.hpp."""
    wide = panel.shape[1]
    dot = np.empty(32)
    g = np.empty((4, wide))
    for q in range(b.shape[1]):
        rr = 0.0
        for i in range(rows):
            row = panel[i0 + i]
            dot[:] = 0.0
            full = wide // 32 * 32
            for s in range(0, full, 32):
                for c in range(32):
                    dot[c] += row[s + c] * z[q, s + c]
            for c in range(wide - full):
                dot[c] += row[full + c] * z[q, full + c]
            for c in range(8):
                dot[c] = (dot[c] + dot[8 + c]) + (dot[16 + c] + dot[24 + c])
            az = ((dot[0] + dot[4]) + (dot[1] + dot[5])) + ((dot[2] + dot[6]) + (dot[3] + dot[7]))
            r[i] = b[i0 + i, q] * bscale[q] - az
            rr += r[i] * r[i]
        g[:] = 0.0
        for i in range(rows):
            row = panel[i0 + i]
            lane = g[i % 4]
            for j in range(wide):
                lane[j] += row[j] * r[i]
        for j in range(wide):
            out[q, j] = (g[0, j] + g[1, j]) + (g[2, j] + g[3, j])
        out[q, wide] = rr
        out[q, wide + 1 :] = 0.0


@njit(cache=True, nogil=True)
def _chunk(panel, b, bscale, z, high, low):
    """One chunk's residual sums, joined by a binary counter, into its slot."""
    rows = panel.shape[0]
    tree = np.empty((6, b.shape[1], panel.shape[1] + 8))
    r = np.empty(_BLOCK)
    blocks = 0
    for i0 in range(0, rows, _BLOCK):
        level = 0
        while blocks >> level & 1:
            level += 1
        _block(panel, i0, min(_BLOCK, rows - i0), b, bscale, z, r, tree[level])
        for k in range(level):
            tree[level] = tree[k] + tree[level]
        blocks += 1
    for k in range(6):
        if blocks >> k & 1:
            _two_sum(high.ravel(), low.ravel(), tree[k].ravel())


def _slots(m, wide, want_gram):
    count = _SLOTS
    if want_gram:
        while count > 4 and count * wide * wide > 1 << 23:
            count //= 2
    return min(count, max(-(-m // _CHUNK), 1))


def tall_pass(a, b, scale, bscale, z, precond, gram, g, rr, workers):
    m, n = a.shape
    nrhs, wide = z.shape
    want_gram = gram.size > 0
    slots = _slots(m, wide, want_gram)
    high = np.zeros((slots, nrhs, wide + 8))
    low = np.zeros_like(high)
    total = np.zeros((wide, wide))
    panel = np.zeros((_CHUNK, wide))
    for c, begin in enumerate(range(0, m, _CHUNK)):
        rows = min(_CHUNK, m - begin)
        part = panel[:rows]
        np.multiply(a[begin : begin + rows], scale, out=part[:, :n])
        right = np.ascontiguousarray(b[begin : begin + rows], dtype=np.float64)
        _chunk(part, right, bscale, z, high[c % slots], low[c % slots])
        if want_gram:
            left = part @ precond if precond.size else part
            total += left.T @ left
    gap = 1
    while gap < slots:
        for t in range(0, slots - gap, 2 * gap):
            _two_sum(high[t].ravel(), low[t].ravel(), high[t + gap].ravel())
            low[t] += low[t + gap]
        gap *= 2
    done = high[0] + low[0]
    g[:] = done[:, :wide]
    rr[:] = done[:, wide]
    if want_gram:
        gram[:] = total


# The small dense steps: LAPACK here.


def householder_r(a, steps):
    full = np.linalg.qr(a[:, :steps], mode="complete")[0].T @ a
    a[:] = full
    for k in range(steps):
        a[k + 1 :, k] = 0.0


def cholesky_upper(g):
    try:
        g[:] = np.linalg.cholesky(g).T
    except np.linalg.LinAlgError:
        return 0
    return -1 if np.isfinite(g).all() else 0


def solve_upper(u, b, transposed):
    b[:] = solve_triangular(u, b, trans="T" if transposed else "N", check_finite=False)


def multiply_upper(u, x, out, transposed):
    out[:] = (u.T if transposed else u) @ x


def jacobi_rows(a, s):
    _, s[:], a[:] = np.linalg.svd(a)
    return 0
