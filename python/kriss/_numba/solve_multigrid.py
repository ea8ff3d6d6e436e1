"""Numba twins of the multigrid kernels: a Black-Box hierarchy, and conjugate gradients with a preconditioner object."""

import math
import threading

import numpy as np

from kriss._numba import _box_cycle as cycle
from kriss._numba import _box_setup as setup
from kriss._numba import solve as loops
from kriss._numba._amg_cycle import Amg, AmgF32

__all__ = ["Amg", "AmgF32", "BlackBox", "BlackBoxF32", "cg_native"]

DIRECT_POINTS = 64
STRONG_COUPLING = 4.0
STRONG_SHARE = 1.0 / 32
DONE, MATRIX, DIAGONAL, LINES, COARSEST = 0, 1, 2, 3, 4


class _Grid:
    """One level."""

    def __init__(self, n, dtype):
        self.n = n
        self.a = np.zeros((14, *n), dtype)
        self.used = np.zeros(14, np.bool_)
        self.used[:2] = True
        self.step = np.ones(3, np.int64)
        self.lines = 0
        self.inverse = np.zeros(n, dtype)
        self.factors = {}
        self.x = np.zeros(n, dtype)
        self.r = np.zeros(n, dtype)
        self.work = np.zeros(n, dtype)
        self.line = np.zeros(max(n), dtype)
        self.w = np.zeros((27, 0, 0, 0), dtype)
        self.present = np.zeros(27, np.bool_)

    def smooth(self, r, x, backward, zero):
        if self.lines == 0:
            cycle.relax_points(self.a, self.used, self.inverse, r, x, self.line, backward, zero)
            return
        if zero:
            x[:] = 0
        for axis in (0, 1, 2) if backward else (2, 1, 0):
            if self.lines >> axis & 1:
                lower, pivot = self.factors[axis]
                cycle.relax_lines(self.a, self.used, axis, lower, pivot, r, x, self.line, backward)


class BoxCycle:
    """Cycles over grids, whatever smooths on them."""

    dtype: type = np.float64

    def __init__(self):
        self._grids = []
        self._twice = 0
        self._factor = None
        self._lock = threading.Lock()

    def _before(self, level, r, x):
        """Smooths x = 0; whether the points were relaxed last, so that half of the residual is known."""
        raise NotImplementedError

    def _after(self, level, r, x):
        raise NotImplementedError

    def _visit(self, level, r, x):
        g, c = self._grids[level], self._grids[level + 1]
        relaxed = self._before(level, r, x)
        for turn in range(2 if 0 < level <= self._twice else 1):
            cycle.residual(g.a, g.used, r, x, g.work, turn == 0 and relaxed)
            cycle.restrict(g.step, g.w, g.work, c.r)
            if level + 2 == len(self._grids):
                cycle.coarsest(self._factor, c.r.reshape(-1), c.x.reshape(-1))
            else:
                self._visit(level + 1, c.r, c.x)
            cycle.interpolate(g.step, g.w, c.x, x)
        self._after(level, r, x)

    def apply(self, r, z, scale, workers):
        with self._lock, np.errstate(all="ignore"):
            g = self._grids[0]
            if len(self._grids) > 1:
                self._visit(0, r.reshape(g.n), g.x)
            else:
                cycle.coarsest(self._factor, r, g.x.reshape(-1))
            np.multiply(g.x.reshape(-1), self.dtype(scale), out=z)
            return loops.dot(r, z, workers)

    def apply_multi(self, r, z, scale, workers):
        out = np.empty(r.shape[0], self.dtype)
        for j in range(r.shape[1]):
            self.apply(np.ascontiguousarray(r[:, j]), out, scale, workers)
            z[:, j] = out


class BlackBox(BoxCycle):
    """Black-Box multigrid."""

    @property
    def size(self):
        return math.prod(self._grids[0].n) if self._grids else 0

    @property
    def nbytes(self):
        kept = 0 if self._factor is None else self._factor.nbytes
        for g in self._grids:
            kept += sum(v.nbytes for v in (g.a, g.inverse, g.x, g.r, g.work, g.w))
            kept += sum(v.nbytes for pair in g.factors.values() for v in pair)
        return kept

    def grids(self):
        return [(g.n, g.lines) for g in self._grids]

    def stencil(self, level, half):
        g = self._grids[level]
        return g.a[half].ravel() if g.used[half] else np.empty(0, self.dtype)

    def setup(self, indptr, indices, data, n0, n1, n2, lines, twice, workers):
        with self._lock, np.errstate(all="ignore"):
            report, grids, factor = self._build(indptr, indices, data, (n0, n1, n2), lines)
            self._grids, self._factor = (grids, factor) if report[0] == DONE else ([], None)
            self._twice = twice
            return report

    def _build(self, indptr, indices, data, n, lines):
        g = _Grid(n, self.dtype)
        grids: list[_Grid] = []
        kind, row, column = setup.fill(indptr, indices, data, n, g.a, g.used)
        if kind != setup.GOOD:
            return (MATRIX, 0, kind, row, column, -1), grids, None
        while True:
            level = len(grids)
            bad = setup.invert(g.a[0], g.inverse)
            if bad >= 0:
                return (DIAGONAL, level, setup.GOOD, -1, -1, bad), grids, None
            grids.append(g)
            size = math.prod(g.n)
            if size <= DIRECT_POINTS:
                factor = np.zeros((size, size), self.dtype)
                bad = setup.cholesky(g.a, g.used, factor)
                return (COARSEST if bad >= 0 else DONE, level, setup.GOOD, -1, -1, bad), grids, factor
            if lines < 0:
                share = np.zeros(3)
                setup.anisotropy(g.a, g.used, STRONG_COUPLING, share)
                g.lines = sum(1 << axis for axis in range(3) if share[axis] > STRONG_SHARE)
            else:
                g.lines = sum(1 << axis for axis in range(3) if lines >> axis & 1 and g.n[axis] > 1)
            for axis in range(3):
                if g.lines >> axis & 1:
                    g.factors[axis] = (np.zeros(g.n, self.dtype), np.zeros(g.n, self.dtype))
                    if not setup.factor_lines(g.a, g.used, axis, *g.factors[axis]):
                        return (LINES, level, setup.GOOD, -1, -1, -1), grids, None
            g.step[:] = [2 if k >= 3 else 1 for k in g.n]
            c = _Grid(tuple(int(k // s) for k, s in zip(g.n, g.step, strict=True)), self.dtype)
            offsets = [(code // 9 - 1, code // 3 % 3 - 1, code % 3 - 1) for code in range(27)]
            for code, o in enumerate(offsets):
                g.present[code] = all(v == 0 or s == 2 for v, s in zip(o, g.step, strict=True))
                if code > 14:
                    c.used[code - 13] = all(v == 0 or k > 1 for v, k in zip(o, c.n, strict=True))
            g.w = np.zeros((27, *c.n), self.dtype)
            setup.weights(g.a, g.used, g.step, g.present, g.w, setup.ORDER)
            setup.galerkin(g.a, g.used, g.step, g.present, g.w, c.a, c.used)
            g = c

    def _before(self, level, r, x):
        g = self._grids[level]
        g.smooth(r, x, False, True)
        return g.lines == 0

    def _after(self, level, r, x):
        self._grids[level].smooth(r, x, True, False)


class BlackBoxF32(BlackBox):
    """Black-Box multigrid in single precision."""

    dtype = np.float32


def cg_native(indptr, indices, data, b, x, M, scale, tol, maxiter, zero_start, history, workers):
    """Conjugate gradients with a preconditioner object, by the passes of the driven loop."""
    from kriss.solve._driven import cg_driven

    z = np.empty_like(b)

    def apply(r):
        M.apply(r, z, scale, workers)
        return z

    def product(p, q):
        return loops.csr_matvec_dot(indptr, indices, data, p, q, workers)

    with np.errstate(all="ignore"):
        code, iterations, matvecs, norm, norms = cg_driven(
            loops, product, b, x, np.empty(0, b.dtype), apply, None, tol=tol, maxiter=maxiter, zero_start=zero_start,
            scipy_rules=False, workers=workers,
        )  # fmt: skip
    product_bytes = data.nbytes + indices.nbytes + (indptr.size - 1) * indptr.itemsize
    return code, iterations, matvecs, norm, np.asarray(norms if history else []), 0, product_bytes
