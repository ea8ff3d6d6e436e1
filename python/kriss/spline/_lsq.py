"""Least-squares splines on given knots: calls of the kernels, conditions on knots, penalties."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kriss import _backend
from kriss.spline._piecewise import Array

MAX_DEGREE = 15
_ROWS = 64  # of one block in the kernel


class Solved(NamedTuple):
    """The triangle r (n, k + 1), reduced right-hand side q (n, m), sums of squares rss (m), coefficients c (n, m)."""

    r: Array
    q: Array
    rss: Array
    c: Array


def full_knots(low: float, high: float, interior: Array, k: int) -> Array:
    """Interior knots with the ends k + 1 times each."""
    return np.concatenate([np.full(k + 1, low), interior, np.full(k + 1, high)])


def schoenberg_whitney(x: Array, t: Array, k: int) -> bool:
    """Whether sorted data x_j with t_j < x_j < t_{j+k+1} (closed at the ends) exist, one for each B-spline.

    The first free datum is the best choice for each B-spline in turn: j(i) = max(j(i - 1) + 1, first x above t_i).
    """
    n = t.size - k - 1
    above = np.searchsorted(x, t[:n], side="right")
    if t[0] == t[k]:
        above[0] = np.searchsorted(x, t[0], side="left")
    chosen = np.maximum.accumulate(above - np.arange(n)) + np.arange(n)
    if chosen[-1] >= x.size:
        return False
    inside = x[chosen] < t[k + 1 :]
    inside[-1] |= t[n] == t[n + k] and x[chosen[-1]] == t[n]
    return bool(inside.all())


def solve(x: Array, y: Array, w: Array, t: Array, k: int, workers: int = 0) -> tuple[Solved, int]:
    """Minimise sum (w (y - s(x)))^2 for y (points, m); also a coefficient that the data do not determine, or -1."""
    n, m = t.size - k - 1, y.shape[1]
    found = Solved(np.empty((n, k + 1)), np.empty((n, m)), np.empty(m), np.empty((n, m)))
    block = np.empty(_ROWS * (k + 1 + m))
    status, bad = _backend.kernels("spline_lsq").solve(x, y, w, t, k, *found, block, workers)
    return found, int(bad) if status else -1


def band_of_inverse(r: Array) -> Array:
    """The band z[i, d] = Z_{i, i + d} of Z = (r'r)^-1."""
    z = np.empty_like(r)
    _backend.kernels("spline_lsq").inverse(r, z)
    return z


def leverage(x: Array, w: Array, t: Array, k: int, z: Array, workers: int = 0) -> Array:
    """w^2 B(x)'Z B(x) for sorted x."""
    out = np.empty(x.size)
    block = np.empty(_ROWS * (k + 1))
    _backend.kernels("spline_lsq").leverage(x, w, t, k, z, out, block, workers)
    return out


def penalty(t: Array, k: int, order: int) -> Array:
    """Rows P (spans, k - order + 1, k + 1) with |P c|^2 = int (derivative of this order)^2, exactly."""
    nodes, weights = np.polynomial.legendre.leggauss(k - order + 1)
    n = t.size - k - 1
    p = np.empty((n - k, nodes.size, k + 1))
    _backend.kernels("spline_lsq").penalty(t, k, order, (nodes + 1.0) / 2.0, weights / 2.0, p)
    return p


class Penalised(NamedTuple):
    """Per lam, and coefficients and band of the inverse for the last one."""

    edf: Array
    rss: Array
    rough: Array
    logdet: Array
    c: Array
    z: Array


def penalised(r: Array, q: Array, p: Array, lam: Array, workers: int = 0) -> Penalised:
    """Minimise |r c - q|^2 + lam |p c|^2 for every lam; q (n)."""
    n, width = r.shape
    per = np.empty((4, lam.size))
    out = Penalised(per[0], per[1], per[2], per[3], np.empty(n), np.empty_like(r))
    work = np.empty(n * (3 * width + 4) + _ROWS * (width + 1))
    _backend.kernels("spline_lsq").penalised(r, q, p, lam, *out, work, workers)
    return out
