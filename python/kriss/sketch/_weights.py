"""Scores of rows for other norms than the Euclidean one: root leverage, Lewis weights, sensitivities."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _backend, _validate
from kriss._validate import RngLike
from kriss.sketch import _dense
from kriss.sketch._leverage import scores_of
from kriss.sketch._range import Range, range_of
from kriss.sketch._source import Source, counted

Array = npt.NDArray[np.float64]
WIDEST = 512  # columns up to which the compiled pass is used; its sums need 32 of their squares
BATCH = 1 << 24  # entries of the weights of a batch of convex programmes


def check_p(p: object, name: str = "p") -> float:
    """A finite p of at least 1."""
    return _validate.scalar(p, name, low=1.0)


def root_leverage(
    A: Any,
    p: float = 1.0,
    *,
    method: str = "exact",
    rank: int | None = None,
    rng: RngLike = None,
    workers: int | None = None,
    progress: bool = False,
) -> Array:
    """Leverage scores to the power p/2: upper bounds of the ℓp sensitivities for p up to 2.

    Parameters
    ----------
    A : array_like, sparse matrix, sliceable rows or callable, shape (m, n)
        Real; see `leverage_scores`.
    p : float
        The norm's exponent, at least 1.
    method : {"exact", "sketch"}
        How the leverage is found.
    rank : int, optional
        Leverage of the best subspace of this dimension.
    rng : int, SeedSequence, Generator or None
        The seed of the sketch.
    workers : int, optional
        Threads of the sketch and of compiled passes.
    progress : bool
        Show a bar for each pass over A that is not a compiled one: rows that are read, sparse ones.

    Returns
    -------
    ndarray, shape (m,)
        ``leverage ** (p / 2)``, between 0 and 1.

    Raises
    ------
    TypeError, ValueError
        As `leverage_scores`, and if p is below 1 or not finite.

    Notes
    -----
    For p <= 2 no norm(A x, p) is below norm(A x, 2), so ``|A[i] x|**p <= leverage[i]**(p/2) * norm(A x, p)**p``. The
    sum of the scores is at most m**(1 - p/2) n**(p/2). Cost: that of `leverage_scores`.

    References
    ----------
    D. P. Woodruff, T. Yasuda, *Sharper bounds for ℓp sensitivity sampling*, 2023 (arXiv:2306.00732), section 1.2, for
    root leverage sampling and its recursion (`sample_rows`).

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.sketch import root_leverage
    >>> A = np.vstack([np.eye(2), np.zeros((1, 2))])
    >>> root_leverage(A, 1.0).round(12).tolist()
    [1.0, 1.0, 0.0]
    """
    power = check_p(p)
    scores = scores_of(A, method=method, rank=rank, rng=rng, workers=workers, progress=progress, name="A")
    return np.asarray(np.minimum(scores, 1.0) ** (power / 2))


def lewis_weights(
    A: Any,
    p: float,
    *,
    tol: float = 1e-6,
    maxiter: int = 200,
    rank: int | None = None,
    rng: RngLike = None,
    workers: int | None = None,
    progress: bool = False,
) -> Array:
    """ℓp Lewis weights: the weights for which those of the reweighted rows' leverage are the weights themselves.

    Parameters
    ----------
    A : array_like, sparse matrix, sliceable rows or callable, shape (m, n)
        Real.
    p : float
        The norm's exponent, at least 1.
    tol : float
        Relative change of every weight at which the iteration stops.
    maxiter : int
        Most iterations, each a pass over A.
    rank : int, optional
        Weights of the best approximation of this rank; see `leverage_scores`.
    rng : int, SeedSequence, Generator or None
        The seed of the first sketch, which changes the weights by rounding only.
    workers : int, optional
        Threads of the sketch and of compiled passes.
    progress : bool
        Show a bar over the iterations, and for each pass over rows that are read or sparse.

    Returns
    -------
    ndarray, shape (m,)
        Weights between 0 and 1 whose sum is the rank of A, or `rank`.

    Raises
    ------
    TypeError
        If A is not real.
    ValueError
        If A is empty, zero, or holds NaN or infinity, p is below 1 or not finite, or rank above that of A.
    RuntimeError
        If the weights still change by more than `tol` after `maxiter` iterations.

    Notes
    -----
    w solves ``w[i] = (A[i] (Aᵀ W**(1 - 2/p) A)⁻¹ A[i]ᵀ)**(p/2)``. The map of the right-hand side contracts for p < 4
    (Cohen and Peng), the slower the more alike its modes are to the scale of w; that is known, since the sum is the
    rank. Here the map is relaxed, ``w**(1 - g) * map(w)**g``: for p < 4 the first steps, with g = 1, show how fast it
    contracts, which sets g. Where that was too good a guess, and from p = 4 on, it is 4/(p + 2), whose rate is at most
    ``abs(p - 2) / (p + 2)`` for every p. A few passes where no small part of the rows stands apart; where one does,
    about 20 to 1e-6 at p = 1 or 4, 40 at p = 8. If a step makes the residual grow, g is halved. Each pass costs 2 m n²
    flops (rows that are not in memory as float64, or more than 512 columns: 3 m n²) and makes the Gram
    matrix of the next one; memory beside A is 2 m numbers.

    References
    ----------
    M. B. Cohen, R. Peng, *ℓp row sampling by Lewis weights*, STOC 2015, sections 3 and 4.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.sketch import lewis_weights
    >>> A = np.random.default_rng(0).standard_normal((500, 3))
    >>> w = lewis_weights(A, 1.0)
    >>> M = A.T @ (A / w[:, None])
    >>> round(float(w.sum()), 6), bool(np.allclose(w**2, np.sum(A * np.linalg.solve(M, A.T).T, axis=1)))
    (3.0, True)
    """
    power = check_p(p)
    tol = _validate.scalar(tol, "tol", low=0.0, strict=True)
    maxiter = _validate.integer(maxiter, "maxiter", low=1)
    base = range_of(Source(A, "A", progress), rank, _validate.generator(rng), _validate.workers(workers))
    return lewis(base, power, tol, maxiter)


def lewis(base: Range, p: float, tol: float, maxiter: int) -> Array:
    """Lewis weights, given the range of A."""
    if p == 2.0:
        return base.leverage
    fast = base.triangular and base.rank <= WIDEST
    passes: _Compiled | _InBlocks = _Compiled(base, p) if fast else _InBlocks(base, p)
    q = base.whole
    # The plain map at first: the logarithm's errors shrink by factors from 0 to |p/2 - 1| (of either sign), the largest
    # for the scale, which is known. What the first steps show of the others sets the relaxation.
    safe = 4.0 / (p + 2.0)
    bend, relax, before = p / 2.0 - 1.0, 1.0 if p < 4.0 else safe, np.inf
    gram, change = passes.step(q, None)
    worst = np.inf
    for _ in counted(range(maxiter), base.source.progress and fast, "Lewis weights", " iterations"):
        u = _dense.cholesky(gram)
        if u is None:
            raise RuntimeError(
                f"the Lewis weights of {base.source.name} degenerate at p = {p}: a Gram matrix is singular"
            )
        q = q @ np.triu(_dense.solve(u, np.eye(base.rank)))
        gram, change = passes.step(q, relax)
        gram *= passes.normalise(base.rank) ** (2.0 / p - 1.0)
        if change <= tol:
            return passes.weights()
        ratio, before = change / before, change
        if relax == 1.0 and ratio > 0.0:
            relax = 1.0 / (1.0 + 0.5 * np.copysign(min(ratio, abs(bend)), bend))
        elif ratio > abs(p - 2.0) / (p + 2.0):
            relax = min(relax, safe) if p > 2.0 else safe
        if change > 2.0 * worst:
            relax = max(relax / 2.0, 1.0 / p)
        worst = min(worst, change)
    raise RuntimeError(
        f"lewis_weights changed a weight by {change:.3g} in iteration {maxiter}, expected at most tol = {tol:.3g}"
    )


def _start(base: Range, p: float) -> Array:
    """Logarithms of what a step from equal weights leads to, scaled to the sum of the weights."""
    with np.errstate(divide="ignore"):
        logw = np.log(base.leverage)
    logw *= p / 2.0
    top = float(logw.max())
    logw -= top + np.log(np.exp(logw - top).sum() / base.rank)
    return logw


class _Compiled:
    """Steps of an array in memory, on the logarithms of the weights."""

    def __init__(self, base: Range, p: float) -> None:
        self.a, self.p, self.workers = base.source.array, p, base.workers
        self.logw = _start(base, p)
        wide = -(-base.rank // 8) * 8
        self.padded, self.gram = np.zeros((wide, wide)), np.zeros((wide, wide))

    def step(self, q: Array, relax: float | None) -> tuple[Array, float]:
        """One relaxed step, if `relax`; then Σ w^(1 - 2/p) x xᵀ over the rows x of A·Q; the change.

        A pass: 2 m n² flops and 8 m n bytes.
        """
        n = q.shape[1]
        self.padded[:n, :n] = q
        change = _backend.kernels("sketch_rows").lewis_step(
            self.a, self.padded, self.logw, self.gram, self.p, 0.0 if relax is None else relax, self.workers
        )
        return np.ascontiguousarray(self.gram[:n, :n]), float(change)

    def normalise(self, rank: int) -> float:
        """Scale the weights to their sum, the rank; the factor that they were too large by."""
        factor = float(np.exp(self.logw).sum()) / rank
        self.logw -= np.log(factor)
        return factor

    def weights(self) -> Array:
        """What was found."""
        return np.exp(self.logw)


class _InBlocks:
    """The same for rows that are read, sparse ones, and many columns: 3 m n² flops a pass."""

    def __init__(self, base: Range, p: float) -> None:
        self.source, self.p, self.w = base.source, p, np.exp(_start(base, p))

    def normalise(self, rank: int) -> float:
        """As that of `_Compiled`."""
        factor = float(self.w.sum()) / rank
        self.w /= factor
        return factor

    def weights(self) -> Array:
        """What was found."""
        return self.w

    def step(self, q: Array, relax: float | None) -> tuple[Array, float]:
        """As that of `_Compiled`."""
        gram = np.zeros((q.shape[1], q.shape[1]))
        change = 0.0
        for first, block in self.source.blocks("Lewis weights"):
            rows = block @ q
            here = self.w[first : first + rows.shape[0]]
            good = here > 0.0
            if relax is not None:
                fresh = np.einsum("ij,ij->i", rows, rows) ** (self.p / 2)
                # Rows that are nothing beside the others stay at zero.
                good &= fresh > 0.0
                log = np.log(fresh[good]) - np.log(here[good])
                change = max(change, float(np.abs(log).max(initial=0.0)))
                here[good] *= np.exp(relax * log)
                here[~good] = 0.0
            factor = np.zeros(len(here))
            factor[good] = here[good] ** (0.5 - 1.0 / self.p)
            rows *= factor[:, None]
            gram += rows.T @ rows
        return gram, change


def lp_sensitivities(
    A: Any,
    p: float,
    *,
    method: str = "bound",
    rank: int | None = None,
    rng: RngLike = None,
    tol: float = 1e-8,
    workers: int | None = None,
    progress: bool = False,
) -> Array:
    """ℓp sensitivities ``max over x of |A[i] x|**p / norm(A x, p)**p`` of the rows: upper bounds, or exactly.

    Parameters
    ----------
    A : array_like, sparse matrix, sliceable rows or callable, shape (m, n)
        Real.
    p : float
        The norm's exponent, at least 1. For p = 2 the sensitivities are the leverage scores.
    method : {"bound", "exact"}
        ``"bound"``: upper bounds from Lewis weights and leverage, some passes over A, whose sum is at most n for
        p <= 2 and n**(p/2) beyond. ``"exact"``: a linear (p = 1) or convex programme for each row, m n² flops per row
        and iteration.
    rank : int, optional
        Of the best approximation of this rank; see `leverage_scores`.
    rng : int, SeedSequence, Generator or None
        The seed of the sketch, which changes the scores by rounding only.
    tol : float
        Relative distance between the exact scores' upper bounds, which are returned, and their lower ones.
    workers : int, optional
        Threads of the sketch and of compiled passes.
    progress : bool
        Show bars.

    Returns
    -------
    ndarray, shape (m,)
        Scores between 0 and 1.

    Raises
    ------
    TypeError
        If A is not real.
    ValueError
        If A is empty, zero, or holds NaN or infinity, p is below 1 or not finite, or rank above that of A.
    RuntimeError
        If a programme of ``"exact"`` does not reach `tol`.

    Notes
    -----
    Bounds, w the Lewis weights and τ the leverage: for p <= 2, w and τ**(p/2); for p >= 2, n**(p/2 - 1) w and
    m**(p/2 - 1) τ**(p/2); the least of them and 1. Exactly: in an orthonormal basis Q of the range, the p-th root of a
    sensitivity is the least norm(z, p/(p-1)) with Qᵀz = Q[i]; any such z bounds it from above and any x from below.

    References
    ----------
    D. P. Woodruff, T. Yasuda, *Sharper bounds for ℓp sensitivity sampling*, 2023 (arXiv:2306.00732), section 1.
    M. B. Cohen, R. Peng, *ℓp row sampling by Lewis weights*, STOC 2015, lemma 5.5, for the bound.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.sketch import lp_sensitivities
    >>> A = np.random.default_rng(0).standard_normal((60, 3))
    >>> exact, bound = lp_sensitivities(A, 1.0, method="exact"), lp_sensitivities(A, 1.0)
    >>> bool(np.all(exact <= bound * (1 + 1e-6))), bool(bound.sum() < 3.001)
    (True, True)
    """
    power = check_p(p)
    exact = _validate.choice(method, "method", ("bound", "exact")) == "exact"
    tol = _validate.scalar(tol, "tol", low=0.0, strict=True)
    base = range_of(Source(A, "A", progress), rank, _validate.generator(rng), _validate.workers(workers))
    if power == 2.0:
        return base.leverage
    if not exact:
        return sensitivity_bounds(base, lewis(base, power, 1e-6, 1000), power, 1e-6)
    q = np.concatenate([block @ base.whole for _, block in base.source.blocks()])
    return _by_programmes(q, power, tol, progress)


def sensitivity_bounds(base: Range, w: Array, p: float, tol: float) -> Array:
    """The least of the bounds that Lewis weights w, found to `tol`, and leverage give."""
    lever = base.leverage
    if p == 2.0:
        return lever
    # A change of `tol` at the rate (p - 2)/(p + 2) leaves an error of (p - 2)/4 times that.
    w = w * (1.0 + (1.0 + p / 4) * tol)
    r, m = base.rank, base.source.m
    high = max(p / 2 - 1.0, 0.0)
    with np.errstate(over="ignore"):
        return np.asarray(np.minimum(1.0, np.minimum(float(r) ** high * w, float(m) ** high * lever ** (p / 2))))


def _by_programmes(q: Array, p: float, tol: float, progress: bool) -> Array:
    m, r = q.shape
    out = np.zeros(m)
    some = np.flatnonzero(np.einsum("ij,ij->i", q, q) > 0.0)
    step = 1 if p == 1.0 else max(1, BATCH // m)
    starts = counted(range(0, len(some), step), progress, "sensitivities", " programmes")
    # Distinct products q_k q_l, for Gram matrices of many weights at once.
    outer = np.einsum("ij,ik->ijk", q, q).reshape(m, r * r) if p != 1.0 else q
    for first in starts:
        rows = some[first : first + step]
        out[rows] = _linear(q, q[rows[0]], rows[0]) if p == 1.0 else _convex(q, outer, rows, p, tol)
    return np.minimum(out, 1.0)


def _linear(q: Array, row: Array, place: Any) -> float:
    """1 / max c with Qᵀz = c q_i and |z| <= 1."""
    from scipy.optimize import linprog

    m, r = q.shape
    size = float(np.linalg.norm(row))
    cost = np.zeros(m + 1)
    cost[m] = -1.0
    equal = np.hstack([q.T, -(row / size)[:, None]])
    bounds = np.column_stack([np.full(m + 1, -1.0), np.full(m + 1, 1.0)])
    bounds[m] = (0.0, np.inf)
    done = linprog(cost, A_eq=equal, b_eq=np.zeros(r), bounds=bounds, method="highs-ds")
    if done.status != 0 or not done.x[m] > 0.0:
        raise RuntimeError(f"the linear programme of row {place} was not solved: {done.message}")
    return size / float(done.x[m])


def _convex(q: Array, outer: Array, rows: npt.NDArray[np.intp], p: float, tol: float) -> Array:
    """Sensitivities of some rows at once: min norm(Q y, p) with q_i·y = 1 by Newton's method.

    For p < 2 the weights are smoothed and the step is that of iterated reweighting, which never makes the norm grow.
    Per iteration 2 m r² flops a row.
    """
    r = q.shape[1]
    goal = q[rows]
    y = goal / np.einsum("ij,ij->i", goal, goal)[:, None]
    upper = np.full(len(rows), np.inf)
    lower = np.zeros(len(rows))
    active = np.arange(len(rows))
    dual = p / (p - 1.0)
    smooth = 1.0
    for _ in range(500):
        values = y[active] @ q.T
        top = np.abs(values).max(axis=1, keepdims=True)
        ratio = np.abs(values) / top
        norm = np.sum(ratio**p, axis=1)
        lower[active] = np.maximum(lower[active], 1.0 / (top[:, 0] ** p * norm))
        weight = np.maximum(ratio, smooth) ** (p - 2.0) if p < 2.0 else np.maximum(ratio ** (p - 2.0), 1e-12)
        smooth = max(smooth * 0.5, 1e-12)
        step = np.linalg.solve((weight @ outer).reshape(-1, r, r), goal[active][:, :, None])[:, :, 0]
        # Qᵀz = q_i by construction, so the norm of z is an upper bound.
        z = np.abs(weight * (step @ q.T))
        big = z.max(axis=1)
        length = big * np.sum((z / big[:, None]) ** dual, axis=1) ** (1.0 / dual)
        upper[active] = np.minimum(upper[active], length**p)
        still = upper[active] - lower[active] > tol * upper[active]
        if not still.any():
            return upper
        active, values, top, step = active[still], values[still], top[still], step[still]
        target = step / np.einsum("ij,ij->i", step, goal[active])[:, None]
        move = target - y[active]
        shift = move @ q.T
        size = np.full(len(active), 1.0 if p < 2.0 else 1.0 / (p - 1.0))
        if p > 2.0:
            # Newton's step, doubled or halved while that helps.
            best = np.sum((np.abs(values + size[:, None] * shift) / top) ** p, axis=1)
            for factor in (2.0, 4.0, 0.5, 0.25, 0.0625, 0.0039):
                trial = np.minimum(factor / (p - 1.0), 1.0)
                now = np.sum((np.abs(values + trial * shift) / top) ** p, axis=1)
                size = np.where(now < best, trial, size)
                best = np.minimum(now, best)
        y[active] += size[:, None] * move
    i = int(active[0])
    raise RuntimeError(
        f"the sensitivity of row {int(rows[i])} lies between {lower[i]:.6g} and {upper[i]:.6g} after 500 steps, "
        f"expected tol = {tol:.3g}"
    )
