"""Local error estimates of an interpolating spline from divided differences of its samples.

The error of spline interpolation of odd degree k on a locally uniform mesh of width h is ``C_k |f^(k+1)| h^(k+1)`` with
``C_k = (2 - 2**-k) |B_{k+1}| / (k+1)!``, B the Bernoulli numbers (C. A. Hall, W. W. Meyer, *Optimal error bounds for
cubic spline interpolation*, 1976, for k = 3). The derivative comes from divided differences of order k + 1, whose
support is k + 2 samples: unlike the spline itself they do not carry the ringing of a far place. In the first and last
(k + 1) / 2 cells the not-a-knot condition leaves one polynomial, whose error is that of Lagrange's formula.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from kriss.spline._piecewise import Array

CONSTANT = {1: 1 / 8, 3: 1 / 384, 5: 1 / 15360, 7: 17 / 10321920}

# How much worse than inside the not-a-knot spline is in the cells after the first (k + 1) / 2, on uniform meshes.
_TAIL = {1: (), 3: (1.0, 1.2), 5: (7.9, 4.7, 1.0, 1.7), 7: (65.0, 36.0, 18.0, 11.0, 4.4, 3.9, 2.0)}

# Excess of the error over its estimate at a jump in derivative k, and growth of differences that is no sign of one.
_JUMP = {1: 3.0, 3: 8.0, 5: 22.0, 7: 70.0}
NOISE = {1: 10.0, 3: 130.0, 5: 1500.0, 7: 17500.0}
_CALM = 1.25


class Local(NamedTuple):
    """Estimates of one smooth piece, in units of the tolerance, the largest of the components."""

    error: Array  # (n - 1,) for each cell
    density: Array  # (n - 1,) error / width**(k + 1), without the factors of the ends
    noise: Array  # (n - k - 1,) standard deviation that white noise would need to make these differences


def differences(x: Array, y: Array, order: int) -> Array:
    """Divided differences of `order` on consecutive samples; x (n), y (n, m) -> (n - order, m)."""
    d = y
    for r in range(1, order + 1):
        d = (d[1:] - d[:-1]) / (x[r:] - x[:-r])[:, None]
    return d


def weight_norm(x: Array, order: int) -> Array:
    """Euclidean norm of the weights that make each divided difference from its samples, shape (n - order,)."""
    n = x.size - order
    window = np.lib.stride_tricks.sliding_window_view(x, order + 1)[:n]
    total = np.zeros(n)
    for i in range(order + 1):
        product = np.ones(n)
        for j in range(order + 1):
            if j != i:
                product *= window[:, i] - window[:, j]
        total += product**-2.0
    norm: Array = np.sqrt(total)
    return norm


def cell_tolerance(tol: Array) -> Array:
    """Tolerance of each cell from those of the samples: the smaller end, unless it is far smaller (a zero of f)."""
    low, high = np.minimum(tol[:-1], tol[1:]), np.maximum(tol[:-1], tol[1:])
    both: Array = np.maximum(low, high / 4)
    return both


def ratio(error: Array, tol: Array) -> Array:
    """error / tol with 0 / 0 = 0 (a component that is zero and predicted as zero has passed), NaN as infinity."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        q = np.where(error == 0, 0.0, error / tol)
    return np.where(np.isnan(q), np.inf, q)


def local(x: Array, y: Array, tol: Array, k: int) -> Local:
    """Estimates for the samples of one smooth piece; x (n), y (n, m), tol (n, m) with n >= k + 2."""
    n, q = x.size, (k + 1) // 2
    h = np.diff(x)
    cell = cell_tolerance(tol)
    with np.errstate(all="ignore"):
        d = np.abs(differences(x, y, k + 1))
        middle = tol[q : n - q]
        noise = ratio(d / weight_norm(x, k + 1)[:, None], middle).max(axis=1, initial=0.0)
        # d belongs to knots q .. n-1-q; beyond them the nearest one serves.
        knot = np.concatenate([np.repeat(d[:1], q, axis=0), d, np.repeat(d[-1:], q, axis=0)])
        # A zero of the derivative must not make its cell look good: the largest of the four knots around.
        pair = np.maximum(knot[1:], knot[:-1])
        wide = pair.copy()
        wide[1:] = np.maximum(wide[1:], pair[:-1])
        wide[:-1] = np.maximum(wide[:-1], pair[1:])
        each = ratio(wide, cell).max(axis=1, initial=0.0)
        density = each * CONSTANT[k] * math.factorial(k + 1)
        error = density * h ** (k + 1) * _ends(n - 1, k)
        _lagrange(x, each, error, q)
        _lagrange(-x[::-1], each[::-1], error[::-1], q)
    return Local(np.where(np.isnan(error), np.inf, error), density, noise)


def penalty(growth: Array, k: int) -> Array:
    """By how much the error exceeds its estimate where differences grow by `growth` when cells are halved.

    On a smooth function they stay. Near a jump in derivative p they grow by 2**(k + 1 - p), and C_k is far too small:
    measured for all p, uniform meshes and offsets, the excess is below ``_JUMP[k] * (growth / 2)**1.3``, and below
    `NOISE` even for jumps of the function itself.
    """
    with np.errstate(all="ignore"):
        g = np.clip(np.where(np.isfinite(growth), growth, 1.0), _CALM, 2.0 ** (k + 2))
        below = np.log(g / _CALM) / np.log(2 / _CALM) * np.log(_JUMP[k])
        above = np.log(_JUMP[k]) + 1.3 * np.log(g / 2)
    out: Array = np.minimum(np.exp(np.where(g < 2, below, above)), NOISE[k])
    return out


def _ends(cells: int, k: int) -> Array:
    factor = np.ones(cells)
    q, tail = (k + 1) // 2, np.array(_TAIL[k])
    count = max(min(tail.size, cells - q), 0)
    factor[q : q + count] = tail[:count]
    back = factor[::-1]
    back[q : q + count] = np.maximum(back[q : q + count], tail[:count])
    return factor


def _lagrange(x: Array, each: Array, error: Array, q: int) -> None:
    """Overwrite the error of the first q cells, where one polynomial passes through the samples."""
    points = x[: 2 * q]
    for i in range(min(q, error.size)):
        t = x[i] + (x[i + 1] - x[i]) * (0.3 if i == 0 else 0.5)
        error[i] = 0.6 * each[: q + 1].max() * abs(np.prod(t - points))
