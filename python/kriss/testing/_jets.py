"""Numbers that carry their gradient and Hessian, so that a problem is written down once, as it is published."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Jet:
    """A value with its first and second derivatives in n variables."""

    value: float
    gradient: Array
    hessian: Array

    __array_ufunc__ = None  # NumPy's numbers leave the arithmetic to us

    def _map(self, f: float, first: float, second: float) -> Jet:
        """f(self), given f and its derivatives there."""
        g = self.gradient
        return Jet(f, first * g, first * self.hessian + second * np.outer(g, g))

    def __add__(self, other: Any) -> Jet:
        if not isinstance(other, Jet):
            return Jet(self.value + float(other), self.gradient, self.hessian)
        return Jet(self.value + other.value, self.gradient + other.gradient, self.hessian + other.hessian)

    __radd__ = __add__

    def __neg__(self) -> Jet:
        return Jet(-self.value, -self.gradient, -self.hessian)

    def __sub__(self, other: Any) -> Jet:
        out: Jet = self + (-other)
        return out

    def __rsub__(self, other: Any) -> Jet:
        out: Jet = -self + other
        return out

    def __mul__(self, other: Any) -> Jet:
        if not isinstance(other, Jet):
            c = float(other)
            return Jet(c * self.value, c * self.gradient, c * self.hessian)
        cross = np.outer(self.gradient, other.gradient)
        return Jet(
            self.value * other.value,
            self.value * other.gradient + other.value * self.gradient,
            self.value * other.hessian + other.value * self.hessian + cross + cross.T,
        )

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Jet:
        return self * (other**-1 if isinstance(other, Jet) else 1.0 / other)

    def __pow__(self, p: int) -> Jet:
        v = self.value
        second = p * (p - 1) * v ** (p - 2) if p not in (0, 1) else 0.0
        return self._map(float(v**p), float(p * v ** (p - 1)) if p != 0 else 0.0, float(second))


def variables(x: Array) -> list[Jet]:
    """The coordinates of x."""
    unit, zero = np.eye(len(x)), np.zeros((len(x), len(x)))
    return [Jet(float(value), unit[i], zero) for i, value in enumerate(x)]


def exp(u: Jet) -> Jet:
    """e**u."""
    f = math.exp(min(u.value, 709.0)) if u.value < 709.0 else math.inf
    return u._map(f, f, f)


def log(u: Jet) -> Jet:
    """Natural logarithm; NaN for what has none."""
    if not u.value > 0:
        return u._map(math.nan, math.nan, math.nan)
    return u._map(math.log(u.value), 1 / u.value, -1 / u.value**2)


def sin(u: Jet) -> Jet:
    """Sine."""
    s, c = math.sin(u.value), math.cos(u.value)
    return u._map(s, c, -s)


def cos(u: Jet) -> Jet:
    """Cosine."""
    s, c = math.sin(u.value), math.cos(u.value)
    return u._map(c, -s, -c)
