"""Equispaced points on a line: Toeplitz covariance matrices, by Durbin's recursion and by fast Fourier transforms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft

from kriss import _backend, _validate
from kriss.gp._answers import least_jitter, observations
from kriss.gp._jittered import Jittered
from kriss.gp._kernels import Kernel, points
from kriss.gp._predict import test_points
from kriss.gp._problem import noise_vector
from kriss.gp._results import Prediction

Array = npt.NDArray[Any]

_EPS = float(np.finfo(np.float64).eps)
_DIRECT = 4096  # up to here the recursion runs at once, and solves use the inverse it gives
_MAXITER = 400
_GOOD = 64.0  # a solve is done once its residual is this many roundings
_BLOCK = 1 << 22  # doubles of work space for blocks of test points


def _spacing(x: Array) -> tuple[float, Array] | None:
    """The step of equispaced points, up to rounding, and the order that sorts them; or None."""
    n = x.size
    if n < 2 or not np.isfinite(x).all():
        return None
    order = np.arange(n) if bool((x[1:] > x[:-1]).all()) else np.argsort(x, kind="stable")
    t = x[order]
    with np.errstate(over="ignore", invalid="ignore"):
        step = (t[-1] - t[0]) / (n - 1)
        error = np.abs(t - (t[0] + step * np.arange(n))).max()
    allowed = 4.0 * _EPS * max(abs(t[0]), abs(t[-1]))
    # Rounding may not be a visible part of a step either.
    good = bool(step > 0.0 and math.isfinite(step) and error <= allowed and allowed <= 1e-6 * step)
    return (float(step), order) if good else None


def _misfit(kernel: Kernel, X: Array, noise: Array) -> str | None:
    if X.shape[1] != 1:
        return f"X has {X.shape[1]} columns, expected one"
    if not (kernel.stationary and kernel._compiled):
        return f"{kernel!r} does not depend on differences alone"
    if noise.size and noise.min() != noise.max():
        return f"noise runs from {noise.min():.3g} to {noise.max():.3g}, expected one value"
    if _spacing(X[:, 0]) is None:
        return "the points are not equispaced"
    return None


def suits(kernel: Kernel, X: Array, noise: object) -> str | None:
    """Why this structure fits, or None."""
    if X.ndim != 2 or X.shape[0] < 2:
        return None
    tau = np.asarray(noise, float).ravel()
    return None if _misfit(kernel, X, tau) else "equispaced points on a line, one noise level: a Toeplitz matrix"


class ToeplitzFactor(Jittered):
    """The covariance matrix of equispaced points on a line; made by ``kriss.gp.factor``.

    Attributes
    ----------
    kernel : Kernel
        The covariance function, of differences alone.
    X : ndarray, shape (n, 1)
        The points, read-only, in the order given.
    noise : ndarray, shape (n,)
        Noise variance of each observation, read-only; all the same.
    jitter : float
        What was added to the diagonal besides the noise: 0 unless it was asked for.
    structure, reason : str
        ``"toeplitz"``, and why.

    Notes
    -----
    Determinants and gradients take one run of Durbin's recursion, 3 n**2 flops and O(n) memory. Solves are conjugate
    gradients with products by FFT, O(n log n) a step: up to 4096 points, and whenever the recursion has run,
    preconditioned by the inverse it gives (Gohberg and Semencul), which takes one to three steps; before that by the
    circulant of T. Chan. They stop once the recomputed residual is a few roundings of ``|K| |x|``, and raise if they do
    not get there.

    References
    ----------
    J. Durbin, "The fitting of time-series models", Revue de l'Institut International de Statistique 28, 1960. I.
    Gohberg, A. Semencul, "On the inversion of finite Toeplitz matrices and their continuous analogs", Mat. Issled. 7,
    1972. T. F. Chan, "An optimal circulant preconditioner for Toeplitz systems", SIAM J. Sci. Stat. Comput. 9, 1988,
    equation (6). C. R. Dietrich, G. N. Newsam, "Fast and exact simulation of stationary Gaussian processes through
    circulant embedding of the covariance matrix", SIAM J. Sci. Comput. 18, 1997, section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.gp import RBF
    >>> from kriss.gp._toeplitz import build
    >>> t = np.arange(500.0)[:, None]
    >>> f = build(RBF(3.0), t, noise=0.01)
    >>> y = f.sample(rng=1)
    >>> bool(np.allclose(RBF(3.0)(t) @ f.solve(y) + 0.01 * f.solve(y), y))
    True
    """

    structure = "toeplitz"

    def __init__(self, kernel: Kernel, X: Array, noise: Array, jitter: float, workers: int, check_finite: bool) -> None:
        reason = "equispaced points on a line, one noise level: a Toeplitz matrix"
        super().__init__(kernel, X, noise, jitter, reason, check_finite)
        self._threads = workers
        found = _spacing(X[:, 0])
        assert found is not None
        step, self._order = found
        n = X.shape[0]
        self._lags = step * np.arange(n)[:, None]
        self._row = self._first_row(self._lags)
        # Powers of two keep products and squares in range.
        self._half = math.frexp(float(self._row[0]))[1] // 2
        self._row = np.ldexp(self._row, -2 * self._half)
        self._length = scipy.fft.next_fast_len(2 * n - 1, real=True)
        circle = np.zeros(self._length)
        circle[:n] = self._row
        circle[self._length - n + 1 :] = self._row[:0:-1]
        self._spectrum = scipy.fft.rfft(circle).real
        i = np.arange(1, n)
        mean = np.append(self._row[0], ((n - i) * self._row[1:] + i * self._row[:0:-1]) / n)
        self._chan = np.maximum(scipy.fft.rfft(mean).real, _EPS * self._row[0])
        self._rows = np.cumsum(np.abs(self._row))
        self._errors: Array | None = None
        self._column = np.empty(0)
        if n <= _DIRECT:
            self._recursion()

    def _first_row(self, lags: Array) -> Array:
        """Covariances at the given lags, of which the first is 0 and has noise."""
        row: Array = self.kernel(lags[:1], lags, workers=self._threads or None, check_finite=False)[0]
        row[0] = self.kernel.total_variance + (float(self.noise[0]) + self.jitter)
        return row

    def _recursion(self) -> Array:
        """Prediction errors; leaves the first column of the inverse."""
        if self._errors is None:
            n = self.n
            errors, column = np.empty(n), np.empty(n)
            limit = 4.0 * math.sqrt(n) * _EPS * float(self._row[0])
            bad = _backend.kernels("gp_toeplitz").durbin(self._row, limit, errors, column, self._threads)
            if bad >= 0:
                row = int(self._order[bad])
                scale = self.kernel.total_variance
                raise np.linalg.LinAlgError(
                    f"the covariance matrix is not positive definite to working precision: pivot {bad} of {n} in "
                    f"ascending order: row {row} of X is determined by the rows before it; noise and jitter there add "
                    f"{float(self.noise[row]) + self.jitter:.3g} to a variance of {scale:.3g}. Raise noise (its "
                    f"variance), or pass jitter={1e-8 * scale:.1g} or jitter='auto'"
                )
            self._errors, self._column = errors, column
            # Spectra of the two triangles of the formula of Gohberg and Semencul.
            self._first = scipy.fft.rfft(column, self._length)
            self._second = scipy.fft.rfft(np.append(0.0, column[:0:-1]), self._length)
        return self._errors

    def _multiply(self, rows: Array) -> Array:
        """T times each row."""
        half = scipy.fft.rfft(rows, self._length, axis=1) * self._spectrum
        out: Array = scipy.fft.irfft(half, self._length, axis=1)[:, : self.n]
        return out

    def _precondition(self, rows: Array) -> Array:
        n = self.n
        if self._errors is None:
            out: Array = scipy.fft.irfft(scipy.fft.rfft(rows, axis=1) / self._chan, n, axis=1)
            return out
        # (L1 L1' - L2 L2') / x_0: the transposes as correlations.
        spectrum = scipy.fft.rfft(rows, self._length, axis=1)
        total: Array = np.zeros_like(rows)
        for lower, sign in ((self._first, 1.0), (self._second, -1.0)):
            part = scipy.fft.irfft(spectrum * lower.conj(), self._length, axis=1)[:, :n]
            again = scipy.fft.rfft(part, self._length, axis=1) * lower
            total += sign * scipy.fft.irfft(again, self._length, axis=1)[:, :n]
        total /= self._column[0]
        return total

    def _solve_rows(self, b: Array) -> Array:
        """T^-1 b for each row of b, scaled units: preconditioned conjugate gradients on all rows side by side."""
        x = np.zeros_like(b)
        todo = np.flatnonzero((b != 0.0).any(axis=1))
        norm = 2.0 * self._rows[-1]
        for restart in range(4):
            if todo.size == 0:
                return x
            x[todo], done = self._cg(b[todo], x[todo], norm)
            todo = todo[~done]
            if todo.size and restart == 0 and self._errors is None:
                self._recursion()
        if todo.size:
            worst = np.abs(b[todo] - self._multiply(x[todo])).max()
            raise np.linalg.LinAlgError(
                f"conjugate gradients on a Toeplitz matrix stopped at a residual of {worst:.1e}, relatively "
                f"{worst / (norm * np.abs(x[todo]).max()):.1e}: raise noise, or use structure='dense'"
            )
        return x

    def _cg(self, b: Array, x: Array, norm: float) -> tuple[Array, Array]:
        """From x, until the true residual is a few roundings; also says for which rows it is."""
        r = b - self._multiply(x)
        z = self._precondition(r)
        p = z.copy()
        rz = (r * z).sum(axis=1)
        for _ in range(_MAXITER):
            small = np.abs(r).max(axis=1) <= 0.25 * _GOOD * _EPS * norm * np.abs(x).max(axis=1)
            if bool((small | ~(rz > 0.0)).all()):
                break
            q = self._multiply(p)
            pq = (p * q).sum(axis=1)
            step = np.where(pq > 0.0, rz / np.where(pq > 0.0, pq, 1.0), 0.0)[:, None]
            x = x + step * p
            r = r - step * q
            z = self._precondition(r)
            fresh = (r * z).sum(axis=1)
            p = z + np.where(rz > 0.0, fresh / np.where(rz > 0.0, rz, 1.0), 0.0)[:, None] * p
            rz = fresh
        residual = np.abs(b - self._multiply(x)).max(axis=1)
        return x, residual <= _GOOD * _EPS * norm * np.abs(x).max(axis=1)

    def _as_rows(self, b: Array) -> Array:
        return np.array(b.reshape(self.n, -1)[self._order].T, order="C")

    def _unsorted(self, rows: Array) -> Array:
        out = np.empty_like(rows)
        out[:, self._order] = rows
        return out

    def solve(self, B: npt.ArrayLike) -> Array:
        """``K^-1 B``.

        Parameters
        ----------
        B : array_like, shape (n,) or (n, k)
            Right-hand sides.

        Returns
        -------
        ndarray, shape of B
            The solution, its residual recomputed. O(n log n) flops per step and column.

        Raises
        ------
        numpy.linalg.LinAlgError
            If the residual does not get down to rounding.
        """
        b = observations(B, self.n, "B", ndim=(1, 2), finite=self._check)
        rows = self._solve_rows(self._as_rows(b))
        out: Array = np.ldexp(self._unsorted(rows).T.reshape(b.shape), -2 * self._half)
        return out

    def logdet(self) -> float:
        """``log det K``.

        Returns
        -------
        float
            The sum of the logarithms of the prediction errors.
        """
        errors = self._recursion()
        return float(np.log(errors).sum()) + 2.0 * self._half * math.log(2.0) * self.n

    def quad(self, y: npt.ArrayLike) -> float:
        """``y' K^-1 y``.

        Parameters
        ----------
        y : array_like, shape (n,)
            The vector.

        Returns
        -------
        float
            The quadratic form, with the first-order effect of the residual taken out.
        """
        b = np.ldexp(self._as_rows(observations(y, self.n, finite=self._check)), -self._half)
        x = self._solve_rows(b)
        return max(float((x * b).sum() + (x * (b - self._multiply(x))).sum()), 0.0)

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
            Derivatives in ``kernel.theta``, then in the logarithm of the noise.

        Notes
        -----
        Both sums over the diagonals of ``alpha alpha'`` and of the inverse are correlations: O(n log n) after the
        recursion, and one derivative of the kernel per lag.
        """
        b = observations(y, self.n, finite=self._check)
        self._recursion()
        alpha = self._solve_rows(np.ldexp(self._as_rows(b), -self._half))[0]
        x, n = self._column, self.n
        k = np.arange(n)
        # Sums over the k-th diagonal of T^-1: sum_j (n - k - 2 j) x_j x_{j+k} / x_0.
        plain = self._correlation(x, x)
        weighted = self._correlation(k * x, x)
        inverse = ((n - k) * plain - 2.0 * weighted) / x[0]
        inverse[0] = self._inverse_diagonal().sum()
        weights = np.ldexp(self._correlation(alpha, alpha) - inverse, -2 * self._half)
        of_noise = 0.5 * float(self.noise[0]) * weights[0]
        gradient = 0.5 * self.kernel.contract_diag(self._lags[:1], weights[:1])
        if n > 1:
            gradient += self.kernel.contract(self._lags[:1], weights[None, 1:], self._lags[1:])
        return self.log_likelihood(b), np.append(gradient, of_noise)

    def _correlation(self, a: Array, b: Array) -> Array:
        """sum_j a_j b_{j+k} for k = 0 ... n - 1."""
        product = scipy.fft.rfft(a, self._length).conj() * scipy.fft.rfft(b, self._length)
        out: Array = scipy.fft.irfft(product, self._length)[: self.n]
        return out

    def _inverse_diagonal(self) -> Array:
        self._recursion()
        x, n = self._column, self.n
        half = (n + 1) // 2
        # Entry i adds (x_i^2 - x_{n-i}^2) / x_0 to the one before; the diagonal reads the same backwards.
        first = np.cumsum(x[:half] ** 2 - np.append(0.0, x[: n - half : -1][: half - 1]) ** 2) / x[0]
        return np.concatenate([first, first[: n - half][::-1]])

    def inv_diag(self) -> Array:
        """The diagonal of ``K^-1``.

        Returns
        -------
        ndarray, shape (n,)
            From the first column of the inverse, O(n) after the recursion.
        """
        out: Array = np.ldexp(self._unsorted(self._inverse_diagonal()[None, :])[0], -2 * self._half)
        return out

    def predict(
        self, Xs: npt.ArrayLike, y: npt.ArrayLike, *, return_std: bool = False, return_cov: bool = False
    ) -> Prediction:
        """The posterior at new points, given observations.

        Parameters
        ----------
        Xs : array_like, shape (m, 1)
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

        Notes
        -----
        One solve per output and n m covariances for the mean; one solve per new point for the rest, in blocks.
        """
        xs = test_points(Xs, 1, self._check)
        b = observations(y, self.n, ndim=(1, 2), finite=self._check)
        alpha = self.solve(b)
        m = xs.shape[0]
        mean = np.empty((m, *b.shape[1:]))
        std = np.empty(m) if return_std else None
        cov = self.kernel(xs, check_finite=False) if return_cov else None
        block = m if return_cov else max(1, min(m, _BLOCK // self.n))
        prior = self.kernel.total_variance
        for start in range(0, m, max(block, 1)):
            rows = slice(start, start + block)
            cross = self.kernel(xs[rows], self.X, check_finite=False)
            mean[rows] = cross @ alpha
            if return_std or return_cov:
                weights = self.solve(cross.T)
                if std is not None:
                    std[rows] = np.sqrt(np.maximum(prior - (cross * weights.T).sum(axis=1), 0.0))
                if cov is not None:
                    less = cross @ weights
                    cov -= 0.5 * (less + less.T)
        return Prediction(mean, std, cov)

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
            One draw per row.

        Raises
        ------
        numpy.linalg.LinAlgError
            If no circulant matrix of up to 16 n points is non-negative; the message tells the smallest eigenvalue.

        Notes
        -----
        The matrix is embedded in a circulant one, of twice as many points, then four times and so on until no
        eigenvalue is negative beyond rounding. Two draws per transform.
        """
        count = 1 if size is None else _validate.integer(size, "size", low=0)
        generator = _validate.generator(rng)
        spectrum, length = self._embedding()
        pairs = (count + 1) // 2
        z = generator.standard_normal((pairs, 2, length))
        draws = scipy.fft.fft(np.sqrt(spectrum / length) * (z[:, 0] + 1j * z[:, 1]), axis=1)[:, : self.n]
        out = np.stack([draws.real, draws.imag], axis=1).reshape(2 * pairs, self.n)[:count]
        out = np.ldexp(self._unsorted(out), self._half)
        return out[0] if size is None else out

    def _embedding(self) -> tuple[Array, int]:
        n = self.n
        step = self._lags[1, 0] if n > 1 else 1.0
        for factor in (2, 4, 8, 16):
            length = 2 * scipy.fft.next_fast_len(factor * n // 2, real=True)
            lags = step * np.arange(length // 2 + 1)[:, None]
            row = np.ldexp(self._first_row(lags), -2 * self._half)
            spectrum = scipy.fft.fft(np.concatenate([row, row[-2:0:-1]])).real
            least = float(spectrum.min())
            if least >= -16.0 * _EPS * math.log2(length) * float(np.abs(row).sum()):
                return np.maximum(spectrum, 0.0), length
        raise np.linalg.LinAlgError(
            f"the circulant embedding of {n} points has the eigenvalue {least:.1e} next to {spectrum.max():.1e} even "
            f"over {length} points: raise noise, or draw with structure='dense'"
        )

    def _norm(self) -> float:
        sums = self._rows + self._rows[::-1] - abs(float(self._row[0]))
        return float(np.ldexp(sums.max(), 2 * self._half))


def build(
    kernel: Kernel,
    X: npt.ArrayLike,
    noise: npt.ArrayLike = 0.0,
    jitter: float | str = 0.0,
    *,
    workers: int | None = None,
    check_finite: bool = True,
) -> ToeplitzFactor:
    """The factor of equispaced points on a line; arguments as of ``kriss.gp.factor``."""
    if not isinstance(kernel, Kernel):
        raise TypeError(f"kernel must be a kriss.gp kernel, not {type(kernel).__name__}")
    x = points(X, check_finite=check_finite).copy()
    tau = noise_vector(noise, x.shape[0], check_finite)
    misfit = _misfit(kernel, x, tau)
    if misfit is not None:
        raise ValueError(f"structure='toeplitz' does not fit: {misfit}")
    threads = _validate.workers(workers)
    made: ToeplitzFactor = least_jitter(
        lambda amount: ToeplitzFactor(kernel, x, tau, amount, threads, check_finite), jitter, kernel.total_variance
    )
    return made
