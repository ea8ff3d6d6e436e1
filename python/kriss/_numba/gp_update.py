"""Numba twins of the kernels for factors that gain and lose rows: the order of cpp/include/kriss/gp/update.hpp.

Few right-hand sides give the same bits as the compiled kernels; from eight on both sides leave them to LAPACK.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from scipy.linalg import lapack

_BLOCK = 64
_LANES = 16
_FEW = 8


@njit(inline="always")
def _dot(x, y):
    part = np.zeros(_LANES)
    for j in range(x.size):
        part[j % _LANES] += x[j] * y[j]
    half = _LANES // 2
    while half:
        for lane in range(half):
            part[lane] += part[lane + half]
        half //= 2
    return part[0]


@njit(cache=True, nogil=True, error_model="numpy")
def _lower(n, a, b):
    for k in range(0, n, _BLOCK):
        end = min(k + _BLOCK, n)
        for i in range(k, end):
            for r in range(b.shape[0]):
                x = b[r]
                if k:
                    x[i] -= _dot(a[i, :k], x[:k])
        for i in range(k, end):
            for r in range(b.shape[0]):
                x = b[r]
                x[i] = (x[i] - _dot(a[i, k:i], x[k:i])) / a[i, i]


@njit(cache=True, nogil=True, error_model="numpy")
def _upper(n, a, b):
    for r in range(b.shape[0]):
        x = b[r]
        for i in range(n - 1, -1, -1):
            x[i] /= a[i, i]
            for j in range(i):
                x[j] -= x[i] * a[i, j]


def solve(a, b, half, workers):
    rhs, n = b.shape
    if n == 0 or rhs == 0:
        return
    if rhs < _FEW:
        _lower(n, a, b)
        if not half:
            _upper(n, a, b)
        return
    lower = np.ascontiguousarray(a[:n, :n]).T
    if half:
        b[:] = lapack.dtrtrs(lower, b.T, lower=0, trans=1)[0].T
    else:
        b[:] = lapack.dpotrs(lower, b.T, lower=0)[0].T


@njit(inline="always")
def _rotation(a, b):
    most = max(a, abs(b))
    x, y = a / most, b / most
    root = np.sqrt(x * x + y * y)
    return x / root, y / root, most * root


@njit(cache=True, nogil=True, error_model="numpy")
def _drop(a, keep, lost, out):
    m, q = keep.size, lost.size
    w = np.zeros((q, m))
    for i in range(m):
        source = a[keep[i]]
        for j in range(i + 1):
            out[i, j] = source[keep[j]]
        for p in range(q):
            if lost[p] < keep[i]:
                w[p, i] = source[lost[p]]
    cosine, sine = np.zeros((q, m)), np.zeros((q, m))
    start = lost[0] // _BLOCK * _BLOCK if q else m
    # Each row is turned by the rotations of the rows above it, of one block of columns after the other.
    for i in range(start, m):
        for k in range(start, i + 1, _BLOCK):
            end = min(k + _BLOCK, m)
            for p in range(q):
                z = w[p, i]
                for j in range(k, min(end, i)):
                    c, s, l = cosine[p, j], sine[p, j], out[i, j]
                    out[i, j] = c * l + s * z
                    z = c * z - s * l
                if i < end:
                    cosine[p, i], sine[p, i], out[i, i] = _rotation(out[i, i], z)
                    z = 0.0
                w[p, i] = z


def drop(a, keep, lost, out, workers):
    _drop(a, keep, lost, out)
