"""Numba twins of the Walsh-Hadamard transform, the dense sketches and the random features: the same bits."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from kriss._numba._philox import normal_pair, philox4x32
from kriss._numba._trig import sincos64

_ROWS = 65536  # rows between two chances for Ctrl-C
_FOURIER, _STEP, _RAMP = 1, 2, 3


@njit(nogil=True)
def _bit(words, i):
    word = words[0] if i < 32 else words[1] if i < 64 else words[2] if i < 96 else words[3]
    return (np.uint64(word) >> np.uint64(i % 32)) & np.uint64(1)


@njit(nogil=True)
def _row_signs(seed, first, out):
    words = philox4x32(seed, np.uint64(first // 128), np.uint64(0))
    for i in range(out.size):
        k = first + i
        if k % 128 == 0:
            words = philox4x32(seed, np.uint64(k // 128), np.uint64(0))
        out[i] = -1.0 if _bit(words, k % 128) else 1.0


@njit(nogil=True)
def _vector_signs(seed, which, out):
    words = philox4x32(seed, np.uint64(which), np.uint64(16))
    for i in range(out.size):
        if i % 128 == 0:
            words = philox4x32(seed, np.uint64(which), np.uint64(16 + i // 128))
        out[i] = -1.0 if _bit(words, i % 128) else 1.0


@njit(cache=True, nogil=True)
def _all_row_signs(seed, first, out):
    _row_signs(seed, first, out)


@njit(cache=True, nogil=True)
def _all_vector_signs(seed, which, out):
    _vector_signs(seed, which, out)


def row_signs(seed, first, out):
    _all_row_signs(np.uint64(seed), first, out)


def vector_signs(seed, which, out):
    _all_vector_signs(np.uint64(seed), which, out)


@njit(cache=True, nogil=True)
def _keys(seed, stream, out):
    for i in range(out.size):
        words = philox4x32(seed, np.uint64(i // 2), stream)
        if i % 2 == 0:
            out[i] = (words[0] << np.uint64(32)) | words[1]
        else:
            out[i] = (words[2] << np.uint64(32)) | words[3]


def random_keys(seed, stream, out):
    _keys(np.uint64(seed), np.uint64(stream), out)


@njit(nogil=True)
def _levels(x):
    """The transform along the first axis of a 2-D array."""
    n, width = x.shape
    h = n // 2
    while h >= 1:
        for base in range(0, n, 2 * h):
            for i in range(base, base + h):
                for c in range(width):
                    a = x[i, c]
                    b = x[i + h, c]
                    x[i, c] = a + b
                    x[i + h, c] = a - b
        h //= 2


@njit(cache=True, nogil=True)
def _fwht(x, scale):
    for o in range(x.shape[0]):
        _levels(x[o])
        if scale != 1:
            for i in range(x.shape[1]):
                for j in range(x.shape[2]):
                    x[o, i, j] = x[o, i, j] * scale


def fwht(x, scale, workers):
    factor = x.dtype.type(scale)
    for o in range(x.shape[0]):
        _fwht(x[o : o + 1], factor)


@njit(nogil=True)
def _pick(work, row, left, unit, out):
    _levels(work)
    for k in range(row.size):
        for c in range(work.shape[1]):
            out[k, c] = out[k, c] + left[k] * (work[row[k], c] * unit)


@njit(cache=True, nogil=True)
def _srht_tile(a, seed, place, row, t, first, unit, out):
    """a: the rows of tile t from place `first` on."""
    m, n = a.shape
    tile = place.size
    sign = np.empty(m, out.dtype)
    left = np.empty(row.size, out.dtype)
    _row_signs(seed, t * tile + first, sign)
    _vector_signs(seed, t, left)
    work = np.zeros((tile, n), out.dtype)
    for i in range(m):
        for c in range(n):
            work[place[first + i], c] = sign[i] * a[i, c]
    _pick(work, row, left, unit, out)


def _tiles(m, tile, offset):
    """(tile, rows of a) in turn."""
    begin = 0
    while begin < m:
        t, first = divmod(offset + begin, tile)
        end = min(m, begin + tile - first)
        yield t, first, begin, end
        begin = end


def srht_dense(a, seed, place, row, row_offset, out, workers):
    unit = out.dtype.type(1.0 / math.sqrt(row.size))
    for t, first, begin, end in _tiles(a.shape[0], place.size, row_offset):
        for c in range(0, a.shape[1], 64):
            _srht_tile(a[begin:end, c : c + 64], np.uint64(seed), place, row, t, first, unit, out[:, c : c + 64])


@njit(cache=True, nogil=True)
def _spread(indptr, indices, data, begin, end, out):
    out[:] = 0
    for i in range(begin, end):
        for k in range(indptr[i], indptr[i + 1]):
            out[i - begin, indices[k]] = data[k]


def srht_csr(indptr, indices, data, cols, seed, place, row, row_offset, out, workers):
    unit = out.dtype.type(1.0 / math.sqrt(row.size))
    for t, first, begin, end in _tiles(indptr.size - 1, place.size, row_offset):
        rows = np.empty((end - begin, cols), out.dtype)
        _spread(indptr, indices, data, begin, end, rows)
        _srht_tile(rows, np.uint64(seed), place, row, t, first, unit, out)


@njit(nogil=True)
def _gaussian_column(seed, unit, i, g):
    for k in range(0, g.size, 2):
        words = philox4x32(seed, np.uint64(i), np.uint64(k // 2))
        first, second = normal_pair(words[0], words[1], words[2], words[3])
        g[k] = unit * first
        if k + 1 < g.size:
            g[k + 1] = unit * second


@njit(cache=True, nogil=True)
def _gaussian_dense(a, seed, row_offset, out, unit):
    g = np.empty(out.shape[0], out.dtype)
    for i in range(a.shape[0]):
        _gaussian_column(seed, unit, row_offset + i, g)
        for k in range(g.size):
            for j in range(a.shape[1]):
                out[k, j] = out[k, j] + g[k] * a[i, j]


def gaussian_dense(a, seed, d, row_offset, out, workers):
    unit = 1.0 / math.sqrt(d)
    step = max(1, _ROWS * 16 // d)
    for begin in range(0, a.shape[0], step):
        _gaussian_dense(a[begin : begin + step], np.uint64(seed), row_offset + begin, out, unit)


@njit(cache=True, nogil=True)
def _gaussian_csr(begin, end, indptr, indices, data, seed, row_offset, out, unit):
    g = np.empty(out.shape[0], out.dtype)
    for i in range(begin, end):
        _gaussian_column(seed, unit, row_offset + i, g)
        for k in range(g.size):
            for at in range(indptr[i], indptr[i + 1]):
                out[k, indices[at]] = out[k, indices[at]] + g[k] * data[at]


def gaussian_csr(indptr, indices, data, cols, seed, d, row_offset, out, workers):
    unit = 1.0 / math.sqrt(d)
    step = max(1, _ROWS * 16 // d)
    rows = indptr.size - 1
    for begin in range(0, rows, step):
        end = min(begin + step, rows)
        _gaussian_csr(begin, end, indptr, indices, data, np.uint64(seed), row_offset, out, unit)


@njit(cache=True, nogil=True)
def _gaussian_entries(seed, i0, out, unit):
    g = np.empty(out.shape[0], np.float64)
    for i in range(out.shape[1]):
        _gaussian_column(seed, unit, i0 + i, g)
        out[:, i] = g


def gaussian_entries(seed, i0, out):
    _gaussian_entries(np.uint64(seed), i0, out, 1.0 / math.sqrt(out.shape[0]))


@njit(cache=True, nogil=True)
def _features(x, inverse, signs, stretch, which, unit, out):
    m, n = x.shape
    p = signs.shape[2]
    frequencies = stretch.size
    start = np.empty(p, out.dtype)
    work = np.empty((p, 1), out.dtype)
    zero = unit - unit
    for i in range(m):
        start[:] = zero
        for j in range(n):
            start[j] = x[i, j] * inverse[j]
        for k0 in range(0, frequencies, p):
            count = min(p, frequencies - k0)
            block = k0 // p
            work[:, 0] = start
            for r in range(3):
                for j in range(p):
                    work[j, 0] = work[j, 0] * signs[block, r, j]
                kept = p
                if r == 2:
                    while kept // 2 >= count:
                        kept //= 2
                        for j in range(kept):
                            work[j, 0] = work[j, 0] + work[j + kept, 0]
                _levels(work[:kept])
            for k in range(count):
                v = work[k, 0] * stretch[k0 + k]
                if which == _FOURIER:
                    sine, cosine = sincos64(np.float64(v))
                    out[i, k0 + k] = unit * out.dtype.type(cosine)
                    out[i, frequencies + k0 + k] = unit * out.dtype.type(sine)
                elif which == _STEP:
                    out[i, k0 + k] = unit if v > 0 or (v == 0 and k % 2 == 1) else zero
                elif which == _RAMP:
                    out[i, k0 + k] = v * unit if v > 0 else zero
                else:
                    out[i, k0 + k] = v * unit


def random_features(x, inverse, signs, stretch, map, unit, out, workers):
    for begin in range(0, x.shape[0], 256):
        _features(x[begin : begin + 256], inverse, signs, stretch, map, out.dtype.type(unit), out[begin : begin + 256])


@njit(cache=True, nogil=True)
def _scatter(a, place, minus, out):
    for i in range(a.shape[0]):
        row = out[place[i]]
        if minus[i] == 0:
            for j in range(a.shape[1]):
                row[j] = row[j] + np.float64(a[i, j])
        else:
            for j in range(a.shape[1]):
                row[j] = row[j] - np.float64(a[i, j])


def scatter_rows(a, place, minus, out, workers):
    for begin in range(0, a.shape[0], _ROWS):
        end = begin + _ROWS
        _scatter(a[begin:end], place[begin:end], minus[begin:end], out)
