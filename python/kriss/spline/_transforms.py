"""Coordinates in which a function is easier to interpolate: u = X(x) and v = Y(y)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from kriss.spline._piecewise import Array

# Exponents of two beyond which the width of the interval, and the size of f, are scaled.
_WIDE, _LARGE = 80, 330


def _same(t: Array) -> Array:
    return t


class Transform(NamedTuple):
    """A strictly monotonic map and its inverse, both on arrays."""

    name: str
    forward: Callable[[Array], Array]
    inverse: Callable[[Array], Array]

    @property
    def trivial(self) -> bool:
        """Whether it changes nothing."""
        return self.name == "none"


IDENTITY = Transform("none", _same, _same)
LOG = Transform("log", np.log, np.exp)
ASINH = Transform("asinh", np.arcsinh, np.sinh)


def parse(value: object, name: str, allowed: dict[str, Transform]) -> Transform | None:
    """The transform that an argument names; None stands for "auto"."""
    if value is None:
        return IDENTITY
    if isinstance(value, str):
        if value == "auto":
            return None
        if value in allowed:
            return allowed[value]
    elif isinstance(value, (tuple, list)) and len(value) == 2 and all(callable(part) for part in value):
        return Transform("pair", value[0], value[1])
    names = ", ".join(map(repr, [*allowed, "auto"]))
    raise ValueError(f"{name} must be None, {names} or a pair of callables (forward, inverse), not {value!r}")


class Maps(NamedTuple):
    """The transforms of both axes and the range of x, which rounding must not leave.

    Without a transform, coordinates of extreme size are multiplied by powers of two, so that divided differences and
    coefficients stay in range: u = scale_x X(x), v = scale_y Y(y).
    """

    x: Transform
    y: Transform
    a: float
    b: float
    scale_x: float = 1.0
    scale_y: float = 1.0

    @property
    def trivial(self) -> bool:
        """Whether both change nothing."""
        return self.x.trivial and self.y.trivial and not self.scaled

    @property
    def scaled(self) -> bool:
        """Whether a coordinate is multiplied by a power of two."""
        return self.scale_x != 1 or self.scale_y != 1

    def scaled_for(self, y: Array) -> Maps:
        """With scales for the first samples y (n, m)."""
        scale_x = scale_y = 1.0
        if self.x.trivial:
            scale_x = _scale(self.b - self.a, _WIDE)
        if self.y.trivial:
            scale_y = _scale(float(np.abs(y[np.isfinite(y)]).max(initial=0.0)), _LARGE)
        return self._replace(scale_x=scale_x, scale_y=scale_y)

    def to_u(self, x: Array) -> Array:
        """Coordinates u of points x."""
        u = _apply(self.x.forward, x, "transform_x")
        return u if self.scale_x == 1 else u * self.scale_x

    def to_x(self, u: Array) -> Array:
        """Points x of coordinates u, inside [a, b]."""
        if self.x.trivial and self.scale_x == 1:
            return u
        u = u / self.scale_x
        return np.clip(_apply(self.x.inverse, u, "the inverse of transform_x"), self.a, self.b)

    def to_v(self, y: Array) -> Array:
        """Coordinates v of values y; NaN where there are none."""
        if self.y.trivial:
            return y if self.scale_y == 1 else y * self.scale_y
        v = _apply(self.y.forward, y, "transform_y")
        return np.where(np.isfinite(y), v, np.nan)

    def to_y(self, v: Array) -> Array:
        """Values y of coordinates v."""
        return _apply(self.y.inverse, v if self.scale_y == 1 else v / self.scale_y, "the inverse of transform_y")


def _scale(size: float, limit: float) -> float:
    """A power of two that brings `size` near 1 if it is not within `limit` of it."""
    if not 0 < size < np.inf or 2.0**-limit <= size <= 2.0**limit:
        return 1.0
    # 1 / scale must be a normal number, too.
    return float(2.0 ** np.clip(-np.floor(np.log2(size)), -1020, 1020))


def _apply(function: Callable[[Array], Any], t: Array, name: str) -> Array:
    if function is _same:
        return t
    with np.errstate(all="ignore"):
        out = np.asarray(function(t), np.float64)
    if out.shape != t.shape:
        raise ValueError(f"{name} returned shape {out.shape} for an array of shape {t.shape}")
    return out
