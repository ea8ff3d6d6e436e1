"""What a sketch of [A b] says about the least-squares problem: scales, rank, first solution and its error bars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg as sla

from kriss.sketch import _dense
from kriss.sketch._certificate import Spectrum, power_of_two, sketched_factor

Array = npt.NDArray[np.float64]

# Singular values of the scaled columns below this times the largest count as zero.
CUT = 30 * 2.0**-52
# A matrix whose entries are all smaller cannot be scaled by a normal number.
TINY = 1e-290


@dataclass(frozen=True)
class Penalty:
    """What is added to the problem: rows diag(weights) below A, and columns that have no part in the minimum norm."""

    weights: Array  # (n), not negative
    free: npt.NDArray[np.bool_]  # (n)

    @property
    def active(self) -> bool:
        """Whether there are rows at all."""
        return bool(self.weights.any())


def ridge(n: int, damp: float, intercept: bool = False) -> Penalty:
    """damp on every column; none on the last one, and that one free, if it is an intercept."""
    weights = np.full(n, damp)
    free = np.zeros(n, bool)
    if intercept:
        weights[-1] = 0.0
        free[-1] = True
    return Penalty(weights, free)


@dataclass(frozen=True)
class Factored:
    """The sketched problem, factorised. In scaled variables z, x = scale z / bscale."""

    scale: Array  # (n) reciprocal powers of two
    bscale: Array  # (k) reciprocal powers of two
    penalty: Penalty
    basis: Array  # (n, rank) P: the last columns of an upper triangular matrix; S A P has orthonormal columns
    full: Array  # (rank, n) the pseudo-inverse of P
    dropped: Spectrum  # right singular vectors and values that count as zero
    null: Array | None  # (n, n - rank) null space in the units of x up to a factor, every column's largest entry 1
    z0: Array  # (n, k) solution of the sketched problem
    condition: float  # of the scaled sketch
    sketch_residual: Array  # (k) norm of S (b - A x), in the units of b
    d: int

    @property
    def rank(self) -> int:
        """Numerical rank."""
        return int(self.basis.shape[1])

    def to_x(self, z: Array) -> Array:
        """Back to the user's units."""
        out: Array = self.scale[:, None] * z / self.bscale
        return out

    def to_z(self, x: Array) -> Array:
        """To scaled variables."""
        out: Array = x / self.scale[:, None] * self.bscale
        return out

    def shortest(self, x: Array) -> Array:
        """The point of minimum norm (free columns left out) with the same A x."""
        if self.null is None:
            return x
        normed = ~self.penalty.free
        q, r = np.linalg.qr(self.null[normed])
        return np.asarray(x - self.null @ np.linalg.solve(r, q.T @ x[normed]))

    def triangle(self) -> Array:
        """P as the (n, n) upper triangular matrix that the kernels take; its first n - rank columns are zero."""
        n, k = self.basis.shape
        out = np.zeros((n, n))
        out[:, n - k :] = self.basis
        return out

    def inverse(self, chol: Array | None = None) -> Array:
        """W with W W' = (A'A)^-1 in the units of x, or its pseudo-inverse; `chol` is the factor of P'A'AP."""
        w = self.basis
        if chol is not None and chol.size:
            w = np.ascontiguousarray(_dense.solve(chol, w.T.copy(), transposed=True).T)
        return self.shortest(w * self.scale[:, None])


def factorise(sa: Array, sb: Array, largest_b: Array, penalty: Penalty) -> Factored:
    """From S A, S b and the largest entry of each column of b."""
    n = sa.shape[1]
    if sa.size and np.abs(sa).max() < TINY and sa.any() and not penalty.active:
        raise ValueError(f"A has no entry above {TINY}: multiply it by a power of two")
    rows, right = sa, sb
    if penalty.active:
        rows = np.vstack([sa, np.diag(penalty.weights)])
        right = np.vstack([sb, np.zeros((n, sb.shape[1]))])
    scale, scaled = sketched_factor(rows)
    bscale = power_of_two(largest_b)
    right = right * bscale
    stacked = np.hstack([scaled, right])
    both = _dense.qr_r(stacked, n)
    if not np.isfinite(both).all():
        # Columns that are dependent to all digits shrink from step to step, until the kernel's squares underflow.
        both = np.asarray(sla.qr(stacked, mode="r", check_finite=False)[0])[:n]
    r, qb = np.ascontiguousarray(both[:, :n]), both[:, n:]
    vt, sv = _dense.svd(r)
    rank = int((sv > CUT * sv[0]).sum()) if sv[0] > 0 else 0
    null = None
    if rank == n:
        basis, full = _dense.solve(r, np.eye(n)), r
        z0 = _dense.solve(r, qb)
    else:
        u, sv, vt = sla.svd(r, check_finite=False)
        right_part = vt[:rank].T / sv[:rank]
        basis, full = right_part, sv[:rank, None] * vt[:rank]
        if rank:
            # A rotation makes P a part of an upper triangular matrix.
            basis, q = sla.rq(right_part, check_finite=False)
            full = q @ full
        z0 = right_part @ (u[:, :rank].T @ qb)
        null = vt[rank:].T * (scale[:, None] / scale.max())
        null = null * power_of_two(np.abs(null).max(axis=0))
    with np.errstate(over="ignore"):
        leftover = right[: sa.shape[0]] - scaled[: sa.shape[0]] @ z0
        out = Factored(
            scale,
            bscale,
            penalty,
            basis,
            full,
            Spectrum(vt[rank:], sv[rank:], 0.0),
            null,
            z0,
            float(sv[0] / sv[-1]) if rank == n else float("inf"),
            np.asarray(np.sqrt(np.sum(leftover * leftover, axis=0)) / bscale),
            sa.shape[0],
        )
    return out


def solution(problem: Factored, z: Array) -> Array:
    """x of minimum norm; OverflowError if it leaves the range of float64."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        x = problem.shortest(problem.to_x(z))
    if np.isfinite(z).all() and not np.isfinite(x).all():
        raise OverflowError("the solution is beyond the range of float64: scale A up or b down")
    return x


def singular_values(problem: Factored, factor: Array) -> Array:
    """Of A (and the rows of the penalty) in the user's units, n of them; `factor` stands for `full`."""
    n = len(problem.scale)
    out = np.zeros(n)
    if len(factor):
        common = problem.scale.min()
        with np.errstate(over="ignore", under="ignore"):
            s = _dense.svd(factor * (common / problem.scale))[1] / common
        out[: len(s)] = s
    return out


def row_norms(w: Array) -> Array:
    """Of each row, without squares that leave the range."""
    unit = power_of_two(np.abs(w).max(axis=1, initial=0.0))
    return np.asarray(np.sqrt(np.sum((w * unit[:, None]) ** 2, axis=1)) / unit)


def shaped(values: npt.NDArray[Any], one_d: bool) -> npt.NDArray[Any]:
    """The last axis (right-hand sides) dropped for a one-dimensional b."""
    return values[..., 0] if one_d else values
