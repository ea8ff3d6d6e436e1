"""Smooth pieces through samples, joined to one piecewise polynomial."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.interpolate as si

from kriss.spline._bspline import interpolant
from kriss.spline._piecewise import Array


def interpolating(x: Array, y: Array, k: int) -> tuple[Array, Array]:
    """Knots (cells + 1) and coefficients (k + 1, cells, m) of the not-a-knot spline of degree k through (x, y).

    With at most k + 1 samples it is their polynomial; x (n) with n >= 2, y (n, m).
    """
    s = interpolant(x, y, k, check_finite=False)
    return s.x, s.c


def straight(left: float, right: float, y_left: Array, y_right: Array, k: int) -> tuple[Array, Array]:
    """One cell that joins two samples by a straight line (NaN samples give NaN)."""
    c = np.zeros((k + 1, 1, y_left.size))
    c[k, 0] = y_left
    c[k - 1, 0] = (y_right - y_left) / (right - left)
    return np.array([left, right]), c


def join(parts: Sequence[tuple[Array, Array]]) -> tuple[Array, Array]:
    """One piecewise polynomial from parts that follow each other without gaps."""
    knots = np.concatenate([parts[0][0], *(p[0][1:] for p in parts[1:])])
    return knots, np.ascontiguousarray(np.concatenate([p[1] for p in parts], axis=1))


def evaluate(knots: Array, c: Array, x: Array, nu: int = 0) -> Array:
    """Values (n, m) of the piecewise polynomial at x (n)."""
    values: Array = si.PPoly.construct_fast(c, knots, True)(x, nu)
    return values
