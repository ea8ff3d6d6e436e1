"""Numba twin of GCRO-DR: compiled passes, the loop and the small dense problems in Python and SciPy's LAPACK.

As cpp/src/solve_gcrodr.cpp and cpp/src/solve_harmonic.cpp.
"""

import math
from typing import Any

import numpy as np
import scipy.linalg as sl
from numba import njit

from kriss._numba import solve_krylov as _krylov
from kriss._numba.solve_products import CROSS_ROUNDING

BLOCK = 64
HARVESTS_UNMEASURED = 32  # from one look at C^H C to the next, at most


@njit(cache=True, nogil=True)
def _change(v, g, out):
    """out_j = sum of v_i g_ij, blocks of rows at a time; out may be the first rows of v."""
    p, n = v.shape
    k = g.shape[1]
    stage = np.empty((k, BLOCK), v.dtype)
    for b in range(0, n, BLOCK):
        m = min(BLOCK, n - b)
        for j in range(k):
            for r in range(m):
                s = v.dtype.type(0)
                for i in range(p):
                    s = s + g[i, j] * v[i, b + r]
                stage[j, r] = s
        for j in range(k):
            for r in range(m):
                out[j, b + r] = stage[j, r]


def _products(w, u):
    """w_i^H u_j"""
    kind = np.complex128 if (u or w)[0].dtype.kind == "c" else np.float64
    return np.array([[_krylov._dot(x, y) for y in u] for x in w], dtype=kind).reshape(len(w), len(u))


def harmonic_directions(k, eps, g, s):
    """Columns d (p, k) and y = g d (q, k), y orthonormal: see cpp/src/solve_harmonic.hpp."""
    q, p = g.shape
    none = np.zeros((p, 0), g.dtype), np.zeros((q, 0), g.dtype)
    if p == 0 or k == 0 or not (np.isfinite(g).all() and np.isfinite(s).all()):
        return none
    factor, r = sl.qr(g, mode="economic", check_finite=False)
    pivots = np.abs(np.diagonal(r))
    largest = pivots.max()
    if not largest > 0:
        return none
    for i in np.flatnonzero(pivots < eps * largest):
        r[i, i] = eps * largest
    small = sl.solve_triangular(r, factor.conj().T @ s, check_finite=False)
    if not np.isfinite(small).all():
        return none
    if g.dtype.kind == "c":
        values, vectors = sl.eig(small, check_finite=False)
        width = np.ones(p, int)
    else:
        geev = sl.get_lapack_funcs("geev", (small,))
        re, im, _, vectors, info = geev(small, compute_vl=0)
        if info:
            return none
        values = re + 1j * im
        width = np.where(im != 0, 2, 1)
    groups = []
    j = 0
    while j < p:
        groups.append(j)
        j += width[j]
    if not np.isfinite(values).all():
        return none
    groups.sort(key=lambda j: -abs(values[j]))
    ds: list[Any] = []
    ys: list[Any] = []
    taken = 0
    for first in groups:
        if taken + width[first] > k:
            continue
        taken += width[first]
        for c in range(first, first + width[first]):
            length = np.linalg.norm(vectors[:, c])
            if not length > 0:
                continue
            d = vectors[:, c] / length
            y = g @ d
            before = np.linalg.norm(y)
            if not before > 100 * eps * largest:
                continue
            for _ in range(2):
                for e, f in zip(ys, ds, strict=True):
                    dot = np.vdot(e, y)
                    y = y - dot * e
                    d = d - dot * f
            after = np.linalg.norm(y)
            if not after > math.sqrt(eps) * before:
                continue
            ds.append(d / after)
            ys.append(y / after)
    if not ds:
        return none
    return np.array(ds).T, np.array(ys).T


class _Space:
    """C, X and U of one solve."""

    def __init__(self, s, n, dtype, restart, recycle, eps):
        self.s, self.n, self.dtype, self.eps, self.restart = s, n, dtype, eps, restart
        self.capacity = max(0, min(recycle, n - 1))
        self.wide = np.complex128 if dtype.kind == "c" else np.float64
        self.c, self.x, self.u = [], [], []
        self.cu = np.zeros((0, 0), self.wide)
        self.inverse = None
        if getattr(s.m, "diagonal", None) is not None:
            with np.errstate(all="ignore"):
                inverse = (1 / s.m.diagonal.astype(self.wide)).astype(dtype)
                size = np.abs(inverse.astype(self.wide)) ** 2
            if np.isfinite(size).all() and (size > 0).all():
                self.inverse = inverse
        self.loss = math.sqrt(eps)
        self.rest = 0
        self.unmeasured = 0  # harvests since the last look at C^H C
        self.fresh_gram()

    def fresh_gram(self):
        """C is orthonormal to rounding."""
        rounding = CROSS_ROUNDING * self.eps
        self.gram = np.full((self.capacity, self.capacity), rounding) * (1 - np.eye(self.capacity))

    @property
    def directions(self):
        return self.u if self.s.m is not None else self.x

    def prepare(self, space, directions):
        for j in range(len(space)):
            if len(self.c) >= self.capacity:
                break
            x = space[j].copy()
            length = _krylov._sqrt(_krylov.norm2(x))
            if not length > 0 or not math.isfinite(length):
                continue
            _scale(x, 1 / length)
            u = (directions or space)[j].copy()
            _scale(u, 1 / length)
            c = np.empty_like(x)
            self.s.multiply(x, c)
            before = after = _krylov._sqrt(_krylov.norm2(c))
            if not before > 0 or not math.isfinite(before):
                continue
            for again in range(2 if self.c else 0):
                if again and after > 0.5 * before:
                    break
                dots, _ = _krylov.fused(c, 1.0, [], [], self.c, 0)
                _, square = _krylov.fused(c, 1.0, self.c, -dots, [], 0)
                after = _krylov._sqrt(square)
                _krylov.fused(x, 1.0, self.x, -dots, [], 0)
                _krylov.fused(u, 1.0, self.u, -dots, [], 0)
            if not after > math.sqrt(self.eps) * before or not math.isfinite(after):
                continue
            for v, to in ((c, self.c), (x, self.x), (u, self.u)):
                _scale(v, 1 / after)
                to.append(v)
        if self.inverse is not None:
            self.u = self._divided()
        elif self.u and self.s.m is not None:
            z = self.s.precondition(self.u[0].copy(), np.empty_like(self.u[0]))
            theirs = _krylov._sqrt(_krylov.norm2(z))
            ratio = _krylov._divide(_krylov._sqrt(_krylov.norm2(self.x[0])), theirs)
            if theirs > 0 and math.isfinite(ratio) and ratio > 0:
                for u in self.u:
                    _scale(u, ratio)
        if self.c:
            self.cu = _products(self.c, self.directions)

    def correct(self, x, r):
        if not self.c:
            return _krylov._sqrt(_krylov.norm2(r))
        dots, _ = _krylov.fused(r, 1.0, [], [], self.c, 0)
        _krylov.fused(x, 1.0, self.x, dots, [], 0)
        return _krylov._sqrt(_krylov.fused(r, 1.0, self.c, -dots, [], 0)[1])

    def forget(self):
        self.c, self.x, self.u = [], [], []
        self.cu = np.zeros((0, 0), self.wide)

    def harvest(self, v, z, h, b, cross, gain):
        rows, taken = h.shape
        if taken == 0 or self.capacity == 0:
            return
        kept = len(self.c)
        short_of_steps = 4 * taken < self.restart - kept
        if kept == self.capacity and gain >= 2 and (self.rest > 0 or short_of_steps):
            self.rest -= 1
            return
        units = []
        for u in self.directions:
            length = _krylov._sqrt(_krylov.norm2(u))
            units.append(1 / length if length > 0 and math.isfinite(length) else 1.0)
        unit = np.array(units)
        g = np.zeros((kept + rows, kept + taken), self.wide)
        s = np.zeros_like(g)
        g[kept:, kept:] = h
        s[kept + np.arange(taken), kept + np.arange(taken)] = 1
        if kept:
            g[:kept, :kept] = np.diag(unit)
            g[:kept, kept:] = b
            s[:kept, :kept] = self.cu * unit
            s[kept:, :kept] = _products(v[:rows], self.directions) * unit
        d, y = harmonic_directions(self.capacity, self.eps, g, s)
        if not d.shape[1]:
            return
        self.cu = y.conj().T @ s @ d
        d[:kept] *= unit[:, None]
        self.c = self._changed(self.c, v[:rows], y)
        if self.s.m is not None and self.inverse is None:
            self.u = self._changed(self.u, v[:taken], d)
        self.x = self._changed(self.x, (z or v)[:taken], d)
        if self.inverse is not None:
            self.u = self._divided()
        top = float(np.sum(np.abs(y[:kept]) ** 2))  # of the new C in the space of the old one
        self.rest = 2 if top > 0.98 * y.shape[1] else 1 if top > 0.9 * y.shape[1] else 0
        q = kept + rows
        bound = np.abs(y).T @ cross[:q, :q] @ np.abs(y) + CROSS_ROUNDING * self.eps
        k = y.shape[1]
        self.unmeasured += 1
        measure = not bound.max(initial=0.0) <= 0.01 * self.loss or self.unmeasured >= HARVESTS_UNMEASURED
        np.fill_diagonal(bound, 0.0)
        self.gram[:k, :k] = bound
        if measure:
            self._orthogonal_again(k)

    def _orthogonal_again(self, k):
        """Measures C^H C = I + E and, where E is not small, takes it off: see cpp/src/solve_gcrodr.cpp."""
        self.unmeasured = 0
        e = _products(self.c, self.c) - np.eye(k)
        if np.abs(e).max(initial=0.0) <= 0.01 * self.loss:
            bound = np.abs(e) + CROSS_ROUNDING * self.eps
            np.fill_diagonal(bound, 0.0)
            self.gram[:k, :k] = bound
            return
        t = np.eye(k) - np.triu(e, 1) - 0.5 * np.diag(np.diagonal(e))
        self.c = self._changed(self.c, [], t)
        self.x = self._changed(self.x, [], t)
        if self.inverse is not None:
            self.u = self._divided()
        elif self.s.m is not None:
            self.u = self._changed(self.u, [], t)
        self.cu = t.conj().T @ self.cu @ t
        self.fresh_gram()

    def _divided(self):
        """M X where M^-1 is diagonal."""
        return [self.inverse * x for x in self.x]

    def _changed(self, old, more, g):
        out = np.empty((g.shape[1], self.n), self.dtype)
        _change(np.array([*old, *more]), np.ascontiguousarray(g, self.dtype), out)
        return list(out)


def _scale(v, factor):
    _krylov.combine(v, factor, [], norm=False)


def gcrodr(
    a, m, b, x, zero_start, restart, recycle, space, directions, tol, eps, maxiter, verify, callback, workers
):  # fmt: skip
    s = _krylov._Context(a, m, callback)
    n = b.size
    steps = max(1, min(restart, n, max(maxiter, 1)))
    held = _Space(s, n, b.dtype, restart, recycle, eps)
    v = list(np.empty((steps + 1, n), b.dtype))
    z = list(np.empty((steps, n), b.dtype)) if m is not None else []
    r, room = np.empty_like(b), np.empty_like(b)
    done = cycles = idle = 0
    prepared, fresh = False, True
    previous = math.inf

    def end(status):
        made = prepared or cycles > 0
        return (
            status, done, s.matvecs, np.array(s.norms), made, held.x if made else [],
            held.u if made and m is not None else [],
        )  # fmt: skip

    beta = _krylov._sqrt(s.first_residual(b, x, zero_start, room, r))
    s.norms.append(beta)
    known = beta
    while True:
        if not math.isfinite(beta):
            return end(_krylov.NONFINITE)
        if fresh and beta <= tol:
            return end(_krylov.OK)
        if not fresh and (beta <= tol or beta <= math.sqrt(eps) * known):
            if beta <= tol and not verify:
                return end(_krylov.OK)
            beta = _krylov._sqrt(s.first_residual(b, x, False, room, r))
            if beta <= tol:
                return end(_krylov.OK)
            if not beta < 0.5 * known:
                return end(_krylov.STAGNATED if math.isfinite(beta) else _krylov.NONFINITE)
            known, previous = beta, math.inf
            beta = held.correct(x, r)
        if done >= maxiter:
            return end(_krylov.MAXITER)
        if not prepared and space:
            prepared = True
            held.prepare(space, directions)
            beta = held.correct(x, r)
            fresh = False
            continue
        idle = 0 if beta < previous * (1 - 10 * eps) else idle + 1
        if idle > (2 if recycle > 0 else 0):
            return end(_krylov.STAGNATED)
        previous = min(previous, beta)
        kept = len(held.c)
        most = min(steps, restart - kept, n - kept, maxiter - done)
        _krylov.combine(v[0], 0.0, [(1.0 / beta, r)], norm=False)
        h = np.zeros((most, most + 1), held.wide)
        along = np.zeros((most, kept), held.wide)
        cross = np.zeros((kept + most + 1, kept + most + 1))
        cross[:kept, :kept] = held.gram[:kept, :kept]
        taken, last, breakdown, finite, y, matvecs = _krylov.arnoldi(
            a, m, False, v[: most + 1], z[:most], held.c, h, along, beta, tol, eps, s.norms.append, workers,
            loss=held.loss, cross=cross,
        )  # fmt: skip
        s.matvecs += matvecs
        rows = taken + (0 if breakdown else 1)
        h, along = h[:taken, :rows].T, along[:taken].T
        _krylov.fused(x, 1.0, (z or v)[:taken], y, [], 0)
        if taken and kept:
            _krylov.fused(x, 1.0, held.x, -(along @ y), [], 0)
        if taken:
            _krylov.fused(r, 1.0, v[:rows], -(h @ y), [], 0)
        done += taken
        cycles += 1
        fresh = False
        if not finite:
            return end(_krylov.NONFINITE)
        if callback is not None:
            callback()
        if not breakdown:
            held.harvest(v, z, h, along, cross, _krylov._divide(previous, last))
            beta = held.correct(x, r)
            continue
        beta = known = _krylov._sqrt(s.first_residual(b, x, False, room, r))
        if beta <= tol:
            held.harvest(v, z, h, along, cross, 1.0)
            return end(_krylov.OK)
        if not held.c:
            return end(_krylov.BREAKDOWN)
        held.forget()
