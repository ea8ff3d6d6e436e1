"""Joint predictions of Vecchia's approximation: new points after the observations, each given those before it.

M. Katzfuss, J. Guinness, W. Gong, D. Zilber, "Vecchia Approximations of Gaussian-Process Predictions", Journal of
Agricultural, Biological and Environmental Statistics 25 (2020), section 4: the response first, latent values at new
points after it, with f = A y + B f + noise of variances v, B strictly lower triangular.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kriss import _backend
from kriss.gp._kernels import transposed
from kriss.gp._vecchia_order import Indices, order_of

if TYPE_CHECKING:
    from kriss.gp._vecchia import VecchiaFactor

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Joint:
    """Conditionals of s new points, in the order that they are conditioned in."""

    order: Indices  # (s,) rows of Xs
    seen: Indices  # (s, m) observations, in the factor's sequence; -1 none
    earlier: Indices  # (s, m) new points before; -1 none
    weights: Array  # (s, m) of either
    variance: Array  # (s,)
    threads: int

    def substitute(self, rows: Array) -> Array:
        """``(I - B)^-1`` applied to every row (count, s), in place."""
        if rows.size:
            run = _backend.kernels("gp_structures")
            run.vecchia_substitute(self.earlier, self.weights, rows, self.threads)
        return rows

    def back(self, rows: Array) -> Array:
        """Rows in this order to the order of Xs."""
        out = np.empty_like(rows)
        out[:, self.order] = rows
        return out

    def means(self, y: Array) -> Array:
        """Means (k, s) in the order of Xs, from observations (n, k) in the factor's sequence."""
        own = np.where(self.seen >= 0, self.weights, 0.0)
        rows = np.zeros((y.shape[1], self.order.size))
        if y.shape[0]:
            for k in range(self.seen.shape[1]):
                rows += own[:, k] * y[np.maximum(self.seen[:, k], 0)].T
        return self.back(self.substitute(rows))

    def covariance(self) -> Array:
        """The joint covariance (s, s) in the order of Xs: a Gram matrix, hence never indefinite."""
        root = self.back(self.substitute(np.diag(np.sqrt(self.variance))))
        out: Array = root.T @ root
        return out

    def draws(self, count: int, rng: np.random.Generator) -> Array:
        """Draws (count, s) of mean 0 in the order of Xs; s m flops each."""
        z = rng.standard_normal((count, self.order.size)) * np.sqrt(self.variance)
        return self.back(self.substitute(z))


def _merged(f: VecchiaFactor, scaled: Array, m: int) -> Indices:
    """The m nearest of observations (0..n) and of earlier new points (n..), nearest first; -1 beyond."""
    run, s, n = _backend.kernels("gp_structures"), scaled.shape[0], f.n
    most_seen, most_earlier = min(m, n), min(m, s - 1)
    near = np.full((s, most_seen + most_earlier), -1, np.int64)
    distance = np.full(near.shape, np.inf)
    for columns, points, before, start in (
        (slice(0, most_seen), f._scaled, False, 0),
        (slice(most_seen, None), scaled, True, n),
    ):
        found = np.full((s, near[:, columns].shape[1]), -1, np.int64)
        if found.size and points.shape[0]:
            run.nearest(points, scaled, before, found, f._threads)
            gaps = points[np.maximum(found, 0)] - scaled[:, None, :]
            distance[:, columns] = np.where(found >= 0, np.einsum("ijq,ijq->ij", gaps, gaps), np.inf)
            near[:, columns] = np.where(found >= 0, found + start, -1)
    chosen = np.argsort(distance, axis=1, kind="stable")[:, :m]
    return np.ascontiguousarray(np.take_along_axis(near, chosen, axis=1))


def joint(f: VecchiaFactor, xs: Array, m: int, jitter: float) -> Joint:
    """Conditionals of the new points `xs` (s, d) in maximin order; `jitter` is added to their variances."""
    s, n = xs.shape[0], f.n
    if f._metric is None or s == 0:
        raise ValueError(f"joint predictions need observations and points, not {n} and {s}")
    scaled = f._metric(xs)
    order = order_of(scaled, f._threads)
    scaled = np.ascontiguousarray(scaled[order])
    near = _merged(f, scaled, max(1, min(m, n + s - 1)))
    zt = transposed(xs[order])
    xt = np.ascontiguousarray(np.hstack([f._xt, zt]))
    added = np.concatenate([f._added, np.full(s, jitter)])
    weights, variance, bad = f._conditionals(zt, np.full(s, jitter) if jitter else np.zeros(0), near, xt, added)
    if bad >= 0:
        raise np.linalg.LinAlgError(
            f"the covariance matrix of the {near.shape[1]} observations and new points next to row {int(order[bad])} "
            f"of Xs is not positive definite to working precision: pass jitter, a variance that is added at new "
            f"points, or fewer neighbours; or drop repeated rows of Xs"
        )
    seen = np.where(near < n, near, -1)
    earlier = np.where(near >= n, near - n, -1)
    return Joint(order, seen, earlier, weights, np.maximum(variance, 0.0), f._threads)
