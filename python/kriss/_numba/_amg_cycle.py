"""Numba twins of the cycles of algebraic multigrid: the same sums in the same order, hence the same bits."""

import threading

import numpy as np
from numba import njit

from kriss._numba import solve as loops

NONE, FORWARD, BACKWARD, SYMMETRIC, JACOBI = range(5)
ZERO, KEPT, UNKNOWN = range(3)


@njit(cache=True, nogil=True)
def part_sum(indices, data, begin, end, x):
    s = data.dtype.type(0)
    for k in range(begin, end):
        s += data[k] * x[indices[k]]
    return s


@njit(cache=True, nogil=True)
def product(indptr, indices, data, x, y, add):
    for i in range(indptr.size - 1):
        s = part_sum(indices, data, indptr[i], indptr[i + 1], x)
        y[i] = y[i] + s if add else s


@njit(cache=True, nogil=True)
def gauss_seidel(indptr, indices, data, place, inverse, half, b, x, forward, far, last):
    n = indptr.size - 1
    newest = data.dtype.type(0)
    for q in range(n):
        i = q if forward else n - 1 - q
        d, before, after = place[i], indptr[i], indptr[i + 1]
        if far == ZERO:
            beyond = data.dtype.type(0)
        elif far == KEPT:
            beyond = half[i]
        elif forward:
            beyond = part_sum(indices, data, d + 1, after, x)
        else:
            beyond = part_sum(indices, data, before, d, x)
        if forward and d > before and indices[d - 1] == i - 1:
            c, start, stop = data[d - 1], before, d - 1
        elif not forward and d + 1 < after and indices[d + 1] == i + 1:
            c, start, stop = data[d + 1], d + 2, after
        else:
            near = part_sum(indices, data, before, d, x) if forward else part_sum(indices, data, d + 1, after, x)
            newest = ((b[i] - beyond) - near) * inverse[i]
            x[i] = newest
            half[i] = beyond if last else near
            continue
        near = part_sum(indices, data, start, stop, x)
        other = ((b[i] - beyond) - near) * inverse[i]
        factor = c * inverse[i]
        near += c * newest
        newest = other - factor * newest
        x[i] = newest
        half[i] = beyond if last else near


@njit(cache=True, nogil=True)
def residual(indptr, indices, data, place, half, b, x, side, out):
    for i in range(indptr.size - 1):
        if side == 0:
            out[i] = b[i] - part_sum(indices, data, indptr[i], indptr[i + 1], x)
        elif side < 0:
            out[i] = half[i] - part_sum(indices, data, indptr[i], place[i], x)
        else:
            out[i] = half[i] - part_sum(indices, data, place[i] + 1, indptr[i + 1], x)


@njit(cache=True, nogil=True)
def jacobi_step(omega, inverse, r, x, first):
    for i in range(x.size):
        x[i] = omega * (inverse[i] * r[i]) if first else x[i] + omega * (inverse[i] * r[i])


@njit(cache=True, nogil=True)
def dense_product(m, b, x):
    for i in range(x.size):
        s = b.dtype.type(0)
        for j in range(b.size):
            s += m[i, j] * b[j]
        x[i] = s


@njit(cache=True, nogil=True)
def combine(first, c, second, d, x):
    for i in range(x.size):
        x[i] = first * c[i] + second * d[i]


class _Level:
    def __init__(self, a, p, r, pre, post):
        self.a, self.p, self.r, self.pre, self.post = a, p, r, pre, post
        n = a[0].size - 1
        dtype = a[2].dtype
        self.x, self.b, self.residual, self.half = (np.zeros(n, dtype) for _ in range(4))
        self.k = [np.zeros(n, dtype) for _ in range(4)]
        self.place = np.zeros(n, np.int32)
        self.inverse = np.zeros(n, dtype)


class Amg:
    """A hierarchy of algebraic multigrid."""

    dtype: type = np.float64

    def __init__(self):
        self._levels: list[_Level] = []
        self._coarse = None
        self._cycle = 0
        self._lock = threading.Lock()

    @property
    def size(self):
        return self._levels[0].x.size if self._levels else 0

    @property
    def nbytes(self):
        kept = 0 if self._coarse is None else self._coarse.nbytes
        for g in self._levels:
            vectors = [*g.a, *g.p, *g.r, g.x, g.b, g.residual, g.half, g.place, g.inverse, *g.k]
            kept += sum(v.nbytes for v in vectors)
        return kept

    def add(
        self, a_indptr, a_indices, a_data, p_indptr, p_indices, p_data, r_indptr, r_indices, r_data, pre,
        pre_iterations, pre_omega, post, post_iterations, post_omega,
    ):  # fmt: skip
        a, p, r = (a_indptr, a_indices, a_data), (p_indptr, p_indices, p_data), (r_indptr, r_indices, r_data)
        a, p, r = (tuple(v.copy() for v in m) for m in (a, p, r))
        g = _Level(a, p, r, (pre, pre_iterations, pre_omega), (post, post_iterations, post_omega))
        if p_indptr.size:
            row = loops.csr_diagonal(a_indptr, a_indices, a_data, g.place, g.inverse)
            if row >= 0:
                return row
        self._levels.append(g)
        return -1

    def finish(self, coarse, cycle):
        self._coarse, self._cycle = coarse.copy(), cycle

    def _residual(self, g, b, x, side):
        residual(g.a[0], g.a[1], g.a[2], g.place, g.half, b, x, side, g.residual)

    def _smooth(self, g, smoother, b, x, zero):
        kind, iterations, omega = smoother
        if kind == NONE or iterations == 0:
            if zero:
                x[:] = 0
            return 0
        if kind == JACOBI:
            for turn in range(iterations):
                first = zero and turn == 0
                if not first:
                    self._residual(g, b, x, 0)
                jacobi_step(self.dtype(omega), g.inverse, b if first else g.residual, x, first)
            return 0
        far = ZERO if zero else UNKNOWN
        both = kind == SYMMETRIC
        sweeps = iterations * (2 if both else 1)
        forward = kind != BACKWARD
        for turn in range(sweeps):
            last = turn + 1 == sweeps or not both
            gauss_seidel(g.a[0], g.a[1], g.a[2], g.place, g.inverse, g.half, b, x, forward, far, last)
            far = KEPT if both else UNKNOWN
            if turn + 1 < sweeps and both:
                forward = not forward
        return 1 if forward else -1

    def _krylov(self, level, b, x):
        g = self._levels[level]
        c, v, d, w = g.k
        self._visit(level, b, c, True)
        product(g.a[0], g.a[1], g.a[2], c, v, False)
        rho, alpha, before = loops.dot(c, v, 1), loops.dot(c, b, 1), loops.dot(b, b, 1)
        t = self.dtype(alpha / rho) if rho > 0.0 else self.dtype(0)
        b -= t * v
        now = loops.dot(b, b, 1)
        if not rho > 0.0 or not now > 0.0625 * before:
            np.multiply(t, c, out=x)
            return
        self._visit(level, b, d, True)
        product(g.a[0], g.a[1], g.a[2], d, w, False)
        gamma, beta, alpha2 = loops.dot(d, v, 1), loops.dot(d, w, 1), loops.dot(d, b, 1)
        rho2 = beta - gamma * gamma / rho
        second = self.dtype(alpha2 / rho2) if rho2 > 0.0 else self.dtype(0)
        first = self.dtype(alpha / rho - gamma * alpha2 / (rho * rho2)) if rho2 > 0.0 else t
        combine(first, c, second, d, x)

    def _visit(self, level, b, x, zero):
        if level + 1 == len(self._levels):
            dense_product(self._coarse, b, x)
            return
        g, c = self._levels[level], self._levels[level + 1]
        side = self._smooth(g, g.pre, b, x, zero)
        if self._cycle == 3:
            product(g.r[0], g.r[1], g.r[2], b, c.b, False)
        else:
            self._residual(g, b, x, side)
            product(g.r[0], g.r[1], g.r[2], g.residual, c.b, False)
        inner = level + 2 < len(self._levels)
        if inner and self._cycle == 2:
            self._krylov(level + 1, c.b, c.x)
        else:
            self._visit(level + 1, c.b, c.x, True)
            if inner and self._cycle == 1:
                self._visit(level + 1, c.b, c.x, False)
        product(g.p[0], g.p[1], g.p[2], c.x, x, True)
        self._smooth(g, g.post, b, x, False)

    def apply(self, r, z, scale, workers):
        with self._lock, np.errstate(all="ignore"):
            x = self._levels[0].x
            self._visit(0, r, x, True)
            np.multiply(x, self.dtype(scale), out=z)
            return loops.dot(r, z, workers)

    def apply_multi(self, r, z, scale, workers):
        out = np.empty(r.shape[0], self.dtype)
        for j in range(r.shape[1]):
            self.apply(np.ascontiguousarray(r[:, j]), out, scale, workers)
            z[:, j] = out


class AmgF32(Amg):
    """A hierarchy in single precision."""

    dtype = np.float32
