"""Numba twins of multigrid smoothed by incomplete factors; the order of operations of solve/box_factor.hpp."""

import math

import numpy as np
from numba import njit

from kriss._numba import _box_cycle as cycle
from kriss._numba import _box_setup as setup
from kriss._numba._box_factor import backsolve, factorise, factorise3
from kriss._numba.solve_multigrid import COARSEST, DIAGONAL, DONE, LINES, MATRIX, BoxCycle, _Grid

__all__ = ["FactoredBox", "couplings"]

MOST = 2  # factors per grid


@njit(cache=True, nogil=True)
def couplings(indptr, indices, data, rows, columns, n1, out):
    """Couplings to the point itself, right, lower left, below, lower right, over 3 by 3 points."""
    wanted = (0, 1, n1 - 1, n1, n1 + 1)
    for p in range(rows.size):
        for q in range(columns.size):
            out[:, p, q] = 0.0
            for point in range(9):
                i = (rows[p] + point // 3) * n1 + columns[q] + point % 3
                for k in range(indptr[i + 1] - 1, indptr[i] - 1, -1):
                    offset = indices[k] - i
                    if offset < 0:
                        break
                    for d in range(5):
                        if offset == wanted[d]:
                            out[d, p, q] += data[k]


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
        return kept + sum(v.nbytes for own in self._factors for f in own for v in f[2:])

    def grids(self):
        return [list(g.n) for g in self._grids]

    def stencil(self, level):
        return self._grids[level].a.copy()

    def begin(self, indptr, indices, data, n0, n1, n2, workers):
        self._grids, self._factors, self._factor = [], [], None
        g = _Grid((n0, n1, n2), np.float64)
        kind, row, column = setup.fill(indptr, indices, data, (n0, n1, n2), g.a, g.used)
        if kind != setup.GOOD:
            return MATRIX, 0, kind, row, column, -1
        return self._add(g)

    def _add(self, g):
        with np.errstate(all="ignore"):
            bad = setup.invert(g.a[0], g.inverse)
        level = len(self._grids)
        if bad >= 0:
            return DIAGONAL, level, setup.GOOD, -1, -1, bad
        if g.n[0] == 1:
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
        if net.size and g.n[0] == 1 and g.step[1] == g.step[2] == 2:
            from kriss.solve.learned._network import interpolation, unpacked

            with np.errstate(all="ignore"):
                g.w[9:18, 0] = interpolation(unpacked(net), g.a[:5, 0])
        return g.w.copy()

    def coarsen(self, net, orders, workers):
        self.weights(net, workers)
        g = self._grids[-1]
        c = _Grid(tuple(g.w.shape[1:]), np.float64)
        level = len(self._grids) - 1
        solid = self._grids[0].n[0] > 1
        for order in range(4):
            if not orders >> order & 1 or len(self._factors[-1]) == MOST:
                continue
            mirrored, turned = order % 2 == 1, order // 2 == 1
            inverse, line = np.zeros(g.n), np.zeros(g.n, np.float32)
            off = np.zeros((12 if solid else 3, *g.n), np.float32)
            if solid:
                bad = factorise3(g.a, mirrored, turned, inverse, line, off)
            else:
                a = g.a[:, 0]
                bad = factorise(a[0], a[1], a[2], a[3], a[4], mirrored, inverse[0], line[0], off[:, 0])
            if bad >= 0:
                return LINES, level, setup.GOOD, -1, -1, bad
            self._factors[-1].append((mirrored, turned, inverse, line, off))
        for half in range(14):
            c.used[half] = half < 2 or all(cycle.offset(half + 13, k) == 0 or c.n[k] > 1 for k in range(3))
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
            backsolve(f[0], f[1], f[2], f[3], f[4], g.work if j else r, g.work, x, j > 0)
        return False

    def _after(self, level, r, x):
        g = self._grids[level]
        for f in reversed(self._factors[level]):
            cycle.residual(g.a, g.used, r, x, g.work, False)
            backsolve(f[0], f[1], f[2], f[3], f[4], g.work, g.work, x, True)
