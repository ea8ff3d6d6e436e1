"""Conjugate gradients over several right-hand sides at once, and what their coefficients say about the determinant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh_tridiagonal

Array = npt.NDArray[Any]
Map = Callable[[Array], Array]


@dataclass(frozen=True)
class Estimate:
    """A quantity estimated from random probes.

    Attributes
    ----------
    value : float
        The estimate.
    standard_error : float
        Standard error of `value` over the probes: the spread of their answers divided by the root of their number.
        Its own error is that of a sample of `probes`, so that intervals want Student's t with ``probes - 1`` degrees
        of freedom.
    probes : int
        How many probes there were.
    iterations : int
        Steps of the longest Lanczos run behind it.
    """

    value: float
    standard_error: float
    probes: int
    iterations: int


@dataclass(frozen=True)
class Run:
    """Columns solved by preconditioned conjugate gradients.

    `steps` and `turns` hold per column its coefficients alpha_j and beta_j; `residual` the largest relative residual,
    recomputed from the data; `converged` whether that meets the tolerance.
    """

    x: Array
    steps: list[Array]
    turns: list[Array]
    iterations: int
    residual: float
    converged: bool


def conjugate_gradients(multiply: Map, precondition: Map, b: Array, rtol: float, maxiter: int) -> Run:
    """Solves ``K x = b`` for every column of b (n, k), each with its own coefficients and a product for all at once.

    M. R. Hestenes and E. Stiefel, "Methods of Conjugate Gradients for Solving Linear Systems", Journal of Research of
    the National Bureau of Standards 49 (1952). Per iteration one product with K, one with the preconditioner, 10 n k
    flops and 80 n k bytes besides.
    """
    n, k = b.shape
    norm = np.sqrt(np.einsum("ij,ij->j", b, b))
    if not np.isfinite(norm).all():
        raise np.linalg.LinAlgError("a right-hand side is not finite, or its norm is not")
    x = np.zeros((n, k))
    r = b.copy()
    z = precondition(r)
    p = z.copy()
    rz = np.einsum("ij,ij->j", r, z)
    steps: list[list[float]] = [[] for _ in range(k)]
    turns: list[list[float]] = [[] for _ in range(k)]
    active = np.flatnonzero(norm > 0.0)
    done = 0
    while active.size and done < maxiter:
        direction = np.ascontiguousarray(p[:, active])
        image = multiply(direction)
        curvature = np.einsum("ij,ij->j", direction, image)
        if not (curvature > 0.0).all() or not (rz[active] > 0.0).all():
            if not np.isfinite(curvature).all():
                raise np.linalg.LinAlgError("conjugate gradients met a value that is not finite")
            raise np.linalg.LinAlgError(
                "conjugate gradients met a direction of no positive curvature: the matrix is not positive definite to "
                "working precision. Raise noise (its variance)"
            )
        step = rz[active] / curvature
        x[:, active] += step * direction
        r[:, active] -= step * image
        z = precondition(np.ascontiguousarray(r[:, active]))
        fresh = np.einsum("ij,ij->j", r[:, active], z)
        turn = fresh / rz[active]
        size = np.sqrt(np.einsum("ij,ij->j", r[:, active], r[:, active]))
        for place, column in enumerate(active):
            steps[column].append(float(step[place]))
            turns[column].append(float(turn[place]))
        rz[active] = fresh
        p[:, active] = z + turn * direction
        done += 1
        active = active[size > rtol * norm[active]]
    missing = b - multiply(x) if k else b
    size = np.sqrt(np.einsum("ij,ij->j", missing, missing))
    relative = size / np.where(norm > 0.0, norm, 1.0)
    residual = float(relative.max(initial=0.0))
    # What rounding errors leave of a residual that the recurrence calls small.
    good = active.size == 0 and residual <= 10.0 * rtol
    return Run(x, [np.array(s) for s in steps], [np.array(t) for t in turns], done, residual, good)


def log_quadrature(steps: Array, turns: Array) -> float:
    """``e_1' log(T) e_1`` for the Lanczos matrix behind the coefficients of one column.

    T_jj = 1 / alpha_j + beta_(j-1) / alpha_(j-1) and T_(j,j+1) = sqrt(beta_j) / alpha_j: Y. Saad, "Iterative Methods
    for Sparse Linear Systems", 2nd ed. (2003), section 6.7.3. The quadrature is that of S. Ubaru, J. Chen, Y. Saad,
    "Fast Estimation of tr(f(A)) via Stochastic Lanczos Quadrature", SIAM Journal on Matrix Analysis and Applications 38
    (2017), equation (8).
    """
    diagonal = 1.0 / steps
    diagonal[1:] += turns[:-1] / steps[:-1]
    if diagonal.size == 1:
        return float(np.log(diagonal[0]))
    values, vectors = eigh_tridiagonal(diagonal, np.sqrt(turns[:-1]) / steps[:-1])
    if not values[0] > 0.0:
        raise np.linalg.LinAlgError(
            "a Lanczos matrix is not positive definite to working precision. Raise noise (its variance)"
        )
    return float((vectors[0] ** 2) @ np.log(values))


def log_determinant(run: Run, n: int, logdet_preconditioner: float) -> Estimate:
    """``log det K`` from conjugate gradients on probes drawn from N(0, P).

    log det K = log det P + tr log(P^-1/2 K P^-1/2), the trace as n times the mean over the directions of P^-1/2 z,
    which are uniform on the sphere.
    """
    values = np.array([n * log_quadrature(s, t) for s, t in zip(run.steps, run.turns, strict=True)])
    count = values.size
    error = float(values.std(ddof=1) / np.sqrt(count)) if count > 1 else float("inf")
    return Estimate(logdet_preconditioner + float(values.mean()), error, count, run.iterations)


class LowRankPlusDiagonal:
    """P = C'C + diag(d) as a preconditioner: inverse, determinant and draws. C: (k, n)."""

    def __init__(self, rows: Array, d: Array) -> None:
        self._rows, self._root = rows, np.sqrt(d)
        k, n = rows.shape
        q, r = np.linalg.qr(np.vstack([(rows / self._root).T, np.eye(k)]))
        self._q = q[:n]
        self.logdet = float(np.log(d).sum() + 2.0 * np.log(np.abs(r.diagonal())).sum())

    def solve(self, b: Array) -> Array:
        """``P^-1 b``, 4 n k flops per column."""
        scaled = b / self._root[:, None]
        scaled -= self._q @ (self._q.T @ scaled)
        scaled /= self._root[:, None]
        return scaled

    def draw(self, count: int, rng: np.random.Generator) -> Array:
        """Columns from N(0, P), shape (n, count)."""
        k, n = self._rows.shape
        out: Array = self._rows.T @ rng.standard_normal((k, count))
        out += self._root[:, None] * rng.standard_normal((n, count))
        return out
