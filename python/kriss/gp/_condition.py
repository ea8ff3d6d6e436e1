"""Conditioning on linear functionals: integrals, derivatives, conservation laws."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps

from kriss import _backend, _validate
from kriss.gp import _predict
from kriss.gp._answers import LOG_2PI
from kriss.gp._kernels import points
from kriss.gp._results import Prediction

if TYPE_CHECKING:
    from kriss.gp._factor import CovarianceFactor

Array = npt.NDArray[Any]

_EPS = float(np.finfo(np.float64).eps)


class LinearCondition:
    """A Gaussian process that has seen ``b = G f(at) + noise`` besides the observations of a factor.

    `CovarianceFactor.condition_linear` makes it.

    Attributes
    ----------
    factor : CovarianceFactor
        The factor of the observations' covariance matrix.
    G : ndarray or sparse array, shape (q, m)
        The functionals.
    b : ndarray, shape (q,)
        Their observed values, read-only.
    noise : ndarray, shape (q,)
        Variances of their errors, read-only.
    at : ndarray, shape (m, d)
        The points that the columns of `G` stand for, read-only.
    lower : ndarray, shape (q, q)
        The Cholesky factor of ``M = diag(noise) + G S G'``, S being the covariance of f(at) given the observations.

    Notes
    -----
    With C = k(X, at) G' and V = L^-1 C, n q doubles that are kept, M = diag(noise) + G k(at, at) G' - V' V. Rows of
    k(at, at) are formed in blocks and multiplied by G at once: m**2 / 2 covariances, no m x m and no m x n array.
    n**2 q flops. The mean is ``mu + D M^-1 (b - G mu)``, D the covariance of f and G f(at) given the observations;
    with noise 0 the constraint is met to rounding. Conditioning on rows one after the other gives the same.

    References
    ----------
    D. Hansen, D. C. Maddix, S. Alizadeh, G. Gupta, M. W. Mahoney, "Learning Physical Models that Can Respect
    Conservation Laws", 2023, arXiv:2302.11002, equations (7) to (9).

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.gp import Matern, factor
    >>> f = factor(Matern(2.5), [[0.0], [1.0]], noise=1e-3)
    >>> slope = np.array([[-1.0, 1.0]]) / 2e-3  # a difference quotient at 0.5
    >>> c = f.condition_linear(slope, [0.0], at=[[0.499], [0.501]])
    >>> p = c.predict([[0.499], [0.501]], [0.0, 1.0], return_std=True)
    >>> bool(abs(p.mean[1] - p.mean[0]) < 1e-12)
    True
    """

    def __init__(self, factor: CovarianceFactor, G: Any, b: Array, noise: Array, at: Array) -> None:
        self.factor = factor
        self.G = G
        self.b, self.noise, self.at = b, noise, at
        kernel, threads = factor.kernel, factor._problem.threads
        q, n = b.size, factor.n
        cross = np.zeros((n, q))  # C
        corner = np.zeros((q, q))  # G k(at, at) G'
        step = _predict.rows_at_once(at.shape[0], max(n, at.shape[0]))
        for start in range(0, at.shape[0], step):
            part = at[start : start + step]
            mine = G[:, start : start + step]
            cross += (mine @ _predict.cross_covariance(kernel, part, factor.X, threads)).T
            corner += mine @ (G @ _predict.cross_covariance(kernel, at, part, threads)).T
        self._cross = cross
        self._half = cross.T.copy(order="C")  # V'
        factor._half(self._half)
        self.lower = 0.5 * (corner + corner.T)
        # Entries of G k G' are sums of products of this size: what is below their rounding errors is none of M's.
        size = np.asarray(abs(G) @ np.sqrt(kernel.diag(at))).ravel() ** 2 + noise
        self.lower -= self._half @ self._half.T
        self.lower[np.diag_indices(q)] += noise
        limit = size * (4.0 * math.sqrt(max(n, q, 1)) * _EPS)
        bad = _backend.kernels("gp").cholesky(self.lower, limit, threads)
        if bad >= 0:
            raise np.linalg.LinAlgError(
                f"row {bad} of G is determined to working precision by the observations"
                f"{' and the rows before it' if bad else ''}: what is left of its variance is not above "
                f"{limit[bad]:.3g}. Leave it out, or raise noise (its variance, {noise[bad]:.3g})"
            )
        self.lower = np.tril(self.lower)
        for array in (self.lower, self.b, self.noise, self.at):
            array.flags.writeable = False

    def __repr__(self) -> str:
        return f"<LinearCondition on {self.b.size} functionals of {self.at.shape[0]} points, of {self.factor!r}>"

    def _m_half(self, rows: Array) -> None:
        if rows.size:
            _backend.kernels("gp").solve(self.lower, rows, True, self.factor._problem.threads)

    def _weights(self, y: Array) -> tuple[Array, Array, Array]:
        """``K^-1 (y - C r)``, ``r = M^-1 (b - G mu)``, and L_M^-1 (b - G mu)."""
        alpha = self.factor._solve(y)
        off = np.ascontiguousarray((self.b - self._cross.T @ alpha)[None, :])
        half = off.copy()
        self._m_half(half)
        if off.size:
            _backend.kernels("gp").solve(self.lower, off, False, self.factor._problem.threads)
        return alpha - self.factor._solve(self._cross @ off[0]), off[0], half[0]

    def _observations(self, y: object) -> Array:
        from kriss.gp._answers import observations

        return observations(y, self.factor.n, finite=self.factor._check)

    def predict(
        self, Xs: npt.ArrayLike, y: npt.ArrayLike, *, return_std: bool = False, return_cov: bool = False
    ) -> Prediction:
        """The posterior at new points, given observations and functionals.

        Parameters
        ----------
        Xs : array_like, shape (s, d)
            Where to predict.
        y : array_like, shape (n,)
            Observations at the factor's `X`, of zero prior mean.
        return_std : bool, default False
            Also the standard deviation at each point.
        return_cov : bool, default False
            Also the covariance matrix, s**2 doubles.

        Returns
        -------
        Prediction
            ``mean``, and ``std`` and ``cov`` where asked for, of the latent function.

        Notes
        -----
        The mean costs s (n + m) covariances and no solve per point; the standard deviation n**2 + 2 n q flops per
        point, in blocks. Variances are clipped at 0.
        """
        f = self.factor
        xs = _predict.test_points(Xs, f.X.shape[1], f._check)
        direct, lifted, _ = self._weights(self._observations(y))
        lifted = np.asarray(self.G.T @ lifted).ravel()
        s, threads = xs.shape[0], f._problem.threads
        mean = np.empty(s)
        std = np.empty(s) if return_std else None
        halves = (np.empty((s, f.n)), np.empty((s, self.b.size))) if return_cov else None
        step = _predict.rows_at_once(s, f.n + self.at.shape[0])
        for start in range(0, s, step):
            where = slice(start, start + step)
            rows = _predict.cross_covariance(f.kernel, xs[where], f.X, threads)
            there = _predict.cross_covariance(f.kernel, xs[where], self.at, threads)
            mean[where] = rows @ direct + there @ lifted
            if std is None and halves is None:
                continue
            f._half(rows)
            second = np.ascontiguousarray((self.G @ there.T).T - rows @ self._half.T)  # D
            self._m_half(second)
            if std is not None:
                variance = f.kernel.diag(xs[where]) - np.einsum("ij,ij->i", rows, rows)
                variance -= np.einsum("ij,ij->i", second, second)
                std[where] = np.sqrt(np.maximum(variance, 0.0))
            if halves is not None:
                halves[0][where], halves[1][where] = rows, second
        cov = None
        if halves is not None:
            cov = _predict.own_covariance(f.kernel, xs, threads)
            for half in halves:
                cov -= half @ half.T
        return Prediction(mean, std, cov)

    def sample(
        self, Xs: npt.ArrayLike, y: npt.ArrayLike, size: int | None = None, rng: _validate.RngLike = None
    ) -> Array:
        """Draws of the latent function at new points, given observations and functionals.

        Parameters
        ----------
        Xs : array_like, shape (s, d)
            Where.
        y : array_like, shape (n,)
            Observations at the factor's `X`.
        size : int, optional
            How many; one draw of shape (s,) if omitted.
        rng : int, SeedSequence or Generator, optional
            Source of randomness.

        Returns
        -------
        ndarray, shape (s,) or (size, s)
            One draw per row: through the eigenvalues of the posterior covariance, which may be singular; 10 s**3
            flops.
        """
        count = 1 if size is None else _validate.integer(size, "size", low=0)
        p = self.predict(Xs, y, return_cov=True)
        assert p.cov is not None
        values, vectors = np.linalg.eigh(p.cov)
        z = _validate.generator(rng).standard_normal((count, values.size))
        out: Array = p.mean + (z * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
        return out[0] if size is None else out

    def log_likelihood(self, y: npt.ArrayLike) -> float:
        """The log-density of observations and functionals together, under a zero mean.

        Parameters
        ----------
        y : array_like, shape (n,)
            Observations at the factor's `X`.

        Returns
        -------
        float
            ``log p(y) + log p(b | y)``.
        """
        values = self._observations(y)
        half = self._weights(values)[2]
        inner = float(half @ half) + 2.0 * float(np.log(self.lower.diagonal()).sum()) + half.size * LOG_2PI
        return self.factor.log_likelihood(values) - 0.5 * inner


def condition(f: CovarianceFactor, G: Any, b: object, noise: object, at: object | None) -> LinearCondition:
    """Checks the arguments of `CovarianceFactor.condition_linear`."""
    from kriss.gp._problem import noise_vector

    places = f.X.copy() if at is None else points(at, "at", check_finite=f._check).copy()
    if places.shape[1] != f.X.shape[1]:
        raise ValueError(f"at has {places.shape[1]} columns, expected {f.X.shape[1]} as X has")
    if sps.issparse(G):
        functionals: Any = _validate.csr(G, "G", finite=f._check, dtype=np.float64)
        shape = functionals.shape
        functionals = sps.csr_array((functionals.data, functionals.indices, functionals.indptr), shape=shape).copy()
    else:
        functionals = _validate.real_array(G, "G", ndim=2, finite=f._check, single=False).copy()
    q, m = functionals.shape
    if m != places.shape[0]:
        raise ValueError(f"G has {m} columns, expected one for each of the {places.shape[0]} rows of at")
    values = _validate.real_array(b, "b", ndim=1, finite=f._check, single=False)
    if values.size != q:
        raise ValueError(f"b has {values.size} entries, expected one for each of the {q} rows of G")
    try:
        level = noise_vector(noise, q, f._check)
    except ValueError as error:
        raise ValueError(str(error).replace("row of X", "row of G")) from None
    return LinearCondition(f, functionals, values.copy(), level, places)
