"""Choices that the first samples make: the degree, and coordinates for `"auto"`."""

from __future__ import annotations

import numpy as np

from kriss.spline._estimate import local
from kriss.spline._piecewise import Array
from kriss.spline._tolerance import Tolerance
from kriss.spline._transforms import IDENTITY, LOG, Maps, Transform


def degree(tolerance: Tolerance, y: Array) -> int:
    """3, 5 or 7 by the tolerance in units of the largest value, for samples y (n, m)."""
    rtol, atol = tolerance.rtol, tolerance.fixed
    largest = np.abs(y[np.isfinite(y).all(axis=1)]).max(axis=0, initial=0.0)
    tol = rtol * largest if atol is None else np.maximum(rtol * largest, atol)
    relative = float((tol[largest > 0] / largest[largest > 0]).min(initial=1.0))
    return 3 if relative > 3e-4 else 5 if relative > 1e-7 else 7


def transforms(
    maps: Maps, x: Array, y: Array, tolerance: Tolerance, auto: tuple[bool, bool], k: int = 5
) -> tuple[Transform, Transform]:
    """The coordinates in which the fewest cells are predicted to be needed, from the first samples."""
    good = np.isfinite(y).all(axis=1)
    x, y = x[good], y[good]
    if x.size < 2 * k:
        return maps.x if not auto[0] else IDENTITY, maps.y
    xs = [IDENTITY, LOG] if auto[0] and x[0] > 0 else [IDENTITY] if auto[0] else [maps.x]
    ys = [IDENTITY, LOG] if auto[1] and (y > 0).all() else [IDENTITY] if auto[1] else [maps.y]
    best, found = np.inf, (xs[0], ys[0])
    for tx in xs:
        for ty in ys:
            tol = Tolerance(tolerance.rtol, tolerance.fixed, ty)
            v = y if ty.trivial else ty.forward(y)
            tol.update(v)
            with np.errstate(all="ignore"):
                error = local(tx.forward(x), v, tol.asked(v), k).error
            cells = float(np.sum(np.clip(error, 1e-30, 1e30) ** (1 / (k + 1))))
            # Plain coordinates stay unless others promise a real gain.
            if cells < best * (1.0 if found == (tx, ty) else 0.8):
                best, found = cells, (tx, ty)
    return found
