"""Pieces of the estimator that need nothing of scikit-learn's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss.gp._kernels import Kernel
from kriss.gp._predict import is_stationary, prior_slope, rows_at_once

Array = npt.NDArray[Any]


def split_noise(alpha: Any, n: int) -> Array:
    """`alpha` of the estimator, one variance per row."""
    values = np.asarray(alpha, np.float64)
    if values.ndim == 1 and values.size == 1:
        values = values[0]
    if values.ndim > 1 or (values.ndim == 1 and values.size != n):
        raise ValueError(
            f"alpha must be a scalar or an array with same number of entries as y. ({values.shape[0]} != {n})"
        )
    if values.size and not (np.isfinite(values).all() and values.min() >= 0.0):
        raise ValueError(f"alpha must be finite and not negative, not {values.min()}")
    return np.broadcast_to(values, (n,)).astype(np.float64)


def with_theta(kernel: Any, theta: Array, copy: bool) -> Any:
    """The kernel at theta: a new one, unless it can be changed and need not be kept."""
    if isinstance(kernel, Kernel):
        return kernel.with_theta(theta)
    if copy:
        return kernel.clone_with_theta(theta)
    kernel.theta = theta
    return kernel


def free_parameters(kernel: Any) -> bool:
    """Whether there is anything to optimise."""
    if isinstance(kernel, Kernel):
        bounds = kernel.bounds
        return bool((bounds[:, 1] > bounds[:, 0]).any())
    return bool(kernel.n_dims > 0)


def not_positive_definite(kernel: Any, X: Any, noise: Array, pivot: int) -> np.linalg.LinAlgError:
    """The error that names the pivot and the points behind it."""
    message = (
        f"The kernel, {kernel}, is not returning a positive definite matrix. Try gradually increasing the 'alpha' "
        f"parameter of your GaussianProcessRegressor estimator. Pivot {pivot} of {noise.size} is not positive to "
        f"working precision"
    )
    if isinstance(X, np.ndarray) and X.ndim == 2:
        same = np.flatnonzero((X[:pivot] == X[pivot]).all(axis=1))
        if same.size:
            message += f": rows {same[0]} and {pivot} of X are the same point"
        else:
            message += f": row {pivot} of X is determined by the rows before it"
    return np.linalg.LinAlgError(f"{message}; alpha there is {noise[pivot]:.3g}")


def blocks(model: Any, Xs: Any, n: int) -> Iterator[tuple[slice, Array]]:
    """Blocks of test points: where they are, and k(Xs, X)."""
    step = rows_at_once(len(Xs), n)
    for start in range(0, len(Xs), step):
        where = slice(start, start + step)
        yield where, model.cross(Xs[where])


def slopes(kernel: Kernel, Xs: Array, X: Array, alpha: Array, solve: Any | None) -> tuple[Array, Array | None]:
    """Derivatives of the mean (m, d, k) and, with ``solve``, of the variance (m, d), in blocks."""
    m, (n, d) = Xs.shape[0], X.shape
    mean = np.empty((m, d, alpha.shape[1]))
    variance = None if solve is None else np.empty((m, d))
    step = rows_at_once(m, n * d)
    for start in range(0, m, step):
        where = slice(start, start + step)
        part = kernel.gradient_x(Xs[where], X)
        mean[where] = np.einsum("ijq,jk->iqk", part, alpha)
        if variance is not None and solve is not None:
            weights = kernel(Xs[where], X)
            solve(weights)
            prior = 0.0 if is_stationary(kernel) else prior_slope(kernel, Xs[where])
            variance[where] = prior - 2.0 * np.einsum("ijq,ij->iq", part, weights)
    return mean, variance
