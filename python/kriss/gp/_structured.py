"""What the factors of structured and approximate covariance matrices have in common."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _validate
from kriss.gp._answers import Answers, observations, one_norm
from kriss.gp._kernels import Kernel, points
from kriss.gp._predict import test_points
from kriss.gp._problem import noise_vector

Array = npt.NDArray[Any]

EPS = float(np.finfo(np.float64).eps)
TILE = 1 << 21  # entries of a block of covariances that is formed at a time


def flat_of(kernel: Kernel, columns: int) -> Any:
    """The kernel as flat arrays for the compiled loops, or None for one that can only be called."""
    try:
        return kernel.flat(columns)
    except NotImplementedError:
        return None


def white_part(kernel: Kernel, x: Array) -> Array:
    """``k(x_i, x_i)`` less its value for two points that only coincide: what white noise in the kernel adds."""
    out = np.array(kernel.diag(x), np.float64)
    if flat_of(kernel, x.shape[1]) is not None:
        return np.zeros_like(out)
    for start in range(0, x.shape[0], 64):
        here = x[start : start + 64]
        out[start : start + 64] -= kernel(here, here.copy()).diagonal()
    out[np.abs(out) <= 8.0 * EPS * np.abs(np.asarray(kernel.diag(x)))] = 0.0
    return out


def row_blocks(rows: int, columns: int) -> list[slice]:
    """Slices of rows whose blocks of covariances have about TILE entries."""
    step = max(1, TILE // max(columns, 1))
    return [slice(start, min(start + step, rows)) for start in range(0, rows, step)]


class Structured(Answers):
    """Attributes and derived quantities shared by the structured factors; not made directly."""

    structure = ""
    exact = True

    def __init__(
        self, kernel: Kernel, X: object, noise: object, reason: str, workers: int | None, check_finite: bool
    ) -> None:
        if not isinstance(kernel, Kernel):
            raise TypeError(f"kernel must be a kriss.gp kernel, not {type(kernel).__name__}")
        self.kernel = kernel
        # A copy, as in the dense factor: later changes of the caller's array must not reach it.
        self.X = points(X, check_finite=True).copy()
        self.X.flags.writeable = False
        self.noise = noise_vector(noise, self.X.shape[0], True)
        self.noise.flags.writeable = False
        self.reason = reason
        self.jitter = 0.0
        self._threads = _validate.workers(workers)
        self._check = check_finite
        self._inv_diag: Array | None = None

    # What a structure provides: columns in, columns out.

    def _solve(self, b: Array) -> Array:
        raise NotImplementedError

    def _multiply(self, b: Array) -> Array:
        raise NotImplementedError

    def _inverse_diagonal(self) -> Array:
        raise NotImplementedError

    def _draw(self, count: int, rng: np.random.Generator) -> Array:
        raise NotImplementedError

    # What follows from it.

    def solve(self, B: npt.ArrayLike) -> Array:
        """``K^-1 B``.

        Parameters
        ----------
        B : array_like, shape (n,) or (n, k)
            Right-hand sides.

        Returns
        -------
        ndarray, shape of B
            The solution.
        """
        b = observations(B, self.n, "B", ndim=(1, 2), finite=self._check)
        out: Array = self._solve(b.reshape(self.n, -1)).reshape(b.shape)
        return out

    def quad(self, y: npt.ArrayLike) -> float:
        """``y' K^-1 y``.

        Parameters
        ----------
        y : array_like, shape (n,)
            The vector.

        Returns
        -------
        float
            The quadratic form.
        """
        b = observations(y, self.n, finite=self._check)
        return self._quad(b)

    def _quad(self, y: Array) -> float:
        return float(y @ self._solve(y[:, None])[:, 0])

    def inv_diag(self) -> Array:
        """The diagonal of ``K^-1``.

        Returns
        -------
        ndarray, shape (n,)
            The diagonal, kept for later calls.
        """
        if self._inv_diag is None:
            self._inv_diag = self._inverse_diagonal()
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
            One draw per row.
        """
        count = 1 if size is None else _validate.integer(size, "size", low=0)
        out = self._draw(count, _validate.generator(rng))
        return out[0] if size is None else out

    @property
    def condition_estimate(self) -> float:
        """An estimate of the condition number of K in the 1-norm.

        Returns
        -------
        float
            From a few products with K and a few solves: seldom off by more than a factor 3, and up to rounding never
            above the true value.
        """
        if self.n == 0:
            return 1.0
        even = np.full(self.n, 1.0 / self.n)
        product = one_norm(lambda v: self._multiply(v[:, None])[:, 0], even)
        return product * one_norm(lambda v: self._solve(v[:, None])[:, 0], even)

    # Arguments.

    def _test_points(self, Xs: object) -> Array:
        return test_points(Xs, self.X.shape[1], self._check)

    def _no(self, what: str) -> NotImplementedError:
        return NotImplementedError(
            f'{what} is not available for structure="{self.structure}"; structure="dense" has it'
        )
