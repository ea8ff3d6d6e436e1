"""Regression in other norms: `lp_regression`, `quantile_regression`, `huber_regression`, `logistic_regression`."""

from __future__ import annotations

import math
from contextlib import ExitStack
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _validate
from kriss._validate import RngLike
from kriss.sketch import _fits
from kriss.sketch._fits import RegressionResult

HIGHEST = 100.0


def lp_regression(
    a: Any,
    b: npt.ArrayLike,
    p: float = 1.0,
    *,
    sample_weight: npt.ArrayLike | None = None,
    coreset_size: int | None = None,
    tol: float = 1e-9,
    maxiter: int = 100,
    rng: RngLike = None,
    workers: int | None = None,
    progress: bool = False,
) -> RegressionResult:
    """Minimise the p-norm of b - A x, from a coreset to the certified optimum over all rows.

    Parameters
    ----------
    a : array_like, sparse matrix or array-like with rows that can be sliced, shape (m, n)
        Real. Memory maps, HDF5 and Zarr data sets are read block by block.
    b : array_like, shape (m,)
        Right-hand side.
    p : float
        From 1 to 100, or infinity.
    sample_weight : array_like, shape (m,), optional
        Weights, not negative: minimise ``sum(sample_weight * abs(b - A x)**p)**(1/p)``.
    coreset_size : int, optional
        Expected number of rows of the coreset. It changes the time, not the result.
    tol : float
        Stop once the duality gap is below ``tol`` times the objective.
    maxiter : int
        Most rounds (p = 1, infinity) or Newton steps on all rows.
    rng : int, SeedSequence, Generator or None
        The seed of the sketch and the coreset; changes the result within the tolerance only.
    workers : int, optional
        Threads of the sketch and of compiled passes. Other products are BLAS's, held to one thread if threadpoolctl is
        installed.
    progress : bool
        Show the passes by tqdm.

    Returns
    -------
    RegressionResult
        Frozen dataclass: x, objective (the p-norm), gap, status and what it took.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, shape or value, or A or b hold NaN or infinity.
    OverflowError
        If x is beyond float64.

    See Also
    --------
    quantile_regression : other slopes on the two sides for p = 1.

    Notes
    -----
    For p = 1 see `quantile_regression`. For 1 < p < infinity: Newton's method on ``(r**2 + s**2)**(p/2)``, s falling to
    a value that the gap does not notice (p < 2), one pass of 2 m n² flops and 8 m n bytes each; first on a coreset
    drawn by leverage to the power p/2, leverage, residual and uniformly, then on all rows. After a step u, the gradient
    in r corrected by the linearised step, has A'u = 0, and ``b @ u / norm(u, q)`` bounds the optimum from below. For
    p = infinity: linear programs over the rows of largest residual (HiGHS), one pass each, whose multipliers do the
    same. Everything works in variables from a sketch in which the columns of A are nearly orthonormal; if A is rank
    deficient, x is one of the solutions. Memory beside A: about 60 bytes a row, the coreset, and for p = 1 the band.

    References
    ----------
    D. P. Woodruff, T. Yasuda, *Sharper bounds for lp sensitivity sampling*, 2023 (arXiv:2306.00732).
    A. Munteanu, S. Omlor, *Optimal bounds for lp sensitivity sampling via l2 augmentation*, 2024 (arXiv:2406.00328).

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.sketch import lp_regression
    >>> gen = np.random.default_rng(0)
    >>> A = gen.standard_normal((20000, 5))
    >>> b = A @ np.arange(5.0) + gen.standard_t(2, 20000)
    >>> fit = lp_regression(A, b, 1.5, rng=0)
    >>> fit.status, fit.relative_gap < 1e-9, bool(np.all(abs(fit.x - np.arange(5.0)) < 0.05))
    ('optimal', True, True)
    """
    if isinstance(p, float) and math.isinf(p) and p > 0:
        power = math.inf
    else:
        power = _validate.scalar(p, "p", low=1.0)
        if power > HIGHEST:
            raise ValueError(f"p must be at most {HIGHEST:g} or infinity, not {power}")
    with ExitStack() as stack:
        problem = _fits.prepare(
            stack, a, b, sample_weight=sample_weight, coreset_size=coreset_size, tol=tol, maxiter=maxiter, rng=rng,
            workers=workers, progress=progress,
        )  # fmt: skip
        if power == 1.0:
            return _fits.quantile(problem, -1.0, 1.0)
        if power == math.inf:
            return _fits.maximum(problem)
        return _fits.smooth(problem, "power", p=power)


def quantile_regression(
    a: Any,
    b: npt.ArrayLike,
    quantile: float = 0.5,
    *,
    l1: float = 0.0,
    sample_weight: npt.ArrayLike | None = None,
    coreset_size: int | None = None,
    tol: float = 1e-9,
    maxiter: int = 100,
    rng: RngLike = None,
    workers: int | None = None,
    progress: bool = False,
) -> RegressionResult:
    """The linear function of which a given fraction of the targets lies below, exact over all rows.

    Minimises ``sum(w * max(quantile * r, (quantile - 1) * r)) + l1 * norm(x, 1)``, r = b - A x.

    Parameters
    ----------
    a : array_like, sparse matrix or array-like with rows that can be sliced, shape (m, n)
        Real. Memory maps, HDF5 and Zarr data sets are read block by block.
    b : array_like, shape (m,)
        Targets.
    quantile : float
        Between 0 and 1, both excluded.
    l1 : float
        Strength of the penalty.
    sample_weight : array_like, shape (m,), optional
        Weights w, not negative.
    coreset_size : int, optional
        Expected number of rows of the coreset; by default those that make coreset and band together smallest, about
        ``(m**2 * n / 2)**(1/3)`` for the median. It changes the time, not the result.
    tol : float
        Stop once the duality gap is below ``tol`` times the objective.
    maxiter : int
        Most rounds; two or three are usual.
    rng : int, SeedSequence, Generator or None
        The seed of the sketch and the coreset. A unique solution depends on it by rounding errors only.
    workers : int, optional
        Threads of the sketch and of compiled passes. Other products are BLAS's, held to one thread if threadpoolctl is
        installed.
    progress : bool
        Show the passes by tqdm.

    Returns
    -------
    RegressionResult
        Frozen dataclass: x, objective, gap, status and what it took. A gap of 0 says that x is a vertex of the
        linear program and optimal to rounding.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, shape or value, or A or b hold NaN or infinity.
    OverflowError
        If x is beyond float64.

    See Also
    --------
    CoresetQuantileRegressor : for scikit-learn.

    Notes
    -----
    A coreset of k rows is solved by an interior-point method. Its solution is off by about ``sqrt(n/k)`` standard
    deviations of a residual, so rows further from 0 than 2.5 of those, in units of the root of their leverage, have the
    sign that they have: they become one linear term, and the rest, the band, is solved exactly. One pass over all rows
    then finds the rows whose sign changed and the duality gap; a second band, an eighth as wide, is usually the last.
    Fixing a sign can only lower the objective, so each band gives a lower bound. Work: 2 zeta m n flops for the
    sketch, 2 m n² for leverage, 2 m n in each of three or four further passes, and about 20 Gram matrices of
    m^(2/3) n^(1/3) rows; 8 m n bytes a pass. Memory beside A: about 60 bytes a row, coreset and band.

    References
    ----------
    S. Portnoy, R. Koenker, *The Gaussian hare and the Laplacian tortoise: computability of squared-error versus
    absolute-error estimators*, Statist. Sci. 12 (1997), sections 4 (interior point) and 5 (preprocessing).
    A. Munteanu, S. Omlor, *Optimal bounds for lp sensitivity sampling via l2 augmentation*, 2024 (arXiv:2406.00328).

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.sketch import quantile_regression
    >>> gen = np.random.default_rng(0)
    >>> A = np.column_stack([np.ones(50000), gen.uniform(0, 1, 50000)])
    >>> b = 1.0 + 2.0 * A[:, 1] + (1.0 + A[:, 1]) * gen.standard_normal(50000)
    >>> fit = quantile_regression(A, b, 0.9, rng=0)
    >>> fit.status, round(float(np.mean(b < A @ fit.x)), 4)
    ('optimal', 0.9)
    """
    level = _level(quantile)
    strength = _validate.scalar(l1, "l1", low=0.0)
    with ExitStack() as stack:
        problem = _fits.prepare(
            stack, a, b, sample_weight=sample_weight, coreset_size=coreset_size, tol=tol, maxiter=maxiter, rng=rng,
            workers=workers, progress=progress, l1=strength,
        )  # fmt: skip
        return _fits.quantile(problem, level - 1.0, level)


def _level(quantile: object) -> float:
    level = _validate.scalar(quantile, "quantile", low=0.0, strict=True)
    if level >= 1.0:
        raise ValueError(f"quantile must be below 1, not {level}")
    return level


def huber_regression(
    a: Any,
    b: npt.ArrayLike,
    delta: float = 1.35,
    *,
    scale: float | None = None,
    l2: float = 0.0,
    sample_weight: npt.ArrayLike | None = None,
    coreset_size: int | None = None,
    tol: float = 1e-9,
    maxiter: int = 100,
    rng: RngLike = None,
    workers: int | None = None,
    progress: bool = False,
) -> RegressionResult:
    """Huber's robust regression: squares for small residuals, absolute values for large ones.

    With a `scale` s minimises ``sum(w * h(r)) + l2/2 * norm(x)**2``, where h(r) = r²/2 up to c = delta s and ``c *
    abs(r) - c**2 / 2`` beyond. Without, s is found too: ``sum(w * s * (1 + g(r/s))) + l2/2 * norm(x)**2`` is
    minimised over x and s, with g(v) = v² up to delta and ``2 * delta * abs(v) - delta**2`` beyond, which is
    jointly convex.

    Parameters
    ----------
    a : array_like, sparse matrix or array-like with rows that can be sliced, shape (m, n)
        Real. Memory maps, HDF5 and Zarr data sets are read block by block.
    b : array_like, shape (m,)
        Targets.
    delta : float
        Where squares end, in units of the scale; positive, above 1 if the scale is to be found.
    scale : float, optional
        Scale of the residuals.
    l2 : float
        Strength of the penalty.
    sample_weight : array_like, shape (m,), optional
        Weights w, not negative.
    coreset_size : int, optional
        Expected number of rows of the coreset. It changes the time, not the result.
    tol : float
        Stop once the duality gap is below ``tol`` times the objective.
    maxiter : int
        Most Newton steps on all rows.
    rng : int, SeedSequence, Generator or None
        The seed of the sketch and the coreset; changes the result within the tolerance only.
    workers : int, optional
        Threads of the sketch and of compiled passes. Other products are BLAS's, held to one thread if threadpoolctl is
        installed.
    progress : bool
        Show the passes by tqdm.

    Returns
    -------
    RegressionResult
        Frozen dataclass: x, scale, objective, gap, status and what it took.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, shape or value, or A or b hold NaN or infinity.
    OverflowError
        If x is beyond float64.

    See Also
    --------
    CoresetHuberRegressor : for scikit-learn.

    Notes
    -----
    Newton's method on a coreset, then on all rows: 2 m n² flops and 8 m n bytes a step, usually three to five. The
    dual points are ``sum(b u - u²/2)`` over abs(u) ≤ c, and with the scale ``b @ u`` over abs(u) ≤ 2 delta, sum(u²)
    ≤ 4 m, with A'u = 0 in both cases. A scale that is found is at least 1e-8 of the median of abs(b): where more
    than a fraction ``1 - 1/delta**2`` of the rows can be fitted exactly it would be 0.

    References
    ----------
    P. J. Huber, E. M. Ronchetti, *Robust Statistics*, 2nd ed., 2009, equation 7.3 and section 7.7 (joint estimates).

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.sketch import huber_regression
    >>> gen = np.random.default_rng(0)
    >>> A = gen.standard_normal((20000, 5))
    >>> b = A @ np.arange(5.0) + gen.standard_normal(20000)
    >>> b[::20] += 1000.0
    >>> fit = huber_regression(A, b, rng=0)
    >>> fit.status, bool(np.all(abs(fit.x - np.arange(5.0)) < 0.05)), fit.scale < 2.0
    ('optimal', True, True)
    """
    delta = _validate.scalar(delta, "delta", low=0.0, strict=True)
    strength = _validate.scalar(l2, "l2", low=0.0)
    joint = scale is None
    if joint:
        if delta <= 1.0:
            raise ValueError(f"delta must be above 1 where the scale is to be found, not {delta}")
    else:
        delta *= _validate.scalar(scale, "scale", low=0.0, strict=True)
    with ExitStack() as stack:
        problem = _fits.prepare(
            stack, a, b, sample_weight=sample_weight, coreset_size=coreset_size, tol=tol, maxiter=maxiter, rng=rng,
            workers=workers, progress=progress,
        )  # fmt: skip
        out = _fits.smooth(problem, "huber", delta=delta, l2=strength, joint=joint)
    return out if joint else _with_scale(out, scale)


def _with_scale(out: RegressionResult, scale: Any) -> RegressionResult:
    from dataclasses import replace

    return replace(out, scale=float(scale))


def logistic_regression(
    a: Any,
    b: npt.ArrayLike,
    *,
    l2: float = 0.0,
    sample_weight: npt.ArrayLike | None = None,
    coreset_size: int | None = None,
    tol: float = 1e-9,
    maxiter: int = 100,
    rng: RngLike = None,
    workers: int | None = None,
    progress: bool = False,
) -> RegressionResult:
    """Logistic regression for two classes, from a coreset to the certified optimum over all rows.

    Minimises ``sum(w * log(1 + exp(-b * (A x)))) + l2/2 * norm(x)**2``.

    Parameters
    ----------
    a : array_like, sparse matrix or array-like with rows that can be sliced, shape (m, n)
        Real. Memory maps, HDF5 and Zarr data sets are read block by block.
    b : array_like, shape (m,)
        Classes: -1 and 1, or 0 and 1.
    l2 : float
        Strength of the penalty.
    sample_weight : array_like, shape (m,), optional
        Weights w, not negative.
    coreset_size : int, optional
        Expected number of rows of the coreset. It changes the time, not the result.
    tol : float
        Stop once the duality gap is below ``tol`` times the objective.
    maxiter : int
        Most Newton steps on all rows.
    rng : int, SeedSequence, Generator or None
        The seed of the sketch and the coreset; changes the result within the tolerance only.
    workers : int, optional
        Threads of the sketch and of compiled passes. Other products are BLAS's, held to one thread if threadpoolctl is
        installed.
    progress : bool
        Show the passes by tqdm.

    Returns
    -------
    RegressionResult
        Frozen dataclass: x, objective, gap, status and what it took. Status ``"separable"``: without a penalty, x (or
        the direction in which it went) has every row on its own side, so that there is no minimiser.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, shape or value, or A or b hold NaN or infinity.
    OverflowError
        If x is beyond float64.

    See Also
    --------
    CoresetLogisticRegression : for scikit-learn.

    Notes
    -----
    Newton's method on a coreset drawn by the root of leverage, leverage and uniformly, then on all rows: 2 m n² flops
    and 8 m n bytes a step, usually three to five. The dual point is the vector of probabilities, corrected by the
    linearised step so that its gradient is that of the penalty.

    References
    ----------
    A. Munteanu, C. Schwiegelshohn, C. Sohler, D. P. Woodruff, *On coresets for logistic regression*, NeurIPS 2018,
    section 4. A. Munteanu, S. Omlor, *Optimal bounds for lp sensitivity sampling via l2 augmentation*, 2024.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.sketch import logistic_regression
    >>> gen = np.random.default_rng(0)
    >>> A = gen.standard_normal((20000, 3))
    >>> b = np.where(gen.logistic(size=20000) < A @ [1.0, -2.0, 0.5], 1, -1)
    >>> fit = logistic_regression(A, b, rng=0)
    >>> fit.status, bool(np.all(abs(fit.x - [1.0, -2.0, 0.5]) < 0.1))
    ('optimal', True)
    >>> logistic_regression(A, np.sign(A[:, 0]), rng=0).status
    'separable'
    """
    strength = _validate.scalar(l2, "l2", low=0.0)
    labels = _validate.real_array(b, "b", ndim=1, dtype=np.float64)
    values = np.unique(labels)
    if not (np.isin(values, (-1.0, 1.0)).all() or np.isin(values, (0.0, 1.0)).all()):
        odd = values[~np.isin(values, (-1.0, 0.0, 1.0))]
        raise ValueError(f"b contains {odd[0] if len(odd) else '-1, 0 and 1'}, expected -1 and 1, or 0 and 1")
    with ExitStack() as stack:
        problem = _fits.prepare(
            stack, a, np.where(labels > 0, 1.0, -1.0), sample_weight=sample_weight, coreset_size=coreset_size, tol=tol,
            maxiter=maxiter, rng=rng, workers=workers, progress=progress, scaled=False,
        )  # fmt: skip
        return _fits.smooth(problem, "logistic", p=1.0, l2=strength)
