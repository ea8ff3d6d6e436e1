"""Repeated rows of X, collapsed exactly: a dense factor of the distinct rows alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _validate
from kriss.gp._answers import least_jitter, observations
from kriss.gp._factor import CovarianceFactor
from kriss.gp._jittered import Jittered
from kriss.gp._kernels import Kernel, points
from kriss.gp._problem import _Problem, noise_vector
from kriss.gp._results import Prediction

Array = npt.NDArray[Any]


def _distinct(X: Array) -> tuple[Array, Array]:
    """The first row of each group of equal ones, and the group of each row."""
    _, first, group = np.unique(X, axis=0, return_index=True, return_inverse=True)
    return first, group.reshape(-1)


def suits(kernel: Kernel, X: Array, noise: object) -> str | None:
    """Why this structure fits, or None."""
    n = X.shape[0]
    if X.ndim != 2 or n < 2:
        return None
    m = _distinct(X)[0].size
    return None if m == n else f"{m} of {n} rows of X are distinct: repeated rows collapsed exactly"


class ReplicatesFactor(Jittered):
    """The covariance matrix of points of which some are repeated; made by ``kriss.gp.factor``.

    Attributes
    ----------
    kernel : Kernel
        The covariance function.
    X : ndarray, shape (n, d)
        The points, read-only.
    noise : ndarray, shape (n,)
        Noise variance of each observation, read-only.
    jitter : float
        What was added to the diagonal besides the noise: 0 unless it was asked for.
    structure, reason : str
        ``"replicates"``, and why.
    distinct : CovarianceFactor
        The dense factor of the m distinct rows, in ascending order, each with the noise variance of the weighted mean
        of its observations.

    Notes
    -----
    With weights proportional to ``1 / noise``, the weighted means of the observations at each distinct row are
    sufficient: the rest of the density is that of the deviations from them. m**3 / 3 flops and m**2 doubles instead of
    n**3 / 3 and n**2; the likelihood, its gradient and the predictions are those of all n rows. Among equal rows one
    may have no noise; two such rows are the same observation twice, and raise.

    References
    ----------
    M. Binois, R. B. Gramacy, M. Ludkovski, "Practical heteroscedastic Gaussian process modeling for large simulation
    experiments", Journal of Computational and Graphical Statistics 27, 2018, lemma 3.1.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.gp import RBF
    >>> from kriss.gp._replicates import build
    >>> f = build(RBF(), [[0.0], [1.0], [0.0]], noise=[0.1, 0.2, 0.3])
    >>> f.n, f.distinct.n
    (3, 2)
    >>> bool(np.allclose(f.logdet(), np.linalg.slogdet(RBF()(f.X) + np.diag(f.noise))[1]))
    True
    """

    structure = "replicates"

    def __init__(
        self, kernel: Kernel, X: Array, noise: Array, jitter: float, workers: int | None, check_finite: bool
    ) -> None:
        first, group = _distinct(X)
        n, m = X.shape[0], first.size
        reason = f"{m} of {n} rows of X are distinct: repeated rows collapsed exactly"
        super().__init__(kernel, X, noise, jitter, reason, check_finite)
        self._group = group
        tau = noise + jitter
        least = np.full(m, np.inf)
        np.minimum.at(least, group, tau)
        zero = tau == 0.0
        exact = np.bincount(group[zero], minlength=m)
        if exact.max(initial=0) > 1:
            rows = np.flatnonzero(zero & (exact[group] > 1))
            pair = rows[group[rows] == group[rows[0]]][:2]
            raise np.linalg.LinAlgError(
                f"the covariance matrix is not positive definite: rows {pair[0]} and {pair[1]} of X are the same point "
                f"and neither has noise. Raise noise (its variance), or pass "
                f"jitter={1e-8 * kernel.scale(X):.1g} or jitter='auto'"
            )
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(zero, 1.0, least[group] / tau)
            # 1 / tau; a row without noise takes no part in the squares, since it is its own mean.
            self._precision = np.where(zero, 0.0, 1.0 / tau)
        total = np.bincount(group, ratio, minlength=m)
        self._share = ratio / total[group]
        own = least / total
        self._zero = zero
        self._logs = float(np.log(tau[~zero]).sum() - np.log(least[least > 0.0]).sum() + np.log(total).sum())
        problem = _Problem(kernel, X[first], own, workers, check_finite)
        out = np.zeros((m, m))
        bad = problem.cholesky(0.0, out)
        if bad >= 0:
            error = problem.not_positive_definite(bad, 0.0)
            raise np.linalg.LinAlgError(f"among the {m} distinct of {n} rows of X, ascending: {error}")
        self.distinct = CovarianceFactor(problem, out, 0.0, check_finite)

    def _sums(self, values: Array) -> Array:
        """Sums over equal rows: (n, ...) to (m, ...)."""
        out = np.zeros((self.distinct.n, *values.shape[1:]))
        np.add.at(out, self._group, values)
        return out

    def _means(self, b: Array) -> tuple[Array, Array]:
        """Weighted means over equal rows, (m, ...), and deviations from them."""
        share = self._share.reshape(-1, *(1,) * (b.ndim - 1))
        mean = self._sums(share * b)
        deviation = b - mean[self._group]
        deviation[self._zero] = 0.0
        return mean, deviation

    def solve(self, B: npt.ArrayLike) -> Array:
        """``K^-1 B``.

        Parameters
        ----------
        B : array_like, shape (n,) or (n, k)
            Right-hand sides.

        Returns
        -------
        ndarray, shape of B
            The solution; 2 m**2 flops per column.
        """
        b = observations(B, self.n, "B", ndim=(1, 2), finite=self._check)
        wide = (-1, *(1,) * (b.ndim - 1))
        mean, deviation = self._means(b)
        own = self._precision.reshape(wide) * deviation
        if self._zero.any():
            own = own - np.where(self._zero.reshape(wide), self._sums(own)[self._group], 0.0)
        out: Array = self._share.reshape(wide) * self.distinct.solve(mean)[self._group] + own
        return out

    def logdet(self) -> float:
        """``log det K``.

        Returns
        -------
        float
            That of the distinct rows, and the logarithms of the noise that their means do not have.
        """
        return self.distinct.logdet() + self._logs

    def quad(self, y: npt.ArrayLike) -> float:
        """``y' K^-1 y``, as two sums of squares.

        Parameters
        ----------
        y : array_like, shape (n,)
            The vector.

        Returns
        -------
        float
            The quadratic form; m**2 flops.
        """
        mean, deviation = self._means(observations(y, self.n, finite=self._check))
        return self.distinct.quad(mean) + float(((self._precision * deviation) * deviation).sum())

    def inv_diag(self) -> Array:
        """The diagonal of ``K^-1``.

        Returns
        -------
        ndarray, shape (n,)
            m**3 / 3 flops, once.
        """
        own = (1.0 - self._share) * self._precision
        if self._zero.any():
            own = own + np.where(self._zero, self._sums(self._precision)[self._group], 0.0)
        out: Array = self._share**2 * self.distinct.inv_diag()[self._group] + own
        return out

    def log_likelihood_grad(self, y: npt.ArrayLike) -> tuple[float, Array]:
        """The log marginal likelihood and its exact gradient in the log-parameters.

        Parameters
        ----------
        y : array_like, shape (n,)
            Observations.

        Returns
        -------
        value : float
            The log-likelihood.
        gradient : ndarray, shape (p + 1,)
            Derivatives in ``kernel.theta``, then in the logarithm of the noise (of a factor common to all its
            entries, if they differ).

        Notes
        -----
        As for the dense factor of the distinct rows, 2 m**3 / 3 flops.
        """
        b = observations(y, self.n, finite=self._check)
        mean, _ = self._means(b)
        gradient = self.distinct.log_likelihood_grad(mean)[1].copy()
        alpha = self.solve(b)
        gradient[-1] = 0.5 * float((self.noise * (alpha * alpha - self.inv_diag())).sum())
        return self.log_likelihood(b), gradient

    def predict(
        self, Xs: npt.ArrayLike, y: npt.ArrayLike, *, return_std: bool = False, return_cov: bool = False
    ) -> Prediction:
        """The posterior at new points, given observations.

        Parameters
        ----------
        Xs : array_like, shape (k, d)
            Where to predict.
        y : array_like, shape (n,) or (n, outputs)
            Observations at `X`, of zero prior mean.
        return_std : bool, default False
            Also the standard deviation at each point.
        return_cov : bool, default False
            Also the covariance matrix.

        Returns
        -------
        Prediction
            ``mean``, and ``std`` and ``cov`` where asked for, of the latent function.
        """
        b = observations(y, self.n, ndim=(1, 2), finite=self._check)
        return self.distinct.predict(Xs, self._means(b)[0], return_std=return_std, return_cov=return_cov)

    def sample(self, size: int | None = None, rng: _validate.RngLike = None) -> Array:
        """Draws of the observations from the prior: normal with mean 0 and covariance K.

        Parameters
        ----------
        size : int, optional
            How many; one draw of shape (n,) if omitted.
        rng : int, SeedSequence or Generator, optional
            Source of randomness.

        Returns
        -------
        ndarray, shape (n,) or (size, n)
            One draw per row: means of equal rows from the factor, deviations from the noise.
        """
        count = 1 if size is None else _validate.integer(size, "size", low=0)
        generator = _validate.generator(rng)
        means = self.distinct.sample(count, generator)
        noise = np.sqrt(self.noise + self.jitter)[:, None] * generator.standard_normal((self.n, count))
        out: Array = (means.T[self._group] + self._means(noise)[1]).T
        return out[0] if size is None else out

    def _norm(self) -> float:
        K = np.abs(self.kernel(self.distinct.X, check_finite=False))
        sums = K @ np.bincount(self._group, minlength=self.distinct.n).astype(float)
        return float((sums[self._group] + self.noise + self.jitter).max())


def build(
    kernel: Kernel,
    X: npt.ArrayLike,
    noise: npt.ArrayLike = 0.0,
    jitter: float | str = 0.0,
    *,
    workers: int | None = None,
    check_finite: bool = True,
) -> ReplicatesFactor:
    """The factor of points some of which are repeated; arguments as of ``kriss.gp.factor``."""
    if not isinstance(kernel, Kernel):
        raise TypeError(f"kernel must be a kriss.gp kernel, not {type(kernel).__name__}")
    x = points(X, check_finite=check_finite).copy()
    tau = noise_vector(noise, x.shape[0], check_finite)
    _validate.workers(workers)
    made: ReplicatesFactor = least_jitter(
        lambda amount: ReplicatesFactor(kernel, x, tau, amount, workers, check_finite), jitter, kernel.scale(x)
    )
    return made
