"""Prediction from a factor, in blocks of test points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kriss.gp._kernels import Kernel, points
from kriss.gp._results import Prediction

if TYPE_CHECKING:
    from kriss.gp._factor import CovarianceFactor

Array = npt.NDArray[Any]

_BLOCK = 1 << 22  # doubles of work space for blocks of test points


def test_points(Xs: object, columns: int, check_finite: bool) -> Array:
    """`Xs` as (m, columns)."""
    xs = points(Xs, "Xs", check_finite=check_finite)
    if xs.shape[1] != columns:
        raise ValueError(f"Xs has {xs.shape[1]} columns, expected {columns} as X has")
    return xs


def rows_at_once(rows: int, width: int) -> int:
    """How many of `rows` rows of `width` doubles fit into a block."""
    return max(1, min(rows, _BLOCK // max(1, width)))


def own_covariance(kernel: Kernel, xs: Array, threads: int) -> Array:
    """``kernel(xs)``, with what it puts on its diagonal."""
    return kernel(xs, workers=threads or None, check_finite=False)


def cross_covariance(kernel: Kernel, xs: Array, x: Array, threads: int) -> Array:
    """``kernel(xs, x)``, (m, n)."""
    return kernel(xs, x, workers=threads or None, check_finite=False)


def predict(
    f: CovarianceFactor, xs: Array, y: Array, return_std: bool, return_cov: bool, return_grad: bool
) -> Prediction:
    """The posterior at checked points `xs` (m, d), from checked observations `y` (n,) or (n, k)."""
    kernel, x, threads = f.kernel, f.X, f._problem.threads
    alpha = f._solve(y)
    m, (n, d) = xs.shape[0], x.shape
    mean = np.empty((m, *y.shape[1:]))
    std = np.empty(m) if return_std else None
    half = np.empty((m, n)) if return_cov else None
    mean_grad = np.empty((m, d, *y.shape[1:])) if return_grad else None
    std_grad = np.empty((m, d)) if return_grad and return_std else None
    step = rows_at_once(m, n * d if return_grad else n)
    for start in range(0, m, step):
        at = slice(start, start + step)
        part = xs[at]
        cross = cross_covariance(kernel, part, x, threads)
        mean[at] = cross @ alpha
        if mean_grad is not None:
            slopes = kernel.gradient_x(part, x, workers=threads or None)
            mean_grad[at] = np.einsum("ijq,j...->iq...", slopes, alpha)
            if std_grad is not None:
                weights = f._solve(cross.T).T
                std_grad[at] = 0.5 * prior_slope(kernel, part) - np.einsum("ijq,ij->iq", slopes, weights)
        if std is not None or half is not None:
            f._half(cross)
            if std is not None:
                variance = kernel.diag(part) - np.einsum("ij,ij->i", cross, cross)
                std[at] = np.sqrt(np.maximum(variance, 0.0))
            if half is not None:
                half[at] = cross
    if std_grad is not None and std is not None:
        # The derivative of a root: none where the variance is 0.
        with np.errstate(divide="ignore", invalid="ignore"):
            std_grad = np.where(std[:, None] > 0.0, std_grad / std[:, None], np.nan)
    cov = None if half is None else own_covariance(kernel, xs, threads) - half @ half.T
    return Prediction(mean, std, cov, mean_grad, std_grad)


def prior_slope(kernel: Kernel, xs: Array) -> Array:
    """Derivatives of ``k(x, x)`` in the coordinates of x, (m, d): twice those of k in its first argument."""
    if is_stationary(kernel):
        return np.zeros_like(xs)
    return 2.0 * np.concatenate([kernel.gradient_x(x, x)[0] for x in xs[:, None, :]]).reshape(xs.shape)


def is_stationary(kernel: Kernel) -> bool:
    """Whether ``k(x, x)`` is known to be the same everywhere."""
    return bool(getattr(kernel, "stationary", True))
