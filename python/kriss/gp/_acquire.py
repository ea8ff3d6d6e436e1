"""Acquisitions in closed form from mean and standard deviation: expected improvement and confidence bounds."""

from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _validate
from kriss.gp import _normal
from kriss.gp._answers import observations
from kriss.gp._base import points

Array = npt.NDArray[Any]


class Acquisition:
    """How much a next evaluation at x promises to the search for a minimum; larger is better.

    Parameters
    ----------
    factor : CovarianceFactor
        The factor at the points that were evaluated.
    y : array_like, shape (n,)
        Their values, of zero prior mean, the smaller the better.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type, dtype or shape, or is not finite.

    Notes
    -----
    The base of the classes of this module, which differ in `values`. A call costs one ``factor.predict`` at all points
    together: 4 n**2 flops a point, and 2 n d more a point for the gradient.

    References
    ----------
    P. I. Frazier, "A Tutorial on Bayesian Optimization", 2018, arXiv 1807.02811.

    Examples
    --------
    >>> from kriss.gp import RBF, factor
    >>> from kriss.gp.acquisition import Acquisition, UpperConfidenceBound
    >>> issubclass(UpperConfidenceBound, Acquisition)
    True
    """

    def __init__(self, factor: Any, y: npt.ArrayLike) -> None:
        if not hasattr(factor, "predict"):
            raise TypeError(f"factor must be a factor of kriss.gp with predict, not {type(factor).__name__}")
        self.factor = factor
        self.y = observations(y, factor.X.shape[0]).copy()
        self.y.flags.writeable = False

    def __call__(self, X: npt.ArrayLike, *, return_grad: bool = False) -> Any:
        """The acquisition at points.

        Parameters
        ----------
        X : array_like, shape (m, d)
            Points.
        return_grad : bool, default False
            Also the derivatives in the coordinates of each point.

        Returns
        -------
        values : ndarray, shape (m,)
            The values.
        gradient : ndarray, shape (m, d)
            If `return_grad`.

        Raises
        ------
        NotImplementedError
            If `return_grad` and the factor does not predict with derivatives, as the dense one does.
        """
        x = points(X)
        if x.shape[1] != self.factor.X.shape[1]:
            raise ValueError(f"X has {x.shape[1]} columns, expected {self.factor.X.shape[1]} as the factor has")
        values, gradient = self.values(x, return_grad)
        return (values, gradient) if return_grad else values

    def values(self, X: Array, grad: bool) -> tuple[Array, Array | None]:
        """Values (m,) and derivatives (m, d), or None, at checked points."""
        raise NotImplementedError

    def _posterior(self, X: Array, grad: bool) -> tuple[Array, Array, Array, Array]:
        """Mean, standard deviation and their derivatives, those of the deviation 0 where it is 0."""
        if not grad:
            p, none = self.factor.predict(X, self.y, return_std=True), np.zeros(0)
            return p.mean, p.std, none, none
        if "return_grad" not in inspect.signature(self.factor.predict).parameters:
            raise NotImplementedError(
                f"return_grad needs a factor that predicts with derivatives, not {type(self.factor).__name__}: "
                "factor(..., structure='dense')"
            )
        p = self.factor.predict(X, self.y, return_std=True, return_grad=True)
        return p.mean, p.std, p.mean_grad, np.where(p.std[:, None] > 0.0, p.std_grad, 0.0)

    def _incumbent(self, best: float | None) -> float:
        """The value to improve on: the lowest posterior mean at a point that was evaluated, if none is given."""
        if best is not None:
            return _validate.scalar(best, "best")
        if self.y.size == 0:
            raise ValueError("best is None and the factor has no points: expected a value to improve on")
        return float(self.factor.predict(self.factor.X, self.y).mean.min())


def scaled(mean: Array, std: Array, best: float) -> tuple[Array, Array]:
    """The improvement of the mean, and in standard deviations: infinite with its sign where there is none."""
    gap = best - mean
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        z = np.where(std > 0.0, gap / std, np.where(gap > 0.0, np.inf, np.where(gap < 0.0, -np.inf, 0.0)))
    return gap, z


class ExpectedImprovement(Acquisition):
    """Expected improvement: the mean of ``max(best - f(x), 0)``.

    Parameters
    ----------
    factor : CovarianceFactor
        The factor at the points that were evaluated.
    y : array_like, shape (n,)
        Their values, of zero prior mean, the smaller the better.
    best : float, optional
        The value to improve on; the lowest posterior mean at the factor's points by default, which without noise is the
        lowest value.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type, dtype or shape, or is not finite.

    See Also
    --------
    LogExpectedImprovement : its logarithm, which has slopes where this one is 0 in floating point.

    References
    ----------
    D. R. Jones, M. Schonlau, W. J. Welch, "Efficient Global Optimization of Expensive Black-Box Functions", 1998,
    equation (15).

    Examples
    --------
    >>> from kriss.gp import RBF, factor
    >>> from kriss.gp.acquisition import ExpectedImprovement
    >>> f = factor(RBF(), [[0.0], [2.0]], 1e-6)
    >>> ei = ExpectedImprovement(f, [0.0, 1.0])
    >>> ei([[-1.0], [0.0], [1.0]]).round(3)
    array([0.353, 0.   , 0.06 ])
    >>> value, slope = ei([[-1.0]], return_grad=True)
    >>> slope.shape
    (1, 1)
    """

    def __init__(self, factor: Any, y: npt.ArrayLike, best: float | None = None) -> None:
        super().__init__(factor, y)
        self.best = self._incumbent(best)

    def values(self, X: Array, grad: bool) -> tuple[Array, Array | None]:
        """Values (m,) and derivatives (m, d), or None, at checked points."""
        mean, std, mean_grad, std_grad = self._posterior(X, grad)
        gap, z = scaled(mean, std, self.best)
        value = np.where(std > 0.0, std * _normal.improvement(np.where(std > 0.0, z, 0.0)), np.maximum(gap, 0.0))
        if not grad:
            return value, None
        inside = _phi_cap(z)[:, None]
        return value, _normal.density(z)[:, None] * std_grad - inside * mean_grad


def _phi_cap(z: Array) -> Array:
    """Phi(z)."""
    from scipy import special

    out: Array = special.ndtr(z)
    return out


class LogExpectedImprovement(ExpectedImprovement):
    """The logarithm of the expected improvement, with all its digits however small that is.

    Parameters
    ----------
    factor : CovarianceFactor
        The factor at the points that were evaluated.
    y : array_like, shape (n,)
        Their values, of zero prior mean, the smaller the better.
    best : float, optional
        The value to improve on; the lowest posterior mean at the factor's points by default.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type, dtype or shape, or is not finite.

    Notes
    -----
    ``log(std) + log h(z)``, z being the improvement of the mean in standard deviations and h(z) = phi(z) + z Phi(z):
    through the scaled complementary error function for z from -12 to -1, and an asymptotic series of sixteen terms
    below. The error is a few units in the last place of z**2 / 2, and the slope Phi / h is good to 3e-14 everywhere.
    Where the standard deviation is 0 and the mean no better than `best` the value is -infinity and the slope 0.

    References
    ----------
    S. Ament, S. Daulton, D. Eriksson, M. Balandat, E. Bakshy, "Unexpected Improvements to Expected Improvement for
    Bayesian Optimization", 2023, arXiv 2310.20708, section 4.1.

    Examples
    --------
    >>> from kriss.gp import RBF, factor
    >>> from kriss.gp.acquisition import LogExpectedImprovement
    >>> f = factor(RBF(), [[0.0], [2.0]], 1e-6)
    >>> LogExpectedImprovement(f, [0.0, 1.0], best=-200.0)([[1.0]]).round(1)
    array([-57143.9])
    """

    def values(self, X: Array, grad: bool) -> tuple[Array, Array | None]:
        """Values (m,) and derivatives (m, d), or None, at checked points."""
        mean, std, mean_grad, std_grad = self._posterior(X, grad)
        gap, z = scaled(mean, std, self.best)
        with np.errstate(divide="ignore", invalid="ignore"):
            value = np.where(std > 0.0, np.log(std) + _normal.log_improvement(z), np.log(np.maximum(gap, 0.0)))
        if not grad:
            return value, None
        ok = (std > 0.0)[:, None]
        safe = np.where(std > 0.0, std, 1.0)[:, None]
        with np.errstate(invalid="ignore", over="ignore"):
            rate = _normal.log_improvement_slope(z)[:, None]
            slope = (std_grad - rate * (mean_grad + z[:, None] * std_grad)) / safe
        lone = np.where(gap[:, None] > 0.0, -mean_grad / np.where(gap > 0.0, gap, 1.0)[:, None], 0.0)
        return value, np.where(ok, slope, lone)


class NoisyExpectedImprovement(Acquisition):
    """Expected improvement averaged over what the noise hides: the true values at the points that were evaluated.

    Parameters
    ----------
    factor : CovarianceFactor
        The factor at the points that were evaluated, with the noise of the observations.
    y : array_like, shape (n,)
        Observations, of zero prior mean, the smaller the better.
    samples : int, default 64
        Quasi-random draws of the true values.
    rng : int, SeedSequence or Generator, optional
        Source of randomness.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type, dtype or shape, or is not finite.

    Notes
    -----
    Draws of f at the factor's points given the observations, by a scrambled Sobol sequence and the eigenvectors of the
    posterior covariance; for each of them the expected improvement, over its own minimum, of the process that passes
    through it. All share one factor without noise (with the least jitter it takes) and differ in their means:
    4 n**2 + 2 n `samples` flops per point.

    References
    ----------
    B. Letham, B. Karrer, G. Ottoni, E. Bakshy, "Constrained Bayesian Optimization with Noisy Experiments", 2019,
    equation (5).

    Examples
    --------
    >>> from kriss.gp import RBF, factor
    >>> from kriss.gp.acquisition import NoisyExpectedImprovement
    >>> f = factor(RBF(), [[0.0], [2.0]], 0.1)
    >>> NoisyExpectedImprovement(f, [0.0, 1.0], rng=0)([[-1.0], [0.0], [1.0]]).shape
    (3,)
    """

    def __init__(self, factor: Any, y: npt.ArrayLike, samples: int = 64, rng: _validate.RngLike = None) -> None:
        from scipy.special import ndtri
        from scipy.stats import qmc

        from kriss.gp._structure import factor as make

        super().__init__(factor, y)
        count = _validate.integer(samples, "samples", low=1)
        if self.y.size == 0:
            raise ValueError("the factor has no points: expected at least one observation")
        p = factor.predict(factor.X, self.y, return_cov=True)
        values, vectors = np.linalg.eigh(p.cov)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        sobol = qmc.Sobol(self.y.size, scramble=True, rng=_validate.generator(rng))
        z = ndtri(np.clip(sobol.random(count), 1e-12, 1.0 - 1e-12))
        draws = p.mean + z @ root.T  # (samples, n)
        self._exact = make(factor.kernel, factor.X, 0.0, "auto", structure="dense")
        self._draws = np.ascontiguousarray(draws.T)
        self._best = draws.min(axis=1)

    def values(self, X: Array, grad: bool) -> tuple[Array, Array | None]:
        """Values (m,) and derivatives (m, d), or None, at checked points."""
        p = self._exact.predict(X, self._draws, return_std=True, return_grad=grad)
        assert p.std is not None
        std = p.std[:, None]
        gap = self._best - p.mean
        with np.errstate(divide="ignore", invalid="ignore"):
            z = np.where(std > 0.0, gap / std, np.where(gap > 0.0, np.inf, -np.inf))
        height = _normal.improvement(np.where(std > 0.0, z, 0.0))
        value = np.where(std > 0.0, std * height, np.maximum(gap, 0.0)).mean(axis=1)
        if not grad:
            return value, None
        assert p.std_grad is not None and p.mean_grad is not None
        inside, height = _phi_cap(z), _normal.density(z).mean(axis=1)
        slope = height[:, None] * np.where(std > 0.0, p.std_grad, 0.0)
        return value, slope - np.einsum("ids,is->id", p.mean_grad, inside) / z.shape[1]


class UpperConfidenceBound(Acquisition):
    """The bound ``-mean + sqrt(beta) std`` on what is gained at best, for functions that are minimised.

    Parameters
    ----------
    factor : CovarianceFactor
        The factor at the points that were evaluated.
    y : array_like, shape (n,)
        Their values, of zero prior mean, the smaller the better.
    beta : float, default 4.0
        Square of the number of standard deviations.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type, dtype or shape, or is not finite.

    References
    ----------
    N. Srinivas, A. Krause, S. M. Kakade, M. Seeger, "Gaussian Process Optimization in the Bandit Setting", 2010,
    equation (6).

    Examples
    --------
    >>> from kriss.gp import RBF, factor
    >>> from kriss.gp.acquisition import UpperConfidenceBound
    >>> f = factor(RBF(), [[0.0], [2.0]], 1e-6)
    >>> UpperConfidenceBound(f, [0.0, 1.0])([[-1.0], [0.0], [1.0]]).round(3)
    array([1.656, 0.002, 0.652])
    """

    def __init__(self, factor: Any, y: npt.ArrayLike, beta: float = 4.0) -> None:
        super().__init__(factor, y)
        self.beta = _validate.scalar(beta, "beta", low=0.0)

    def values(self, X: Array, grad: bool) -> tuple[Array, Array | None]:
        """Values (m,) and derivatives (m, d), or None, at checked points."""
        mean, std, mean_grad, std_grad = self._posterior(X, grad)
        root = math.sqrt(self.beta)
        return root * std - mean, root * std_grad - mean_grad if grad else None
