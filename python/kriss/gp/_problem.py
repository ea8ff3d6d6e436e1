"""Points, covariance function and noise, normalised for the kernels, and what a factor of their matrix tells."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _backend, _validate
from kriss.gp._answers import LOG_2PI
from kriss.gp._forms import Form
from kriss.gp._kernels import Kernel, points, transposed

Array = npt.NDArray[Any]

_EPS = float(np.finfo(np.float64).eps)


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


def _log_likelihood(y: Array, alpha: Array, diagonal_of_factor: Array) -> float:
    return -0.5 * float(y @ alpha) - float(np.log(diagonal_of_factor).sum()) - 0.5 * y.size * LOG_2PI


def _gradient(problem: _Problem, alpha: Array, inverse: Array) -> Array:
    return problem.form.likelihood_gradient(problem.xt, alpha, inverse, problem.noise, problem.threads)
