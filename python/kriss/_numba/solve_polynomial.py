"""Numba twins of the polynomial preconditioners; same order of operations as cpp/include/kriss/solve/polynomial.hpp."""

import threading

import numpy as np
from numba import njit

from kriss._numba import solve as loops

CHEBYSHEV, HORNER, ROOTS = 0, 1, 2


@njit(cache=True, nogil=True)
def _values(indptr, indices, data, x, r, d, y, a, b, c, e, out):
    """``out = d (c r + e A x) + a x + b y``; r, d and y may be empty, out may be y."""
    zero = data.dtype.type(0)
    for i in range(indptr.size - 1):
        s = zero
        for k in range(indptr[i], indptr[i + 1]):
            s += data[k] * x[indices[k]]
        w = e * s
        if r.size > 0:
            w = c * r[i] + w
        if d.size > 0:
            w = d[i] * w
        w = w + a * x[i]
        if y.size > 0:
            w = w + b * y[i]
        out[i] = w


@njit(cache=True, nogil=True)
def _accumulate(zx, x, zv, v, fresh, z):
    for i in range(z.size):
        s = zx * x[i] + zv * v[i]
        z[i] = s if fresh else z[i] + s


@njit(cache=True, nogil=True)
def _start(c, d, r, out):
    for i in range(r.size):
        out[i] = c * (d[i] * r[i]) if d.size > 0 else c * r[i]


class Polynomial:
    """A polynomial in a matrix."""

    diagonals = 0

    def __init__(self, indptr, indices, data, d, form, start, rows):
        self._a = (indptr, indices, data)
        self._d, self._form, self._start = d, form, start
        self._rows = [tuple(float(v) for v in row) for row in rows]
        self._none = np.empty(0, data.dtype)
        self._room = [np.zeros(self.size, data.dtype) for _ in range(3)]
        self._lock = threading.Lock()

    @property
    def size(self):
        return self._a[0].size - 1

    @property
    def nbytes(self):
        return sum(v.nbytes for v in self._room)

    def _step(self, x, r, d, y, coefficients, out):
        a, b, c, e = (self._none.dtype.type(v) for v in coefficients)
        _values(*self._a, x, r, d, y, a, b, c, e, out)

    def apply(self, r, z, scale, workers):
        with self._lock, np.errstate(all="ignore"):
            (self._chebyshev, self._horner, self._roots)[self._form](r, z, scale)
            return loops.dot(r, z, workers)

    def apply_multi(self, r, z, scale, workers):
        out = np.empty(r.shape[0], r.dtype)
        for j in range(r.shape[1]):
            self.apply(np.ascontiguousarray(r[:, j]), out, scale, workers)
            z[:, j] = out

    def _chebyshev(self, r, z, scale):
        T, none = r.dtype.type, self._none
        if not self._rows:
            _start(T(self._start * scale), self._d, r, z)
            return
        now, before, _ = self._room
        _start(T(self._start), self._d, r, now)
        for k, (a, b, c) in enumerate(self._rows):
            last = k + 1 == len(self._rows)
            s = scale if last else 1.0
            y = before if k > 0 else none
            self._step(now, r, self._d, y, (a * s, b * s, c * s, -T(c * s)), z if last else before)
            now, before = before, now

    def _horner(self, r, z, scale):
        T, none = r.dtype.type, self._none
        if not self._rows:
            _start(T(self._start * scale), none, r, z)
            return
        now = r
        for k, (g, _, _) in enumerate(self._rows):
            last = k + 1 == len(self._rows)
            s = self._start * scale if last else 1.0
            out = z if last else self._room[1] if now is self._room[0] else self._room[0]
            self._step(now, r, none, none, (0.0, 0.0, s, -g * s), out)
            now = out

    def _roots(self, r, z, scale):
        T, none = r.dtype.type, self._none
        rows = self._rows
        count = len(rows)

        def ending(k):
            return scale / rows[k][0] if k + 1 == count and rows[k][1] == 0.0 else 0.0

        if count == 1 and rows[0][1] == 0.0:
            _start(T(ending(0)), none, r, z)
            return
        product = r
        third = self._room[2]
        k = 0
        while True:
            re, im, _ = rows[k]
            square = re * re + im * im
            tail = ending(k + 1)
            last = k + 1 == count or tail != 0.0
            free = self._room[1] if product is self._room[0] else self._room[0]
            if im == 0.0:
                self._step(product, none, none, none, (1.0, 0.0, 1.0, -1.0 / re), free)
                _accumulate(T(scale / re), product, T(tail), free, k == 0, z)
            else:
                self._step(product, none, none, none, (2.0 * re, 0.0, 1.0, -1.0), third)
                _accumulate(T(0.0), product, T(scale / square), third, k == 0, z)
                if k + 1 < count:
                    self._step(third, none, none, product, (0.0, 1.0, 1.0, -1.0 / square), free)
                    if last:
                        _accumulate(T(0.0), third, T(tail), free, False, z)
            if last:
                return
            product = free
            k += 1


def polynomial(indptr, indices, data, d, form, start, rows):
    return Polynomial(indptr, indices, data, d, form, start, rows)
