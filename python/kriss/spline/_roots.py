"""Real solutions of S(t) = y: pieces that cannot hold one are left out, the rest go to `scipy.interpolate.PPoly.solve`.

On [x_i, x_{i+1}] a polynomial lies between the smallest and the largest of its Bernstein coefficients
(G. Farin, *Curves and Surfaces for CAGD*, 5th ed. 2002, section 5.3, the convex hull property), so that one that
excludes y has no root there.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.interpolate as si

from kriss.spline._piecewise import Array


def _candidates(c: Array, h: Array, y: float) -> npt.NDArray[np.bool_]:
    """Pieces c (order, n - 1) of widths h (n - 1) that may equal y, or change side of y at a knot."""
    order = c.shape[0]
    k = order - 1
    with np.errstate(all="ignore"):
        # Powers of s = (t - x_i) / h_i, lowest first, then b_j = sum_i C(j, i) / C(k, i) a_i.
        a = c[::-1] * h ** np.arange(order)[:, None]
        a[0] -= y
        # Each b_j is a sum of at most `order` terms no larger than |a_i|, whose factors are rounded some 5 times.
        slack = (order + 8) * np.finfo(np.float64).eps * (np.abs(a).sum(axis=0) + abs(y))
        low = a[0].copy()
        high = a[0].copy()
        for j in range(1, order):
            b = a[0].copy()
            for i in range(1, j + 1):
                b += (math.comb(j, i) / math.comb(k, i)) * a[i]
            low = np.minimum(low, b)
            high = np.maximum(high, b)
        end = b if k else a[0]
        # Also NaN and infinity; SciPy has a say on those.
        may = ~((low > slack) | (high < -slack)) | ~np.isfinite(slack)
        jump = (end[:-1] > 0) != (a[0, 1:] > 0)
    may[:-1] |= jump
    may[1:] |= jump
    return np.asarray(may)


def _one(c: Array, x: Array, y: float, discontinuity: bool, extrapolate: bool) -> Array:
    may = _candidates(c, np.diff(x), y)
    if extrapolate:
        may[[0, -1]] = True
    edges = np.flatnonzero(np.diff(np.concatenate([[False], may, [False]]).astype(np.int8)))
    found = []
    for begin, end in edges.reshape(-1, 2):
        run = si.PPoly.construct_fast(np.ascontiguousarray(c[:, begin:end]), x[begin : end + 1], extrapolate)
        roots = run.solve(y, discontinuity)
        if extrapolate:  # only at the ends of the whole
            outside = ((roots < x[begin]) & (begin > 0)) | ((roots > x[end]) & (end < x.size - 1))
            roots = roots[~outside]
        found.append(roots)
    return np.concatenate(found) if found else np.empty(0)


def solve_pieces(c: Array, x: Array, y: float, discontinuity: bool, extrapolate: bool) -> Any:
    """Where the pieces c (order, n - 1, ...) on knots x (n) equal y; an object array of roots for several columns."""
    pieces = np.asarray(c, np.float64)
    knots = np.asarray(x, np.float64)
    if pieces.ndim == 2:
        return _one(pieces, knots, y, discontinuity, extrapolate)
    columns = pieces.reshape(*pieces.shape[:2], -1)
    out = np.empty(columns.shape[2], object)
    for t in range(out.size):
        out[t] = _one(np.ascontiguousarray(columns[:, :, t]), knots, y, discontinuity, extrapolate)
    return out.reshape(pieces.shape[2:])
