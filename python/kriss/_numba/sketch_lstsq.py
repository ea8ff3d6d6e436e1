"""Numba twins of cpp/include/kriss/sketch/{twofold,extended,csr_pass}.hpp: same chunks, same order, same bits."""

from __future__ import annotations

import numpy as np
from numba import njit

_CHUNK = 2048
_SLOTS = 32


@njit(nogil=True)
def _product_error(a, b, p):
    """a b - p for p = fl(a b), by Dekker's splitting."""
    a_big = a * 134217729.0
    b_big = b * 134217729.0
    a_high = a_big - (a_big - a)
    b_high = b_big - (b_big - b)
    a_low = a - a_high
    b_low = b - b_high
    return a_low * b_low - (((p - a_high * b_high) - a_low * b_high) - a_high * b_low)


@njit(nogil=True)
def _add(high, low, x):
    total = high + x
    part = total - high
    return total, low + ((high - (total - part)) + (x - part))


@njit(nogil=True)
def _fma(high, low, a, b_high, b_low):
    p = a * b_high
    rest = _product_error(a, b_high, p) + a * b_low
    total = high + p
    part = total - high
    return total, (low + ((high - (total - part)) + (p - part))) + rest


@njit(cache=True, nogil=True)
def _dense_chunk(panel, b, bscale, z_high, z_low, high, low):
    """One chunk into its slot; high, low: (nrhs, np + 8)."""
    rows, wide = panel.shape
    hs = np.empty(8)
    ls = np.empty(8)
    r_high = np.empty(rows)
    r_low = np.empty(rows)
    for q in range(b.shape[1]):
        for i in range(rows):
            hs[:] = 0.0
            ls[:] = 0.0
            for s in range(0, wide, 8):
                for c in range(8):
                    hs[c], ls[c] = _fma(hs[c], ls[c], panel[i, s + c], z_high[q, s + c], z_low[q, s + c])
            gap = 4
            while gap >= 1:
                for c in range(gap):
                    hs[c], ls[c] = _add(hs[c], ls[c], hs[c + gap])
                    ls[c] = ls[c] + ls[c + gap]
                gap //= 2
            one, rest = _add(b[i, q] * bscale[q], -ls[0], -hs[0])
            r_high[i] = one + rest
            r_low[i] = rest - (r_high[i] - one)
            high[q, wide], low[q, wide] = _add(high[q, wide], low[q, wide], r_high[i] * r_high[i])
        for i in range(rows):
            for j in range(wide):
                high[q, j], low[q, j] = _fma(high[q, j], low[q, j], panel[i, j], r_high[i], r_low[i])


@njit(nogil=True)
def _join(high, low, used):
    """Slots (used, sums) into the first one, pairwise; normalised."""
    gap = 1
    while gap < used:
        for t in range(0, used - gap, 2 * gap):
            for k in range(high.shape[1]):
                high[t, k], low[t, k] = _add(high[t, k], low[t, k], high[t + gap, k])
                low[t, k] += low[t + gap, k]
        gap *= 2
    for k in range(high.shape[1]):
        total = high[0, k] + low[0, k]
        low[0, k] = low[0, k] - (total - high[0, k])
        high[0, k] = total


def extended_pass(a, b, scale, bscale, z_high, z_low, g_high, g_low, rr, workers):
    m, n = a.shape
    nrhs, wide = z_high.shape
    slots = min(_SLOTS, max(-(-m // _CHUNK), 1))
    high = np.zeros((slots, nrhs, wide + 8))
    low = np.zeros_like(high)
    panel = np.zeros((min(_CHUNK, m), wide))
    for c, begin in enumerate(range(0, m, _CHUNK)):
        rows = min(_CHUNK, m - begin)
        part = panel[:rows]
        np.multiply(a[begin : begin + rows], scale, out=part[:, :n])
        right = np.ascontiguousarray(b[begin : begin + rows], dtype=np.float64)
        _dense_chunk(part, right, bscale, z_high, z_low, high[c % slots], low[c % slots])
    _join(high.reshape(slots, -1), low.reshape(slots, -1), slots)
    g_high[:] = high[0, :, :wide]
    g_low[:] = low[0, :, :wide]
    rr[:] = high[0, :, wide]


@njit(cache=True, nogil=True)
def _csr_chunk(begin, end, indptr, indices, data, b, bscale, y_high, y_low, twofold, high, low):
    """Rows [begin, end) into one slot; high, low: ((n + 1) nrhs)."""
    nrhs = b.shape[1]
    size = y_high.shape[0] * nrhs
    r = np.empty(nrhs)
    r_low = np.zeros(nrhs)
    for i in range(begin, end):
        for q in range(nrhs):
            az = 0.0
            az_low = 0.0
            if twofold:
                for k in range(indptr[i], indptr[i + 1]):
                    j = indices[k]
                    az, az_low = _fma(az, az_low, data[k], y_high[j, q], y_low[j, q])
                one, rest = _add(b[i, q] * bscale[q], -az_low, -az)
                r[q] = one + rest
                r_low[q] = rest - (r[q] - one)
                high[size + q], low[size + q] = _add(high[size + q], low[size + q], r[q] * r[q])
            else:
                for k in range(indptr[i], indptr[i + 1]):
                    az += data[k] * y_high[indices[k], q]
                r[q] = b[i, q] * bscale[q] - az
                high[size + q] += r[q] * r[q]
        for k in range(indptr[i], indptr[i + 1]):
            at = indices[k] * nrhs
            for q in range(nrhs):
                if twofold:
                    high[at + q], low[at + q] = _fma(high[at + q], low[at + q], data[k], r[q], r_low[q])
                else:
                    high[at + q] += data[k] * r[q]


def csr_pass(indptr, indices, data, b, bscale, y_high, y_low, g_high, g_low, rr, workers):
    m = indptr.size - 1
    n, nrhs = y_high.shape
    chunks = -(-m // _CHUNK)
    slots = _SLOTS
    while slots > 1 and (slots > chunks or slots * n > int(indptr[-1])):
        slots //= 2
    twofold = y_low.size > 0
    high = np.zeros((slots, (n + 1) * nrhs))
    low = np.zeros_like(high)
    for c, begin in enumerate(range(0, m, _CHUNK)):
        end = min(begin + _CHUNK, m)
        at = c % slots
        _csr_chunk(begin, end, indptr, indices, data, b, bscale, y_high, y_low, twofold, high[at], low[at])
    if twofold:
        _join(high, low, slots)
    else:
        gap = 1
        while gap < slots:
            for t in range(0, slots - gap, 2 * gap):
                high[t] += high[t + gap]
            gap *= 2
    g_high[:] = high[0, : n * nrhs].reshape(n, nrhs)
    g_low[:] = low[0, : n * nrhs].reshape(n, nrhs)
    rr[:] = high[0, n * nrhs :]
