"""One-dimensional Matern processes, and sums of them, as state-space models: everything in O(n)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _backend, _validate
from kriss.gp._answers import LOG_2PI, least_jitter, observations
from kriss.gp._jittered import Jittered
from kriss.gp._kernels import Kernel, Matern, points
from kriss.gp._predict import test_points
from kriss.gp._problem import noise_vector
from kriss.gp._results import Prediction

Array = npt.NDArray[Any]

_ORDERS = {0.5: 1, 1.5: 2, 2.5: 3, 3.5: 4}
_STATES_MAX = 16
_REASON = "one column and Matern terms of smoothness 1/2, 3/2, 5/2 or 7/2: a state-space model, O(n)"


def _column(kernel: Kernel, columns: int) -> int | str:
    """The one column of X that every term looks at; a string says why there is none."""
    found: set[int] = set()
    states = 0
    for term in kernel.terms:
        if not isinstance(term, Matern) or term.nu not in _ORDERS or term.nu_bounds is not None:
            return f"the term {term!r} is not a Matern covariance of given smoothness 1/2, 3/2, 5/2 or 7/2"
        dims = range(columns) if term.active_dims is None else term.active_dims
        if len(dims) != 1:
            return f"the term {term!r} looks at {len(dims)} columns of X, expected one"
        found.add(dims[0])
        states += _ORDERS[term.nu]
    if len(found) != 1:
        return f"the terms look at columns {sorted(found)} of X, expected one and the same"
    if states > _STATES_MAX:
        return f"the terms have {states} states together, expected at most {_STATES_MAX}"
    return found.pop()


def suits(kernel: Kernel, X: Array, noise: object) -> str | None:
    """Why this structure fits, or None."""
    return _REASON if X.ndim == 2 and isinstance(_column(kernel, X.shape[1]), int) else None


def _scaled(values: Any, power: int) -> Any:
    """``values * 2**power``; the same array if the power is 0."""
    if power == 0:
        return values
    return values * 2.0**power if abs(power) < 1000 else np.ldexp(values, power)


class _Model:
    """The terms for the kernels, in units of a power of four near the largest variance, so that no scale underflows."""

    def __init__(self, kernel: Kernel, largest_noise: float) -> None:
        terms: list[Any] = list(kernel.terms)
        self.order = np.array([_ORDERS[t.nu] for t in terms], np.int32)
        variance = np.array([t.variance for t in terms])
        half = math.frexp(float(variance.max()))[1] // 2
        if math.isfinite(largest_noise) and largest_noise > 0.0:
            half = max(half, (math.frexp(largest_noise)[1] - 900) // 2)
        self.half = half
        self.variance = np.ldexp(variance, -2 * half)
        lengths = np.array([float(np.ravel(t.lengthscale)[0]) for t in terms])
        with np.errstate(over="ignore"):
            self.rate = np.array([math.sqrt(2.0 * t.nu) for t in terms]) / lengths
        self.states = int(self.order.sum())
        self.packed = self.states * (self.states + 1) // 2

    @property
    def description(self) -> tuple[Array, Array, Array]:
        """The first three positional arguments of the kernels."""
        return self.order, self.variance, self.rate

    def noise(self, values: Array) -> Any:
        """Variances in units of the model."""
        return _scaled(values, -2 * self.half)

    def data(self, values: Array) -> Any:
        """Observations in units of the model."""
        return _scaled(values, -self.half)

    def log_likelihood(self, value: Array, n: Any) -> Any:
        """From (log-determinant, quadratic form) in units of the model, of n points."""
        return -0.5 * (value[..., 0] + value[..., 1] + n * (LOG_2PI + 2.0 * self.half * math.log(2.0)))


def _not_positive_definite(n: int, at: int, before: int | None, where: str, noise: float, scale: float) -> Exception:
    message = f"the covariance matrix is not positive definite: pivot {at} of {n}{where}"
    if before is not None:
        message += f": rows {before} and {at} of X are the same point"
    return np.linalg.LinAlgError(
        f"{message}; noise and jitter there add {noise:.3g} to a variance of {scale:.3g}. "
        f"Raise noise (its variance), or pass jitter={1e-8 * scale:.1g} or jitter='auto'"
    )


class SeriesFactor(Jittered):
    """The factor of the covariance matrix of a one-dimensional series; made by ``kriss.gp.factor``.

    Attributes
    ----------
    kernel : Kernel
        The covariance function: Matern terms of smoothness 1/2, 3/2, 5/2 and 7/2 over one column.
    X : ndarray, shape (n, d)
        The points, read-only, in the order given.
    noise : ndarray, shape (n,)
        Noise variance of each observation, read-only.
    jitter : float
        What was added to the diagonal besides the noise: 0 unless it was asked for.
    structure, reason : str
        ``"series"``, and why.

    Notes
    -----
    A Kalman filter whose covariance is kept as L D L', so that it does not lose digits where points cluster: without
    noise and at distances of 1e-3 lengthscales, log-determinants are good to 1e-12 where a dense factor does not exist.
    Points closer than about 1e-28 lengthscales count as the same. Holds ``S (S + 1) / 2 + 3`` doubles per point, S the
    states: 1 for smoothness 1/2 to 4 for 7/2, added up over the terms, 16 at most. The likelihood takes about
    4 S**3 flops per point, `predict` S**2 doubles more.

    References
    ----------
    J. Hartikainen, S. Sarkka, "Kalman filtering and smoothing solutions to temporal Gaussian process regression
    models", MLSP 2010, section 4. C. L. Thornton, "Triangular covariance factorizations for Kalman filtering", JPL
    memorandum 33-798, 1976, section 3. S. J. Koopman, N. Shephard, "Exact score for time series models in state space
    form", Biometrika 79, 1992, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.gp import Matern
    >>> from kriss.gp._series import build
    >>> t = np.linspace(0.0, 10.0, 1000)[:, None]
    >>> f = build(Matern(2.5), t, noise=0.01)
    >>> p = f.predict([[2.2]], np.sin(t[:, 0]), return_std=True)
    >>> bool(abs(p.mean[0] - np.sin(2.2)) < 0.01)
    True
    """

    structure = "series"

    def __init__(
        self, kernel: Kernel, X: Array, noise: Array, jitter: float, workers: int, check_finite: bool, column: int
    ) -> None:
        super().__init__(kernel, X, noise, jitter, _REASON, check_finite)
        self._threads = workers
        t = X[:, column]
        # None if the points come sorted.
        self._order = None if bool((t[1:] >= t[:-1]).all()) else np.argsort(t, kind="stable")
        self._column = column
        self._t = np.ascontiguousarray(self._sorted(t))
        added = self._sorted(noise) + jitter
        self._model = _Model(kernel, float(added.max()) if added.size else 0.0)
        self._tau = self._model.noise(added)
        n, m = t.size, self._model
        self._pred = np.empty((n, m.packed))
        self._sigma = np.empty(n)
        self._diagonal: Array | None = None
        self._information: Array | None = None
        at = _backend.kernels("gp_series").filter(
            *m.description, self._t, self._tau, self._pred, self._sigma, self._threads
        )
        if at >= 0:
            first = at if self._order is None else int(self._order[at])
            last = at - 1 if self._order is None or at == 0 else int(self._order[at - 1])
            where = "" if np.isfinite(t[first]) else f": row {first} of X is not finite"
            same = at > 0 and self._t[at] - self._t[at - 1] == 0.0
            scale = kernel.total_variance
            raise _not_positive_definite(n, first, last if same else None, where, float(added[at]), scale)

    def _sorted(self, rows: Array) -> Array:
        return rows if self._order is None else rows[self._order]

    def _unsorted(self, columns: Array) -> Array:
        """(k, n) from sorted to given order."""
        if self._order is None:
            return columns
        out = np.empty_like(columns)
        out[:, self._order] = columns
        return out

    @property
    def _filter(self) -> tuple[Array, ...]:
        return (*self._model.description, self._t, self._tau, self._pred, self._sigma)

    def _rows(self, b: Array) -> Array:
        """(n,) or (n, k) as (k, n), sorted, a fresh array."""
        own = self._sorted(b)
        return np.array((own if b.ndim == 2 else own[:, None]).T, order="C")

    def _innovations(self, rows: Array, mean: Array | None = None) -> Array:
        error = np.empty_like(rows)
        _backend.kernels("gp_series").means(
            *self._filter, rows, error, np.empty(0) if mean is None else mean, self._threads
        )
        return error

    def solve(self, B: npt.ArrayLike) -> Array:
        """``K^-1 B``.

        Parameters
        ----------
        B : array_like, shape (n,) or (n, k)
            Right-hand sides.

        Returns
        -------
        ndarray, shape of B
            The solution; two passes over the series per column.
        """
        b = observations(B, self.n, "B", ndim=(1, 2), finite=self._check)
        rows = self._innovations(self._rows(b))
        _backend.kernels("gp_series").adjoint(*self._filter, rows, rows, np.empty(0), self._threads)
        out: Array = _scaled(self._unsorted(rows).T.reshape(b.shape), -2 * self._model.half)
        return out

    def logdet(self) -> float:
        """``log det K``.

        Returns
        -------
        float
            The sum of the logarithms of the variances of each observation given those before it.
        """
        return float(np.log(self._sigma).sum()) + 2.0 * self._model.half * math.log(2.0) * self.n

    def quad(self, y: npt.ArrayLike) -> float:
        """``y' K^-1 y``, as a sum of squares.

        Parameters
        ----------
        y : array_like, shape (n,)
            The vector.

        Returns
        -------
        float
            The quadratic form; one pass over the series.
        """
        b = self._model.data(observations(y, self.n, finite=self._check))
        error = self._innovations(self._rows(b))[0]
        return float(((error / self._sigma) * error).sum())

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
        One pass forward and one back, whatever the number of parameters.
        """
        b = self._model.data(observations(y, self.n, finite=self._check))
        value, gradient = np.empty((1, 2)), np.zeros((1, 2 * self._model.order.size + 1))
        bad = np.empty(1, np.int64)
        _backend.kernels("gp_series").likelihood(
            *self._model.description,
            self._t,
            self._tau,
            self._rows(b)[0],
            np.array([0, self.n]),
            value,
            gradient,
            bad,
            self._threads,
        )
        if self.jitter:  # which the noise's factor does not touch
            alpha = self.solve(y)
            gradient[0, -1] = 0.5 * float((self.noise * (alpha * alpha - self.inv_diag())).sum())
        return float(self._model.log_likelihood(value[0], self.n)), gradient[0]

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
            Also the covariance matrix: n m doubles.

        Returns
        -------
        Prediction
            ``mean``, and ``std`` and ``cov`` where asked for, of the latent function.

        Notes
        -----
        Two passes over the series per output, one more for the standard deviation, and O(log n) per new point. The
        smoother of P. de Jong, "Smoothing and interpolation with the state-space model", Journal of the American
        Statistical Association 84, 1989, section 2.
        """
        xs = test_points(Xs, self.X.shape[1], self._check)
        b = self._model.data(observations(y, self.n, ndim=(1, 2), finite=self._check))
        run, m = _backend.kernels("gp_series"), self._model
        ts = np.ascontiguousarray(xs[:, self._column])
        rows = self._rows(b)
        state = np.empty((*rows.shape, m.states))
        error = self._innovations(rows, state)
        score = np.empty_like(state)
        run.adjoint(*self._filter, error, np.empty_like(error), score, self._threads)
        after = np.searchsorted(self._t, ts, side="right").astype(np.int64)
        mean = np.empty((rows.shape[0], ts.size))
        variance = np.empty(ts.size if return_std else 0)
        info = self._informations() if return_std else np.empty(0)
        for k in range(rows.shape[0]):
            own = variance if k == 0 else np.empty(0)
            moments = (state[k], error[k], score[k], info)
            run.predict(*self._filter, *moments, ts, after, mean[k], own, self._threads)
        std = np.sqrt(np.ldexp(variance, 2 * m.half)) if return_std else None
        cov = self._posterior_covariance(xs) if return_cov else None
        return Prediction(np.ldexp(mean, m.half).T.reshape(ts.size, *b.shape[1:]), std, cov)

    def _posterior_covariance(self, xs: Array) -> Array:
        cross = self._rows(self.kernel(self.X, xs, check_finite=False))
        half = self._innovations(cross) / np.sqrt(np.ldexp(self._sigma, 2 * self._model.half))
        out: Array = self.kernel(xs, check_finite=False) - half @ half.T
        return out

    def _informations(self) -> Array:
        if self._information is None:
            states = self._model.states
            self._information = np.empty((self.n, states, states))
            self._diagonal = np.empty(self.n)
            _backend.kernels("gp_series").information(*self._filter, self._diagonal, self._information, self._threads)
        return self._information

    def inv_diag(self) -> Array:
        """The diagonal of ``K^-1``.

        Returns
        -------
        ndarray, shape (n,)
            From one pass back over the series, kept for later calls.
        """
        if self._diagonal is None:
            self._diagonal = np.empty(self.n)
            _backend.kernels("gp_series").information(*self._filter, self._diagonal, np.empty(0), self._threads)
        out: Array = np.ldexp(self._unsorted(self._diagonal[None, :])[0], -2 * self._model.half)
        return out

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
            One draw per row, one pass each.
        """
        count = 1 if size is None else _validate.integer(size, "size", low=0)
        z = _validate.generator(rng).standard_normal((count, self.n))
        out = np.empty_like(z)
        _backend.kernels("gp_series").draw(*self._filter, z, out, self._threads)
        out = np.ldexp(self._unsorted(out), self._model.half)
        return out[0] if size is None else out

    def _norm(self) -> float:
        # Every entry of K is positive, hence its 1-norm is the largest entry of K e.
        run, ones = _backend.kernels("gp_series"), np.ones(self.n)
        forth, back = np.empty(self.n), np.empty(self.n)
        model = self._model.description
        run.multiply(*model, self._t, ones, forth, self._threads)
        run.multiply(*model, np.ascontiguousarray(-self._t[::-1]), ones, back, self._threads)
        total = forth + back[::-1] - self._model.variance.sum() + self._tau
        return float(np.ldexp(total.max(), 2 * self._model.half))


def build(
    kernel: Kernel,
    X: npt.ArrayLike,
    noise: npt.ArrayLike = 0.0,
    jitter: float | str = 0.0,
    *,
    workers: int | None = None,
    check_finite: bool = True,
) -> SeriesFactor:
    """The factor of a one-dimensional series; arguments as of ``kriss.gp.factor``."""
    if not isinstance(kernel, Kernel):
        raise TypeError(f"kernel must be a kriss.gp kernel, not {type(kernel).__name__}")
    x = points(X, check_finite=check_finite).copy()
    column = _column(kernel, x.shape[1])
    if isinstance(column, str):
        raise ValueError(f"structure='series' does not fit: {column}")
    tau = noise_vector(noise, x.shape[0], check_finite)
    threads = _validate.workers(workers)
    made: SeriesFactor = least_jitter(
        lambda amount: SeriesFactor(kernel, x, tau, amount, threads, check_finite, column),
        jitter,
        kernel.total_variance,
    )
    return made
