"""What a few rows can tell about a tall matrix: those of a sketch, or some of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kriss.sketch import _dense
from kriss.sketch._certificate import Array, sketched_factor
from kriss.sketch._rows import Matrix, Number
from kriss.sketch._sparse_sign import SparseSign

# Scaled condition number from which on A may be rank deficient: a look at A itself decides.
RANK_LIMIT = {np.dtype(np.float64): 1e13, np.dtype(np.float32): 1e6}


@dataclass(frozen=True)
class Known:
    """What one sketch tells about A."""

    scale: Array  # (n) reciprocal powers of two
    r: Number  # (n, n) triangular factor of [S A D; damp D]
    qb: Number  # (n, nrhs) Qᴴ S B' of the same factorisation
    vt: Number  # right singular vectors of r as rows
    s: Array  # its singular values
    keep: int  # how many of them are beyond doubt
    rows: int  # of the sketch

    @property
    def condition(self) -> float:
        """Of A with scaled columns, up to the sketch's distortion."""
        return float(self.s[0]) / float(self.s[-1]) if self.s[-1] > 0 else float("inf")

    def start(self) -> Number:
        """Sketch and solve, (n, nrhs)."""
        if self.keep == self.r.shape[0]:
            return _dense.solve(self.r, self.qb)
        v = self.vt[: self.keep].conj().T
        return np.asarray(v @ ((v.conj().T @ (self.r.conj().T @ self.qb)) / self.s[: self.keep, None] ** 2))


def look(matrix: Matrix, b: Number, sketch: SparseSign, damp: float, single: bool, workers: int) -> Known | None:
    """Sketch [A b]; None if the sketch is not finite or below 1e-290."""
    sa = matrix.sketch(sketch, workers)
    sb = matrix.sketch_right(b, sketch, workers)
    return _known(sa, sb, matrix.right_scales(b)[0], damp, single)


def glance(matrix: Matrix, b: Number, count: int, seed: int, damp: float, single: bool) -> Known | None:
    """Some `count` rows of [A b] as they are, drawn by `seed`; None if they are not finite or below 1e-290.

    Free beside a sketch and enough to guess at a condition number, but not more: it misses rows that matter.
    """
    m = matrix.m
    rows = np.unique(np.random.default_rng(seed).integers(0, m, count))
    weight = np.sqrt(m / rows.size)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        sa = matrix.some_rows(rows) * weight
        sb = b[rows].astype(np.complex128 if matrix.complex else np.float64) * weight
    return _known(sa, sb, matrix.right_scales(b)[0], damp, single)


def _known(sa: Number, sb: Number, bscale: Array, damp: float, single: bool) -> Known | None:
    if not (np.isfinite(sa).all() and np.isfinite(sb).all()):
        return None
    if not np.abs(sa).max() >= 1e-290:
        return None  # too small for column scales
    right = sb * bscale
    rows, n = sa.shape
    if damp > 0:
        sa = np.vstack([sa, np.diag(np.full(n, damp, sa.dtype))])
        right = np.vstack([right, np.zeros((n, right.shape[1]))])
    scale, scaled = sketched_factor(sa)
    both = _dense.qr_r(np.hstack([scaled, right]), n)
    r = np.ascontiguousarray(np.triu(both[:, :n]))
    vt, s = _dense.svd(r)
    limit = RANK_LIMIT[np.dtype(np.float32 if single else np.float64)]
    keep = int(np.count_nonzero(s * limit > s[0]))
    return Known(scale, r, np.ascontiguousarray(both[:, n:]), vt, s, keep, rows)
