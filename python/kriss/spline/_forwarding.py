"""What every result that holds a spline does alike: it is called, differentiated, integrated and solved like one."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kriss.spline._piecewise import Array, Extrapolate
from kriss.spline._spline import Spline


class Forwarding:
    """Hands calls on to `self.spline`."""

    spline: Spline

    def __call__(
        self,
        x: npt.ArrayLike,
        nu: int = 0,
        *,
        out: Array | None = None,
        extrapolate: Extrapolate | None = None,
        workers: int | None = None,
    ) -> Any:
        """Values or derivatives of the spline; see `Spline`."""
        return self.spline(x, nu, out=out, extrapolate=extrapolate, workers=workers)

    def derivative(self, nu: int = 1) -> Spline:
        """The derivative of order `nu` as a spline."""
        return self.spline.derivative(nu)

    def antiderivative(self, nu: int = 1) -> Spline:
        """The antiderivative of order `nu` as a spline."""
        return self.spline.antiderivative(nu)

    def integrate(self, a: float, b: float, *, extrapolate: Extrapolate | None = None) -> Any:
        """Definite integral from `a` to `b`; see `Spline.integrate`."""
        return self.spline.integrate(a, b, extrapolate=extrapolate)

    def roots(self, *, discontinuity: bool = True, extrapolate: bool = False) -> Any:
        """Real points where the spline is zero, by default inside its interval; see `Spline.roots`."""
        return self.spline.roots(discontinuity=discontinuity, extrapolate=extrapolate)

    def solve(self, y: float = 0.0, *, discontinuity: bool = True, extrapolate: bool = False) -> Any:
        """Real points where the spline equals `y`, by default inside its interval; see `Spline.solve`."""
        return self.spline.solve(y, discontinuity=discontinuity, extrapolate=extrapolate)

    def to_ppoly(self) -> Any:
        """The spline as a `scipy.interpolate.PPoly`, a copy."""
        return self.spline.to_ppoly()
