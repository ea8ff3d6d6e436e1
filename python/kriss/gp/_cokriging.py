"""Autoregressive co-kriging: cheap and expensive versions of a function, Z_t = rho_t Z_{t-1} + trend_t + delta_t."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.optimize

from kriss import _validate
from kriss.gp import _cokriging_joint as _joint
from kriss.gp._answers import LOG_2PI, observations
from kriss.gp._factor import CovarianceFactor
from kriss.gp._kernels import RBF, Kernel, points
from kriss.gp._predict import test_points
from kriss.gp._results import Prediction
from kriss.gp._structure import factor

Array = npt.NDArray[Any]

_FORMS = ("recursive", "joint")


class _Level(NamedTuple):
    """What one level contributes to the recursion: F of its residual process, and the weights of its predictor."""

    factor: CovarianceFactor
    alpha: Array  # K^-1 (z_t - rho z_{t-1} - trend)
    design: Array  # K^-1 1, empty without a trend
    information: float  # 1'K^-1 1


@dataclass(frozen=True)
class CoKriging:
    """A function seen at several fidelities, the last one the best; made by `co_kriging`.

    Attributes
    ----------
    X, y : tuple of ndarray
        Designs (n_t, d) and observations (n_t,), the cheapest level first.
    kernels : tuple of Kernel
        Covariance functions of the first level and of the differences.
    rho : ndarray, shape (levels - 1,)
        Factors of the level below.
    trend : ndarray, shape (levels,)
        Constants added at each level; zeros without trends.
    form : {"recursive", "joint"}
        How it is solved.
    log_likelihood : float
        Of all observations, at these parameters.
    evaluations : int
        Evaluations of likelihoods and gradients.
    converged : bool
        Whether the optimisations ended by their tolerance; True if there were none.
    """

    X: tuple[Array, ...]
    y: tuple[Array, ...]
    kernels: tuple[Kernel, ...]
    rho: Array
    trend: Array
    form: str
    log_likelihood: float
    evaluations: int
    converged: bool
    _parts: Any = field(repr=False, compare=False)

    def predict(self, Xs: npt.ArrayLike, *, level: int = -1, return_std: bool = False) -> Prediction:
        """The posterior of one of the levels at new points.

        Parameters
        ----------
        Xs : array_like, shape (s, d)
            Where to predict.
        level : int, default -1
            Which level; the last by default.
        return_std : bool, default False
            Also the standard deviation: `rho` and kernels taken as known, trends as estimated.

        Returns
        -------
        Prediction
            ``mean``, and ``std`` where asked for. ``sum_t n_t**2`` flops per point in the recursive form,
            ``(sum_t n_t)**2`` in the joint.
        """
        xs = test_points(Xs, self.X[0].shape[1], True)
        count = len(self.X)
        t = _validate.integer(level, "level", low=-count, high=count - 1) % count
        how = _recursive_predict if self.form == "recursive" else _joint.predict
        mean, variance = how(self, xs, t, return_std)
        return Prediction(mean, None if variance is None else np.sqrt(np.maximum(variance, 0.0)))


def co_kriging(
    X: Sequence[npt.ArrayLike],
    y: Sequence[npt.ArrayLike],
    kernels: Kernel | Sequence[Kernel] | None = None,
    *,
    form: str = "recursive",
    rho: npt.ArrayLike | None = None,
    trend: bool = True,
    optimize: bool = True,
    jitter: float = 1e-10,
    n_restarts: int = 0,
    rng: _validate.RngLike = None,
    maxiter: int = 200,
    progress: bool = False,
    workers: int | None = None,
) -> CoKriging:
    """Co-kriging of codes of increasing fidelity, ``Z_t(x) = rho_t Z_{t-1}(x) + trend_t + delta_t(x)``.

    Parameters
    ----------
    X : sequence of array_like, each of shape (n_t, d)
        Designs, the cheapest level first. In the recursive form each must hold only points of the one before.
    y : sequence of array_like, each of shape (n_t,)
        Observations without noise.
    kernels : Kernel or sequence of Kernel, optional
        Covariance functions of the first level and of the differences: where the search starts, or what is used. By
        default `RBF` with a lengthscale per column, half its range, and the variance of `y`.
    form : {"recursive", "joint"}, default "recursive"
        ``"recursive"`` works level by level, for nested designs; ``"joint"`` with the covariance matrix of all
        observations, for any. On nested designs they agree.
    rho : array_like, shape (levels - 1,), optional
        The factors; estimated if omitted: by least squares with the trend in the recursive form.
    trend : bool, default True
        Whether each level has a constant, estimated by generalised least squares.
    optimize : bool, default True
        Choose the kernels' parameters by maximum likelihood, within their bounds.
    jitter : float, default 1e-10
        Variance, relative to that of the observations of a level, of a white part of each process: a function of the
        point, so that equal points share it.
    n_restarts : int, default 0
        Further searches per level, from parameters drawn within the bounds.
    rng : int, SeedSequence or Generator, optional
        Source of randomness for them.
    maxiter : int, default 200
        Iterations of each search.
    progress : bool, default False
        Show a progress bar of evaluations.
    workers : int, optional
        Threads; the process-wide setting by default.

    Returns
    -------
    CoKriging
        Predicts every level.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type, dtype or shape, or is not finite; if a level has the same point twice; if
        designs are not nested and the recursive form is asked for.
    numpy.linalg.LinAlgError
        If the covariance matrix of a level is not positive definite to working precision.

    Notes
    -----
    Recursive: ``sum_t n_t**3`` flops per evaluation of all likelihoods with gradients, as they do not share
    parameters. Joint: ``(sum_t n_t)**3``; on nested designs its parameters are found by the recursion, since the
    likelihood is the product of those of the levels; elsewhere the search starts from a recursion that predicts what
    the level below lacks.

    References
    ----------
    M. C. Kennedy, A. O'Hagan, "Predicting the output from a complex computer code when fast approximations are
    available", Biometrika 87 (2000), equations (1) to (4): the joint form. L. Le Gratiet, J. Garnier, "Recursive
    co-kriging model for design of computer experiments with multiple levels of fidelity", International Journal for
    Uncertainty Quantification 4 (2014), arXiv 1210.0686, propositions 1 and 2: the recursive form.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.gp import co_kriging
    >>> f = lambda x: (6 * x - 2) ** 2 * np.sin(12 * x - 4)
    >>> x1 = np.linspace(0, 1, 11)
    >>> x2 = x1[[0, 4, 6, 10]]
    >>> cheap = lambda x: 0.5 * f(x) + 10 * (x - 0.5) - 5
    >>> c = co_kriging([x1[:, None], x2[:, None]], [cheap(x1), f(x2)])
    >>> bool(abs(c.predict([[0.75]]).mean[0] - f(0.75)) < 0.2), round(float(c.rho[0]), 2)
    (True, 2.0)
    """
    how = _validate.choice(form, "form", _FORMS)
    designs, values = _checked(X, y)
    levels = len(designs)
    given = _kernels(kernels, designs, values)
    factors = None
    if rho is not None:
        factors = _validate.real_array(rho, "rho", ndim=1, single=False)
        if factors.size != levels - 1:
            raise ValueError(f"rho has {factors.size} entries, expected {levels - 1}, one per level above the first")
    relative = _validate.scalar(jitter, "jitter", low=0.0)
    white = [relative * (float(np.var(v)) or 1.0) for v in values]
    restarts = _validate.integer(n_restarts, "n_restarts", low=0)
    steps = _validate.integer(maxiter, "maxiter", low=1)
    nested = [_places(designs[t - 1], designs[t]) for t in range(1, levels)]
    fits = all((p >= 0).all() for p in nested)
    if how == "recursive" and not fits:
        t = next(t for t, p in enumerate(nested, 1) if not (p >= 0).all())
        i = int(np.argmax(nested[t - 1] < 0))
        raise ValueError(
            f"the designs are not nested: row {i} of X[{t}] is no row of X[{t - 1}], where the recursive form needs "
            "the value of the level below; use form='joint'"
        )
    search = _Search(optimize, restarts, _validate.generator(rng), steps, progress)
    # Level by level: the answer on nested designs, the start of the search with the level below predicted on others.
    found: list[Kernel] = []
    parts: Any = []
    ratios: list[float] = []
    constants: list[float] = []
    total = 0.0
    for t in range(levels):
        below = None
        if t and fits:
            below = values[t - 1][nested[t - 1]]
        elif t:
            so_far = CoKriging(
                designs, values, tuple(found), np.array(ratios[1:]), np.array(constants), how, 0.0, 0, True, parts
            )
            below = _recursive_predict(so_far, designs[t], t - 1, False)[0]
        r = None if factors is None or t == 0 else float(factors[t - 1])
        best, part, own, constant, value = _fit_level(
            given[t], designs[t], values[t], below, r, trend, white[t], search, workers
        )
        found.append(best)
        parts.append(part)
        ratios.append(own)
        constants.append(constant)
        total += value
    ratio, trends = np.array(ratios[1:]), np.array(constants)
    if how == "joint":
        if not fits:
            found, ratio = _joint.fit_joint(
                found, designs, values, ratio, factors is None, trend, white, search, workers
            )
        parts = _joint.joint(found, designs, values, ratio, trend, white, workers)
        trends, total = parts.trend.copy(), parts.value
    search.close()
    for array in (ratio, trends):
        array.flags.writeable = False
    return CoKriging(
        designs, values, tuple(found), ratio, trends, how, total, search.evaluations, search.converged, parts
    )


def _checked(X: Sequence[npt.ArrayLike], y: Sequence[npt.ArrayLike]) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    if len(X) != len(y) or not len(X):
        raise ValueError(f"X has {len(X)} levels and y {len(y)}, expected as many, at least one")
    designs: list[Array] = []
    values: list[Array] = []
    for t, (x, v) in enumerate(zip(X, y, strict=True)):
        x = points(x, f"X[{t}]").copy() + 0.0  # no negative zeros: rows are compared
        if x.shape[1] != (designs[0].shape[1] if designs else x.shape[1]):
            raise ValueError(f"X[{t}] has {x.shape[1]} columns, expected {designs[0].shape[1]} as X[0] has")
        if x.shape[0] < 2:
            raise ValueError(f"X[{t}] has {x.shape[0]} rows, expected at least two")
        z = observations(v, x.shape[0], f"y[{t}]").copy()
        _, first, count = np.unique(x, axis=0, return_index=True, return_counts=True)
        if count.max() > 1:
            row = x[first[int(np.argmax(count))]]
            same = np.flatnonzero((x == row).all(axis=1))[:2]
            raise ValueError(f"X[{t}] has the same point in rows {same[0]} and {same[1]}, expected each once")
        x.flags.writeable = z.flags.writeable = False
        designs.append(x)
        values.append(z)
    return tuple(designs), tuple(values)


def _kernels(given: Kernel | Sequence[Kernel] | None, X: Sequence[Array], y: Sequence[Array]) -> list[Kernel]:
    if given is None:
        out: list[Kernel] = []
        for x, v in zip(X, y, strict=True):
            reach = np.ptp(x, axis=0)
            reach = np.where(reach > 0.0, reach, 1.0)
            bounds = (1e-2 * float(reach.min()), 10.0 * float(reach.max()))
            size = float(np.var(v)) or 1.0
            out.append(RBF(0.5 * reach, size, lengthscale_bounds=bounds, variance_bounds=(1e-8 * size, 1e4 * size)))
        return out
    kernels = [given] * len(X) if isinstance(given, Kernel) else list(given)
    if len(kernels) != len(X):
        raise ValueError(f"kernels has {len(kernels)} entries, expected {len(X)}, one per level")
    for t, k in enumerate(kernels):
        if not isinstance(k, Kernel):
            raise TypeError(f"kernels[{t}] must be a kriss.gp kernel, not {type(k).__name__}")
    return kernels


def _places(x: Array, z: Array) -> npt.NDArray[np.int64]:
    """The row of x that each row of z is, or -1."""
    where = {row.tobytes(): i for i, row in enumerate(x)}
    return np.array([where.get(row.tobytes(), -1) for row in z], np.int64)


class _Search:
    """L-BFGS-B from a start and from draws within the bounds; counts what it does."""

    def __init__(self, wanted: bool, restarts: int, rng: np.random.Generator, maxiter: int, progress: bool) -> None:
        self.wanted, self.restarts, self.rng, self.maxiter = wanted, restarts, rng, maxiter
        self.evaluations, self.converged = 0, True
        self._bar: Any = None
        if progress:
            from tqdm.auto import tqdm

            self._bar = tqdm(desc="co_kriging", unit=" evaluations")

    def close(self) -> None:
        """Ends the progress bar."""
        if self._bar is not None:
            self._bar.close()

    def best(self, objective: Any, start: Array, bounds: Array) -> Array:
        """Where `objective` (value, gradient; LinAlgError for a wall) is least."""
        free = bounds[:, 1] > bounds[:, 0]
        if not self.wanted or not free.any():
            return start
        full = np.clip(start, bounds[:, 0], bounds[:, 1])
        worst = -math.inf

        def call(x: Array) -> tuple[float, Array]:
            nonlocal worst
            self.evaluations += 1
            if self._bar is not None:
                self._bar.update()
            at = full.copy()
            at[free] = x
            try:
                value, gradient = objective(at)
            except np.linalg.LinAlgError:
                if worst == -math.inf:
                    raise
                return worst + 1e3 * (1.0 + abs(worst)), np.zeros(x.size)
            worst = max(worst, value)
            return value, gradient[free]

        runs = []
        for k in range(self.restarts + 1):
            origin = full[free] if k == 0 else self.rng.uniform(bounds[free, 0], bounds[free, 1])
            try:
                runs.append(
                    scipy.optimize.minimize(
                        call,
                        origin,
                        jac=True,
                        method="L-BFGS-B",
                        bounds=bounds[free],
                        options={"maxiter": self.maxiter, "ftol": 1e-9, "gtol": 1e-5},
                    )
                )
            except np.linalg.LinAlgError:
                if k == 0:
                    raise
        found = min(runs, key=lambda run: float(run.fun))
        self.converged = self.converged and bool(found.success)
        out = full.copy()
        out[free] = found.x
        return out


def _level(
    kernel: Kernel,
    x: Array,
    z: Array,
    below: Array | None,
    rho: float | None,
    trend: bool,
    white: float,
    workers: int | None,
) -> tuple[_Level, float, float, Array]:
    """One level at given parameters: its part, rho, the trend, and what is left of z."""
    f = factor(kernel, x, white, structure="dense", workers=workers)
    ones = np.ones_like(z)
    columns = [ones] if trend else []
    target = z
    if below is not None and rho is None:
        columns.insert(0, below)
    elif below is not None:
        target = z - rho * below
    coefficients = np.zeros(0)
    if columns:
        basis = np.stack(columns, axis=1)
        solved = f.solve(basis)
        coefficients = _least(basis.T @ solved, solved.T @ target)
        target = target - basis @ coefficients
    ratio = 1.0 if below is None else (float(coefficients[0]) if rho is None else rho)
    constant = float(coefficients[-1]) if trend else 0.0
    design = f.solve(ones) if trend else np.zeros(0)
    return _Level(f, f.solve(target), design, float(design.sum())), ratio, constant, target


def _least(gram: Array, right: Array) -> Array:
    """The solution of normal equations; the smallest one where columns depend on each other, as constant ones do."""
    size = np.sqrt(gram.diagonal())
    size = np.where(size > 0.0, size, 1.0)
    out: Array = np.linalg.lstsq(gram / size / size[:, None], right / size, rcond=1e-13)[0] / size
    return out


def _fit_level(
    kernel: Kernel,
    x: Array,
    z: Array,
    below: Array | None,
    rho: float | None,
    trend: bool,
    white: float,
    search: _Search,
    workers: int | None,
) -> tuple[Kernel, _Level, float, float, float]:
    """Kernel, part, rho, trend and log-likelihood of one level."""

    def objective(theta: Array) -> tuple[float, Array]:
        part, _, _, left = _level(kernel.with_theta(theta), x, z, below, rho, trend, white, workers)
        # rho and the trend are at their optimum, so that the gradient does not feel their change.
        value, gradient = part.factor.log_likelihood_grad(left)
        return -value, -gradient[:-1]

    found = kernel.with_theta(search.best(objective, kernel.theta, kernel.bounds)) if search.wanted else kernel
    part, ratio, constant, left = _level(found, x, z, below, rho, trend, white, workers)
    value = -0.5 * (float(left @ part.alpha) + part.factor.logdet() + z.size * LOG_2PI)
    return found, part, ratio, constant, value


def _recursive_predict(c: CoKriging, xs: Array, level: int, deviation: bool) -> tuple[Array, Array | None]:
    mean = np.zeros(xs.shape[0])
    variance = np.zeros(xs.shape[0]) if deviation else None
    for t in range(level + 1):
        part, kernel = c._parts[t], c.kernels[t]
        rows = kernel(xs, c.X[t])
        same = _places(c.X[t], xs + 0.0)
        hit = same >= 0
        rows[hit, same[hit]] += part.factor.noise[0]  # the white part is a function of the point
        ratio = float(c.rho[t - 1]) if t else 0.0
        mean = ratio * mean + float(c.trend[t]) + rows @ part.alpha
        if variance is None:
            continue
        half = rows.copy()
        part.factor._half(half)
        own = np.asarray(kernel.diag(xs)) + part.factor.noise[0] - np.einsum("ij,ij->i", half, half)
        if part.design.size:
            own += (1.0 - rows @ part.design) ** 2 / part.information
        variance = ratio * ratio * variance + own
    return mean, variance
