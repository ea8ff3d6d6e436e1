"""Numba twins of multigrid smoothed by incomplete factors; the order of operations of solve/box_factor.hpp."""

import math

import numpy as np
from numba import njit

from kriss._numba import _box_cycle as cycle
from kriss._numba import _box_setup as setup
from kriss._numba.solve_multigrid import COARSEST, DIAGONAL, DONE, LINES, MATRIX, BoxCycle, _Grid

__all__ = ["FactoredBox"]

PAD = 8


@njit(cache=True, nogil=True)
def factorise(diagonal, right, lower_left, below, lower_right, mirrored, inverse, line, off):
    """Returns the first point with a bad pivot, or -1; off: (3, n0, n1)."""
    n0, n1 = diagonal.shape
    d, e, s = diagonal.copy(), right.copy(), below.copy()
    p, q = (lower_left.copy(), lower_right.copy()) if mirrored else (lower_right.copy(), lower_left.copy())
    way = -1 if mirrored else 1
    ahead_off, behind_off = (0, 2) if mirrored else (2, 0)
    for i in range(n0):
        last = i + 1 == n0
        for at in range(n1):
            k = n1 - 1 - at if mirrored else at
            pivot = d[i, k]
            if not pivot > 0.0 or not np.isfinite(pivot):
                return i * n1 + k
            inv = 1.0 / pivot
            more = at + 1 < n1
            ahead = 0.0
            if more:
                ahead = e[i, k - 1] if mirrored else e[i, k]
            u = ahead * inv
            inverse[i, k] = inv
            line[i, k] = np.float32(u)
            if more:
                d[i, k + way] -= ahead * u
            if last:
                off[0, i, k] = off[1, i, k] = off[2, i, k] = 0.0
                continue
            lp, lq, ls = p[i, k] * inv, q[i, k] * inv, s[i, k] * inv
            off[ahead_off, i, k] = np.float32(lp)
            off[behind_off, i, k] = np.float32(lq)
            off[1, i, k] = np.float32(ls)
            far = abs(ahead * lq)
            wide = abs(p[i, k] * lq)
            d[i + 1, k] -= s[i, k] * ls
            if more:
                d[i, k + way] += far
                d[i + 1, k + way] += wide - p[i, k] * lp
                q[i, k + way] -= ahead * ls
                s[i, k + way] -= ahead * lp
                e[i + 1, k - 1 if mirrored else k] -= s[i, k] * lp
            if at > 0:
                d[i + 1, k - way] += (far + wide) - q[i, k] * lq
                e[i + 1, k if mirrored else k - 1] -= s[i, k] * lq
    return -1


@njit(cache=True, nogil=True)
def _run(n, c, t, y):
    """y[k] = t[k] - c[k] y[k - 1]; c, t: padded by PAD in front."""
    last = np.zeros(4)
    for k in range(n):
        a = k + PAD
        c0, c1, c2, c3 = -c[a], -c[a - 1], -c[a - 2], -c[a - 3]
        two = c0 * c1
        total = (t[a] + c0 * t[a - 1]) + two * (t[a - 2] + c2 * t[a - 3])
        jump = two * (c2 * c3)
        last[k % 4] = total + jump * last[k % 4]
        y[k] = last[k % 4]


@njit(cache=True, nogil=True)
def _run_back(n, c, t, y):
    """y[k] = t[k] - c[k] y[k + 1]."""
    last = np.zeros(4)
    for k in range(n - 1, -1, -1):
        a = k + PAD
        c0, c1, c2, c3 = -c[a], -c[a + 1], -c[a + 2], -c[a + 3]
        two = c0 * c1
        total = (t[a] + c0 * t[a + 1]) + two * (t[a + 2] + c2 * t[a + 3])
        jump = two * (c2 * c3)
        j = (n - 1 - k) % 4
        last[j] = total + jump * last[j]
        y[k] = last[j]


@njit(cache=True, nogil=True)
def backsolve(mirrored, inverse, line, off, r, t, x, add):
    n0, n1 = r.shape
    v = np.zeros(n1 + 2 * PAD)
    c = np.zeros(n1 + 2 * PAD)
    for i in range(n0):
        for k in range(n1):
            s = r[i, k]
            if i > 0:
                one = np.float64(off[2, i - 1, k - 1]) * t[i - 1, k - 1] if k > 0 else 0.0
                three = np.float64(off[0, i - 1, k + 1]) * t[i - 1, k + 1] if k + 1 < n1 else 0.0
                s = s - (one + np.float64(off[1, i - 1, k]) * t[i - 1, k] + three)
            v[PAD + k] = s
        if mirrored:
            c[PAD + n1 - 1] = 0.0
            for k in range(n1 - 1):
                c[PAD + k] = line[i, k + 1]
            _run_back(n1, c, v, t[i])
        else:
            c[PAD] = 0.0
            for k in range(1, n1):
                c[PAD + k] = line[i, k - 1]
            _run(n1, c, v, t[i])
    for i in range(n0 - 1, -1, -1):
        for k in range(n1):
            s = inverse[i, k] * t[i, k]
            if i + 1 < n0:
                one = np.float64(off[0, i, k]) * t[i + 1, k - 1] if k > 0 else 0.0
                three = np.float64(off[2, i, k]) * t[i + 1, k + 1] if k + 1 < n1 else 0.0
                s = s - (one + np.float64(off[1, i, k]) * t[i + 1, k] + three)
            v[PAD + k] = s
            c[PAD + k] = line[i, k]
        if mirrored:
            _run(n1, c, v, t[i])
        else:
            _run_back(n1, c, v, t[i])
        for k in range(n1):
            x[i, k] = x[i, k] + t[i, k] if add else t[i, k]


class FactoredBox(BoxCycle):
    """Multigrid smoothed by incomplete factors."""

    def __init__(self):
        super().__init__()
        self._factors = []

    @property
    def size(self):
        return math.prod(self._grids[0].n) if self._factor is not None else 0

    @property
    def nbytes(self):
        kept = 0 if self._factor is None else self._factor.nbytes
        for g in self._grids:
            kept += sum(v.nbytes for v in (g.a, g.inverse, g.x, g.r, g.work, g.w))
        return kept + sum(v.nbytes for own in self._factors for f in own for v in f[1:])

    def grids(self):
        return [[g.n[1], g.n[2]] for g in self._grids]

    def stencil(self, level):
        return self._grids[level].a[:5, 0].copy()

    def begin(self, indptr, indices, data, n0, n1, workers):
        self._grids, self._factors, self._factor = [], [], None
        g = _Grid((1, n0, n1), np.float64)
        kind, row, column = setup.fill(indptr, indices, data, (1, n0, n1), g.a, g.used)
        if kind != setup.GOOD:
            return MATRIX, 0, kind, row, column, -1
        return self._add(g)

    def _add(self, g):
        with np.errstate(all="ignore"):
            bad = setup.invert(g.a[0], g.inverse)
        level = len(self._grids)
        if bad >= 0:
            return DIAGONAL, level, setup.GOOD, -1, -1, bad
        g.used[:] = False
        g.used[:5] = True
        self._grids.append(g)
        self._factors.append([])
        return DONE, level, setup.GOOD, -1, -1, -1

    def weights(self, net, workers):
        g = self._grids[-1]
        g.step[:] = [2 if k >= 3 else 1 for k in g.n]
        n = tuple(int(k // s) for k, s in zip(g.n, g.step, strict=True))
        for code in range(27):
            o = (code // 9 - 1, code // 3 % 3 - 1, code % 3 - 1)
            g.present[code] = all(v == 0 or s == 2 for v, s in zip(o, g.step, strict=True))
        g.w = np.zeros((27, *n))
        with np.errstate(all="ignore"):
            setup.weights(g.a, g.used, g.step, g.present, g.w, setup.ORDER)
        if net.size and g.step[1] == g.step[2] == 2:
            from kriss.solve.learned._network import interpolation, unpacked

            with np.errstate(all="ignore"):
                g.w[9:18, 0] = interpolation(unpacked(net), g.a[:5, 0])
        return g.w[9:18, 0].copy()

    def coarsen(self, net, orders, workers):
        self.weights(net, workers)
        g = self._grids[-1]
        c = _Grid(tuple(g.w.shape[1:]), np.float64)
        level = len(self._grids) - 1
        for order in (1, 2):
            if not orders & order:
                continue
            n = g.n[1:]
            inverse, line, off = np.zeros(n), np.zeros(n, np.float32), np.zeros((3, *n), np.float32)
            a = g.a[:, 0]
            bad = factorise(a[0], a[1], a[2], a[3], a[4], order == 2, inverse, line, off)
            if bad >= 0:
                return LINES, level, setup.GOOD, -1, -1, bad
            self._factors[-1].append((order == 2, inverse, line, off))
        c.used[:] = False
        c.used[0] = c.used[1] = True
        c.used[3] = c.n[1] > 1
        c.used[2] = c.used[4] = c.n[1] > 1 and c.n[2] > 1
        setup.galerkin(g.a, g.used, g.step, g.present, g.w, c.a, c.used)
        return self._add(c)

    def finish(self, twice):
        g = self._grids[-1]
        size = math.prod(g.n)
        factor = np.zeros((size, size))
        with np.errstate(all="ignore"):
            bad = setup.cholesky(g.a, g.used, factor)
        if bad < 0:
            self._factor, self._twice = factor, twice
        return COARSEST if bad >= 0 else DONE, len(self._grids) - 1, setup.GOOD, -1, -1, bad

    def _before(self, level, r, x):
        g = self._grids[level]
        for j, f in enumerate(self._factors[level]):
            if j:
                cycle.residual(g.a, g.used, r, x, g.work, False)
            backsolve(f[0], f[1], f[2], f[3], (g.work if j else r)[0], g.work[0], x[0], j > 0)
        return False

    def _after(self, level, r, x):
        g = self._grids[level]
        for f in reversed(self._factors[level]):
            cycle.residual(g.a, g.used, r, x, g.work, False)
            backsolve(f[0], f[1], f[2], f[3], g.work[0], g.work[0], x[0], True)
