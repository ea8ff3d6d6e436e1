"""Weighted least absolute deviations with different slopes on both sides, by an interior-point method on the dual.

Primal: minimise h'z + Σ max(low_i r_i, high_i r_i), r = b − A z. Dual: maximise b'u over A'u = h, low ≤ u ≤ high.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.linalg as sla

from kriss.sketch._certificate import tall_pass

Array = npt.NDArray[np.float64]
STEP = 1 << 20  # entries of A that are scaled at once
SMALL = 1 << 14  # entries of A below which calls cost more than flops
TINY = 1e-300
REFRESH = 4  # iterations after which what is carried along is worked out anew


class Interior(NamedTuple):
    """Where the method ended."""

    z: Array
    u: Array  # dual variables within their bounds
    gap: float  # Σ max(low r, high r) − u r, at least 0
    miss: float  # norm(A'u − h)
    solved: bool
    iterations: int


def gram(a: Array, d: Array) -> Array:
    """A'diag(d)A for d ≥ 0."""
    k, n = a.shape
    root = np.sqrt(d)
    if k * n < SMALL:
        part = a * root[:, None]
        return np.asarray(part.T @ part)
    out = np.zeros((n, n))
    one, nothing, scale = np.zeros((1, 1)), np.zeros((n, 1)), np.ones(n)
    step = max(64, STEP // n)
    for i in range(0, k, step):
        part = a[i : i + step] * root[i : i + step, None]
        right = np.broadcast_to(one, (len(part), 1))
        out += tall_pass(part, right, scale, scale[:1], nothing, want_gram=True).gram
    return out


class Normal:
    """A symmetric positive semidefinite matrix, ready for solving."""

    def __init__(self, g: Array) -> None:
        self.pseudo: Array | None = None
        diagonal = np.sqrt(np.maximum(np.diagonal(g), TINY))
        self.scale = 1.0 / diagonal
        scaled = g * self.scale[:, None] * self.scale
        try:
            self.factor = sla.cho_factor(scaled, check_finite=False)
            if np.abs(np.diagonal(self.factor[0])).min(initial=1.0) > 1e-7:
                return
        except sla.LinAlgError:
            pass
        w, v = sla.eigh(scaled, check_finite=False)
        keep = w > 1e-14 * w[-1]
        self.pseudo = (v[:, keep] / w[keep]) @ v[:, keep].T

    def solve(self, y: Array) -> Array:
        """The (least-squares) solution."""
        scaled = y * self.scale
        if self.pseudo is not None:
            return np.asarray(self.scale * (self.pseudo @ scaled))
        return np.asarray(self.scale * sla.cho_solve(self.factor, scaled, check_finite=False))


def check_loss(r: Array, low: Array, high: Array) -> Array:
    """max(low r, high r)."""
    return np.maximum(low * r, high * r)


def _longest(v: Array, dv: Array) -> float:
    """The largest step in [0, 1e3] that keeps v + step dv ≥ 0."""
    with np.errstate(over="ignore"):
        least = float((dv / v).min(initial=0.0))
    return min(-1.0 / least, 1e3) if least < 0 else (1e3 if least == 0 else 0.0)


def solve(
    a: Array, b: Array, low: Array, high: Array, h: Array, z: Array, *, target: float, maxiter: int = 80
) -> Interior:
    """Mehrotra's predictor and corrector from a primal start z, until the gap is below `target`.

    Per iteration one Gram matrix (k n² flops), four products with A (8 k n flops, 32 k n bytes), sixty passes over
    vectors.
    """
    k = len(b)
    width = np.maximum(high - low, TINY)
    right = h - low @ a
    # Next to the middle of the bounds, the point of A'u = h in their units, as far as it is within them.
    y = 0.5 * width
    y = y + np.square(width) * (a @ Normal(gram(a, np.square(width))).solve(right - y @ a))
    y = np.clip(y, 0.1 * width, 0.9 * width)
    s = width - y
    r = b - a @ z
    size = float(np.mean(np.abs(r))) + TINY
    lower = np.hypot(0.5 * r, size)
    lower, upper = lower - 0.5 * r, lower + 0.5 * r
    # The size of A'u where all of u is at its bounds.
    reach = float(np.linalg.norm(np.maximum(-low, high) @ np.abs(a))) + TINY
    best = Interior(z, low + y, np.inf, np.inf, False, 0)
    stuck, least, short = 0, np.inf, False
    rp = right - y @ a
    fresh = 0  # iterations since r and rp were worked out from z and y
    for iteration in range(1, maxiter + 1):
        u = low + y
        gap = float(np.sum(check_loss(r, low, high)) - u @ r)
        if fresh and (fresh == REFRESH or gap <= 2.0 * target):
            r, rp, fresh = b - a @ z, right - y @ a, 0
            gap = float(np.sum(check_loss(r, low, high) - u * r))
        rd = r + lower - upper
        miss = float(np.linalg.norm(rp))
        # What A'u misses h by counts as much as it may change the objective.
        meets = miss <= 1e-9 * reach or miss * float(np.linalg.norm(z)) <= 0.1 * target
        if meets and fresh == 0 and gap < best.gap * 0.999:
            best, stuck = Interior(z, u, gap, miss, gap <= target, iteration - 1), 0
        elif not fresh:
            stuck = 0 if not meets and miss < 0.9 * least else stuck + 1
            least = min(least, miss)
        if best.solved or stuck > 3:
            break
        mu = float(y @ lower + s @ upper) / (2 * k)
        ratio_y, ratio_s = lower / y, upper / s
        d = 1.0 / (ratio_y + ratio_s)
        normal = Normal(gram(a, d))
        # Predictor: aim at complementarity 0.
        e = rd - lower + upper
        dz = normal.solve((d * e) @ a - rp)
        adz = a @ dz
        dy = d * (e - adz)
        dl, du = -lower - ratio_y * dy, -upper + ratio_s * dy
        step_p = min(1.0, _longest(y, dy), _longest(s, -dy))
        step_d = min(1.0, _longest(lower, dl), _longest(upper, du))
        # (y + step_p dy)'(lower + step_d dl) + (s - step_p dy)'(upper + step_d du), by its parts.
        after = 2 * k * mu + step_d * float(y @ dl + s @ du) + step_p * float(dy @ lower - dy @ upper)
        after = (after + step_p * step_d * float(dy @ dl - dy @ du)) / (2 * k)
        centre = mu * min(1.0, (after / mu) ** 3) if mu > 0 else 0.0
        if short:  # too close to the border for second-order terms: towards the middle first
            centre, dy = max(centre, 0.5 * mu), 0.0 * dy
        # Corrector.
        ry = (centre - dy * dl) / y - lower
        rs = (centre + dy * du) / s - upper
        e = rd + ry - rs
        dz = normal.solve((d * e) @ a - rp)
        adz = a @ dz
        dy = d * (e - adz)
        dl, du = ry - ratio_y * dy, rs + ratio_s * dy
        step_p = min(1.0, 0.9995 * _longest(y, dy), 0.9995 * _longest(s, -dy))
        step_d = min(1.0, 0.9995 * _longest(lower, dl), 0.9995 * _longest(upper, du))
        short = min(step_p, step_d) < 0.1
        if not (np.isfinite(step_p) and np.isfinite(step_d) and np.isfinite(dz).all()):
            break
        z = z + step_d * dz
        lower, upper = lower + step_d * dl, upper + step_d * du
        y = y + step_p * dy
        s = width - y
        # A difference that has lost its digits is replaced by what it is the difference of.
        np.maximum(y, 1e-18 * width, out=y)
        np.maximum(s, 1e-18 * width, out=s)
        r = r - step_d * adz
        rp = (1.0 - step_p) * rp
        fresh += 1
    return best


def vertex(a: Array, b: Array, low: Array, high: Array, h: Array, found: Interior) -> Interior | None:
    """The corner of the optimal face next to `found`, exact to rounding: as many zero residuals as z has entries.

    None if the rows of dual variables strictly within their bounds do not determine z, or that point is no solution.
    """
    n = a.shape[1]
    width = high - low
    inside = np.minimum(found.u - low, high - found.u) / np.maximum(width, TINY)
    count = min(len(b), 4 * n + 10)
    near = np.argpartition(-inside, count - 1)[:count] if count < len(b) else np.arange(len(b))
    near = near[np.argsort(-inside[near], kind="stable")]
    if len(near) < n or n == 0:
        return None
    # A greedy basis from rows that are far within their bounds, by pivoted QR of rows weighted by how far.
    weight = np.maximum(inside[near], 1e-13)
    order = sla.qr((a[near] * weight[:, None]).T, mode="r", pivoting=True, check_finite=False)[1]
    basis = near[order[:n]]
    square = a[basis]
    (getrf,) = sla.get_lapack_funcs(("getrf",), (square,))
    lu = getrf(square)[:2]
    pivots = np.abs(np.diagonal(lu[0]))
    if not pivots.min() > 1e-12 * pivots.max():
        return None
    z = sla.lu_solve(lu, b[basis], check_finite=False)
    z = z + sla.lu_solve(lu, b[basis] - square @ z, check_finite=False)
    r = b - a @ z
    u = np.where(r > 0, high, low)
    flat = np.abs(r) <= 1e-14 * (np.abs(b) + np.abs(a) @ np.abs(z))
    u = np.where(flat, found.u, u)
    u[basis] = 0.0
    u[basis] = sla.lu_solve(lu, h - u @ a, trans=1, check_finite=False)
    slack = 1e-11 * width[basis]
    if np.any(u[basis] < low[basis] - slack) or np.any(u[basis] > high[basis] + slack):
        return None
    u = np.clip(u, low, high)
    r[basis] = 0.0
    gap = float(np.sum(check_loss(r, low, high) - u * r))
    return Interior(z, u, gap, float(np.linalg.norm(u @ a - h)), True, found.iterations)
