"""The Cholesky factor of a covariance matrix and everything that is read off it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kriss import _backend, _device, _validate
from kriss.gp import _predict, _update
from kriss.gp._answers import Answers, jitters, observations
from kriss.gp._kernels import Kernel
from kriss.gp._problem import _gradient, _log_likelihood, _Problem
from kriss.gp._results import LeaveOneOut, Prediction

if TYPE_CHECKING:
    from kriss.gp._condition import LinearCondition

__all__ = ["CovarianceFactor", "LeaveOneOut", "Prediction", "factor"]

Array = npt.NDArray[Any]


class CovarianceFactor(Answers):
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
    structure : str
        ``"dense"``.
    reason : str
        Why `kriss.gp.factor` made this kind of factor.
    updates : int
        Calls of `append` and `drop` since the matrix was factorised.
    drift : float
        The largest error ``|K - L L'|_ij / sqrt(K_ii K_jj)`` seen when the updates were last checked; 0 before that.

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

    structure = "dense"

    def __init__(
        self, problem: _Problem, lower: Array | _update.Triangle, jitter: float, check_finite: bool, reason: str = ""
    ) -> None:
        self._problem = problem
        self._grown = lower if isinstance(lower, _update.Triangle) else None
        self._lower = lower.lower if isinstance(lower, _update.Triangle) else lower
        self._lower.flags.writeable = False
        self.reason = reason
        self.updates = 0
        self.drift = 0.0
        self._check = check_finite
        self._inv_diag: Array | None = None
        self.kernel = problem.kernel
        self.jitter = jitter
        self.X = problem.x.view()
        self.X.flags.writeable = False
        self.noise = problem.noise.view()
        self.noise.flags.writeable = False

    @property
    def lower(self) -> Array:
        """L with K = L L', zeros above its diagonal."""
        return self._lower

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
        self._half(rows, whole=True)
        out: Array = rows.T.reshape(b.shape)
        return out

    def _half(self, rows: Array, whole: bool = False) -> None:
        """Each row (of n) to L^-1 b, or to K^-1 b if `whole`, in place."""
        if self._grown is not None:
            self._grown.solve(rows, not whole, self._problem.threads)
        elif rows.size:
            _backend.kernels("gp").solve(self._lower, rows, not whole, self._problem.threads)

    def _triangle(self) -> _update.Triangle:
        return _update.Triangle(self._lower, self.n) if self._grown is None else self._grown

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
        self._half(rows)
        return float(rows[0] @ rows[0])

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
        self,
        Xs: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        return_std: bool = False,
        return_cov: bool = False,
        return_grad: bool = False,
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
        return_grad : bool, default False
            Also the derivatives in the coordinates of each point: of the mean and, with `return_std`, of the standard
            deviation.

        Returns
        -------
        Prediction
            ``mean``, and ``std``, ``cov``, ``mean_grad`` and ``std_grad`` where asked for, of the latent function: add
            the noise variance to ``std**2`` for a new observation.

        Notes
        -----
        The mean costs 2 n**2 + O(n m d) flops and does not touch the factor's rows again for every point; the
        standard deviation n**2 flops per point, in blocks, and its derivatives 2 n**2 more. Variances are clipped
        at 0. Rasmussen and Williams (2006), equations (2.25) and (2.26).
        """
        xs = _predict.test_points(Xs, self.X.shape[1], self._check)
        b = observations(y, self.n, ndim=(1, 2), finite=self._check)
        return _predict.predict(self, xs, b, return_std, return_cov, return_grad)

    def append(self, Xq: npt.ArrayLike, noise: npt.ArrayLike = 0.0) -> CovarianceFactor:
        """The factor with more points after the present ones.

        Parameters
        ----------
        Xq : array_like, shape (q, d)
            The new points.
        noise : float or array_like of shape (q,), default 0.0
            Noise variance of their observations.

        Returns
        -------
        CovarianceFactor
            Of n + q points, with the same kernel and jitter. This one is unchanged, and the rows they have in common
            are stored once.

        Raises
        ------
        TypeError, ValueError
            If an argument has the wrong type, dtype or shape, or is not finite.
        numpy.linalg.LinAlgError
            As `kriss.gp.factor` raises it: pivots count through the old and the new points.

        See Also
        --------
        drop : the reverse.

        Notes
        -----
        The block Schur complement: n**2 q flops, one pass over the factor for few points. From n / 8 points on the
        matrix is factorised afresh, which costs no more. Every 64 updates eight rows of K are held against those of
        L L' (`drift`), and the matrix is factorised afresh if they are more than 64 sqrt(n) eps apart.

        References
        ----------
        P. E. Gill, G. H. Golub, W. Murray, M. A. Saunders, "Methods for Modifying Matrix Factorizations", Mathematics
        of Computation 28 (1974), section 3.

        Examples
        --------
        >>> import numpy as np
        >>> from kriss.gp import RBF, factor
        >>> X = np.arange(6.0)[:, None]
        >>> f = factor(RBF(), X[:4], noise=0.1).append(X[4:], noise=0.1)
        >>> bool(np.allclose(f.lower, factor(RBF(), X, noise=0.1).lower))
        True
        """
        return _update.append(self, Xq, noise)

    def drop(self, indices: npt.ArrayLike) -> CovarianceFactor:
        """The factor without some of the points.

        Parameters
        ----------
        indices : int or array_like of int
            Rows of `X`, each once; negative ones count from the end.

        Returns
        -------
        CovarianceFactor
            Of the other points, in their order. This one is unchanged.

        Raises
        ------
        TypeError, ValueError, IndexError
            If `indices` are not whole numbers, name a row twice, or a row that is not there.

        See Also
        --------
        append : the reverse.

        Notes
        -----
        Plane rotations return the rows below the first that goes to a triangle: 3 m**2 flops for each of the points
        that go, m being the rows below, and one copy of the factor. Nothing is subtracted, so that this cannot fail;
        rounding errors grow with the square root of the number of updates, and are watched as `append` says.

        References
        ----------
        P. E. Gill, G. H. Golub, W. Murray, M. A. Saunders, "Methods for Modifying Matrix Factorizations", Mathematics
        of Computation 28 (1974), section 5.

        Examples
        --------
        >>> import numpy as np
        >>> from kriss.gp import RBF, factor
        >>> X = np.arange(6.0)[:, None]
        >>> f = factor(RBF(), X, noise=0.1).drop([0, -1])
        >>> bool(np.allclose(f.lower, factor(RBF(), X[1:-1], noise=0.1).lower))
        True
        """
        return _update.drop(self, indices)

    def condition_linear(
        self, G: Any, b: npt.ArrayLike, noise: npt.ArrayLike = 0.0, *, at: npt.ArrayLike | None = None
    ) -> LinearCondition:
        """Condition also on noisy values of linear functionals, ``b = G f(at) + noise``.

        Parameters
        ----------
        G : array_like or sparse matrix, shape (q, m)
            One functional per row: weights of a quadrature rule, of a difference quotient, of a conservation law.
        b : array_like, shape (q,)
            Their observed values.
        noise : float or array_like of shape (q,), default 0.0
            Variance of their errors; 0 makes them exact constraints.
        at : array_like, shape (m, d), optional
            The points that the columns of `G` stand for; `X` by default.

        Returns
        -------
        LinearCondition
            Predicts, samples and judges observations y at `X`, given `b` as well.

        Raises
        ------
        TypeError, ValueError
            If an argument has the wrong type, dtype or shape, or is not finite.
        numpy.linalg.LinAlgError
            If a functional is determined by the observations and the rows before it; the message names it.

        Examples
        --------
        >>> import numpy as np
        >>> from kriss.gp import RBF, factor
        >>> f = factor(RBF(0.5), [[0.0], [1.0]], noise=1e-4)
        >>> grid = np.linspace(0.0, 1.0, 101)[:, None]
        >>> mass = np.full((1, 101), 0.01)  # the trapezoidal rule
        >>> mass[0, [0, -1]] = 0.005
        >>> c = f.condition_linear(mass, [2.0], at=grid)
        >>> bool(abs(mass @ c.predict(grid, [1.0, 1.0]).mean - 2.0) < 1e-10)
        True
        """
        from kriss.gp import _condition

        return _condition.condition(self, G, b, noise, at)

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

    @property
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
        rcond: float = _backend.kernels("gp").rcond(np.ascontiguousarray(self._lower), norm)
        return 1.0 / rcond if rcond > 0.0 else math.inf


def fresh(problem: _Problem, jitter: float, check_finite: bool, reason: str = "") -> CovarianceFactor:
    """The factor of an already checked problem, from its beginning."""
    out = np.zeros((problem.n, problem.n))
    bad = problem.cholesky(jitter, out)
    if bad >= 0:
        raise problem.not_positive_definite(bad, jitter)
    return CovarianceFactor(problem, out, jitter, check_finite, reason)


def factor(
    kernel: Kernel,
    X: npt.ArrayLike,
    noise: npt.ArrayLike = 0.0,
    jitter: float | str = 0.0,
    *,
    workers: int | None = None,
    check_finite: bool = True,
    reason: str = "asked for",
) -> CovarianceFactor:
    """The dense factor; `kriss.gp.factor` describes the arguments and chooses among the structures."""
    if _device.any_device(X=X):
        from kriss.gp import _gpu

        if isinstance(jitter, str):
            raise NotImplementedError("jitter='auto' is not available for CuPy arrays: pass a number")
        on_device: Any = _gpu.DeviceFactor(kernel, X, noise, jitter, check_finite)
        return on_device  # type: ignore[no-any-return]
    problem = _Problem(kernel, X, noise, workers, check_finite)
    out = np.zeros((problem.n, problem.n))
    for amount in jitters(jitter, kernel.scale(problem.x)):
        bad = problem.cholesky(amount, out)
        if bad < 0:
            return CovarianceFactor(problem, out, amount, check_finite, reason)
    raise problem.not_positive_definite(bad, amount)
