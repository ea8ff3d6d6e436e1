"""What every factor derives in the same way from its solves, its determinant and the diagonal of its inverse."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _validate
from kriss.gp._base import Array, Kernel
from kriss.gp._results import LeaveOneOut

LOG_2PI = math.log(2.0 * math.pi)


def observations(y: object, n: int, name: str = "y", *, ndim: int | tuple[int, ...] = 1, finite: bool = True) -> Array:
    """Observations as (n,) or (n, k), float64."""
    out = _validate.real_array(y, name, ndim=ndim, finite=finite, single=False)
    if out.shape[0] != n:
        raise ValueError(f"{name} has shape {out.shape}, expected {n} rows as X has")
    return out


class Answers:
    """Base of the factors on the host: what follows from `solve`, `quad`, `logdet` and `inv_diag`."""

    kernel: Kernel
    X: Array
    jitter: float
    _check: bool

    @property
    def n(self) -> int:
        """The number of points."""
        count: int = self.X.shape[0]
        return count

    def __repr__(self) -> str:
        jitter = f", jitter={self.jitter:.3g}" if self.jitter else ""
        return f"<{type(self).__name__} of {self.n} points, kernel {self.kernel!r}{jitter}>"

    def solve(self, B: npt.ArrayLike) -> Array:
        """``K^-1 B``."""
        raise NotImplementedError

    def logdet(self) -> float:
        """``log det K``."""
        raise NotImplementedError

    def quad(self, y: npt.ArrayLike) -> float:
        """``y' K^-1 y``."""
        raise NotImplementedError

    def inv_diag(self) -> Array:
        """The diagonal of ``K^-1``."""
        raise NotImplementedError

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
        return -0.5 * (self.quad(y) + self.logdet() + self.n * LOG_2PI)

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
        error = self.solve(b) * variance
        density = -0.5 * float((error * error / variance + np.log(variance) + LOG_2PI).sum())
        return LeaveOneOut(b - error, variance, density)


def one_norm(apply: Callable[[Array], Array], x: Array) -> float:
    """An estimate, from below, of the 1-norm of a symmetric matrix; at most 11 products with it.

    N. J. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., SIAM 2002, algorithm 15.1, from the vector
    `x` (n,), whose 1-norm is 1.
    """
    n = x.size
    best, seen = 0.0, -1
    for _ in range(5):
        y = apply(x)
        best = max(best, float(np.abs(y).sum()))
        z = apply(np.where(y < 0.0, -1.0, 1.0))
        at = int(np.argmax(np.abs(z)))
        if at == seen or np.abs(z[at]) <= z @ x:
            break
        seen = at
        x = np.zeros(n)
        x[at] = 1.0
    # Where the iteration is deceived, a vector of alternating, growing entries is not.
    i = np.arange(n)
    probe = np.where(i % 2 == 0, 1.0, -1.0) * (1.0 + i / max(n - 1, 1))
    return max(best, 2.0 * float(np.abs(apply(probe)).sum()) / (3.0 * n))


_JITTER_STEPS = tuple(10.0**k for k in range(-14, -3))


def jitters(jitter: float | str, scale: float) -> list[float]:
    """The amounts to try on the diagonal: the number given, or for "auto" none and then more and more."""
    if isinstance(jitter, str):
        _validate.choice(jitter, "jitter", ("auto",))
        return [0.0, *(step * scale for step in _JITTER_STEPS)]
    return [_validate.scalar(jitter, "jitter", low=0.0)]


def least_jitter(make: Callable[[float], Any], jitter: float | str, scale: float) -> Any:
    """What `make` returns for the first amount that it does not refuse as not positive definite."""
    *tries, last = jitters(jitter, scale)
    for amount in tries:
        try:
            return make(amount)
        except np.linalg.LinAlgError:
            continue
    return make(last)
