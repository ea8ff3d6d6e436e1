"""What the factors of structured covariance matrices have in common."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _validate
from kriss.gp._factor import LeaveOneOut, observations
from kriss.gp._kernels import Kernel

Array = npt.NDArray[Any]

_LOG_2PI = math.log(2.0 * math.pi)
_JITTER_STEPS = tuple(10.0**k for k in range(-14, -3))


def jitters(jitter: float | str, scale: float) -> list[float]:
    """The amounts to try on the diagonal: the number given, or for "auto" none and then more and more."""
    if isinstance(jitter, str):
        _validate.choice(jitter, "jitter", ("auto",))
        return [0.0, *(step * scale for step in _JITTER_STEPS)]
    return [_validate.scalar(jitter, "jitter", low=0.0)]


def inverse_norm(solve: Callable[[Array], Array], n: int, start: int) -> float:
    """An estimate, from below, of the 1-norm of the inverse of a symmetric matrix; at most 11 solves.

    N. J. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., SIAM 2002, algorithm 15.1, from column
    `start`. The column of the largest diagonal entry, which is the largest of the inverse, is within a factor n.
    """
    x = np.zeros(n)
    x[start] = 1.0
    best, seen = 0.0, start
    for _ in range(5):
        y = solve(x)
        norm = float(np.abs(y).sum())
        best = max(best, norm)
        z = solve(np.where(y >= 0.0, 1.0, -1.0))
        at = int(np.argmax(np.abs(z)))
        if at == seen or np.abs(z[at]) <= z @ x:
            break
        seen = at
        x = np.zeros(n)
        x[at] = 1.0
    # Where the iteration is deceived, a vector of alternating, growing entries is not.
    i = np.arange(n)
    probe = np.where(i % 2 == 0, 1.0, -1.0) * (1.0 + i / max(n - 1, 1))
    return max(best, 2.0 * float(np.abs(solve(probe)).sum()) / (3.0 * n))


class Structured:
    """Base of the structured factors: what follows from `solve`, `logdet`, `quad` and `inv_diag`."""

    structure = "structured"

    def __init__(self, kernel: Kernel, X: Array, noise: Array, jitter: float, reason: str, check_finite: bool) -> None:
        self.kernel = kernel
        self.jitter = jitter
        self.reason = reason
        self.X = X.view()
        self.X.flags.writeable = False
        self.noise = noise.view()
        self.noise.flags.writeable = False
        self._check = check_finite

    @property
    def n(self) -> int:
        """The number of points."""
        count: int = self.X.shape[0]
        return count

    @property
    def lower(self) -> Array:
        """Not kept: n**2 doubles are what this structure avoids."""
        raise NotImplementedError(f"structure={self.structure!r} forms no triangle: use structure='dense' for `lower`")

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

    def _norm(self) -> float:
        """The 1-norm of K."""
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
        return -0.5 * (self.quad(y) + self.logdet() + self.n * _LOG_2PI)

    def loo(self, y: npt.ArrayLike) -> LeaveOneOut:
        """Predictions of each observation from all the others, without refitting.

        Parameters
        ----------
        y : array_like, shape (n,)
            Observations.

        Returns
        -------
        LeaveOneOut
            Means, variances and the sum of the log-densities: Rasmussen and Williams (2006), equations (5.10) to
            (5.12).
        """
        b = observations(y, self.n, finite=self._check)
        variance = 1.0 / self.inv_diag()
        error = self.solve(b) * variance
        density = -0.5 * float((error * error / variance + np.log(variance) + _LOG_2PI).sum())
        return LeaveOneOut(b - error, variance, density)

    def condition_estimate(self) -> float:
        """An estimate of the condition number of K in the 1-norm, from a few solves.

        Returns
        -------
        float
            The norm of K times a lower bound of that of its inverse, seldom off by more than a factor 3.
        """
        if self.n == 0:
            return 1.0
        return self._norm() * inverse_norm(self.solve, self.n, int(np.argmax(self.inv_diag())))
