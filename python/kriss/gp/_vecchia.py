"""Vecchia's approximation: every observation conditioned on a few of those before it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from kriss import _backend, _device, _validate
from kriss.gp._answers import LOG_2PI, observations
from kriss.gp._forms import gather
from kriss.gp._kernels import Kernel, transposed
from kriss.gp._problem import noise_vector
from kriss.gp._results import Prediction
from kriss.gp._structured import EPS, Structured, flat_of
from kriss.gp._vecchia_order import Indices, Metric, kernel_scale, order_of

Array = npt.NDArray[Any]

_NONE = np.zeros(0)
_NEIGHBOURS = 20
_MOST = 1000  # neighbours; the work is cubic in them


class VecchiaFactor(Structured):
    """Vecchia's sparse factor of the inverse of ``kernel(X) + diag(noise)``; made by `kriss.gp.vecchia`.

    With the points in `order`, observation i is conditioned on those of `neighbours` alone: the density is
    ``prod_i N(y_i; b_i'y_N(i), v_i)``, and the matrix that all methods speak of is its covariance,
    ``K = (I - B)^-1 diag(v) (I - B)^-T``.

    Attributes
    ----------
    kernel : Kernel
        The covariance function.
    X : ndarray, shape (n, d)
        The points, read-only.
    noise : ndarray, shape (n,)
        Noise variance of each observation, read-only.
    order : ndarray of int64, shape (n,)
        ``X[order]`` is the sequence of conditioning.
    neighbours : ndarray of int64, shape (n, m)
        Row i holds the positions in the sequence that position i is conditioned on, nearest first; -1 where there are
        fewer than m.
    structure, reason : str
        ``"vecchia"``, and why it was chosen.
    exact : bool
        Whether m = n - 1, when the density is the exact one.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.gp import Matern, vecchia
    >>> X = np.random.default_rng(0).random((500, 2))
    >>> f = vecchia(Matern(1.5, 0.2), X, noise=0.01, neighbours=10)
    >>> f.neighbours.shape, f.structure
    ((500, 10), 'vecchia')
    """

    structure = "vecchia"

    def __init__(
        self,
        kernel: Kernel,
        X: object,
        noise: object,
        neighbours: int,
        order: object,
        reason: str,
        workers: int | None,
        check_finite: bool,
        like: VecchiaFactor | None = None,
    ) -> None:
        super().__init__(kernel, X, noise, reason, workers, check_finite)
        n, d = self.X.shape
        if like is None:
            m = max(1, min(_validate.integer(neighbours, "neighbours", low=1, high=_MOST), n - 1))
            self._metric = Metric(self.X, kernel_scale(kernel, d)) if n else None
            scaled = self._metric(self.X) if self._metric else self.X
            self.order = self._sequence(order, scaled)
            self.neighbours = np.full((n, m), -1, np.int64)
            self._scaled = np.ascontiguousarray(scaled[self.order])
            if n > 1:
                run = _backend.kernels("gp_structures")
                run.nearest(self._scaled, self._scaled, True, self.neighbours, self._threads)
            self.order.flags.writeable = self.neighbours.flags.writeable = False
            self._xt = transposed(self.X[self.order])
        else:
            self._metric, self._scaled, self._xt = like._metric, like._scaled, like._xt
            self.order, self.neighbours = like.order, like.neighbours
        self.exact = self.neighbours.shape[1] >= n - 1
        self._flat = flat_of(kernel, d)
        self._added = self.noise[self.order]
        self._weights, self._variance, bad = self._conditionals(self._xt, self._added, self.neighbours)
        if bad >= 0:
            raise self._not_positive_definite(bad)
        self._rows: Any = None

    def _sequence(self, order: object, scaled: Array) -> Indices:
        n = scaled.shape[0]
        if isinstance(order, str):
            _validate.choice(order, "order", ("maximin", "given"))
            return order_of(scaled, self._threads) if order == "maximin" else np.arange(n)
        given = np.array(order)
        if given.dtype.kind not in "iu" or given.shape != (n,) or not np.array_equal(np.sort(given), np.arange(n)):
            raise ValueError(f"order must be 'maximin', 'given' or a permutation of 0..{n - 1}, not {order!r}")
        return given.astype(np.int64)

    def _conditionals(
        self, zt: Array, own: Array, near: Indices, xt: Array | None = None, added: Array | None = None
    ) -> tuple[Array, Array, int]:
        """Weights (count, m) and variances (count,) given neighbours, and the first point where they fail, or -1.

        Neighbours are columns of `xt`, with `added` on their diagonal: the observations, unless others are given.
        """
        weights, variance = np.zeros(near.shape), np.empty(near.shape[0])
        xt = self._xt if xt is None else xt
        added = self._added if added is None else added
        if self._flat is not None:
            run = _backend.kernels("gp_structures")
            bad: int = run.vecchia_factor(*self._flat, xt, zt, added, own, near, weights, variance, self._threads)
            return weights, variance, bad
        worst = -1
        for i in range(near.shape[0]):
            here = near[i][near[i] >= 0]
            S = self.kernel(np.vstack([xt[:, here].T, zt[:, i]]))
            S[np.arange(here.size), np.arange(here.size)] += added[here]
            if own.size:
                S[-1, -1] += own[i]
            limit = 4.0 * np.sqrt(near.shape[1] + 1.0) * EPS * S.diagonal()
            try:
                L = np.linalg.cholesky(S[:-1, :-1])
            except np.linalg.LinAlgError:
                worst = i if worst < 0 else worst
                continue
            half = np.linalg.solve(L, S[:-1, -1]) if here.size else np.zeros(0)
            variance[i] = S[-1, -1] - half @ half
            weights[i, : here.size] = np.linalg.solve(L.T, half) if here.size else half
            good = (L.diagonal() ** 2 > limit[:-1]).all() and (not own.size or variance[i] > limit[-1])
            worst = i if worst < 0 and not good else worst
        return weights, variance, worst

    def _not_positive_definite(self, at: int) -> np.linalg.LinAlgError:
        """The error that names the point and the neighbour that determines it."""
        i = int(self.order[at])
        near = self.neighbours[at][self.neighbours[at] >= 0]
        scale = float(self.kernel.diag(self.X[i : i + 1])[0])
        message = (
            f"the covariance matrix of row {i} of X and its {near.size} neighbours is not positive definite to "
            f"working precision"
        )
        group = np.append(self.order[near], i)
        same = [(int(j), int(k)) for a, k in enumerate(group) for j in group[:a] if (self.X[j] == self.X[k]).all()]
        if same:
            message += f": rows {same[0][0]} and {same[0][1]} of X are the same point"
        return np.linalg.LinAlgError(
            f"{message}; noise there adds {self.noise[i]:.3g} to a variance of {scale:.3g}. Raise noise (its variance)"
        )

    @property
    def _operator(self) -> Any:
        """``I - B`` as a sparse matrix, in the sequence's order."""
        if self._rows is None:
            n = self.n
            real = self.neighbours >= 0
            count = real.sum(axis=1) + 1
            indptr = np.zeros(n + 1, np.int64)
            np.cumsum(count, out=indptr[1:])
            full = np.hstack([self.neighbours, np.arange(n)[:, None]])
            mask = np.hstack([real, np.ones((n, 1), bool)])
            data = np.hstack([-self._weights, np.ones((n, 1))])
            self._rows = sparse.csr_matrix((data[mask], full[mask], indptr), shape=(n, n))
        return self._rows

    def with_parameters(self, kernel: Kernel, noise: npt.ArrayLike) -> VecchiaFactor:
        """The factor for other parameters, with the same points, order and neighbours.

        Parameters
        ----------
        kernel : Kernel
            Covariance function.
        noise : float or array_like of shape (n,)
            Variance of the noise.

        Returns
        -------
        VecchiaFactor
            The new factor; the likelihood is a smooth function of the parameters along it.
        """
        noise = noise_vector(noise, self.n)
        return VecchiaFactor(
            kernel, self.X, noise, 1, "given", self.reason, self._threads or None, self._check, like=self
        )

    def logdet(self) -> float:
        """``log det K``.

        Returns
        -------
        float
            The sum of the logarithms of the conditional variances.
        """
        return float(np.log(self._variance).sum())

    def _residuals(self, b: Array) -> Array:
        """``(I - B) b`` in the sequence's order, for columns (n, k)."""
        rows = np.ascontiguousarray(b[self.order].T)
        out = np.empty_like(rows)
        if rows.size:
            run = _backend.kernels("gp_structures")
            run.vecchia_residual(self.neighbours, self._weights, rows, out, self._threads)
        return out.T

    def _quad(self, y: Array) -> float:
        e = self._residuals(y[:, None])[:, 0]
        return float((e * e / self._variance).sum())

    def _solve(self, b: Array) -> Array:
        out = np.empty_like(b)
        out[self.order] = self._operator.T @ (self._residuals(b) / self._variance[:, None])
        return out

    def _multiply(self, b: Array) -> Array:
        from scipy.sparse.linalg import spsolve_triangular

        rows = self._operator
        half = spsolve_triangular(rows.T.tocsr(), b[self.order], lower=False)
        out = np.empty_like(b)
        out[self.order] = spsolve_triangular(rows, self._variance[:, None] * half.reshape(b.shape), lower=True)
        return out

    def _inverse_diagonal(self) -> Array:
        squares = self._operator.copy()
        squares.data **= 2
        out = np.empty(self.n)
        out[self.order] = squares.T @ (1.0 / self._variance)
        return out

    def _draw(self, count: int, rng: np.random.Generator) -> Array:
        z = rng.standard_normal((count, self.n)) * np.sqrt(self._variance)
        if z.size:
            run = _backend.kernels("gp_structures")
            run.vecchia_substitute(self.neighbours, self._weights, z, self._threads)
        out = np.empty_like(z)
        out[:, self.order] = z
        return out

    def log_likelihood_grad(self, y: npt.ArrayLike) -> tuple[float, Array]:
        """The log-likelihood and its gradient in the log-parameters, for this order and these neighbours.

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
        n (m**3 / 3 + m**2 (3 d + 20)) flops; derivatives of the covariances are formed from the points and never
        stored. Of a point's conditional density, d v = a'dS a and d e = -w'dS a with a = (-b, 1) and w = (C^-1 y_N, 0).
        """
        b = observations(y, self.n, finite=self._check)
        value = -0.5 * (self._quad(b) + self.logdet() + self.n * LOG_2PI)
        if self._flat is None:
            return float(value), self._general_gradient(b[self.order])
        raw = np.zeros(self._flat.variance.size + self._flat.dim.size + 1)
        if self.n:
            _backend.kernels("gp_structures").vecchia_gradient(
                *self._flat, self._xt, self._added, self.neighbours, b[self.order], raw, self._threads
            )
        return float(value), gather(self.kernel, self._flat, raw)

    def _general_gradient(self, y: Array) -> Array:
        kernel: Any = self.kernel
        total = np.zeros(kernel.theta.size + 1)
        for i, row in enumerate(self.neighbours):
            here = np.append(row[row >= 0], i)
            x = np.ascontiguousarray(self._xt[:, here].T)
            C = kernel(x[:-1]) + np.diag(self._added[here[:-1]]) if here.size > 1 else np.zeros((0, 0))
            w = np.append(np.linalg.solve(C, y[here[:-1]]), 0.0)
            a = np.append(-self._weights[i, : here.size - 1], 1.0)
            e, v = a @ y[here], self._variance[i]
            P = 0.5 * ((e / v) ** 2 - 1.0 / v) * np.outer(a, a) + 0.5 * (e / v) * (np.outer(w, a) + np.outer(a, w))
            total[:-1] += kernel.contract(x, P)
            total[-1] += P.diagonal() @ self._added[here]
        return total

    def predict(
        self,
        Xs: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        return_std: bool = False,
        return_cov: bool = False,
        neighbours: int | None = None,
        jitter: float = 0.0,
    ) -> Prediction:
        """The posterior at new points, each given the observations nearest to it; or jointly, with `return_cov`.

        Parameters
        ----------
        Xs : array_like, shape (s, d)
            Where to predict.
        y : array_like, shape (n,) or (n, outputs)
            Observations at `X`, of zero prior mean.
        return_std : bool, default False
            Also the standard deviation at each point.
        return_cov : bool, default False
            Also the covariance matrix. The new points then come after the observations, in maximin order, and each is
            conditioned on the nearest of the observations and of the new points before it, which changes mean and
            standard deviation a little.
        neighbours : int, optional
            Points that a prediction is conditioned on; as many as the factor uses by default.
        jitter : float, default 0.0
            With `return_cov`, a variance that is added at the new points, where they are so close to each other that
            the small matrices are singular.

        Returns
        -------
        Prediction
            ``mean``, and ``std`` where asked for, of the latent function: add the noise variance to ``std**2`` for a
            new observation. Variances are clipped at 0.

        Raises
        ------
        numpy.linalg.LinAlgError
            If the small matrix of a point is not positive definite to working precision; the message names the point.

        Notes
        -----
        s (m**3 / 3 + m**2 (3 d + 20) / 2) flops, and 2 s**2 m + s**3 for the covariance. Exact for m = n, jointly for
        m = n + s - 1. Joint predictions: M. Katzfuss, J. Guinness, W. Gong, D. Zilber, "Vecchia Approximations of
        Gaussian-Process Predictions", Journal of Agricultural, Biological and Environmental Statistics 25, 2020.
        """
        xs = self._test_points(Xs)
        b = observations(y, self.n, ndim=(1, 2), finite=self._check)
        if return_cov and self.n and xs.shape[0]:
            found = self._joint(xs, neighbours, jitter)
            mean = found.means(b[self.order].reshape(self.n, -1)).T.reshape(xs.shape[0], *b.shape[1:])
            cov = found.covariance()
            return Prediction(mean, np.sqrt(cov.diagonal()) if return_std else None, cov)
        m = self.neighbours.shape[1] if neighbours is None else _validate.integer(neighbours, "neighbours", low=1)
        m = max(1, min(m, self.n, _MOST))
        near = np.full((xs.shape[0], m), -1, np.int64)
        if self._metric is not None and xs.shape[0]:
            run = _backend.kernels("gp_structures")
            run.nearest(self._scaled, self._metric(xs), False, near, self._threads)
        weights, variance, bad = self._conditionals(transposed(xs), _NONE, near)
        if bad >= 0:
            raise np.linalg.LinAlgError(
                f"the covariance matrix of the {m} neighbours of row {bad} of Xs is not positive definite to working "
                f"precision. Raise noise (its variance)"
            )
        mean = np.zeros((xs.shape[0], *b.shape[1:]))
        if self.n:
            sequence = b[self.order]
            for k in range(m):
                part = weights[:, k] if b.ndim == 1 else weights[:, k, None]
                mean += part * sequence[near[:, k]]
        std = np.sqrt(np.maximum(variance, 0.0)) if return_std else None
        if return_cov:  # without observations, or without points
            return Prediction(mean, std, np.asarray(self.kernel(xs, workers=self._threads or None)))
        return Prediction(mean, std)

    def _joint(self, xs: Array, neighbours: int | None, jitter: float) -> Any:
        from kriss.gp._vecchia_joint import joint

        m = self.neighbours.shape[1] if neighbours is None else neighbours
        m = _validate.integer(m, "neighbours", low=1, high=_MOST)
        return joint(self, xs, m, _validate.scalar(jitter, "jitter", low=0.0))

    def sample_posterior(
        self,
        Xs: npt.ArrayLike,
        y: npt.ArrayLike,
        size: int | None = None,
        rng: _validate.RngLike = None,
        *,
        neighbours: int | None = None,
        jitter: float = 0.0,
    ) -> Array:
        """Joint draws of the latent function at new points, given observations.

        Parameters
        ----------
        Xs : array_like, shape (s, d)
            Where; at least one point.
        y : array_like, shape (n,)
            Observations at `X`, of zero prior mean; at least one.
        size : int, optional
            How many; one draw of shape (s,) if omitted.
        rng : int, SeedSequence or Generator, optional
            Source of randomness.
        neighbours, jitter : optional
            As in `predict` with ``return_cov=True``, whose mean and covariance these draws have.

        Returns
        -------
        ndarray, shape (s,) or (size, s)
            One draw per row: 2 s m flops each, and no matrix of s by s.
        """
        xs = self._test_points(Xs)
        b = observations(y, self.n, finite=self._check)
        count = 1 if size is None else _validate.integer(size, "size", low=0)
        found = self._joint(xs, neighbours, jitter)
        out: Array = found.means(b[self.order][:, None]) + found.draws(count, _validate.generator(rng))
        return out[0] if size is None else out


def suits(kernel: Kernel, X: Array, noise: Array) -> str | None:
    """None: an approximation is used only where it is asked for."""
    return None


def vecchia(
    kernel: Kernel,
    X: npt.ArrayLike,
    noise: npt.ArrayLike = 0.0,
    neighbours: int = _NEIGHBOURS,
    *,
    order: npt.ArrayLike | str = "maximin",
    workers: int | None = None,
    check_finite: bool = True,
) -> VecchiaFactor:
    """Vecchia's approximation of a Gaussian process: each observation given a few of those before it.

    Parameters
    ----------
    kernel : Kernel
        Covariance function.
    X : array_like, shape (n, d)
        Points. CuPy arrays stay on their device, if `kernel` is a sum of `RBF` and `Matern` with nu 1/2, 3/2 or 5/2 and
        `order` is ``"given"`` or a permutation there; the answers are likelihoods, gradients and predictions.
    noise : float or array_like of shape (n,), default 0.0
        Variance of the noise of each observation.
    neighbours : int, default 20
        How many observations each one is conditioned on, 1000 at most; with n - 1 the answer is exact.
    order : "maximin", "given" or array of int, shape (n,), default "maximin"
        The sequence of conditioning; ``"given"`` takes the rows of `X` as they come.
    workers : int, optional
        Threads; the process-wide setting by default. The result does not depend on it.
    check_finite : bool, default True
        Refuse NaN and infinity in observations; `X` and `noise` must be finite always.

    Returns
    -------
    VecchiaFactor
        Likelihood, its gradient, solves, draws and predictions.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type, dtype or shape, or is not finite.
    numpy.linalg.LinAlgError
        If the covariance matrix of a point and its neighbours is not positive definite to working precision; the
        message names the points.

    See Also
    --------
    factor : the exact answer, for n up to some thousands.
    maximin_order : the order by itself.

    Notes
    -----
    n (m**3 / 3 + m**2 (3 d + 20) / 2) flops for m neighbours, 16 m n bytes. The response form: observations with
    their noise are conditioned on each other. Distances for the order and the neighbours are taken in coordinates
    divided by the kernel's lengthscales. The Kullback-Leibler divergence from the exact density,
    ``(sum_i log v_i - log det K) / 2``, does not increase with m.

    References
    ----------
    A. V. Vecchia, "Estimation and Model Identification for Continuous Spatial Processes", Journal of the Royal
    Statistical Society B 50, 1988, equation (4). M. Katzfuss, J. Guinness, "A General Framework for Vecchia
    Approximations of Gaussian Processes", Statistical Science 36, 2021, sections 2 and 3.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.gp import Matern, vecchia
    >>> rng = np.random.default_rng(1)
    >>> X = rng.random((3000, 2))
    >>> y = np.sin(6.0 * X[:, 0]) + 0.1 * rng.standard_normal(3000)
    >>> f = vecchia(Matern(1.5, 0.3), X, noise=0.01)
    >>> value, gradient = f.log_likelihood_grad(y)
    >>> gradient.shape
    (3,)
    >>> p = f.predict([[0.5, 0.5]], y, return_std=True)
    >>> bool(abs(p.mean[0] - np.sin(3.0)) < 4 * p.std[0])
    True
    """
    reason = "asked for: each observation given its nearest ones before it"
    if _device.any_device(X=X):
        from kriss.gp._gpu_vecchia import DeviceVecchia

        on_device: Any = DeviceVecchia(kernel, X, noise, neighbours, order, reason, check_finite)
        return on_device  # type: ignore[no-any-return]
    return VecchiaFactor(kernel, X, noise, neighbours, order, reason, workers, check_finite)


build = vecchia
