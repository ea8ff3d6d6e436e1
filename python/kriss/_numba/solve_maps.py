"""Numba twins of block matrices and stencils on grids as maps, and of conjugate gradients over maps.

Same order of operations as cpp/include/kriss/solve/{block,grid_stencil,grid_sweep}.hpp.
"""

from typing import Any

import numpy as np
from numba import njit

from kriss._numba import solve as loops
from kriss._numba.solve_krylov import _Map


@njit(cache=True, nogil=True)
def _block_matvec(indptr, indices, data, x, y):
    high, wide = data.shape[1], data.shape[2]
    for line in range(indptr.size - 1):
        for r in range(high):
            s = data.dtype.type(0)
            for q in range(indptr[line], indptr[line + 1]):
                at = indices[q] * wide
                for c in range(wide):
                    s = s + data[q, r, c] * x[at + c]
            y[line * high + r] = s


def block_map(indptr, indices, data):
    out = _Map((indptr.size - 1) * data.shape[1], lambda x, y: _block_matvec(indptr, indices, data, x, y))
    out.storage = -data.shape[1]
    out.product_bytes = data.nbytes + indices.nbytes + indptr.nbytes
    return out


@njit(cache=True, nogil=True)
def _neighbour(i, d, n, wrap):
    j = i + d
    if 0 <= j < n:
        return j
    if wrap == 0:
        return -1
    return j + n if j < 0 else j - n


@njit(cache=True, nogil=True)
def _grid_matvec(n, wrap, step, constant, which, shift, streams, x, y):
    cell = 0
    for i in range(n[0]):
        for j in range(n[1]):
            for k in range(n[2]):
                s = constant.dtype.type(0)
                for p in range(step.shape[0]):
                    a = _neighbour(i, step[p, 0], n[0], wrap[0])
                    b = _neighbour(j, step[p, 1], n[1], wrap[1])
                    c = _neighbour(k, step[p, 2], n[2], wrap[2])
                    if a < 0 or b < 0 or c < 0:
                        continue
                    v = constant[p] if which[p] < 0 else streams[which[p], cell - shift[p]]
                    s = s + v * x[(a * n[1] + b) * n[2] + c]
                y[cell] = s
                cell += 1


@njit(cache=True, nogil=True)
def _grid_sweeps(n, wrap, step, constant, which, shift, streams, inverse, omega, r, z):
    one = constant.dtype.type(1)
    width = n[2]
    for cell in range(r.size):
        k = cell % width
        j = cell // width % n[1]
        i = cell // width // n[1]
        w = omega * inverse[cell]
        s = r[cell]
        follow = -1
        for p in range(step.shape[0]):
            a = _neighbour(i, step[p, 0], n[0], 0)
            b = _neighbour(j, step[p, 1], n[1], 0)
            c = _neighbour(k, step[p, 2], width, 0)
            if a < 0 or b < 0 or c < 0:
                continue
            to = (a * n[1] + b) * width + c
            if to >= cell:
                break
            if step[p, 0] == 0 and step[p, 1] == 0 and step[p, 2] == -1:
                follow = p
                continue
            v = constant[p] if which[p] < 0 else streams[which[p], cell - shift[p]]
            s -= v * z[to]
        if follow >= 0:
            v = constant[follow] if which[follow] < 0 else streams[which[follow], cell - shift[follow]]
            z[cell] = s * w - (v * w) * z[cell - 1]
        else:
            z[cell] = s * w
    for cell in range(r.size - 1, -1, -1):
        k = cell % width
        j = cell // width % n[1]
        i = cell // width // n[1]
        w = omega * inverse[cell]
        s = constant.dtype.type(0)
        follow = -1
        for p in range(step.shape[0]):
            a = _neighbour(i, step[p, 0], n[0], 0)
            b = _neighbour(j, step[p, 1], n[1], 0)
            c = _neighbour(k, step[p, 2], width, 0)
            if a < 0 or b < 0 or c < 0:
                continue
            to = (a * n[1] + b) * width + c
            if to <= cell:
                continue
            if step[p, 0] == 0 and step[p, 1] == 0 and step[p, 2] == 1:
                follow = p
                continue
            v = constant[p] if which[p] < 0 else streams[which[p], cell - shift[p]]
            s += v * z[to]
        t = (one + one - omega) * z[cell] - w * s
        if follow >= 0:
            v = constant[follow] if which[follow] < 0 else streams[which[follow], cell - shift[follow]]
            t = t - (v * w) * z[cell + 1]
        z[cell] = t


@njit(cache=True, nogil=True)
def _grid_pivots(n, wrap, step, constant, which, shift, streams, relax, more, tau, pivot, upper):
    one = constant.dtype.type(1)
    width = n[2]
    for cell in range(pivot.size):
        k = cell % width
        j = cell // width % n[1]
        i = cell // width // n[1]
        d = constant.dtype.type(0)
        total = constant.dtype.type(0)
        u = constant.dtype.type(0)
        for p in range(step.shape[0]):
            a = _neighbour(i, step[p, 0], n[0], 0)
            b = _neighbour(j, step[p, 1], n[1], 0)
            c = _neighbour(k, step[p, 2], width, 0)
            if a < 0 or b < 0 or c < 0:
                continue
            to = (a * n[1] + b) * width + c
            v = constant[p] if which[p] < 0 else streams[which[p], cell - shift[p]]
            if to < cell:
                total += v / pivot[to] * (v + relax * (upper[to] - v))
            elif to == cell:
                d = v
            else:
                u += v
        upper[cell] = u
        if not (d > 0) or not np.isfinite(d):
            return 8, cell
        e = (one + more) * d - total
        if not (e > tau * d) or not np.isfinite(e):
            return 7, cell
        pivot[cell] = e
    return 0, 0


class _GridMap(_Map):
    parts: Any = ()


def grid_map(n, wrap, step, constant, which, shift, streams):
    size = int(np.prod(n))
    stacked = np.stack(streams) if streams else np.empty((0, size), constant.dtype)
    parts = (n, wrap, step, constant, which, shift, stacked)
    out = _GridMap(size, lambda x, y: _grid_matvec(*parts, x, y))
    out.parts = parts
    out.product_bytes = stacked.nbytes
    return out


def grid_pivots(a, relax, shift, tau, pivot, workers):
    kind = pivot.dtype.type
    pivots: Any = _grid_pivots
    status, row = pivots(*a.parts, kind(relax), kind(shift), kind(tau), pivot, np.empty_like(pivot))
    return int(status), int(row)


class _Sweeps:
    def __init__(self, a, inverse, omega):
        self.size, self._a, self._inverse, self._omega = inverse.size, a, inverse, inverse.dtype.type(omega)

    def apply(self, r, z, scale, workers):
        with np.errstate(all="ignore"):
            sweeps: Any = _grid_sweeps
            sweeps(*self._a.parts, self._inverse, self._omega, r, z)
            if scale != 1:
                np.multiply(z, z.dtype.type(scale), out=z)
        return loops.dot(r, z, workers)

    def apply_multi(self, r, z, scale, workers):
        column = np.empty(self.size, r.dtype)
        for k in range(r.shape[1]):
            self.apply(np.ascontiguousarray(r[:, k]), column, scale, workers)
            z[:, k] = column


def grid_sweeps(a, inverse, omega):
    return _Sweeps(a, inverse, omega)


def cg_map(a, m, inverse, b, x, tol, maxiter, zero_start, history, workers):
    """By the passes of the driven loop."""
    from kriss.solve._driven import cg_driven

    z = np.empty_like(b)

    def apply(r):
        m.apply(r, z, workers)
        return z

    def product(p, q):
        a.apply(p, q, workers)
        return loops.dot(p, q, workers)

    with np.errstate(all="ignore"):
        code, iterations, matvecs, norm, norms = cg_driven(
            loops, product, b, x, inverse, None if m is None else apply, None, tol=tol, maxiter=maxiter,
            zero_start=zero_start, scipy_rules=False, workers=workers,
        )  # fmt: skip
    return code, iterations, matvecs, norm, np.asarray(norms if history else [])


def apply_panel(a, x, y, workers):
    column = np.empty(x.shape[0], x.dtype)
    for k in range(x.shape[1]):
        a.apply(np.ascontiguousarray(x[:, k]), column, workers)
        y[:, k] = column
