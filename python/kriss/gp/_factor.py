"""The Cholesky factor of a covariance matrix and everything that is read off it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _backend, _device, _validate
from kriss.gp._forms import Form
from kriss.gp._kernels import Kernel, points, transposed

Array = npt.NDArray[Any]

_EPS = float(np.finfo(np.float64).eps)
_LOG_2PI = math.log(2.0 * math.pi)
_BLOCK = 1 << 22  # doubles of work space for blocks of test points
_JITTER_STEPS = tuple(10.0**k for k in range(-14, -3))


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
    """

    mean: Array
    std: Array | None = None
    cov: Array | None = None


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


class _Problem:
    """Points, covariance function and diagonal, normalised for the kernels."""

    __slots__ = ("form", "kernel", "n", "noise", "threads", "x", "xt")

    def __init__(
        self,
        kernel: Kernel,
        X: object,
        noise: object,
        workers: int | None,
        check_finite: bool,
        scalar_noise: bool = False,
    ) -> None:
        if not isinstance(kernel, Kernel):
            raise TypeError(f"kernel must be a kriss.gp kernel, not {type(kernel).__name__}")
        self.kernel = kernel
        # A copy: what is read off the factor later must not follow changes of the caller's array.
        self.x = points(X, check_finite=check_finite).copy()
        self.n = self.x.shape[0]
        self.xt = transposed(self.x)
        self.form: Form = kernel.form(self.x.shape[1])
        self.noise = noise_vector(noise, self.n, check_finite)
        self.threads = _validate.workers(workers)

    def assemble(self, jitter: float, out: Array) -> Array:
        """K + diag(noise + jitter) into the lower triangle of `out`; returns the diagonal of the sum."""
        added = self.noise + jitter
        self.form.symmetric(self.xt, added, out, False, self.threads)
        return np.array(out.diagonal())

    def cholesky(self, jitter: float, out: Array) -> int:
        """Factorises in `out`; the index of a bad pivot, or -1.

        A pivot is what is left of K_ii after i subtractions whose rounding errors add up to some sqrt(n) eps K_ii: one
        that is not above that has no correct digit, and the matrix is singular to working precision.
        """
        diagonal = self.assemble(jitter, out)
        limit = diagonal * (4.0 * math.sqrt(self.n) * _EPS)
        bad: int = _backend.kernels("gp").cholesky(out, limit, self.threads)
        return bad

    def not_positive_definite(self, pivot: int, jitter: float) -> np.linalg.LinAlgError:
        """The error that names the pivot and the points behind it."""
        scale = self.kernel.scale(self.x)
        message = f"the covariance matrix is not positive definite to working precision: pivot {pivot} of {self.n}"
        if not np.isfinite(self.x[pivot]).all():
            return np.linalg.LinAlgError(f"{message}: row {pivot} of X is not finite")
        if pivot > 0:
            row = np.empty((1, pivot))
            here = np.ascontiguousarray(self.xt[:, pivot : pivot + 1])
            others = np.ascontiguousarray(self.xt[:, :pivot])
            self.form.cross(here, others, row, self.threads)
            if not self.kernel.stationary:
                sizes = self.kernel._diag(self.x[: pivot + 1])
                row *= scale / np.sqrt(np.maximum(sizes[:-1] * sizes[-1], np.finfo(np.float64).tiny))
            if np.isfinite(row).all():
                near = int(np.argmax(row[0]))
                same = np.array_equal(self.x[near], self.x[pivot])
                if same:
                    message += f": rows {near} and {pivot} of X are the same point"
                else:
                    gap = max(0.0, 1.0 - row[0, near] / scale)
                    message += (
                        f": row {pivot} of X is determined by the rows before it; nearest is row {near}, "
                        f"correlated by 1 - {gap:.1e}"
                    )
        added = float(self.noise[pivot]) + jitter
        return np.linalg.LinAlgError(
            f"{message}; noise and jitter there add {added:.3g} to a variance of {scale:.3g}. "
            f"Raise noise (its variance), or pass jitter={1e-8 * scale:.1g} or jitter='auto'"
        )


def noise_vector(noise: object, n: int, check_finite: bool = True) -> Array:
    """Noise variances as (n,), not negative."""
    values = _validate.real_array(noise, "noise", ndim=(0, 1), finite=check_finite, single=False)
    if values.ndim == 1 and values.size != n:
        raise ValueError(f"noise has {values.size} entries, expected a number or one per row of X ({n})")
    if values.size and values.min() < 0.0:
        raise ValueError(f"noise must not be negative, not {values.min()}")
    return np.broadcast_to(values, (n,)).copy()


def observations(y: object, n: int, name: str = "y", *, ndim: int | tuple[int, ...] = 1, finite: bool = True) -> Array:
    """Observations as (n,) or (n, k), float64."""
    out = _validate.real_array(y, name, ndim=ndim, finite=finite, single=False)
    if out.shape[0] != n:
        raise ValueError(f"{name} has shape {out.shape}, expected {n} rows as X has")
    return out


def _log_likelihood(y: Array, alpha: Array, diagonal_of_factor: Array) -> float:
    return -0.5 * float(y @ alpha) - float(np.log(diagonal_of_factor).sum()) - 0.5 * y.size * _LOG_2PI


def _gradient(problem: _Problem, alpha: Array, inverse: Array) -> Array:
    return problem.form.likelihood_gradient(problem.xt, alpha, inverse, problem.noise, problem.threads)


class CovarianceFactor:
    """The Cholesky factor of ``K = kernel(X) + diag(noise + jitter)``; made by `kriss.gp.factor`.

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
    lower : ndarray, shape (n, n)
        L with K = L L', zeros above its diagonal; read-only. ``scipy.linalg.cho_solve((f.lower, True), b)`` takes it.

    Notes
    -----
    Holds n**2 doubles, and n**2 more while `log_likelihood_grad`, `inv_diag` or `loo` runs.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.gp import RBF, factor
    >>> f = factor(RBF(2.0), np.arange(4.0)[:, None], noise=0.1)
    >>> bool(np.allclose(f.lower @ f.lower.T, RBF(2.0)(f.X) + 0.1 * np.eye(4)))
    True
    """

    def __init__(self, problem: _Problem, lower: Array, jitter: float, check_finite: bool) -> None:
        self._problem = problem
        self._lower = lower
        self._lower.flags.writeable = False
        self._check = check_finite
        self._inv_diag: Array | None = None
        self.kernel = problem.kernel
        self.jitter = jitter
        self.X = problem.x.view()
        self.X.flags.writeable = False
        self.noise = problem.noise.view()
        self.noise.flags.writeable = False

    @property
    def n(self) -> int:
        """The number of points."""
        count: int = self._problem.n
        return count

    @property
    def lower(self) -> Array:
        """L with K = L L', zeros above its diagonal."""
        return self._lower

    def __repr__(self) -> str:
        jitter = f", jitter={self.jitter:.3g}" if self.jitter else ""
        return f"<CovarianceFactor of {self.n} points, kernel {self.kernel!r}{jitter}>"

    def solve(self, B: npt.ArrayLike) -> Array:
        """``K^-1 B``.

        Parameters
        ----------
        B : array_like, shape (n,) or (n, k)
            Right-hand sides.

        Returns
        -------
        ndarray, shape of B
            The solution. 2 n**2 flops per column.
        """
        return self._solve(observations(B, self.n, "B", ndim=(1, 2), finite=self._check))

    def _solve(self, b: Array) -> Array:
        rows = np.array(b.T if b.ndim == 2 else b[None, :], order="C")
        if rows.size:
            _backend.kernels("gp").solve(self._lower, rows, False, self._problem.threads)
        out: Array = rows.T.reshape(b.shape)
        return out

    def logdet(self) -> float:
        """``log det K``.

        Returns
        -------
        float
            Twice the sum of the logarithms of the diagonal of `lower`.
        """
        return 2.0 * float(np.log(self._lower.diagonal()).sum())

    def quad(self, y: npt.ArrayLike) -> float:
        """``y' K^-1 y``, as the square of ``L^-1 y``: never negative.

        Parameters
        ----------
        y : array_like, shape (n,)
            The vector.

        Returns
        -------
        float
            The quadratic form. n**2 flops.
        """
        rows = observations(y, self.n, finite=self._check).reshape(1, -1).copy()
        if rows.size:
            _backend.kernels("gp").solve(self._lower, rows, True, self._problem.threads)
        return float(rows[0] @ rows[0])

    def log_likelihood(self, y: npt.ArrayLike) -> float:
        """Log marginal likelihood of observations under a zero mean.

        Parameters
        ----------
        y : array_like, shape (n,)
            Observations.

        Returns
        -------
        float
            ``-1/2 y' K^-1 y - 1/2 log det K - n/2 log(2 pi)``: Rasmussen and Williams (2006), equation (5.8).
        """
        return -0.5 * (self.quad(y) + self.logdet() + self.n * _LOG_2PI)

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
        2 n**3 / 3 flops for the inverse and one pass over it; n**2 doubles of work space, whatever p. Rasmussen and
        Williams (2006), equation (5.9).
        """
        b = observations(y, self.n, finite=self._check)
        alpha = self._solve(b)
        inverse = self._lower.copy()
        _backend.kernels("gp").invert(inverse, self._problem.threads)
        return _log_likelihood(b, alpha, self._lower.diagonal()), _gradient(self._problem, alpha, inverse)

    def predict(
        self, Xs: npt.ArrayLike, y: npt.ArrayLike, *, return_std: bool = False, return_cov: bool = False
    ) -> Prediction:
        """The posterior at new points, given observations.

        Parameters
        ----------
        Xs : array_like, shape (m, d)
            Where to predict.
        y : array_like, shape (n,) or (n, outputs)
            Observations at `X`, of zero prior mean.
        return_std : bool, default False
            Also the standard deviation at each point.
        return_cov : bool, default False
            Also the covariance matrix, m**2 doubles.

        Returns
        -------
        Prediction
            ``mean``, and ``std`` and ``cov`` where asked for, of the latent function: add the noise variance to
            ``std**2`` for a new observation.

        Notes
        -----
        The mean costs 2 n**2 + O(n m d) flops and does not touch the factor's rows again for every point; the
        standard deviation n**2 flops per point, in blocks. Variances are clipped at 0. Rasmussen and Williams (2006),
        equations (2.25) and (2.26).
        """
        xs = points(Xs, "Xs", check_finite=self._check)
        if xs.shape[1] != self.X.shape[1]:
            raise ValueError(f"Xs has {xs.shape[1]} columns, expected {self.X.shape[1]} as X has")
        b = observations(y, self.n, ndim=(1, 2), finite=self._check)
        alpha = self._solve(b)
        m = xs.shape[0]
        mean = np.empty((m, *b.shape[1:]))
        std = np.empty(m) if return_std else None
        half = np.empty((m, self.n)) if return_cov else None
        block = m if half is not None else max(1, min(m, _BLOCK // max(1, self.n)))
        run, p = _backend.kernels("gp"), self._problem
        for start in range(0, m, max(block, 1)):
            part = xs[start : start + block]
            cross = half if half is not None else np.empty((part.shape[0], self.n))
            p.form.cross(transposed(part), p.xt, cross, p.threads)
            mean[start : start + block] = cross @ alpha
            if std is not None or half is not None:
                if cross.size:
                    run.solve(self._lower, cross, True, p.threads)
                if std is not None:
                    variance = self.kernel._diag(part) - np.einsum("ij,ij->i", cross, cross)
                    std[start : start + block] = np.sqrt(np.maximum(variance, 0.0))
        cov = None if half is None else self.kernel(xs, workers=p.threads or None) - half @ half.T
        return Prediction(mean, std, cov)

    def inv_diag(self) -> Array:
        """The diagonal of ``K^-1``.

        Returns
        -------
        ndarray, shape (n,)
            The diagonal; n**3 / 3 flops the first time, kept for later calls.
        """
        if self._inv_diag is None:
            inverse = self._lower.copy()
            _backend.kernels("gp").invert_triangle(inverse, self._problem.threads)
            self._inv_diag = np.einsum("ij,ij->j", inverse, inverse)
        return self._inv_diag.copy()

    def loo(self, y: npt.ArrayLike) -> LeaveOneOut:
        """Leave-one-out predictions of every observation, without refitting.

        Parameters
        ----------
        y : array_like, shape (n,)
            Observations.

        Returns
        -------
        LeaveOneOut
            ``mean = y - (K^-1 y) / diag(K^-1)`` and ``variance = 1 / diag(K^-1)``: Rasmussen and Williams (2006),
            equations (5.10) to (5.12).
        """
        b = observations(y, self.n, finite=self._check)
        variance = 1.0 / self.inv_diag()
        error = self._solve(b) * variance
        density = -0.5 * float((error * error / variance + np.log(variance) + _LOG_2PI).sum())
        return LeaveOneOut(b - error, variance, density)

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
            One draw per row. n**2 flops each.
        """
        count = 1 if size is None else _validate.integer(size, "size", low=0)
        z = _validate.generator(rng).standard_normal((count, self.n))
        out: Array = z @ self._lower.T
        return out[0] if size is None else out

    def condition_estimate(self) -> float:
        """An estimate of the condition number of K in the 1-norm, O(n**2) flops.

        Returns
        -------
        float
            LAPACK's pocon: seldom off by more than a factor 3, and never above the true value. Relative errors of
            `solve` are about this times 1e-16. Infinity if K is singular to working precision.
        """
        if self.n == 0:
            return 1.0
        p = self._problem
        norm = p.form.norm(p.xt, self.kernel._diag(p.x) + p.noise + self.jitter, self._lower, p.threads)
        rcond: float = _backend.kernels("gp").rcond(self._lower, norm)
        return 1.0 / rcond if rcond > 0.0 else math.inf


def factor(
    kernel: Kernel,
    X: npt.ArrayLike,
    noise: npt.ArrayLike = 0.0,
    jitter: float | str = 0.0,
    *,
    workers: int | None = None,
    check_finite: bool = True,
) -> CovarianceFactor:
    """Cholesky factor of the covariance matrix of noisy observations.

    Parameters
    ----------
    kernel : Kernel
        Covariance function.
    X : array_like, shape (n, d)
        Points, one per row; promoted to float64. A CuPy array is factorised on its device, by CuPy; the result then
        offers `lower`, `solve`, `logdet`, `quad`, `log_likelihood` and `predict`.
    noise : float or array_like of shape (n,), default 0.0
        Variance of the noise of each observation.
    jitter : float or "auto", default 0.0
        Added to the diagonal besides the noise. ``"auto"`` tries none, then 1e-14, 1e-13, ... 1e-4 times the variance
        of the kernel (the largest k(x, x)), and `CovarianceFactor.jitter` says what it took.
    workers : int, optional
        Threads; the process-wide setting by default. The result does not depend on it.
    check_finite : bool, default True
        Refuse NaN and infinity in arguments; without it they are caught at a pivot.

    Returns
    -------
    CovarianceFactor
        Solves, determinants, likelihoods, predictions.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type, dtype or shape, or is not finite.
    numpy.linalg.LinAlgError
        If the matrix is not positive definite to working precision; the message names the pivot and the pair of
        points behind it. Nothing is added to the matrix unless `jitter` asks for it.

    See Also
    --------
    fit : choose the parameters by maximum likelihood.

    Notes
    -----
    n**3 / 3 flops, n**2 / 2 exponentials per term, n**2 doubles and 480 n of work space. Can be interrupted by Ctrl-C.

    References
    ----------
    C. E. Rasmussen, C. K. I. Williams, "Gaussian Processes for Machine Learning", 2006, algorithm 2.1.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.gp import Matern, factor
    >>> X = np.linspace(0.0, 4.0, 9)[:, None]
    >>> y = np.sin(X[:, 0])
    >>> f = factor(Matern(2.5), X, noise=1e-4)
    >>> p = f.predict([[2.2]], y, return_std=True)
    >>> bool(abs(p.mean[0] - np.sin(2.2)) < 0.01), bool(p.std[0] < 0.1)
    (True, True)
    """
    if _device.any_device(X=X):
        from kriss.gp import _gpu

        if isinstance(jitter, str):
            raise NotImplementedError("jitter='auto' is not available for CuPy arrays: pass a number")
        on_device: Any = _gpu.DeviceFactor(kernel, X, noise, jitter, check_finite)
        return on_device  # type: ignore[no-any-return]
    problem = _Problem(kernel, X, noise, workers, check_finite)
    scale = kernel.scale(problem.x)
    if isinstance(jitter, str):
        _validate.choice(jitter, "jitter", ("auto",))
        tries = [0.0, *(step * scale for step in _JITTER_STEPS)]
    else:
        tries = [_validate.scalar(jitter, "jitter", low=0.0)]
    out = np.zeros((problem.n, problem.n))
    for amount in tries:
        bad = problem.cholesky(amount, out)
        if bad < 0:
            return CovarianceFactor(problem, out, amount, check_finite)
    raise problem.not_positive_definite(bad, amount)


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
    value, gradient = evaluate(problem, b, np.zeros((problem.n, problem.n)), eval_gradient)
    return (value, gradient) if gradient is not None else value


def evaluate(problem: _Problem, y: Array, work: Array, gradient: bool) -> tuple[float, Array | None]:
    """Log-likelihood and gradient in the work space `work` (n, n)."""
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
