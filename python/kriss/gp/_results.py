"""What a factor answers with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Prediction:
    """The posterior of the latent function at new points, noise not included.

    Attributes
    ----------
    mean : ndarray, shape (m,) or (m, outputs)
        Posterior mean.
    std : ndarray, shape (m,), or None
        Posterior standard deviation, if it was asked for.
    cov : ndarray, shape (m, m), or None
        Posterior covariance, if it was asked for.
    mean_grad : ndarray, shape (m, d) or (m, d, outputs), or None
        Derivatives of `mean` in the coordinates of each point, if they were asked for.
    std_grad : ndarray, shape (m, d), or None
        Derivatives of `std`, if both were asked for; NaN where `std` is 0 and has none.
    """

    mean: Array
    std: Array | None = None
    cov: Array | None = None
    mean_grad: Array | None = None
    std_grad: Array | None = None


@dataclass(frozen=True)
class LeaveOneOut:
    """Predictions of each observation from all the others.

    Attributes
    ----------
    mean : ndarray, shape (n,)
        Mean of y_i given the other observations.
    variance : ndarray, shape (n,)
        Its variance, noise included.
    log_density : float
        Sum of the log-densities of y_i under these predictions: the pseudo-likelihood used for model choice.
    """

    mean: Array
    variance: Array
    log_density: float
