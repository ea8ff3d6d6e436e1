"""Rows of a tall matrix drawn with probabilities that its geometry asks for: `sample_rows`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps

from kriss import _validate
from kriss._validate import RngLike
from kriss.sketch._dpp import Ahead, Propose, Tick, choose_vectors, projection_dpp, ticking, vector_shares
from kriss.sketch._range import Range, range_of
from kriss.sketch._source import Source
from kriss.sketch._weights import check_p, lewis, sensitivity_bounds

Array = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

SCORED = ("leverage", "lewis", "sensitivity", "root-leverage", "combined")
POINTS = ("dpp", "volume", "repeated-dpp")
METHODS = SCORED + POINTS
TOL = 1e-3  # of the Lewis weights that rows are drawn with
ROOT = 0.25  # share of root leverage in the combined rule for p < 2


@dataclass(frozen=True)
class RowSample:
    """Rows of a matrix that were drawn, and what each of them stands for.

    Attributes
    ----------
    rows : ndarray of int, shape (k,)
        Their numbers, ascending; with replacement a row may be there several times.
    weights : ndarray, shape (k,)
        The reciprocal of the number of times that the row is drawn in the mean, so that ``sum(weights * f(A[rows]))``
        is an unbiased estimate of the sum of f over all rows.
    probabilities : ndarray, shape (k,)
        Of the row in one draw with replacement; without, that the sample contains it.
    method : str
        As given.
    replace : bool
        Whether rows were drawn with replacement.
    p : float
        The norm that the scores are for.
    rank : int
        Of A, or of its subspace if that was asked for.
    shape : tuple of int
        Of A.
    levels : int
        Samples of samples: 1 but for recursive root leverage sampling.
    """

    rows: Rows
    weights: Array
    probabilities: Array
    method: str
    replace: bool
    p: float
    rank: int
    shape: tuple[int, int]
    levels: int = 1

    def __len__(self) -> int:
        return len(self.rows)

    def scaled(self, A: Any, p: float | None = None) -> Array | sps.csr_array:
        """The sampled rows of A times ``weights**(1/p)``, whose p-norms estimate those of A.

        Parameters
        ----------
        A : array_like, sparse matrix, sliceable rows or callable, shape (m, ...)
            The matrix that was sampled, or a right-hand side with as many rows (a vector too).
        p : float, optional
            By default the one that the scores are for.

        Returns
        -------
        ndarray or csr_array, shape (k, ...)
            Sparse if A is.

        Raises
        ------
        ValueError
            If A has another number of rows.
        """
        power = self.p if p is None else check_p(p)
        factor = self.weights ** (1.0 / power)
        if not callable(A) and not sps.issparse(A) and len(getattr(A, "shape", np.shape(A))) == 1:
            vector = _validate.real_array(A, "A", ndim=1, dtype=np.float64)
            if len(vector) != self.shape[0]:
                raise ValueError(f"A has {len(vector)} rows, expected {self.shape[0]}")
            return np.asarray(vector[self.rows] * factor)
        source = Source(A)
        if source.m != self.shape[0]:
            raise ValueError(f"A has {source.m} rows, expected {self.shape[0]}")
        if source.sparse:
            return sps.csr_array(sps.diags_array(factor) @ source.array[self.rows])
        return source.take(self.rows) * factor[:, None]

    def plot(self, A: Any, ax: Any = None) -> Any:
        """The rows of a matrix of two columns as points, those in the sample as discs whose areas are their weights.

        Parameters
        ----------
        A : array_like, shape (m, 2)
            The matrix, or the two columns to be seen.
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        matplotlib.axes.Axes
            With the points.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If A has not as many rows as the sampled matrix, or not two columns.
        """
        points = _validate.real_array(A, "A", ndim=2, dtype=np.float64)
        if points.shape != (self.shape[0], 2):
            raise ValueError(f"A has shape {points.shape}, expected {(self.shape[0], 2)}")
        if ax is None:
            import matplotlib.pyplot as plt

            _, ax = plt.subplots()
        ax.scatter(*points.T, s=4, color="0.75", label="rows", zorder=1)
        area = 150.0 * self.weights / self.weights.max()
        ax.scatter(*points[self.rows].T, s=np.maximum(area, 6.0), color="C0", alpha=0.5, label="sample", zorder=2)
        ax.set_title(f"{len(self)} rows by {self.method}")
        ax.legend()
        return ax


def sample_rows(
    A: Any,
    k: int,
    method: str = "leverage",
    rng: RngLike = None,
    replace: bool | None = None,
    p: float = 2.0,
    rank: int | None = None,
    *,
    scores: object = None,
    workers: int | None = None,
    progress: bool = False,
) -> RowSample:
    """Draw k rows of a matrix such that the sample stands for all of them.

    Parameters
    ----------
    A : array_like, sparse matrix, sliceable rows or callable, shape (m, n)
        Real. Rows that are read: anything with a ``shape`` that can be sliced, or a function that returns a fresh
        iterable of blocks for each pass.
    k : int
        Rows of the sample, at least 1.
    method : str
        Independent of each other, with probabilities proportional to scores: ``"leverage"``; ``"lewis"`` weights;
        ``"sensitivity"``, upper bounds of `lp_sensitivities`; ``"root-leverage"``, `leverage**(p/2)`, for p < 2 applied
        recursively, to samples of samples, until k rows are left; ``"combined"``, for p < 2 three quarters of the
        density of Lewis weights and a quarter of that of root leverage, and beyond Lewis weights or the larger of
        leverage and sensitivity, whichever needs fewer rows.

        Repelling each other: ``"dpp"``, P(S) ∝ det(A_S A_Sᵀ), for k up to the rank; ``"volume"``,
        P(S) ∝ det(A_Sᵀ A_S), for k from the rank on (with ``replace=True`` in the volume-rescaled form: a sequence
        with density ∝ det(Σ A_iᵀA_i / leverage_i) times the product of the leverages); ``"repeated-dpp"``: independent
        samples of ``"dpp"`` of rank rows each, the last one thinned if k is no multiple.
    rng : int, SeedSequence, Generator or None
        Decides the sample.
    replace : bool, optional
        Scored methods: True draws k times with replacement; False (the default) takes exactly k different rows, row i
        with probability ``min(1, c * score[i])``.
    p : float
        The norm that the scores are for, at least 1. Has no influence on ``"leverage"`` and the repelling methods.
    rank : int, optional
        Scores and determinants of the best approximation of this rank, for wide matrices: those of the rows' parts in
        the space of its right singular vectors, whose norms the sample keeps.
    scores : array_like, shape (m,), optional
        Nonnegative scores to draw with instead of those of a scored method: one computation for many samples, or the
        faster `leverage_scores(A)` (scores that are within a factor make samples that are larger by that factor).
    workers : int, optional
        Threads of the sketch and of compiled passes.
    progress : bool
        Show a bar for each pass over rows that are read or sparse, over iterations for Lewis weights, and over the
        rows of determinantal samples.

    Returns
    -------
    RowSample
        Frozen dataclass: rows, weights, probabilities, method, replace, p, rank, shape, levels; `scaled` and `plot`.

    Raises
    ------
    TypeError
        If A is not real or k no integer.
    ValueError
        If A is empty, zero, or holds NaN or infinity; k is above the number of rows with a positive score, above the
        rank (``"dpp"``) or below it (``"volume"``); rank is above that of A; p is below 1; or options do not fit.

    See Also
    --------
    leverage_scores, lewis_weights, lp_sensitivities, root_leverage : the scores.

    Notes
    -----
    ``"combined"`` needs for p < 2 at most 4/3 of the rows of Lewis weights by proof: each row is in the sample with at
    least the probability that it has in one of three quarters of the size by these alone. Measured, it needs about as
    many or fewer (``python -m benchmarks.sampling_distortion``): what one rule draws too rarely, the other does not.

    Every law is exact, up to rounding and, for Lewis weights, to 1e-3 of each weight. Without replacement the k rows
    are a systematic sample of the rows in random order: the size is k always. Determinantal samples come by rejection,
    whose proposals use the exact leverage up to one constant; cost after the two passes for the leverage (16 m n +
    3 m n² flops): O(r³ log r), whatever m is. Volume samples are a determinantal one and uniform rows (by the
    formula of Cauchy and Binet), rescaled ones a determinantal one and independent rows by leverage.

    A least-squares solution with the rows of a ``"volume"`` sample, without weights, is an unbiased estimate of that
    with all rows; so is that with ``replace=True`` with weights.

    References
    ----------
    D. P. Woodruff, T. Yasuda, *Sharper bounds for ℓp sensitivity sampling*, 2023 (arXiv:2306.00732), section 1.
    M. B. Cohen, R. Peng, *ℓp row sampling by Lewis weights*, STOC 2015, for those of `lewis_weights`.
    S. Barthelmé, N. Tremblay, P.-O. Amblard, *A faster sampler for discrete determinantal point processes*, 2023.
    A. Nouy, B. Michel, *Weighted least-squares approximation with determinantal point processes and generalized volume
    sampling*, 2023 (arXiv:2312.14057), sections 3 and 4.
    M. Dereziński, M. W. Mahoney, *Determinantal point processes in randomized numerical linear algebra*, Notices of the
    AMS 68 (2021).

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.sketch import sample_rows
    >>> A = np.random.default_rng(0).standard_normal((10_000, 5))
    >>> A[3] *= 500
    >>> sample = sample_rows(A, 400, rng=1)
    >>> len(sample), 3 in sample.rows
    (400, True)
    >>> x = np.ones(5)
    >>> ratio = np.linalg.norm(sample.scaled(A) @ x) / np.linalg.norm(A @ x)
    >>> bool(0.8 < ratio < 1.2)
    True
    """
    method = _validate.choice(method, "method", METHODS)
    k = _validate.integer(k, "k", low=1)
    power = check_p(p)
    threads = _validate.workers(workers)
    if rank is not None:
        rank = _validate.integer(rank, "rank", low=1)
    if replace is not None and not isinstance(replace, (bool, np.bool_)):
        raise TypeError(f"replace must be a bool or None, not {type(replace).__name__}")
    if replace is not None and (method, bool(replace)) in (("dpp", True), ("repeated-dpp", False)):
        raise ValueError(f"replace={replace} does not go with method {method!r}")
    if scores is not None and method in POINTS:
        raise ValueError(f"scores do not go with method {method!r}")
    source = Source(A, "A", progress)
    if min(source.m, source.n) == 0:
        raise ValueError(f"A has shape {(source.m, source.n)}, expected at least one row and one column")
    gen = _validate.generator(rng)
    if scores is not None:
        return _by_scores(source, k, method, gen, bool(replace), power, given_scores(scores, source.m), 0)
    base = _range(source, rank, gen, threads)
    if method in POINTS:
        return _repelling(base, k, method, gen, bool(replace) or method == "repeated-dpp", power)
    if method == "root-leverage" and power < 2.0 and not replace:
        return _recursive(base, k, gen, power, rank, threads)
    return _by_scores(source, k, method, gen, bool(replace), power, _scores(base, method, power), base.rank)


def _range(source: Source, rank: int | None, gen: np.random.Generator, workers: int) -> Range:
    return range_of(source, rank, np.random.default_rng(int(gen.integers(2**63))), workers)


def given_scores(scores: object, m: int) -> Array:
    """Scores from the caller."""
    out = np.asarray(_validate.real_array(scores, "scores", ndim=1), dtype=np.float64)
    if out.shape != (m,):
        raise ValueError(f"scores has shape {out.shape}, expected ({m},) as A has {m} rows")
    if out.min() < 0.0:
        i = int(np.argmax(out < 0.0))
        raise ValueError(f"scores contains {out[i]} at index {i}, expected no negative score")
    return out


def _scores(base: Range, method: str, p: float) -> Array:
    if method in ("sensitivity", "combined", "lewis"):
        w = lewis(base, p, TOL, 1000)
        if method == "lewis":
            return w
        out = sensitivity_bounds(base, w, p, TOL)
        return out if method == "sensitivity" else combined_scores(out, base.leverage, w, p)
    lever = base.leverage
    return lever if method == "leverage" else np.asarray(lever ** (p / 2))


def combined_scores(sensitivity: Array, leverage: Array, lewis_weights: Array, p: float) -> Array:
    """Lewis weights and root leverage together for p < 2; beyond, the published rule that asks for the fewer rows.

    For p < 2 Lewis weights are the least of the bounds of the sensitivities: w <= 1 and so AᵀW^(1-2/p)A >= AᵀA, hence
    w <= leverage**(p/2). With 3/4 w/n + 1/4 leverage**(p/2)/T, T the sum of the latter, c >= k in min(1, c·score) as
    the scores' sum is 1: k rows contain each row with at least the probability min(1, 3/4 k·w/n), which is what
    theorems on Lewis weights ask of 3/4 k rows. Root leverage has the smaller part because n <= T: of the two it is
    never the better rule by proof, and where few rows have directions of their own it needs twice the rows.

    Beyond, rows are, up to the same powers of 1/eps and logarithms, n**(p/2) by Lewis weights (Cohen and Peng) and
    n**(2/p) S**(2 - 4/p) by sensitivities whose sum is S and leverage (Woodruff and Yasuda). The proof of the second
    wants probabilities that are nowhere below either score times one factor: their maximum will do.
    """
    if p < 2.0:
        root = leverage ** (p / 2)
        return np.asarray((1.0 - ROOT) * lewis_weights / lewis_weights.sum() + ROOT * root / root.sum())
    n, total = float(leverage.sum()), float(sensitivity.sum())
    if n ** (p / 2) <= n ** (2 / p) * total ** (2 - 4 / p):
        return lewis_weights
    return np.maximum(sensitivity, leverage)


# --- independent rows ------------------------------------------------------------------------------------------------


def inclusion(scores: Array, k: int) -> Array:
    """min(1, c·scores) whose sum is k; k at most the number of positive scores."""
    order = np.sort(scores)[::-1]
    # Row j is certain if its share of the k - j that are left is at least one.
    tail = np.cumsum(order[::-1])[::-1][:k]
    certain = int(np.count_nonzero(np.logical_and.accumulate((k - np.arange(k)) * order[:k] >= tail)))
    if certain == k:
        # All that is left is certain, or ties: the k largest.
        c = 1.0 / order[k - 1]
    else:
        c = (k - certain) / tail[certain]
    return np.asarray(np.minimum(1.0, c * scores))


def draw_with(scores: Array, k: int, gen: np.random.Generator) -> Rows:
    """k rows with replacement, ascending."""
    total = np.cumsum(scores)
    rows = np.searchsorted(total, np.sort(gen.random(k)) * total[-1], side="right")
    return np.asarray(np.minimum(rows, np.flatnonzero(scores)[-1]), dtype=np.intp)


def draw_without(chance: Array, k: int, gen: np.random.Generator) -> Rows:
    """Exactly k rows, ascending, each with its own chance: systematic sampling in random order."""
    certain = np.flatnonzero(chance >= 1.0)
    rest = np.flatnonzero((chance > 0.0) & (chance < 1.0))
    left = k - len(certain)
    if left <= 0:
        return certain
    order = gen.permutation(rest)
    total = np.cumsum(chance[order])
    marks = (gen.random() + np.arange(left)) * (total[-1] / left)
    places = np.minimum(np.searchsorted(total, marks, side="right"), len(order) - 1)
    return np.sort(np.concatenate([certain, order[places]]))


def _by_scores(
    source: Source, k: int, method: str, gen: np.random.Generator, replace: bool, p: float, scores: Array, rank: int
) -> RowSample:
    top = float(scores.max(initial=0.0))
    if not top > 0.0:
        raise ValueError("all scores are zero, expected a positive one")
    # Nothing that is positive may become zero.
    scores = np.where(scores > 0.0, np.maximum(scores / top, 1e-300), 0.0)
    shape = (source.m, source.n)
    if replace:
        rows = draw_with(scores, k, gen)
        share = scores[rows] / scores.sum()
        return RowSample(rows, 1.0 / (k * share), share, method, True, p, rank, shape)
    have = int(np.count_nonzero(scores))
    if k > have:
        raise ValueError(f"k is {k}, above the {have} rows of positive score; replace=True draws rows again")
    chance = inclusion(scores, k)
    rows = draw_without(chance, k, gen)
    return RowSample(rows, 1.0 / chance[rows], chance[rows], method, False, p, rank, shape)


def _recursive(base: Range, k: int, gen: np.random.Generator, p: float, rank: int | None, workers: int) -> RowSample:
    """Root leverage of samples of samples: m rows become m^(1 - p/2) k^(p/2), until there are k."""
    source, first = base.source, base.rank
    rows, chance = np.arange(source.m), np.ones(source.m)
    levels = 0
    while True:
        scores = _scores(base, "root-leverage", p)
        size = int(np.ceil(len(rows) ** (1.0 - p / 2) * k ** (p / 2)))
        last = size <= 2 * k
        size = k if last else size
        have = int(np.count_nonzero(scores))
        if k > have:
            raise ValueError(f"k is {k}, above the {have} rows of positive score; replace=True draws rows again")
        now = inclusion(scores, min(size, have))
        chosen = draw_without(now, min(size, have), gen)
        rows, chance = rows[chosen], chance[chosen] * now[chosen]
        levels += 1
        if last:
            break
        part = source.take(rows) * (chance ** (-1.0 / p))[:, None]
        base = _range(Source(part, "A"), rank, gen, workers)
    return RowSample(rows, 1.0 / chance, chance, "root-leverage", False, p, first, (source.m, source.n), levels)


# --- rows that repel each other --------------------------------------------------------------------------------------


def proposals(base: Range, gen: np.random.Generator) -> Propose:
    """Rows with density proportional to a bound of their leverage, many at a time if they have to be read."""
    own = np.random.default_rng(int(gen.integers(2**63)))
    total = np.cumsum(base.squares)
    last = int(np.flatnonzero(base.squares)[-1])

    def make(count: int) -> tuple[Rows, Array, Array]:
        rows = np.minimum(np.searchsorted(total, own.random(count) * total[-1], side="right"), last)
        return rows, base.rows(rows), base.squares[rows] / base.floor

    return Ahead(make, 1 if base.source.array is not None else int(3 * base.rank * (np.log(base.rank) + 2) + 64))


def _repelling(base: Range, k: int, method: str, gen: np.random.Generator, replace: bool, p: float) -> RowSample:
    r, m = base.rank, base.source.m
    if method == "dpp":
        if k > r:
            raise ValueError(f"k is {k}, above the rank {r}: such a sample has volume zero; see volume, repeated-dpp")
        if k < r:
            return _k_dpp(base.singular(), k, gen, p)
    if method == "volume" and k < r:
        raise ValueError(f"k is {k}, below the rank {r}, expected at least as many rows; see dpp")
    if method == "volume" and not replace and k > m:
        raise ValueError(f"k is {k}, above the {m} rows of A; replace=True draws rows again")
    propose = proposals(base, gen)
    with ticking(base.source.progress, r * -(-k // r) if method == "repeated-dpp" else r) as tick:
        return _with_volume(base, k, method, gen, replace, p, propose, tick)


def _with_volume(
    base: Range, k: int, method: str, gen: np.random.Generator, replace: bool, p: float, propose: Propose, tick: Tick
) -> RowSample:
    r, m = base.rank, base.source.m
    shape = (m, base.source.n)
    found, x = projection_dpp(propose, r, gen, tick)
    lever = np.einsum("ij,ij->i", x, x)
    if method == "dpp":
        order = np.argsort(found)
        chance = np.minimum(lever[order], 1.0)
        return RowSample(found[order], 1.0 / chance, chance, method, False, p, r, shape)
    if method == "volume" and not replace:
        others = np.delete(np.arange(m), found)
        rows = np.sort(np.concatenate([found, gen.choice(others, k - r, replace=False)]))
        kept = base.rows(rows)
        lever = np.minimum(np.einsum("ij,ij->i", kept, kept), 1.0)
        chance = lever + (1.0 - lever) * ((k - r) / (m - r) if m > r else 0.0)
        return RowSample(rows, 1.0 / chance, chance, method, False, p, r, shape)
    if method == "volume":
        more, scores = _independent(propose, k - r, gen)
        found, lever = np.concatenate([found, more]), np.concatenate([lever, scores])
    else:
        batches = [(found, lever)]
        while r * len(batches) < k:
            found, x = projection_dpp(propose, r, gen, tick)
            batches.append((found, np.einsum("ij,ij->i", x, x)))
        # Of the last batch any subset, chosen blindly.
        keep = gen.permutation(r)[: k - r * (len(batches) - 1)]
        batches[-1] = (batches[-1][0][keep], batches[-1][1][keep])
        found, lever = (np.concatenate(part) for part in zip(*batches, strict=True))
    order = np.argsort(found, kind="stable")
    share = np.asarray(lever[order] / r)
    return RowSample(found[order], 1.0 / (k * share), share, method, True, p, r, shape)


def _independent(propose: Propose, count: int, gen: np.random.Generator) -> tuple[Any, Array]:
    """`count` independent points with density ∝ |x|², and |x|²."""
    points: list[Any] = []
    sizes: list[Array] = []
    have = 0
    while have < count or not points:
        place, x, bound = propose(max(64, 2 * (count - have)))
        size = np.einsum("ij,ij->i", x, x)
        good = np.flatnonzero(gen.random(len(size)) * bound < size)[: count - have]
        points.append(place[good])
        sizes.append(size[good])
        have += len(good)
    return np.concatenate(points), np.concatenate(sizes)


def _k_dpp(base: Range, k: int, gen: np.random.Generator, p: float) -> RowSample:
    """P(S) ∝ det(A_S A_Sᵀ): the projection process of k singular vectors that are chosen at random."""
    values = base.singular_values()
    chosen = choose_vectors(values, k, gen)
    inner = proposals(base, gen)

    def propose(count: int) -> tuple[Rows, Array, Array]:
        rows, x, bound = inner(count)
        return rows, x[:, chosen], bound

    with ticking(base.source.progress, k) as tick:
        found, _ = projection_dpp(propose, k, gen, tick)
    rows = np.sort(found)
    chance = np.minimum(base.rows(rows) ** 2 @ vector_shares(values, k), 1.0)
    return RowSample(rows, 1.0 / chance, chance, "dpp", False, p, base.rank, (base.source.m, base.source.n))
