"""What a check at random points proves."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kriss.spline._estimate import ratio
from kriss.spline._piecewise import Array

CONFIDENCE = 0.95


class Certificate(NamedTuple):
    """An independent check of a spline at random points that it does not pass through.

    Attributes
    ----------
    points : int
        Random points that were compared, outside suspects.
    violations : int
        Points at which the error was above the tolerance.
    worst : float
        Largest error over tolerance found.
    bound : float
        With probability `confidence` the tolerance is exceeded on at most this part of the interval (of the measure
        that the points were drawn from). Statistical: it says nothing of where, nor of how far. 3 / points, roughly,
        without violations.
    confidence : float
        0.95.
    checks : int
        How many checks were made until this one passed; the bound allows for them (Bonferroni).

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.spline import interpolate
    >>> certificate = interpolate(np.exp, 0.0, 1.0).verify(1000)
    >>> certificate.passed, round(certificate.bound, 3)
    (True, 0.003)
    """

    points: int
    violations: int
    worst: float
    bound: float
    confidence: float
    checks: int

    @property
    def passed(self) -> bool:
        """Whether no point violated the tolerance."""
        return self.violations == 0

    @classmethod
    def of(cls, q: Array, checks: int = 1) -> Certificate:
        """From errors over tolerance."""
        n, bad = q.size, int((q > 1).sum())
        return cls(
            n, bad, float(q.max(initial=0.0)), _upper(n, bad, (1 - CONFIDENCE) / max(checks, 1)), CONFIDENCE, checks
        )


def check(x: Array, error: Array, allowed: Array) -> Certificate:
    """Certificate for errors (n, m) with allowed errors (n, m)."""
    q = ratio(error, allowed).max(axis=1, initial=0.0) if x.size else np.empty(0)
    return Certificate.of(q)


def _upper(n: int, bad: int, risk: float) -> float:
    """Clopper and Pearson's upper limit of a proportion."""
    if n == 0 or bad >= n:
        return 1.0
    if bad == 0:
        return float(-np.expm1(np.log(risk) / n))
    from scipy.special import betaincinv

    return float(betaincinv(bad + 1, n - bad, 1 - risk))
