"""Log-likelihoods of many one-dimensional series under one kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _backend, _validate
from kriss.gp._kernels import Kernel
from kriss.gp._series import _column, _Model, _not_positive_definite

Array = npt.NDArray[Any]


def series_log_likelihood(
    kernel: Kernel,
    t: npt.ArrayLike,
    y: npt.ArrayLike,
    noise: npt.ArrayLike = 0.0,
    offsets: npt.ArrayLike | None = None,
    *,
    eval_gradient: bool = False,
    workers: int | None = None,
    check_finite: bool = True,
) -> Array | tuple[Array, Array]:
    """Log marginal likelihoods of many one-dimensional series under one kernel, each O(n), in parallel.

    Parameters
    ----------
    kernel : Kernel
        Matern terms of smoothness 1/2, 3/2, 5/2 and 7/2, isotropic; at most 16 states together.
    t : array_like, shape (n,)
        Times of all series, one series after the other; they need not be sorted, and may repeat where there is noise.
    y : array_like, shape (n,)
        Observations, of zero prior mean.
    noise : float or array_like of shape (n,), default 0.0
        Variance of the noise of each observation.
    offsets : array_like of int, shape (series + 1,), optional
        Series k is ``t[offsets[k]:offsets[k + 1]]``; from 0 to n, ascending; a series may be empty. One series by
        default.
    eval_gradient : bool, default False
        Also return the gradients.
    workers : int, optional
        Threads; the process-wide setting by default. The result does not depend on it.
    check_finite : bool, default True
        Refuse NaN and infinity in arguments.

    Returns
    -------
    value : ndarray, shape (series,)
        The log-likelihood of each series.
    gradient : ndarray, shape (series, p + 1)
        If `eval_gradient`: derivatives in ``kernel.theta`` and in the logarithm of the noise.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type, dtype or shape, is not finite, or if the kernel is of another kind.
    numpy.linalg.LinAlgError
        If a series has the same point twice without noise.

    See Also
    --------
    log_likelihood : any kernel, any number of coordinates, O(n**3).

    Notes
    -----
    About 4 S**3 flops and 24 bytes per point for S states, two to three times as much with the gradient, which needs
    ``S (S + 3) / 2 + 2`` doubles of work space per point, whatever the number of parameters.

    References
    ----------
    J. Hartikainen, S. Sarkka, "Kalman filtering and smoothing solutions to temporal Gaussian process regression
    models", MLSP 2010, section 4. C. L. Thornton, "Triangular covariance factorizations for Kalman filtering", JPL
    memorandum 33-798, 1976, section 3. S. J. Koopman, N. Shephard, "Exact score for time series models in state space
    form", Biometrika 79, 1992, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.gp import Matern, series_log_likelihood
    >>> t = np.array([0.0, 1.0, 2.0, 0.0, 0.5])
    >>> value, gradient = series_log_likelihood(Matern(1.5), t, np.sin(t), 0.1, [0, 3, 5], eval_gradient=True)
    >>> value.round(6), gradient.shape
    (array([-3.227833, -1.790239]), (2, 3))
    """
    if not isinstance(kernel, Kernel):
        raise TypeError(f"kernel must be a kriss.gp kernel, not {type(kernel).__name__}")
    column = _column(kernel, 1)
    if isinstance(column, str):
        raise ValueError(f"kernel does not fit a series: {column}")
    times = _validate.real_array(t, "t", ndim=1, finite=check_finite, single=False)
    n = times.size
    data = _validate.real_array(y, "y", ndim=1, finite=check_finite, single=False)
    if data.size != n:
        raise ValueError(f"y has shape {data.shape}, expected {times.shape} as t has")
    tau = _validate.real_array(noise, "noise", ndim=(0, 1), finite=check_finite, single=False)
    if tau.ndim == 1 and tau.size != n:
        raise ValueError(f"noise has {tau.size} entries, expected a number or one per entry of t ({n})")
    if tau.size and tau.min() < 0.0:
        raise ValueError(f"noise must not be negative, not {tau.min()}")
    borders = _borders(offsets, n)
    order = _series_order(times, borders)
    model = _Model(kernel, float(tau.max()) if tau.size else 0.0)
    scaled = model.noise(tau)
    own = (times, np.full(n, scaled) if tau.ndim == 0 else scaled, model.data(data))
    if order is not None:
        own = (times[order], own[1][order], own[2][order])
    count = borders.size - 1
    value = np.empty((count, 2))
    gradient = np.zeros((count, 2 * model.order.size + 1) if eval_gradient else 0)
    bad = np.empty(count, np.int64)
    _backend.kernels("gp_series").likelihood(
        *model.description, *own, borders, value, gradient, bad, _validate.workers(workers)
    )
    if count and bad.max() >= 0:
        k = int(np.argmax(bad >= 0))
        at = int(borders[k] + bad[k])
        first = at if order is None else int(order[at])
        same = bad[k] > 0 and own[0][at] == own[0][at - 1]
        before = (at - 1 if order is None else int(order[at - 1])) if same else None
        added = float(np.broadcast_to(tau, (n,))[first])
        raise _not_positive_definite(n, first, before, f", in series {k}", added, kernel.total_variance)
    likelihood: Array = model.log_likelihood(value, np.diff(borders))
    return (likelihood, gradient) if eval_gradient else likelihood


def _borders(offsets: npt.ArrayLike | None, n: int) -> Array:
    if offsets is None:
        return np.array([0, n], np.int64)
    raw = np.asarray(offsets)
    if raw.dtype.kind not in "iu":
        raise TypeError(f"offsets has dtype {raw.dtype}, expected integers")
    if raw.ndim != 1 or raw.size == 0:
        raise ValueError(f"offsets has shape {raw.shape}, expected a 1-D array of at least one entry")
    borders = np.ascontiguousarray(raw, np.int64)
    if borders[0] != 0 or borders[-1] != n:
        raise ValueError(f"offsets runs from {borders[0]} to {borders[-1]}, expected from 0 to {n}, the size of t")
    if bool((np.diff(borders) < 0).any()):
        raise ValueError(f"offsets decreases at entry {int(np.argmax(np.diff(borders) < 0)) + 1}")
    return borders


def _series_order(t: Array, borders: Array) -> Array | None:
    """The order that sorts each series on its own, or None if they are sorted."""
    rising = t[1:] >= t[:-1]
    if rising.all() or np.isin(np.flatnonzero(~rising) + 1, borders).all():
        return None
    which = np.repeat(np.arange(borders.size - 1), np.diff(borders))
    out: Array = np.lexsort((t, which))
    return out
