"""Numba twins of the gp kernels: assembly and gradient as loops, factorisations by SciPy's LAPACK.

The loops add in the order of cpp/include/kriss/gp/*.hpp and use the same exponential, so that their results are the
same bits; the factorisations differ from the compiled ones by rounding.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from scipy.linalg import lapack

from kriss._numba._elementary import exp32, exp64

_CHUNK = 256
_ROWS = 32
_LANES = 8


def _point(exp, real):
    """value, slope of covariance function `kind` at the clamped s2, in precision `real`."""
    zero, one, three, half = real(0.0), real(1.0), real(3.0), real(-0.5)
    root3, root5, fifth = real(1.7320508075688772935), real(2.2360679774997896964), real(1.6666666666666666667)
    most = real(1e6)

    @njit(inline="always")
    def point(kind, s2):
        if s2 > most:
            s2 = most
        if kind == 0:
            e = exp(half * s2)
            return e, e
        s = np.sqrt(s2)
        if kind == 1:
            e = exp(-s)
            return e, (e / s if s > zero else s2)
        if kind == 2:
            a = root3 * s
            e = exp(-a)
            return (one + a) * e, three * e
        a = root5 * s
        e = exp(-a)
        b = one + a
        return (b + fifth * s2) * e, fifth * b * e

    return point


_point64 = _point(exp64, np.float64)
_point32 = _point(exp32, np.float32)


@njit(inline="always")
def _distance(first, dim, inv, c, xt, i, zt, j):
    s2 = xt[0:1, 0:1].dtype.type(0)
    for p in range(first[c], first[c + 1]):
        delta = (xt[dim[p], i] - zt[dim[p], j]) * inv[p]
        s2 += delta * delta
    return s2


def _assembly(point):
    @njit(cache=True, nogil=True, error_model="numpy")
    def entry(kind, variance, first, dim, inv, xt, i, zt, j):
        total = variance[0] * point(kind[0], _distance(first, dim, inv, 0, xt, i, zt, j))[0]
        for c in range(1, kind.size):
            total += variance[c] * point(kind[c], _distance(first, dim, inv, c, xt, i, zt, j))[0]
        return total

    @njit(cache=True, nogil=True, error_model="numpy")
    def symmetric(kind, variance, first, dim, inv, xt, diagonal, out, mirror):
        n = xt.shape[1]
        for i in range(n):
            for j in range(i + 1):
                out[i, j] = entry(kind, variance, first, dim, inv, xt, i, xt, j)
            if diagonal.size:
                out[i, i] += diagonal[i]
            if mirror:
                for j in range(i):
                    out[j, i] = out[i, j]

    @njit(cache=True, nogil=True, error_model="numpy")
    def cross(kind, variance, first, dim, inv, xt, zt, out):
        for i in range(xt.shape[1]):
            for j in range(zt.shape[1]):
                out[i, j] = entry(kind, variance, first, dim, inv, xt, i, zt, j)

    return symmetric, cross


_symmetric64, _cross64 = _assembly(_point64)
_symmetric32, _cross32 = _assembly(_point32)


def assemble_symmetric(kind, variance, first, dim, inv_lengthscale, xt, diagonal, out, mirror, workers):
    loop = _symmetric64 if out.dtype == np.float64 else _symmetric32
    loop(kind, variance, first, dim, inv_lengthscale, xt, diagonal, out, mirror)


def assemble_cross(kind, variance, first, dim, inv_lengthscale, xt, zt, out, workers):
    loop = _cross64 if out.dtype == np.float64 else _cross32
    loop(kind, variance, first, dim, inv_lengthscale, xt, zt, out)


@njit(cache=True, nogil=True, error_model="numpy")
def _pivot_row(rows, pivot, scale, row, variance):
    for s in range(rows.shape[0]):
        c = rows[s, pivot]
        for i in range(row.size):
            row[i] -= c * rows[s, i]
    for i in range(row.size):
        row[i] /= scale
        left = variance[i] - row[i] * row[i]
        variance[i] = 0.0 if left < 0.0 else left


def pivot_row(rows, pivot, scale, row, variance, workers):
    _pivot_row(rows, pivot, scale, row, variance)


@njit(inline="always")
def _lane_total(a):
    return ((a[0] + a[1]) + (a[2] + a[3])) + ((a[4] + a[5]) + (a[6] + a[7]))


@njit(cache=True, nogil=True, error_model="numpy")
def _gradient(kind, variance, first, dim, inv, xt, alpha, inverse, noise, out):
    n = xt.shape[1]
    parameters = out.size - 1
    blocks = (n + _ROWS - 1) // _ROWS
    sums = np.zeros((blocks, parameters, _LANES))
    for block in range(blocks):
        i0, i1 = block * _ROWS, min((block + 1) * _ROWS, n)
        acc = sums[block]
        for j0 in range(0, i1, _CHUNK):
            for i in range(max(i0, j0), i1):
                for j in range(j0, min(i + 1, j0 + _CHUNK)):
                    w = alpha[i] * alpha[j] - inverse[i, j]
                    if i == j:
                        w *= 0.5
                    lane = (j - j0) % _LANES
                    slot = 0
                    for c in range(kind.size):
                        value, slope = _point64(kind[c], _distance(first, dim, inv, c, xt, i, xt, j))
                        acc[slot, lane] += w * value
                        slot += 1
                        ws = w * slope
                        for p in range(first[c], first[c + 1]):
                            delta = (xt[dim[p], i] - xt[dim[p], j]) * inv[p]
                            square = delta * delta
                            if square > 1e30:
                                square = 1e30
                            acc[slot, lane] += ws * square
                            slot += 1
    slot = 0
    for c in range(kind.size):
        for _ in range(first[c + 1] - first[c] + 1):
            total = 0.0
            for block in range(blocks):
                total += _lane_total(sums[block, slot])
            out[slot] = variance[c] * total
            slot += 1
    trace = np.zeros(_LANES)
    if noise.size:
        for i in range(n):
            trace[i % _LANES] += noise[i] * (alpha[i] * alpha[i] - inverse[i, i])
    out[slot] = 0.5 * _lane_total(trace)


def gradient(kind, variance, first, dim, inv_lengthscale, xt, alpha, inverse, noise, out, workers):
    _gradient(kind, variance, first, dim, inv_lengthscale, xt, alpha, inverse, noise, out)


# A row-major lower triangle is the upper triangle of the transposed, column-major matrix. Blocks as in
# cpp/include/kriss/gp/factor.hpp, so that Python sees a signal between two of them.

_BLOCK = 256


def _panels(n):
    return [(k, min(k + _BLOCK, n)) for k in range(0, n, _BLOCK)]


def _set_lower(block, values):
    """Overwrites the lower triangle of a square block."""
    rows, cols = np.tril_indices(block.shape[0])
    block[rows, cols] = values[rows, cols]


def cholesky(a, limit, workers):
    n = a.shape[0]
    for k, end in _panels(n):
        diag = a[k:end, k:end]
        factor, info = lapack.dpotrf(diag, lower=1, clean=1)
        good = info - 1 if info > 0 else end - k
        d = factor.diagonal()[:good]
        bad = np.flatnonzero(~((d * d > limit[k : k + good]) & np.isfinite(d)))
        if bad.size:
            return k + int(bad[0])
        if info:
            return k + good
        _set_lower(diag, factor)
        if end < n:
            panel = lapack.dtrtrs(factor, a[end:, k:end].T, lower=1)[0].T
            a[end:, k:end] = panel
            for j, stop in _panels(n - end):
                update = panel[j:] @ panel[j:stop].T
                column = a[end + j :, end + j : end + stop]
                _set_lower(column[: stop - j], np.tril(column[: stop - j]) - update[: stop - j])
                column[stop - j :] -= update[stop - j :]
    return -1


def invert_triangle(a, workers):
    for k, end in _panels(a.shape[0]):
        diag = lapack.dtrtri(np.tril(a[k:end, k:end]), lower=1)[0]
        for j, stop in _panels(k):  # left to right: the columns still needed lie at and after j
            part = a[k:end, j:stop] @ np.tril(a[j:stop, j:stop])
            part += a[k:end, stop:k] @ a[stop:k, j:stop]
            np.negative(part, out=part)
            a[k:end, j:stop] = diag @ part
        _set_lower(a[k:end, k:end], diag)


def invert(a, workers):
    invert_triangle(a, workers)
    n = a.shape[0]
    for k, end in _panels(n):
        # Row block k of V' V, V the inverse triangle: what lies in and below it.
        diag = np.tril(a[k:end, k:end])
        below = a[end:, k:end]
        for j, stop in _panels(k):
            part = diag.T @ a[k:end, j:stop]
            part += below.T @ a[end:, j:stop]
            a[k:end, j:stop] = part
        square = diag.T @ diag
        square += below.T @ below
        _set_lower(a[k:end, k:end], square)


def solve(a, b, half, workers):
    n, rhs = a.shape[0], b.shape[0]
    width = max(32, int(4e9 / max(2.0 * n * n, 1.0)))
    for j in range(0, rhs if n else 0, width):
        part = b[j : j + width]
        if half:
            part[:] = lapack.dtrtrs(a.T, part.T, lower=0, trans=1)[0].T
        else:
            part[:] = lapack.dpotrs(a.T, part.T, lower=0)[0].T


def rcond(a, norm):
    return float(lapack.dpocon(a.T, norm, uplo="U")[0]) if a.shape[0] else 1.0
