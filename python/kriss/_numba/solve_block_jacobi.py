"""Numba twin of block Jacobi: the same order of operations, hence the same bits."""

import threading

import numpy as np
from numba import njit

from kriss._numba import solve as loops
from kriss._numba.solve_fill import gather

GENERAL, DEFINITE, SINGULAR, NON_FINITE = range(4)


@njit(cache=True, nogil=True, error_model="numpy")
def _definite(a, tau):
    """L D L' of a symmetric block; a[j, i] is its entry in row i, column j."""
    m = a.shape[0]
    zero, one = a.dtype.type(0), a.dtype.type(1)
    d = np.empty(m, a.dtype)
    for j in range(m):
        d[j] = a[j, j]
    for k in range(m):
        pivot = a[k, k]
        inverse = one / pivot
        if not (pivot > tau * d[k]) or not (pivot > zero) or not np.isfinite(inverse):
            return False
        a[k, k] = inverse
        for j in range(k + 1, m):
            v = a[k, j]
            a[j, k] = v
            f = v * inverse
            for i in range(j, m):
                a[j, i] -= f * a[k, i]
        for i in range(k + 1, m):
            a[k, i] *= inverse
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def _general(a, tau, perm):
    m = a.shape[0]
    zero, one = a.dtype.type(0), a.dtype.type(1)
    size = np.empty(m, a.dtype)
    for i in range(m):
        largest = zero
        for j in range(m):
            largest = max(largest, abs(a[j, i]))
        size[i] = largest
        perm[i] = i
    for k in range(m):
        best = -1
        ratio = tau
        for i in range(k, m):
            r = abs(a[k, i]) / size[i] if size[i] > zero else zero
            if r > ratio:
                ratio = r
                best = i
        if best < 0:
            return False
        if best != k:
            for j in range(m):
                a[j, k], a[j, best] = a[j, best], a[j, k]
            perm[k], perm[best] = perm[best], perm[k]
            size[best] = size[k]
        inverse = one / a[k, k]
        if not np.isfinite(inverse):
            return False
        a[k, k] = inverse
        for i in range(k + 1, m):
            a[k, i] *= inverse
        for j in range(k + 1, m):
            f = a[j, k]
            for i in range(k + 1, m):
                a[j, i] -= f * a[k, i]
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def _factor(indptr, indices, data, start, offset, order, label, place, store, source, eps):
    """Factorise all blocks; returns (how many are definite, kind, block) of the first one that cannot be used."""
    definite = 0
    for b in range(offset.size):
        first = start[b]
        m = start[b + 1] - first
        a = store[offset[b] : offset[b] + m * m].reshape((m, m))
        a[:] = 0
        for p in range(m):
            i = order[first + p]
            for k in range(indptr[i], indptr[i + 1]):
                j = indices[k]
                if label[j] == b:
                    a[place[j], p] = data[k]
        tau = a.dtype.type(4) * a.dtype.type(m) * eps
        symmetric = True
        size = np.empty(m, a.dtype)
        for j in range(m):
            size[j] = np.sqrt(abs(a[j, j]))
        for j in range(m):
            for i in range(j + 1, m):
                if not abs(a[j, i] - a[i, j]) <= a.dtype.type(16) * eps * size[i] * size[j]:
                    symmetric = False
        if symmetric:
            kept = a.copy()
            if _definite(a, tau):
                definite += 1
                for p in range(m):
                    source[first + p] = order[first + p]
                continue
            a[:] = kept
        perm = np.empty(m, np.int64)
        if not _general(a, tau, perm):
            return definite, SINGULAR, b
        for p in range(m):
            source[first + p] = order[first + perm[p]]
        if not np.isfinite(a).all():
            return definite, NON_FINITE, b
    return definite, GENERAL, -1


@njit(cache=True, nogil=True, error_model="numpy")
def _apply(start, offset, source, store, r, y):
    for b in range(offset.size):
        first = start[b]
        m = start[b + 1] - first
        a = store[offset[b] : offset[b] + m * m].reshape((m, m))
        x = y[first : first + m]
        for p in range(m):
            x[p] = r[source[first + p]]
        for j in range(m):
            v = x[j]
            for i in range(j + 1, m):
                x[i] -= a[j, i] * v
        for j in range(m - 1, -1, -1):
            v = x[j] * a[j, j]
            x[j] = v
            for i in range(j):
                x[i] -= a[j, i] * v


class BlockJacobi:
    """Block Jacobi."""

    dtype: type = np.float64

    def __init__(self):
        self._lock = threading.Lock()
        self.definite = 0
        self._arrays: tuple[np.ndarray, ...] = ()

    @property
    def size(self):
        return self._source.size

    @property
    def nbytes(self):
        return sum(v.nbytes for v in self._arrays)

    def setup(self, indptr, indices, data, label, count, workers):
        sizes = np.bincount(label, minlength=count).astype(np.int64)
        start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        offset = np.concatenate([[0], np.cumsum(sizes**2)]).astype(np.int64)
        order = np.argsort(label, kind="stable").astype(np.int64)
        at = np.empty(label.size, np.int64)
        at[order] = np.arange(label.size)
        self._start, self._offset, self._source = start, offset[:-1], np.empty(label.size, np.int64)
        self._store: np.ndarray = np.empty(int(offset[-1]), self.dtype)
        self._at = at if (at != np.arange(at.size)).any() else at[:0]
        self._arrays = (self._start, self._offset, self._source, self._store, self._at)
        self.definite, kind, block = _factor(
            indptr, indices, data, start, self._offset, order, label, at - start[label], self._store, self._source,
            np.finfo(self.dtype).eps,
        )  # fmt: skip
        return (kind, block) if block >= 0 else (int(self.definite == count), -1)

    def apply(self, r, z, scale, workers):
        with self._lock, np.errstate(all="ignore"):
            y = np.empty_like(r) if self._at.size else z
            _apply(self._start, self._offset, self._source, self._store, r, y)
            gather(self._at, y, self.dtype(scale), z)
            return loops.dot(r, z, workers)

    def apply_multi(self, r, z, scale, workers):
        out = np.empty(r.shape[0], self.dtype)
        for j in range(r.shape[1]):
            self.apply(np.ascontiguousarray(r[:, j]), out, scale, workers)
            z[:, j] = out


class BlockJacobiF32(BlockJacobi):
    """Block Jacobi in single precision."""

    dtype = np.float32
