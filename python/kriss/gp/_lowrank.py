"""Inducing points: covariance matrices of low rank and a diagonal."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_triangular

from kriss import _validate
from kriss.gp._answers import LOG_2PI, observations
from kriss.gp._greedy import greedy_variance
from kriss.gp._kernels import Kernel, points
from kriss.gp._results import Prediction
from kriss.gp._structured import Structured

Array = npt.NDArray[Any]

_METHODS = ("vfe", "fitc", "nystroem")


class LowRankFactor(Structured):
    """``K = Q + diag(d)`` with ``Q = K_fu K_uu^-1 K_uf`` over inducing points u; made by `kriss.gp.low_rank`.

    Attributes
    ----------
    kernel : Kernel
        The covariance function.
    X : ndarray, shape (n, d)
        The points, read-only.
    noise : ndarray, shape (n,)
        Noise variance of each observation, read-only.
    method : {"vfe", "fitc", "nystroem"}
        What the diagonal is and whether the likelihood is a bound.
    inducing : ndarray, shape (k, d)
        The inducing points in use, in the order of the pivots.
    dropped : int
        How many of the inducing points asked for were left out because the others determine them to working
        precision; the model is the same with or without them.
    trace : float
        ``sum_i k(x_i, x_i) - Q_ii``: the prior variance that the inducing points do not explain.
    structure, reason : str
        ``"low_rank"``, and why it was chosen.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.gp import RBF, low_rank
    >>> X = np.linspace(0.0, 1.0, 2000)[:, None]
    >>> f = low_rank(RBF(0.3), X, noise=0.01, inducing=20)
    >>> f.dropped + f.inducing.shape[0], bool(f.trace < 1e-6)
    (20, True)
    """

    structure = "low_rank"
    exact = False

    def __init__(
        self,
        kernel: Kernel,
        X: object,
        noise: object,
        inducing: object,
        method: str,
        reason: str,
        workers: int | None,
        check_finite: bool,
    ) -> None:
        super().__init__(kernel, X, noise, reason, workers, check_finite)
        self.method = _validate.choice(method, "method", _METHODS)
        n = self.n
        if isinstance(inducing, (int, np.integer)) and not isinstance(inducing, bool):
            asked = _validate.integer(inducing, "inducing", low=1)
            chosen = greedy_variance(kernel, self.X, min(asked, n), workers=workers)
            self.inducing = self.X[chosen.indices]
            lower = chosen.rows[:, chosen.indices].T
            asked = min(asked, n)
        else:
            z = points(inducing, "inducing")
            if z.shape[1] != self.X.shape[1]:
                raise ValueError(f"inducing has {z.shape[1]} columns, expected {self.X.shape[1]} as X has")
            chosen = greedy_variance(kernel, z, z.shape[0], workers=workers)
            self.inducing = z[chosen.indices]
            lower = chosen.rows[:, chosen.indices].T
            asked = z.shape[0]
        self.dropped = asked - self.inducing.shape[0]
        self.inducing.flags.writeable = False
        self._lower = np.tril(lower)
        cross = kernel(self.inducing, self.X, workers=workers)
        self._A = np.ascontiguousarray(self._half(cross).T)  # (n, k), Q = A A'
        explained = np.einsum("ij,ij->i", self._A, self._A)
        left = np.asarray(kernel.diag(self.X)) - explained
        self._left = np.maximum(left, 0.0)
        self.trace = float(self._left.sum())
        self._d = self.noise + self._left if self.method == "fitc" else self.noise.copy()
        bad = np.flatnonzero(~(self._d > 0.0))
        if bad.size:
            raise np.linalg.LinAlgError(
                f"K is not positive definite: it is of rank {self.inducing.shape[0]} and its diagonal part is "
                f"{self._d[bad[0]]:.3g} in row {bad[0]}. Raise noise (its variance)"
            )
        self._root = np.sqrt(self._d)
        k = self.inducing.shape[0]
        q, self._R = np.linalg.qr(np.vstack([self._A / self._root[:, None], np.eye(k)]))
        self._Q = q[:n]

    def _half(self, cross: Array) -> Array:
        """``L_uu^-1 K_u.``"""
        if cross.shape[0] == 0:
            return cross
        out: Array = solve_triangular(self._lower, cross, lower=True, check_finite=False)
        return out

    def logdet(self) -> float:
        """``log det K``.

        Returns
        -------
        float
            Of the diagonal part and of the small triangle.
        """
        return float(np.log(self._d).sum() + 2.0 * np.log(np.abs(self._R.diagonal())).sum())

    def _coefficients(self, y: Array) -> Array:
        """b with posterior mean ``K_*u L_uu^-T b``."""
        scaled = y / (self._root if y.ndim == 1 else self._root[:, None])
        out: Array = (
            solve_triangular(self._R, self._Q.T @ scaled, check_finite=False)
            if self._R.size
            else np.zeros((0, *y.shape[1:]))
        )
        return out

    def _quad(self, y: Array) -> float:
        # Not y'alpha, which loses its digits where y is nearly in the range of A.
        b = self._coefficients(y)
        misfit = (y - self._A @ b) / self._root
        return float(misfit @ misfit + b @ b)

    def _solve(self, b: Array) -> Array:
        out: Array = (b - self._A @ self._coefficients(b)) / self._d[:, None]
        return out

    def _multiply(self, b: Array) -> Array:
        out: Array = self._A @ (self._A.T @ b) + self._d[:, None] * b
        return out

    def _inverse_diagonal(self) -> Array:
        # A row of the orthogonal complement is as long as what is missing from 1.
        out: Array = (1.0 - np.einsum("ij,ij->i", self._Q, self._Q)) / self._d
        return out

    def _draw(self, count: int, rng: np.random.Generator) -> Array:
        inside = rng.standard_normal((count, self._A.shape[1]))
        out: Array = inside @ self._A.T + rng.standard_normal((count, self.n)) * self._root
        return out

    def log_likelihood(self, y: npt.ArrayLike) -> float:
        """Log marginal likelihood of observations under the approximation; for "vfe" a lower bound of the exact one.

        Parameters
        ----------
        y : array_like, shape (n,)
            Observations.

        Returns
        -------
        float
            ``-1/2 y' K^-1 y - 1/2 log det K - n/2 log(2 pi)``, for "vfe" less
            ``1/2 sum_i (k(x_i, x_i) - Q_ii) / noise_i``.
        """
        value = super().log_likelihood(y)
        return value - self._penalty()

    def _penalty(self) -> float:
        return 0.5 * float((self._left / self.noise).sum()) if self.method == "vfe" else 0.0

    def log_likelihood_grad(self, y: npt.ArrayLike) -> tuple[float, Array]:
        """The log-likelihood (or bound) and its gradient in the log-parameters, the inducing points held fixed.

        Parameters
        ----------
        y : array_like, shape (n,)
            Observations.

        Returns
        -------
        value : float
            What `log_likelihood` gives.
        gradient : ndarray, shape (p + 1,)
            Derivatives in ``kernel.theta``, then in the logarithm of the noise (of a factor common to all its
            entries, if they differ).

        Notes
        -----
        6 n k**2 flops and one pass over the n k covariances and their derivatives, which are not stored.
        """
        y = observations(y, self.n, finite=self._check)
        value = -0.5 * (self._quad(y) + self.logdet() + self.n * LOG_2PI) - self._penalty()
        b = self._coefficients(y)
        alpha = (y - self._A @ b) / self._d
        inverse = self._inverse_diagonal()
        # d value = tr(H dQ) + sum_i g_i dk(x_i, x_i) + sum_i t_i dnoise_i, H = (alpha alpha' - K^-1) / 2 + diag(h).
        own = 0.5 * (alpha * alpha - inverse)
        if self.method == "fitc":
            h, g, t = -own, own, own
        elif self.method == "vfe":
            h, g = 0.5 / self.noise, -0.5 / self.noise
            t = own + 0.5 * self._left / (self.noise * self.noise)
        else:
            h, g, t = np.zeros(self.n), np.zeros(self.n), own
        A = self._A
        # A'H without an (n, n) matrix, then T H = L^-T A'H and T H T' = L^-T (A'H A) L^-1.
        inner = solve_triangular(self._R, self._Q.T, check_finite=False) / self._root  # A'K^-1
        AH = 0.5 * (np.outer(A.T @ alpha, alpha) - inner) + A.T * h
        TH = self._back(AH)
        THT = self._back(self._back(AH @ A).T)
        kernel: Any = self.kernel
        gradient = 2.0 * kernel.contract(self.inducing, TH, self.X) - kernel.contract(self.inducing, THT)
        if g.any():
            gradient = gradient + kernel.contract_diag(self.X, g)
        return value, np.append(gradient, float(t @ self.noise))

    def _back(self, rows: Array) -> Array:
        if rows.shape[0] == 0:
            return rows
        out: Array = solve_triangular(self._lower, rows, lower=True, trans="T", check_finite=False)
        return np.ascontiguousarray(out)

    def predict(
        self, Xs: npt.ArrayLike, y: npt.ArrayLike, *, return_std: bool = False, return_cov: bool = False
    ) -> Prediction:
        """The posterior at new points, given observations.

        Parameters
        ----------
        Xs : array_like, shape (s, d)
            Where to predict.
        y : array_like, shape (n,) or (n, outputs)
            Observations at `X`, of zero prior mean.
        return_std : bool, default False
            Also the standard deviation at each point.
        return_cov : bool, default False
            Also the covariance matrix, s**2 doubles.

        Returns
        -------
        Prediction
            ``mean``, and ``std`` and ``cov`` where asked for, of the latent function; the prior variance that the
            inducing points do not explain is in both.

        Notes
        -----
        2 k flops and k kernel values per point for the mean, 2 k**2 flops for the deviation.
        """
        xs = self._test_points(Xs)
        b = self._coefficients(observations(y, self.n, ndim=(1, 2), finite=self._check))
        half = self._half(self.kernel(self.inducing, xs, workers=self._threads or None))  # (k, s)
        mean = half.T @ b
        std = cov = None
        if return_std or return_cov:
            known = solve_triangular(self._R, half, trans="T", check_finite=False) if half.size else half
            if return_std:
                prior = np.asarray(self.kernel.diag(xs))
                variance = prior - np.einsum("ij,ij->j", half, half) + np.einsum("ij,ij->j", known, known)
                std = np.sqrt(np.maximum(variance, 0.0))
            if return_cov:
                cov = self.kernel(xs, workers=self._threads or None) - half.T @ half + known.T @ known
        return Prediction(mean, std, cov)


def suits(kernel: Kernel, X: Array, noise: Array) -> str | None:
    """None: an approximation is used only where it is asked for."""
    return None


def low_rank(
    kernel: Kernel,
    X: npt.ArrayLike,
    noise: npt.ArrayLike,
    inducing: int | npt.ArrayLike = 100,
    method: str = "vfe",
    *,
    workers: int | None = None,
    check_finite: bool = True,
) -> LowRankFactor:
    """A Gaussian process seen through inducing points: n k**2 flops instead of n**3 / 3.

    Parameters
    ----------
    kernel : Kernel
        Covariance function.
    X : array_like, shape (n, d)
        Points.
    noise : float or array_like of shape (n,)
        Variance of the noise of each observation, positive except for ``"fitc"``.
    inducing : int or array_like of shape (k, d), default 100
        Inducing points, or how many of the rows of `X` to take: `greedy_variance` chooses them.
    method : {"vfe", "fitc", "nystroem"}, default "vfe"
        The diagonal besides the noise, and the likelihood: ``"vfe"`` has no diagonal and subtracts the unexplained
        prior variance from the likelihood, which makes it a lower bound of the exact one; ``"fitc"`` corrects the
        diagonal of K; ``"nystroem"`` does neither.
    workers : int, optional
        Threads; the process-wide setting by default.
    check_finite : bool, default True
        Refuse NaN and infinity in observations; `X`, `noise` and `inducing` must be finite always.

    Returns
    -------
    LowRankFactor
        Likelihood, its gradient, solves, draws and predictions.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type, dtype or shape, or is not finite.
    numpy.linalg.LinAlgError
        If the diagonal part has an entry that is not positive.

    See Also
    --------
    greedy_variance : the choice of inducing points.

    Notes
    -----
    4 n k**2 flops and 16 n k bytes. The small system comes from a QR factorisation of ``[diag(d)^-1/2 A; I]``, so that
    its condition number is never squared; the quadratic form is a sum of squares, accurate even where y lies almost
    in the range of A and the solution of the system does not keep a digit.

    References
    ----------
    M. K. Titsias, "Variational Learning of Inducing Variables in Sparse Gaussian Processes", AISTATS 2009, equation
    (9). E. Snelson, Z. Ghahramani, "Sparse Gaussian Processes using Pseudo-inputs", NIPS 2005, equations (7) and (8).
    J. Quinonero-Candela, C. E. Rasmussen, "A Unifying View of Sparse Approximate Gaussian Process Regression", Journal
    of Machine Learning Research 6, 2005, equations (20) and (24).

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.gp import RBF, factor, low_rank
    >>> rng = np.random.default_rng(0)
    >>> X = rng.random((800, 1))
    >>> y = np.sin(5.0 * X[:, 0]) + 0.1 * rng.standard_normal(800)
    >>> bound = low_rank(RBF(0.4), X, 0.01, inducing=30).log_likelihood(y)
    >>> exact = factor(RBF(0.4), X, 0.01).log_likelihood(y)
    >>> bool(abs(bound - exact) < 1e-4)
    True
    """
    reason = f"asked for: {method} with inducing points"
    return LowRankFactor(kernel, X, noise, inducing, method, reason, workers, check_finite)


build = low_rank
