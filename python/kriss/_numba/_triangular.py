"""Numba twins of the sparse triangular solves and their level schedules; part of `solve_factor`."""

import numpy as np
from numba import njit

level_chunk = 256


@njit(cache=True, nogil=True, error_model="numpy")
def _solve(indptr, indices, data, inverse, lower, order, r, z):
    n = indptr.size - 1
    scaled = inverse.size > 0
    for turn in range(n):
        at = turn
        i = turn if lower else n - 1 - turn
        if order.size:
            i = order[at]
        else:
            at = i
        start, stop = indptr[at], indptr[at + 1]
        following = start < stop and (indices[stop - 1] == i - 1 if lower else indices[start] == i + 1)
        kept = stop - 1 if lower else start
        if following:
            if lower:
                stop -= 1
            else:
                start += 1
        s = r[i]
        for k in range(start, stop):
            s -= data[k] * z[indices[k]]
        if following:
            s = s - data[kept] * z[indices[kept]]
        z[i] = s * inverse[i] if scaled else s


@njit(cache=True, nogil=True, error_model="numpy")
def _solve_multi(indptr, indices, data, inverse, lower, r, z):
    n, columns = r.shape
    for turn in range(n):
        i = turn if lower else n - 1 - turn
        start, stop = indptr[i], indptr[i + 1]
        following = start < stop and (indices[stop - 1] == i - 1 if lower else indices[start] == i + 1)
        kept = stop - 1 if lower else start
        if following:
            if lower:
                stop -= 1
            else:
                start += 1
        for c in range(columns):
            z[i, c] = r[i, c]
        for k in range(start, stop):
            v, j = data[k], indices[k]
            for c in range(columns):
                z[i, c] -= v * z[j, c]
        if following:
            v, j = data[kept], indices[kept]
            for c in range(columns):
                z[i, c] -= v * z[j, c]
        if inverse.size > 0:
            for c in range(columns):
                z[i, c] *= inverse[i]


def triangle_solve(indptr, indices, data, inverse, lower, r, z, workers):
    if r.ndim == 1 or r.shape[1] == 1:
        _solve(indptr, indices, data, inverse, lower, indices[:0], r.ravel(), z.reshape(-1))
    else:
        _solve_multi(indptr, indices, data, inverse, lower, r, z)


@njit(cache=True, nogil=True)
def _levels(indptr, indices, lower, level):
    n = level.size
    most = 0
    for turn in range(n):
        i = turn if lower else n - 1 - turn
        l = 0
        for k in range(indptr[i], indptr[i + 1]):
            l = max(l, level[indices[k]] + 1)
        level[i] = l
        most = max(most, l + 1)
    return most


def triangle_levels(indptr, indices, data, lower, level, workers):
    return _levels(indptr, indices, lower, level)


def level_schedule(
    indptr, indices, data, level, levels, order, sorted_indptr, sorted_indices, sorted_data, need, workers
):  # fmt: skip
    order[:] = np.argsort(level, kind="stable")
    counts = np.diff(indptr)[order]
    sorted_indptr[0] = 0
    np.cumsum(counts, out=sorted_indptr[1:])
    take = np.repeat(indptr[:-1][order] - sorted_indptr[:-1], counts) + np.arange(indices.size)
    sorted_indices[:] = indices[take]
    sorted_data[:] = data[take]
    place = np.empty_like(order)
    place[order] = np.arange(order.size, dtype=order.dtype)
    mine = np.repeat(np.arange(order.size), counts) // level_chunk
    other = place[sorted_indices] // level_chunk
    need[:] = 0
    keep = other < mine
    np.maximum.at(need, mine[keep], (other[keep] + 1).astype(need.dtype))


def triangle_solve_levels(indptr, indices, data, inverse, lower, order, need, r, z, workers):
    _solve(indptr, indices, data, inverse, lower, order, r, z)
