"""Numba twin of factorised approximate inverses; same order of operations as solve/fsai.hpp."""

import threading

import numpy as np
from numba import njit

from kriss._numba import solve as loops


@njit(cache=True, nogil=True, error_model="numpy")
def _fsai(indptr, indices, data, g_indptr, g_indices, g, tau):
    n = g_indptr.size - 1
    longest = 0
    for i in range(n):
        longest = max(longest, g_indptr[i + 1] - g_indptr[i])
    c = np.empty((longest, longest), g.dtype)
    one, zero = g.dtype.type(1), g.dtype.type(0)
    for i in range(n):
        start = g_indptr[i]
        count = g_indptr[i + 1] - start
        least = tau * g.dtype.type(count)
        for p in range(count):
            j = g_indices[start + p]
            k, stop = indptr[j], indptr[j + 1]
            for q in range(p + 1):
                column = g_indices[start + q]
                while k < stop and indices[k] < column:
                    k += 1
                c[p, q] = data[k] if k < stop and indices[k] == column else zero
        for p in range(count):
            own = c[p, p]
            for q in range(p):
                s = c[p, q]
                for m in range(q):
                    s -= c[p, m] * c[q, m]
                c[p, q] = s / c[q, q]
            pivot = own
            for m in range(p):
                pivot -= c[p, m] * c[p, m]
            if not (pivot > least * own) or not (pivot > zero) or not np.isfinite(pivot):
                return i, g_indices[start + p]
            c[p, p] = np.sqrt(pivot)
        for p in range(count - 1, -1, -1):
            s = one if p == count - 1 else zero
            for q in range(p + 1, count):
                s -= c[q, p] * g[start + q]
            g[start + p] = s / c[p, p]
    return -1, -1


def fsai(indptr, indices, data, g_indptr, g_indices, g, workers):
    """The entries of G on its pattern; returns the row whose block of A is not positive definite, or -1, and the
    column of the pivot."""
    tau = g.dtype.type(4) * np.finfo(g.dtype).eps
    row, column = _fsai(indptr, indices, data, g_indptr, g_indices, g, tau)
    return int(row), int(column)


@njit(cache=True, nogil=True)
def _second(indptr, indices, data, y, e, r, scale, z):
    for i in range(z.size):
        s = z.dtype.type(0)
        for k in range(indptr[i], indptr[i + 1]):
            s += data[k] * y[indices[k]]
        if e.size:
            s += e[i] * r[i]
        z[i] = scale * s


class Products:
    """Two products, one after the other."""

    def __init__(self, first, second, extra):
        self._first, self._second, self._extra = first, second, extra
        self._room = np.empty(first[0].size - 1, first[2].dtype)
        self._lock = threading.Lock()

    @property
    def size(self):
        return self._room.size

    @property
    def nbytes(self):
        return self._room.nbytes

    def apply(self, r, z, scale, workers):
        with self._lock, np.errstate(all="ignore"):
            indptr, indices, data = self._first
            loops.csr_matvec(indptr, indices, data, r, self._room, workers)
            indptr, indices, data = self._second
            _second(indptr, indices, data, self._room, self._extra, r, z.dtype.type(scale), z)
            return loops.dot(r, z, workers)

    def apply_multi(self, r, z, scale, workers):
        out = np.empty(r.shape[0], r.dtype)
        for j in range(r.shape[1]):
            self.apply(np.ascontiguousarray(r[:, j]), out, scale, workers)
            z[:, j] = out


def products(first_indptr, first_indices, first_data, second_indptr, second_indices, second_data, extra):
    """z = S (F r) + e r as a preconditioner; an empty e is zero."""
    return Products((first_indptr, first_indices, first_data), (second_indptr, second_indices, second_data), extra)
