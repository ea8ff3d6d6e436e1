"""Peers of the covariance station: scikit-learn with the same covariance, or plain NumPy and SciPy without it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg
import scipy.optimize
from scipy.spatial.distance import cdist

Array = npt.NDArray[np.float64]
Interval = tuple[float, float]


@dataclass(frozen=True)
class Term:
    """One stationary covariance: squared exponential (`nu` None) or Matern 5/2, on some columns."""

    nu: float | None
    columns: tuple[int, ...]
    variance: float
    lengthscale: tuple[float, ...]
    variance_bounds: Interval
    lengthscale_bounds: Interval


@dataclass(frozen=True)
class PeerFit:
    """What a peer found."""

    log_likelihood: float
    evaluations: int | None
    state: Any


class ScipyPeer:
    """Maximum likelihood with cdist, cho_factor and L-BFGS-B: what one writes with NumPy and SciPy alone."""

    name = "NumPy and SciPy"

    def __init__(self, terms: tuple[Term, ...], noise: float, noise_bounds: Interval) -> None:
        self.terms = terms
        start: list[float] = []
        bounds: list[Interval] = []
        for term in terms:
            start += [term.variance, *term.lengthscale]
            bounds += [term.variance_bounds, *([term.lengthscale_bounds] * len(term.lengthscale))]
        self.start = np.log([*start, noise])
        self.bounds = np.log([*bounds, noise_bounds])

    def _terms(self, theta: Array, X: Array, Z: Array) -> list[tuple[Array, Array, list[Array]]]:
        """Per term: covariance, weight of its length gradients, and scaled squared distances per column."""
        out = []
        at = 0
        for term in self.terms:
            count = len(term.columns)
            variance, lengths = math.exp(theta[at]), np.exp(theta[at + 1 : at + 1 + count])
            at += 1 + count
            parts = [
                cdist(X[:, [c]] / s, Z[:, [c]] / s, "sqeuclidean") for c, s in zip(term.columns, lengths, strict=True)
            ]
            square = np.sum(parts, axis=0)
            if term.nu is None:
                k = variance * np.exp(-0.5 * square)
                weight = k
            else:
                r = np.sqrt(5.0 * square)
                decay = variance * np.exp(-r)
                k = decay * (1.0 + r + r * r / 3.0)
                weight = decay * (5.0 / 3.0) * (1.0 + r)
            out.append((k, weight, parts))
        return out

    def _objective(self, theta: Array, X: Array, y: Array) -> tuple[float, Array]:
        parts = self._terms(theta, X, X)
        noise = math.exp(theta[-1])
        K = np.sum([k for k, _, _ in parts], axis=0)
        K[np.diag_indices_from(K)] += noise
        try:
            factor = scipy.linalg.cho_factor(K, lower=True, overwrite_a=True, check_finite=False)
        except np.linalg.LinAlgError:
            return 1e25, np.zeros_like(theta)
        alpha = scipy.linalg.cho_solve(factor, y, check_finite=False)
        value = 0.5 * y @ alpha + np.log(factor[0].diagonal()).sum() + 0.5 * y.size * math.log(2.0 * math.pi)
        inverse = scipy.linalg.cho_solve(factor, np.eye(y.size), check_finite=False)
        W = inverse - np.outer(alpha, alpha)
        gradient = []
        for k, weight, squares in parts:
            gradient.append(0.5 * np.vdot(W, k))
            weighted = W * weight
            gradient.extend(0.5 * np.vdot(weighted, square) for square in squares)
        gradient.append(0.5 * noise * np.trace(W))
        return float(value), np.array(gradient)

    def fit(self, X: Array, y: Array) -> PeerFit:
        """Maximise the likelihood."""
        found = scipy.optimize.minimize(
            self._objective, self.start, args=(X, y), jac=True, method="L-BFGS-B", bounds=self.bounds
        )
        return PeerFit(-float(found.fun), int(found.nfev), (found.x, X, y))

    def predict(self, fit: PeerFit, Xs: Array) -> tuple[Array, Array]:
        """Posterior mean and standard deviation of the latent function."""
        theta, X, y = fit.state
        K = np.sum([k for k, _, _ in self._terms(theta, X, X)], axis=0)
        prior = float(K[0, 0])
        K[np.diag_indices_from(K)] += math.exp(theta[-1])
        lower = scipy.linalg.cholesky(K, lower=True, check_finite=False)
        cross = np.sum([k for k, _, _ in self._terms(theta, X, Xs)], axis=0)
        half = scipy.linalg.solve_triangular(lower, cross, lower=True, check_finite=False)
        mean = half.T @ scipy.linalg.solve_triangular(lower, y, lower=True, check_finite=False)
        return mean, np.sqrt(np.maximum(prior - np.einsum("ij,ij->j", half, half), 0.0))


class SklearnPeer:
    """scikit-learn's GaussianProcessRegressor with the same covariance, start, bounds and optimiser."""

    name = "scikit-learn"

    def __init__(self, terms: tuple[Term, ...], noise: float, noise_bounds: Interval) -> None:
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process import kernels as sk

        on_columns = _columns_kernel()
        total: Any = None
        for term in terms:
            lengths: Any = term.lengthscale if len(term.lengthscale) > 1 else term.lengthscale[0]
            options = {"length_scale": lengths, "length_scale_bounds": term.lengthscale_bounds}
            shape = sk.RBF(**options) if term.nu is None else sk.Matern(**options, nu=term.nu)
            kernel = sk.ConstantKernel(term.variance, term.variance_bounds) * on_columns(shape, term.columns)
            total = kernel if total is None else total + kernel
        total = total + sk.WhiteKernel(noise, noise_bounds)
        self._make: Callable[[], Any] = lambda: GaussianProcessRegressor(total, alpha=0.0)

    def fit(self, X: Array, y: Array) -> PeerFit:
        """Maximise the likelihood."""
        from sklearn.exceptions import ConvergenceWarning

        with warnings.catch_warnings():
            # A parameter on its bound is no news here: kriss has the same bounds and says so in its result.
            warnings.simplefilter("ignore", ConvergenceWarning)
            regressor = self._make().fit(X, y)
        return PeerFit(float(regressor.log_marginal_likelihood_value_), None, regressor)

    def predict(self, fit: PeerFit, Xs: Array) -> tuple[Array, Array]:
        """Posterior mean, and standard deviation with noise, as scikit-learn has it."""
        mean, std = fit.state.predict(Xs, return_std=True)
        return mean, std


def _columns_kernel() -> Any:
    """A kernel of scikit-learn on some columns of X: it has no such option of its own."""
    from sklearn.gaussian_process import kernels as sk

    class OnColumns(sk.Kernel):  # type: ignore[misc]
        def __init__(self, kernel: Any, columns: tuple[int, ...]) -> None:
            self.kernel = kernel
            self.columns = columns

        def get_params(self, deep: bool = True) -> dict[str, Any]:
            return {"kernel": self.kernel, "columns": self.columns}

        @property
        def hyperparameters(self) -> Any:
            return self.kernel.hyperparameters

        @property
        def theta(self) -> Any:
            return self.kernel.theta

        @theta.setter
        def theta(self, theta: Any) -> None:
            self.kernel.theta = theta

        @property
        def bounds(self) -> Any:
            return self.kernel.bounds

        def __call__(self, X: Any, Y: Any = None, eval_gradient: bool = False) -> Any:
            columns = list(self.columns)
            return self.kernel(X[:, columns], None if Y is None else Y[:, columns], eval_gradient)

        def diag(self, X: Any) -> Any:
            return self.kernel.diag(X[:, list(self.columns)])

        def is_stationary(self) -> bool:
            return bool(self.kernel.is_stationary())

    return OnColumns
