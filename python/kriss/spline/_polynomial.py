"""Other forms of a piecewise polynomial: of a composed function, and as B-splines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.interpolate as si

from kriss.spline._piecewise import Array
from kriss.spline._spline import Spline

_DEGREE = 9
_MAX_HALVINGS = 12


def approximate(f: Callable[[Array], Any], knots: Array, trailing: tuple[int, ...], accuracy: float) -> Spline:
    """A piecewise polynomial of degree 9 for a function that is smooth between `knots`, halving pieces as needed.

    Each piece interpolates f at its ends and at Chebyshev points between; the last two Chebyshev coefficients tell
    whether it is short enough.
    """
    n = _DEGREE + 1
    m = int(np.prod(trailing))
    nodes = np.cos(np.pi * np.arange(_DEGREE, -1, -1) / _DEGREE)  # ascending, both ends
    to_series = np.linalg.inv(np.polynomial.chebyshev.chebvander(nodes, _DEGREE))
    # Coefficients of powers of s = (t + 1) / 2 from Chebyshev coefficients in t.
    to_power = np.zeros((n, n))
    for j in range(n):
        p = np.polynomial.Chebyshev.basis(j).convert(kind=np.polynomial.Polynomial)
        q = p(np.polynomial.Polynomial([-1.0, 2.0]))
        to_power[: j + 1, j] = q.coef
    left, right = knots[:-1], knots[1:]
    done_x: list[Array] = []
    done_c: list[Array] = []
    for halving in range(_MAX_HALVINGS + 1):
        x = left[:, None] + (right - left)[:, None] * ((nodes + 1) / 2)
        x[:, -1] = right
        y = np.asarray(f(x.reshape(-1))).reshape(left.size, n, m)
        series = np.einsum("jk,ckm->cjm", to_series, y)
        size = np.abs(y).max(axis=1)
        tail = np.abs(series[:, -2:]).sum(axis=1)
        with np.errstate(invalid="ignore"):
            good = ~(tail > accuracy * size).any(axis=1)
        middle = left + (right - left) / 2
        good |= (middle <= left) | (middle >= right) | (halving == _MAX_HALVINGS)
        power = np.einsum("pj,cjm->cpm", to_power, series[good])
        scale = (right - left)[good, None] ** -np.arange(n, dtype=np.float64)
        done_x.append(left[good])
        done_c.append((power * scale[:, :, None])[:, ::-1])
        left, right, middle = left[~good], right[~good], middle[~good]
        if left.size == 0:
            break
        left, right = np.concatenate([left, middle]), np.concatenate([middle, right])
    x = np.concatenate(done_x)
    order = np.argsort(x)
    c = np.concatenate(done_c)[order].transpose(1, 0, 2)
    x = np.append(x[order], knots[-1])
    return Spline(x, np.ascontiguousarray(c.reshape(n, x.size - 1, *trailing)))


def to_bspline(s: Spline) -> Any:
    """The B-spline form of a continuous piecewise polynomial: each knot as often as its smoothness asks for.

    The coefficient of the B-spline with knots ``t_j < ... <= t_{j+k+1}`` is the polar form (blossom) of any of its
    pieces at ``t_{j+1}, ..., t_{j+k}`` (L. Ramshaw, *Blossoms are polar forms*, 1989).
    """
    x, k = np.asarray(s.x, np.float64), s.k
    c = np.asarray(s.c, np.float64).reshape(k + 1, x.size - 1, -1)
    if not np.isfinite(c).all():
        raise ValueError("the spline has gaps at non-finite values of f, which B-splines cannot express")
    multiplicity = np.ones(x.size, np.int64)
    if x.size > 2:
        multiplicity[1:-1] = _multiplicity(x, c, k)
    multiplicity[0] = multiplicity[-1] = k + 1
    t = np.repeat(x, multiplicity)
    count = t.size - k - 1
    first = np.cumsum(multiplicity) - 1  # last index of each knot in t
    out = np.empty((count, c.shape[2]))
    owner = np.searchsorted(first, np.arange(count), side="left")
    # A piece inside the support of B_j, near its middle: any gives the same.
    upper = np.searchsorted(x, t[k + 1 : k + 1 + count], side="left")
    piece = np.clip((owner + upper) // 2, owner, upper - 1)
    args = np.stack([t[i : i + count] for i in range(1, k + 1)], axis=1) - x[piece][:, None]
    # Polar form of sum_r a_r z^r is sum_r a_r e_r(args) / binomial(k, r).
    e = np.zeros((count, k + 1))
    e[:, 0] = 1.0
    for i in range(k):
        e[:, 1:] += e[:, :-1].copy() * args[:, i : i + 1]
    binomial = 1.0
    out[:] = 0.0
    for r in range(k + 1):
        out += c[k - r, piece] * (e[:, r] / binomial)[:, None]
        binomial = binomial * (k - r) / (r + 1)
    return si.BSpline(t, out.reshape(count, *s.c.shape[2:]), k)


def _multiplicity(x: Array, c: Array, k: int) -> Any:
    """For each inner knot k minus the number of derivatives that are continuous there."""
    h = np.diff(x)
    need = np.ones(x.size - 2, np.int64)
    size = np.abs(c[k]).max(axis=0)
    for nu in range(k):
        # Taylor coefficient nu from the left piece at its right end, against that of the right piece.
        left = np.zeros(c[0, :-1].shape)
        magnitude = np.zeros(left.shape)
        binomial = 1.0
        for p in range(nu, k + 1):
            term = binomial * c[k - p, :-1] * (h[:-1] ** (p - nu))[:, None]
            left += term
            magnitude += np.abs(term)
            binomial = binomial * (p + 1) / (p + 1 - nu)
        right = c[k - nu, 1:]
        width = np.minimum(h[1:], h[:-1])[:, None]
        gap = np.abs(left - right)
        small = gap <= 1e-9 * (magnitude + np.abs(right)) + 1e-13 * size / width**nu
        rough = ~small.all(axis=1)
        need = np.maximum(need, np.where(rough, k + 1 - nu, 1))
    return need
