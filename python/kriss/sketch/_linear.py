"""Linear models over weighted rows, with an intercept and a ridge: what the estimators compute."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg as sla
import scipy.sparse as sps

from kriss.sketch import _dense, _factored
from kriss.sketch._certificate import Spectrum, karlson_walden, power_of_two
from kriss.sketch._groups import group_rows
from kriss.sketch._refinement import Refinement
from kriss.sketch._state import SketchState

Array = npt.NDArray[np.float64]

# Entries of X below which a singular value decomposition is as fast as the passes.
SMALL = 100_000


@dataclass(frozen=True)
class Fitted:
    """A linear model; the last axis counts targets."""

    coef: Array  # (n, k)
    intercept: Array  # (k)
    se: Array  # (n, k)
    rank: int
    s: Array  # of X, centred if there is an intercept
    backward_error: float
    status: str


def is_tall(m: int, n: int) -> bool:
    """Whether the passes are worth it."""
    return m >= 8 * (n + 1) and m * n >= SMALL


def blocks(X: Any, y: Array, weight: Array | None, intercept: bool) -> Iterator[tuple[Any, Array]]:
    """Weighted rows of [X 1] and y, a group at a time; X itself is not copied."""
    rows = group_rows(X.shape[1] + intercept)
    for first in range(0, X.shape[0], rows):
        part = slice(first, first + rows)
        yield weighted(X[part], y[part], None if weight is None else weight[part], intercept)


def weighted(X: Any, y: Array, weight: Array | None, intercept: bool) -> tuple[Any, Array]:
    """Rows of [X 1] and y times the root of their weights."""
    if intercept:
        one = np.ones((X.shape[0], 1))
        X = sps.hstack([X, one], format="csr") if sps.issparse(X) else np.hstack([X, one])
    if weight is not None:
        root = np.sqrt(weight)[:, None]
        y = y * root
        X = sps.csr_array(X.multiply(root)) if sps.issparse(X) else X * root
    return X, y


def fit_passes(
    X: Any, y: Array, weight: Array | None, alpha: float, intercept: bool, sketch_size: int | None, seed: int
) -> Fitted:
    """By a sketch and certified passes over X."""
    n = X.shape[1] + intercept
    size = max(4 * n, 64) if sketch_size is None else sketch_size
    state = SketchState(n, y.shape[1], sketch_size=size, rng=seed)
    for block, right in blocks(X, y, weight, intercept):
        state.update(block, right)
    second = Refinement(state, _penalty(n, alpha, intercept), None)
    if weight is not None:
        second.observations = int(np.count_nonzero(weight))
    while not second.done:
        for block, right in blocks(X, y, weight, intercept):
            second.update(block, right)
        second.next_pass()
    fit = second.result()
    factor, common = second.plain_factor()
    return _fitted(fit.x, fit.coefficient_se, _centred(factor, intercept) / common, fit.rank, intercept,
                   fit.backward_error, fit.status)  # fmt: skip


def from_sketch(state: SketchState, alpha: float, intercept: bool, rows: float) -> Fitted:
    """One pass: the error bars hold what the sketch and what the noise of y contribute."""
    n = state.n_features
    problem = state._factored(_penalty(n, alpha, intercept))
    x = _factored.solution(problem, problem.z0)
    d, k = state.sketch_size, problem.rank
    with np.errstate(all="ignore"):
        norm = problem.sketch_residual * np.sqrt(d / (d - k))
        noise = 1 / (rows - k) if rows > k else np.nan
        se = _factored.row_norms(problem.inverse())[:, None] * (norm * np.sqrt(1 / d + noise))
    common = problem.scale.min()
    with np.errstate(over="ignore", under="ignore"):
        factor = problem.full * (common / problem.scale)
    return _fitted(x, se, _centred(factor, intercept) / common, k, intercept, float("nan"), "one pass")


def fit_small(X: Any, y: Array, weight: Array | None, alpha: float, intercept: bool) -> Fitted:
    """By a singular value decomposition of the centred X; any shape."""
    A = np.array(X.toarray() if sps.issparse(X) else X, dtype=np.float64)
    m, n = A.shape
    w = np.ones(m) if weight is None else weight
    used = int(np.count_nonzero(w))
    a_mean, y_mean = np.zeros(n), np.zeros(y.shape[1])
    if intercept:
        share = (w / w.sum())[:, None]
        a_mean, y_mean = (share * A).sum(axis=0), (share * y).sum(axis=0)
        A = A - a_mean
        y = y - y_mean
    if weight is not None:
        root = np.sqrt(w)[:, None]
        A, y = A * root, y * root
    unit = power_of_two(np.array([np.abs(A).max(initial=0.0)]))[0]
    A = A * unit
    pull = np.sqrt(alpha) * unit
    u, s, vt = sla.svd(A, full_matrices=False, check_finite=False)
    kept = s > np.finfo(np.float64).eps * max(m, n) * max(s[0] if s.size else 0.0, 1e-300)
    u, s_kept, vt_kept = u[:, kept], s[kept], vt[kept]
    damped = s_kept / (s_kept**2 + pull**2)
    z = vt_kept.T @ (damped[:, None] * (u.T @ y))
    r = y - A @ z
    rr = np.sum(r * r, axis=0)
    rank = len(s_kept)
    all_s = np.hypot(s, pull)
    kw = Spectrum(vt, all_s, float(np.linalg.norm(all_s)))
    g = A.T @ r - pull**2 * z
    whole = rr + pull**2 * np.sum(z * z, axis=0)
    be = karlson_walden(kw, z, g, whole, np.linalg.norm(y, axis=0))
    free = used - intercept - float(np.sum(s_kept * damped))
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.sqrt(np.sum((vt_kept.T * damped) ** 2, axis=1))
        se = spread[:, None] * np.sqrt(rr / free if free > 0.5 else np.full_like(rr, np.nan))
    coef = z * unit
    singular = np.zeros(n if alpha > 0 else min(m, n))
    singular[: len(all_s)] = all_s / unit
    if alpha > 0:
        singular[len(all_s) :] = np.sqrt(alpha)
        rank = n
    return Fitted(coef, y_mean - a_mean @ coef, se * unit, rank, singular, float(be.max(initial=0.0)), "certified")


def _penalty(n: int, alpha: float, intercept: bool) -> _factored.Penalty:
    return _factored.ridge(n, float(np.sqrt(alpha)), intercept)


def _centred(factor: Array, intercept: bool) -> Array:
    """Singular values of what is left of the other columns when the last one is projected out."""
    if not intercept:
        return _dense.svd(factor)[1] if factor.size else np.zeros(factor.shape[1])
    one, rest = factor[:, -1], factor[:, :-1]
    norm = one @ one
    if norm > 0:
        rest = rest - np.outer(one, one @ rest) / norm
    s = sla.svdvals(rest, check_finite=False) if rest.size else np.zeros(0)
    # Projecting costs a dimension: with as many rows as columns there is one value more than X can have.
    out = np.zeros(rest.shape[1])
    out[: len(s)] = s
    return out


def _fitted(x: Array, se: Array, s: Array, rank: int, intercept: bool, backward_error: float, status: str) -> Fitted:
    if intercept:
        return Fitted(x[:-1], x[-1], se[:-1], rank - 1, s, backward_error, status)
    return Fitted(x, np.zeros(x.shape[1]), se, rank, s, backward_error, status)
