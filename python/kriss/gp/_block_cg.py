"""Block conjugate gradients: right-hand sides that share directions, and what the coefficients say about log det K."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from kriss.gp._krylov import Array, Estimate, Map, on_host

_EPS = float(np.finfo(np.float64).eps)
_RESTARTS = 3


@dataclass(frozen=True)
class BlockRun:
    """Columns solved together.

    `first` holds the right-hand sides, divided by their norms, in the first block of the Lanczos basis, `curvatures`
    and `transfers` the coefficients D_j and S_(j+1) of the first cycle, `missing` the residuals, recomputed from the
    data.
    """

    x: Array
    first: Array
    curvatures: list[Array]
    transfers: list[Array]
    missing: Array
    iterations: int
    residual: float
    converged: bool


def _root(gram: Array) -> tuple[Array, Array]:
    """S and its pseudo-inverse with gram = S'S; directions that rounding errors may have made are left out."""
    if not np.isfinite(gram).all():
        raise np.linalg.LinAlgError("conjugate gradients met a value that is not finite")
    size = np.sqrt(np.maximum(gram.diagonal(), 0.0))
    scale = np.where(size > 0.0, size, 1.0)
    values, vectors = np.linalg.eigh(0.5 * (gram + gram.T) / np.multiply.outer(scale, scale))
    kept = values > 4.0 * gram.shape[0] * _EPS * max(float(values[-1]), 0.0)
    root = np.sqrt(values[kept])
    return root[:, None] * vectors[:, kept].T * scale, vectors[:, kept] / scale[:, None] / root


class _Cycle:
    """One run from a right-hand side (n, k) of unit columns until every residual is small, or progress ends."""

    def __init__(self, multiply: Map, precondition: Map, b: Array, rtol: Array, steps: int, xp: Any) -> None:
        self.curvatures: list[Array] = []
        self.transfers: list[Array] = []
        self.done = 0
        z = precondition(b)
        root, inverse = _root(on_host(b.T @ z))
        self.first = root
        weights = root  # the residual is q @ weights
        q, p = b @ xp.asarray(inverse), z @ xp.asarray(inverse)
        self.x = xp.zeros(b.shape)
        while self.done < steps and weights.shape[0]:
            image = multiply(xp.ascontiguousarray(p))
            curvature = on_host(p.T @ image)
            curvature = 0.5 * (curvature + curvature.T)
            if not np.isfinite(curvature).all():
                raise np.linalg.LinAlgError("conjugate gradients met a value that is not finite")
            try:
                factor = cho_factor(curvature, lower=True, check_finite=False)
            except np.linalg.LinAlgError:
                raise np.linalg.LinAlgError(
                    "conjugate gradients met a direction of no positive curvature: the matrix is not positive definite "
                    "to working precision. Raise noise (its variance)"
                ) from None
            self.x += p @ xp.asarray(cho_solve(factor, weights, check_finite=False))
            step = xp.asarray(cho_solve(factor, np.eye(curvature.shape[0]), check_finite=False))
            q = q - image @ step
            z = precondition(q)
            root, inverse = _root(on_host(q.T @ z))
            self.curvatures.append(curvature)
            self.transfers.append(root)
            self.done += 1
            left = q @ xp.asarray(weights)
            if (on_host((left * left).sum(axis=0)) <= rtol * rtol).all():
                break
            weights = root @ weights
            q, p = q @ xp.asarray(inverse), z @ xp.asarray(inverse) + p @ xp.asarray(root.T)


def block_conjugate_gradients(
    multiply: Map, precondition: Map, b: Array, rtol: float, maxiter: int, xp: Any = np
) -> BlockRun:
    """Solves ``K x = b`` for the columns of b (n, k), which search one space together.

    D. P. O'Leary, "The Block Conjugate Gradient Algorithm and Related Methods", Linear Algebra and its Applications 29
    (1980), algorithm of section 2, with residuals kept orthonormal in the inner product of the preconditioner as in
    A. A. Dubrulle, "Retooling the Method of Block Conjugate Gradients", Electronic Transactions on Numerical Analysis
    12 (2001), section 4. Directions that become dependent leave the block. What that costs in accuracy is found by
    residuals recomputed from the data, from which the iteration starts anew.

    Per iteration one product with K and one with the preconditioner for the whole block, and 12 n k**2 flops.
    """
    n, k = b.shape
    norm = on_host(xp.sqrt((b * b).sum(axis=0)))
    if not np.isfinite(norm).all():
        raise np.linalg.LinAlgError("a right-hand side is not finite, or its norm is not")
    columns = np.flatnonzero(norm > 0.0)
    at = xp.asarray(columns)
    unit = b[:, at] / xp.asarray(norm[columns])
    x, missing = xp.zeros(unit.shape), unit
    first, curvatures, transfers = np.zeros((0, columns.size)), [], []
    done = 0
    relative = np.ones(columns.size)
    for restart in range(_RESTARTS + 1):
        if done >= maxiter or not (relative > (10.0 if restart else 1.0) * rtol).any():
            break
        # Columns that are good already stay in the block, where they cost little, unless they vanished.
        scale = np.where(relative > 0.0, relative, 1.0)
        cycle = _Cycle(multiply, precondition, missing / xp.asarray(scale), rtol / scale, maxiter - done, xp)
        x = x + cycle.x * xp.asarray(scale)
        done += cycle.done
        if restart == 0:
            first, curvatures, transfers = cycle.first, cycle.curvatures, cycle.transfers
        missing = unit - multiply(xp.ascontiguousarray(x))
        before, relative = relative, on_host(xp.sqrt((missing * missing).sum(axis=0)))
        if not (relative.max(initial=0.0) < 0.5 * before.max(initial=0.0)):
            break
    residual = float(relative.max(initial=0.0)) if columns.size else 0.0
    whole, rest = xp.zeros((n, k)), xp.zeros((n, k))
    whole[:, at] = x * xp.asarray(norm[columns])
    rest[:, at] = missing * xp.asarray(norm[columns])
    good = residual <= 10.0 * rtol
    return BlockRun(whole, first, curvatures, transfers, rest, done, residual, good)


def block_quadrature(run: BlockRun) -> Array:
    """``u' log(T) u`` for every column, u the unit vector of its place in the first block of the Lanczos basis.

    T_jj = D_j + S_j D_(j-1) S_j' and T_(j+1,j) = -S_(j+1) D_j, from the recurrences of the block method: the block form
    of Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed. (2003), section 6.7.3. G. H. Golub, G. Meurant,
    "Matrices, Moments and Quadrature with Applications", Princeton 2010, section 4.6, for the quadrature.
    """
    sizes = [d.shape[0] for d in run.curvatures]
    place = np.concatenate([[0], np.cumsum(sizes)]).astype(int)
    T = np.zeros((place[-1], place[-1]))
    for j, d in enumerate(run.curvatures):
        here = slice(place[j], place[j + 1])
        T[here, here] += d
        if j + 1 < len(run.curvatures):
            s = run.transfers[j]
            below = slice(place[j + 1], place[j + 2])
            T[below, here] = -s @ d
            T[here, below] = T[below, here].T
            T[below, below] += s @ d @ s.T
    values, vectors = np.linalg.eigh(T)
    if not values[0] > 0.0:
        raise np.linalg.LinAlgError(
            "a Lanczos matrix is not positive definite to working precision. Raise noise (its variance)"
        )
    parts = vectors[: sizes[0]].T @ (run.first / np.sqrt((run.first**2).sum(axis=0)))
    out: Array = np.log(values) @ parts**2
    return out


def block_log_determinant(run: BlockRun, n: int, logdet_preconditioner: float) -> Estimate:
    """``log det K`` from block conjugate gradients on probes drawn from N(0, P).

    log det K = log det P + tr log(P^-1/2 K P^-1/2), the trace as n times the mean over the directions of P^-1/2 z,
    which are uniform on the sphere. Every probe profits from the directions of all others.
    """
    values = n * block_quadrature(run)
    count = values.size
    error = float(values.std(ddof=1) / np.sqrt(count)) if count > 1 else float("inf")
    return Estimate(logdet_preconditioner + float(values.mean()), error, count, run.iterations)
