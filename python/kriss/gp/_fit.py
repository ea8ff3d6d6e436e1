"""Hyperparameters by maximum likelihood."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.optimize

from kriss import _validate
from kriss.gp._answers import observations
from kriss.gp._factor import CovarianceFactor, factor
from kriss.gp._kernels import Bounds, Kernel, _bounds
from kriss.gp._likelihood import evaluate
from kriss.gp._problem import _Problem
from kriss.gp._results import Prediction

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class FitResult:
    """What `fit` found.

    Attributes
    ----------
    kernel : Kernel
        The covariance function with its best parameters.
    noise : float or ndarray
        The noise variance found (or given, if fixed).
    log_likelihood : float
        Log marginal likelihood there.
    gradient : ndarray, shape (p + 1,)
        Its gradient in ``kernel.theta`` and the logarithm of the noise.
    factor : CovarianceFactor
        The factor at these parameters.
    y : ndarray, shape (n,)
        The observations.
    converged : bool
        Whether the best run ended by its tolerance.
    message : str
        Why the best run ended.
    at_bounds : tuple of str
        Parameters that ended on a bound.
    evaluations : int
        Evaluations of likelihood and gradient, over all runs.
    failures : int
        Evaluations at which the covariance matrix was not positive definite.
    restarts : tuple of float
        Log-likelihood reached by each run, the first from the given parameters; -inf for one that could not start.
    """

    kernel: Kernel
    noise: float | Array
    log_likelihood: float
    gradient: Array
    factor: CovarianceFactor
    y: Array
    converged: bool
    message: str
    at_bounds: tuple[str, ...]
    evaluations: int
    failures: int
    restarts: tuple[float, ...]

    def predict(self, Xs: npt.ArrayLike, *, return_std: bool = False, return_cov: bool = False) -> Prediction:
        """The posterior at new points, given the observations of the fit.

        Parameters
        ----------
        Xs : array_like, shape (m, d)
            Where to predict.
        return_std : bool, default False
            Also the standard deviation at each point.
        return_cov : bool, default False
            Also the covariance matrix, m**2 doubles.

        Returns
        -------
        Prediction
            ``mean``, and ``std`` and ``cov`` where asked for, of the latent function, as `CovarianceFactor.predict`
            gives them.
        """
        return self.factor.predict(Xs, self.y, return_std=return_std, return_cov=return_cov)


class _Objective:
    """Minus the log-likelihood as a function of the free parameters."""

    def __init__(self, problem: _Problem, y: Array, start: Array, free: Array, noise: Array, update: Any) -> None:
        self.problem = problem
        self.y = y
        self.full = start.copy()
        self.free = free
        self.noise = noise
        self.update = update
        self.work = np.zeros((problem.n, problem.n))
        self.evaluations = 0
        self.failures = 0
        self.worst = -math.inf

    def set(self, theta: Array) -> None:
        """Point the problem at these parameters."""
        self.full[self.free] = theta
        kernel = self.problem.kernel.with_theta(self.full[:-1])
        self.problem.kernel = kernel
        self.problem.form = kernel.form(self.problem.x.shape[1])
        if self.free[-1]:
            self.problem.noise = np.full(self.problem.n, math.exp(self.full[-1]))

    def value(self, theta: Array) -> tuple[float, Array]:
        """Value and gradient of the objective; raises LinAlgError."""
        self.set(theta)
        self.evaluations += 1
        value, gradient = evaluate(self.problem, self.y, self.work, True)
        assert gradient is not None
        return -value, -gradient[self.free]

    def __call__(self, theta: Array) -> tuple[float, Array]:
        try:
            value, gradient = self.value(theta)
        except np.linalg.LinAlgError:
            # A wall, higher than anything seen, from which the line search steps back.
            self.failures += 1
            value, gradient = self.worst + 1e3 * (1.0 + abs(self.worst)), np.zeros(theta.size)
        else:
            self.worst = max(self.worst, value)
        self.update(-value)
        return value, gradient


def fit(
    kernel: Kernel,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    noise: npt.ArrayLike = 1e-2,
    noise_bounds: Bounds = (1e-8, 1e5),
    n_restarts: int = 0,
    rng: _validate.RngLike = None,
    maxiter: int = 200,
    rtol: float = 1e-9,
    gtol: float = 1e-5,
    progress: bool = False,
    workers: int | None = None,
    check_finite: bool = True,
) -> FitResult:
    """Choose the parameters of a kernel, and the noise, by maximum likelihood.

    Parameters
    ----------
    kernel : Kernel
        Covariance function; its parameters are where the first run starts, its bounds hold.
    X : array_like, shape (n, d)
        Points.
    y : array_like, shape (n,)
        Observations, of zero prior mean: subtract a mean first.
    noise : float or array_like of shape (n,), default 1e-2
        Noise variance: the start of the search, or its value if it is fixed. An array is always fixed.
    noise_bounds : (low, high) or "fixed", default (1e-8, 1e5)
        Where to search for the noise variance.
    n_restarts : int, default 0
        Further runs from parameters drawn log-uniformly within the bounds.
    rng : int, SeedSequence or Generator, optional
        Source of randomness for the restarts.
    maxiter : int, default 200
        Iterations of each run at most.
    rtol : float, default 1e-9
        A run ends when an iteration improves the log-likelihood by less than this, relative to its size.
    gtol : float, default 1e-5
        A run ends when no entry of the projected gradient is larger.
    progress : bool, default False
        Show a progress bar of evaluations.
    workers : int, optional
        Threads; the process-wide setting by default.
    check_finite : bool, default True
        Refuse NaN and infinity in arguments.

    Returns
    -------
    FitResult
        The best parameters over all runs, with the factor there.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type, dtype or shape, or is not finite.
    numpy.linalg.LinAlgError
        If the covariance matrix of the given parameters is not positive definite.

    Notes
    -----
    L-BFGS-B on the exact gradient in log-parameters: n**3 flops per evaluation, n**2 doubles of work space.

    References
    ----------
    C. E. Rasmussen, C. K. I. Williams, "Gaussian Processes for Machine Learning", 2006, section 5.4.1.
    R. H. Byrd, P. Lu, J. Nocedal, C. Zhu, "A limited memory algorithm for bound constrained optimization", 1995.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.gp import RBF, fit
    >>> X = np.linspace(0.0, 6.0, 40)[:, None]
    >>> found = fit(RBF(), X, np.sin(X[:, 0]), noise=1e-4, noise_bounds="fixed")
    >>> found.converged, bool(1.0 < found.kernel.lengthscale < 4.0)
    (True, True)
    """
    problem = _Problem(kernel, X, noise, workers, check_finite)
    b = observations(y, problem.n, finite=check_finite).copy()  # the result keeps it
    if problem.n == 0:
        raise ValueError("X has no rows, expected at least one observation")
    restarts = _validate.integer(n_restarts, "n_restarts", low=0)
    steps = _validate.integer(maxiter, "maxiter", low=1)
    ftol = _validate.scalar(rtol, "rtol", low=0.0)
    gradient_tol = _validate.scalar(gtol, "gtol", low=0.0)
    fixed_noise = np.ndim(noise) != 0 or isinstance(noise_bounds, str)
    limits = _bounds(noise_bounds, "noise_bounds")
    level = float(problem.noise[0])
    if not fixed_noise and level <= 0.0:
        raise ValueError("noise is 0, expected a positive start of the search, or noise_bounds='fixed'")

    log_noise = 0.0 if fixed_noise else math.log(level)
    box = np.vstack([kernel.bounds, [(log_noise, log_noise)] if limits == "fixed" or fixed_noise else [np.log(limits)]])
    start = np.clip(np.append(kernel.theta, log_noise), box[:, 0], box[:, 1])
    free = box[:, 1] > box[:, 0]
    inside = box[free]
    generator = _validate.generator(rng)

    with contextlib.ExitStack() as stack:
        update = _progress(stack, progress)
        objective = _Objective(problem, b, start, free, problem.noise, update)
        runs: list[tuple[float, Array, bool, str]] = []
        for k in range(restarts + 1):
            origin = start[free] if k == 0 else generator.uniform(inside[:, 0], inside[:, 1])
            try:
                first, _ = objective.value(origin)
            except np.linalg.LinAlgError:
                if k == 0:
                    raise
                objective.failures += 1
                runs.append((math.inf, origin, False, "not positive definite at the start"))
                continue
            objective.worst = first
            if not free.any():
                runs.append((first, origin, True, "every parameter is fixed"))
                continue
            found = scipy.optimize.minimize(
                objective,
                origin,
                jac=True,
                method="L-BFGS-B",
                bounds=inside,
                options={"maxiter": steps, "ftol": ftol, "gtol": gradient_tol},
            )
            runs.append((float(found.fun), np.asarray(found.x), bool(found.success), str(found.message)))

    _, best, converged, message = min(runs, key=lambda run: run[0])
    objective.set(best)
    final = objective.problem
    value, gradient = evaluate(final, b, objective.work, True)
    assert gradient is not None
    names = np.array([*final.kernel.parameter_names, "noise"])
    full = objective.full
    touching = free & ((full <= box[:, 0]) | (full >= box[:, 1]))
    given = problem.noise if np.ndim(noise) else level
    found_noise = given if fixed_noise else math.exp(full[-1])
    return FitResult(
        kernel=final.kernel,
        noise=found_noise,
        log_likelihood=value,
        gradient=gradient,
        factor=factor(final.kernel, final.x, found_noise, workers=workers, check_finite=check_finite),
        y=b,
        converged=converged,
        message=message,
        at_bounds=tuple(names[touching].tolist()),
        evaluations=objective.evaluations + 1,
        failures=objective.failures,
        restarts=tuple(-run[0] for run in runs),
    )


def _progress(stack: contextlib.ExitStack, wanted: bool) -> Any:
    if not wanted:
        return lambda value: None
    from tqdm.auto import tqdm

    bar = stack.enter_context(tqdm(desc="fit", unit=" evaluations"))

    def update(value: float) -> None:
        bar.set_postfix_str(f"log-likelihood {value:.6g}", refresh=False)
        bar.update()

    return update
