"""What error is allowed where."""

from __future__ import annotations

import numpy as np

from kriss.spline._piecewise import Array
from kriss.spline._transforms import IDENTITY, Transform


class Tolerance:
    """``rtol |f| + atol`` in the coordinates v of the samples; `atol` None stands for ``rtol max|f|``."""

    def __init__(self, rtol: float, atol: Array | None, y: Transform = IDENTITY) -> None:
        self.rtol, self.fixed, self.y = rtol, atol, y
        self.atol: Array | None = atol

    @property
    def name(self) -> str:
        """Name of the transform of y."""
        return self.y.name

    def update(self, v: Array) -> None:
        """Set the scale from samples v (n, m)."""
        if self.fixed is None:
            self.atol = self.rtol * np.abs(self.values(v)).max(axis=0, initial=0.0)

    def values(self, v: Array) -> Array:
        """Values of f for samples v."""
        with np.errstate(all="ignore"):
            return v if self.y.trivial else np.asarray(self.y.inverse(v), np.float64)

    def ofvalues(self, y: Array) -> Array:
        """Allowed errors (n, m) of values y, in their own units."""
        assert self.atol is not None
        allowed: Array = self.rtol * np.abs(y) + self.atol
        return allowed

    def floor(self, v: Array) -> Array:
        """What rounding leaves attainable at samples v (n, m)."""
        eps = float(np.finfo(np.float64).eps)
        size = np.abs(v) if self.y.trivial else np.abs(v) + 1
        if self.rtol < 32 * eps:
            # Near a zero of f, its neighbourhood decides.
            asked = self.asked(v)
            size = np.where(asked < 32 * eps * size.max(axis=0, initial=0.0), size.max(axis=0, initial=0.0), size)
        least: Array = 32 * eps * size
        return least

    def asked(self, v: Array) -> Array:
        """What was asked for at samples v (n, m)."""
        y = self.values(v)
        allowed = self.ofvalues(y)
        if self.y.trivial:
            return allowed
        with np.errstate(all="ignore"):
            if self.y.name == "log":
                allowed = allowed / np.abs(y)
            else:
                step = 6e-6 * np.maximum(np.abs(v), 1e-3)
                allowed = allowed * (2 * step) / np.abs(self.values(v + step) - self.values(v - step))
        return np.where(np.isnan(allowed), 0.0, allowed)
