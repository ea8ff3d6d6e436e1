"""Pivoted Cholesky factors of covariance matrices: the points that leave the least variance unexplained."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _backend, _validate
from kriss.gp._kernels import Kernel, points, transposed
from kriss.gp._problem import noise_vector
from kriss.gp._structured import EPS, white_part

Array = npt.NDArray[Any]

_SERIAL = 10_000  # candidates below which a second thread costs more than one row of covariances


@dataclass(frozen=True)
class GreedyResult:
    """Points chosen one after the other, and what they explain.

    Attributes
    ----------
    indices : ndarray of int64, shape (t,)
        Rows of X in the order in which they were chosen.
    picked : ndarray, shape (t,)
        Variance of each chosen point just before it was chosen, given those before it.
    variance : ndarray, shape (n,)
        Variance of every point given observations, with their noise, at the chosen ones.
    rows : ndarray, shape (t, n)
        Rows of the partial factor: ``kernel(X) - rows.T @ rows`` is the posterior covariance of all points.
    trace : ndarray, shape (t + 1,)
        Sum of the variances before the first choice and after each.
    reason : str
        Why it stopped: ``"k points"``, ``"tol"`` or ``"exhausted"`` (no variance above rounding errors was left).
    """

    indices: npt.NDArray[np.int64]
    picked: Array
    variance: Array
    rows: Array
    trace: Array
    reason: str


def greedy_variance(
    kernel: Kernel,
    X: npt.ArrayLike,
    k: int,
    noise: npt.ArrayLike = 0.0,
    method: str = "greedy",
    *,
    rng: _validate.RngLike = None,
    tol: float = 0.0,
    ties: float = 0.0,
    workers: int | None = None,
) -> GreedyResult:
    """Chooses points one by one by the variance that the chosen ones leave: a pivoted Cholesky factorisation.

    Parameters
    ----------
    kernel : Kernel
        Covariance function.
    X : array_like, shape (n, d)
        Candidates.
    k : int
        How many to choose, at most. More than n is possible with noise: points may be observed again.
    noise : float or array_like of shape (n,), default 0.0
        Variance of the noise of an observation at each candidate. Without noise the rows are those of the pivoted
        Cholesky factor, as inducing points and preconditioners want them; with noise a batch of experiments.
    method : {"greedy", "random"}, default "greedy"
        Take the largest variance (the first among equals), or draw in proportion to the variances.
    rng : int, SeedSequence or Generator, optional
        Source of randomness of ``"random"``.
    tol : float, default 0.0
        Stop once the sum of the variances is at most `tol` times what it was.
    ties : float, default 0.0
        Variances that are less than the largest by at most this part of it count as equal to it: where symmetric
        candidates have equal variances, some 1e-10 keeps rounding errors from choosing between them.
    workers : int, optional
        Threads that evaluate the kernel.

    Returns
    -------
    GreedyResult
        Indices, variances and the rows of the factor.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type, dtype or shape, or is not finite.

    Notes
    -----
    Step t costs n kernel values and 2 n t flops: n k**2 altogether; 8 n k bytes. After every step the variances are
    those of the Gaussian-process posterior. Without noise it stops before a pivot that is not above its rounding
    errors.

    References
    ----------
    H. Harbrecht, M. Peters, R. Schneider, "On the Low-Rank Approximation by the Pivoted Cholesky Decomposition",
    Applied Numerical Mathematics 62, 2012, algorithm 1. Y. Chen, E. N. Epperly, J. A. Tropp, R. J. Webber, "Randomly
    Pivoted Cholesky", Communications on Pure and Applied Mathematics 78, 2025, algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.gp import RBF, greedy_variance
    >>> found = greedy_variance(RBF(1.0), np.linspace(0.0, 4.0, 5)[:, None], 3)
    >>> found.indices
    array([0, 4, 2])
    >>> found.rows.shape, found.reason
    ((3, 5), 'k points')
    """
    if not isinstance(kernel, Kernel):
        raise TypeError(f"kernel must be a kriss.gp kernel, not {type(kernel).__name__}")
    x = points(X)
    n = x.shape[0]
    tau = noise_vector(noise, n)
    count = _validate.integer(k, "k", low=0)
    _validate.choice(method, "method", ("greedy", "random"))
    part = _validate.scalar(tol, "tol", low=0.0)
    slack = _validate.scalar(ties, "ties", low=0.0)
    draw = _validate.generator(rng) if method == "random" else None

    form, xt, threads = kernel.form(x.shape[1]), transposed(x), _validate.workers(workers)
    if workers is None and n < _SERIAL:
        threads = 1
    variance = np.array(kernel.diag(x), np.float64)
    pivot_row = _backend.kernels("gp").pivot_row
    prior, white = variance.copy(), white_part(kernel, x)
    rows = np.empty((min(count, n) if not tau.any() else count, n))
    if n == 0:
        rows = rows[:0]
    indices = np.empty(rows.shape[0], np.int64)
    picked = np.empty(rows.shape[0])
    trace = [float(variance.sum())]
    reason = "k points"
    done = 0
    while done < rows.shape[0]:
        if trace[-1] <= part * trace[0]:
            reason = "tol" if part > 0.0 else "exhausted"
            break
        i = _choose(variance, draw, slack)
        # What is left of prior_i after `done` subtractions: rounding errors of some sqrt(done) eps prior_i.
        if tau[i] == 0.0 and not variance[i] > 4.0 * math.sqrt(done + 1.0) * EPS * prior[i]:
            reason = "exhausted"
            break
        indices[done], picked[done] = i, variance[i]
        row = rows[done]
        form.cross(np.ascontiguousarray(xt[:, i : i + 1]), xt, row[None], threads)
        row[i] += white[i]
        pivot_row(rows[:done], i, math.sqrt(variance[i] + tau[i]), row, variance, threads)
        if tau[i] == 0.0:
            variance[i] = 0.0
        done += 1
        trace.append(float(variance.sum()))
    if reason == "k points" and done < count:
        reason = "exhausted"
    return GreedyResult(indices[:done], picked[:done], variance, rows[:done], np.array(trace), reason)


def _choose(variance: Array, draw: np.random.Generator | None, ties: float) -> int:
    if draw is None:
        return int(np.argmax(variance if ties == 0.0 else variance >= (1.0 - ties) * variance.max()))
    scale = variance.max()
    if not scale > 0.0:
        return 0
    cumulative = np.cumsum(variance / scale)
    at = int(np.searchsorted(cumulative, draw.random() * cumulative[-1], side="right"))
    at = min(at, variance.size - 1)
    while variance[at] == 0.0:  # the end of the sum, reached by rounding
        at -= 1
    return at
