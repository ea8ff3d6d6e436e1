"""The log marginal likelihood and its gradient in one pass over n**2 doubles."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _backend
from kriss.gp._answers import observations
from kriss.gp._kernels import Kernel
from kriss.gp._problem import _gradient, _log_likelihood, _Problem

Array = npt.NDArray[Any]


def log_likelihood(
    kernel: Kernel,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    noise: npt.ArrayLike = 0.0,
    *,
    eval_gradient: bool = False,
    workers: int | None = None,
    check_finite: bool = True,
) -> float | tuple[float, Array]:
    """Log marginal likelihood of observations, and its exact gradient, in one pass that reuses its n**2 doubles.

    Parameters
    ----------
    kernel : Kernel
        Covariance function.
    X : array_like, shape (n, d)
        Points.
    y : array_like, shape (n,)
        Observations, of zero prior mean.
    noise : float or array_like of shape (n,), default 0.0
        Variance of the noise of each observation.
    eval_gradient : bool, default False
        Also return the gradient.
    workers : int, optional
        Threads; the process-wide setting by default.
    check_finite : bool, default True
        Refuse NaN and infinity in arguments.

    Returns
    -------
    value : float
        The log-likelihood.
    gradient : ndarray, shape (p + 1,)
        If `eval_gradient`: derivatives in ``kernel.theta`` and in the logarithm of the noise.

    Raises
    ------
    TypeError, ValueError, numpy.linalg.LinAlgError
        As `factor` does.

    Notes
    -----
    n**3 flops with the gradient, n**3 / 3 without; n**2 doubles whatever the number of parameters: derivatives of the
    covariance matrix are formed tile by tile and never stored.

    References
    ----------
    C. E. Rasmussen, C. K. I. Williams, "Gaussian Processes for Machine Learning", 2006, equations (5.8) and (5.9).

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.gp import RBF, log_likelihood
    >>> value, gradient = log_likelihood(RBF(), np.arange(3.0)[:, None], [0.0, 1.0, 0.0], 0.1, eval_gradient=True)
    >>> round(value, 6), gradient.shape
    (-3.493578, (3,))
    """
    problem = _Problem(kernel, X, noise, workers, check_finite)
    b = observations(y, problem.n, finite=check_finite)
    value, gradient = evaluate(problem, b, np.empty((problem.n, problem.n)), eval_gradient)
    return (value, gradient) if gradient is not None else value


def evaluate(problem: _Problem, y: Array, work: Array, gradient: bool) -> tuple[float, Array | None]:
    """Log-likelihood and gradient in the work space `work` (n, n); nobody reads what lies above its diagonal."""
    bad = problem.cholesky(0.0, work)
    if bad >= 0:
        raise problem.not_positive_definite(bad, 0.0)
    run = _backend.kernels("gp")
    alpha = y.reshape(1, -1).copy()
    if alpha.size:
        run.solve(work, alpha, False, problem.threads)
    value = _log_likelihood(y, alpha[0], work.diagonal())
    if not gradient:
        return value, None
    run.invert(work, problem.threads)
    return value, _gradient(problem, alpha[0], work)
