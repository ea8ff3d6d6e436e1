"""Coordinates in which a function is easier to interpolate: u = X(x) and v = Y(y)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from kriss.spline._piecewise import Array


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
    """The transforms of both axes and the range of x, which rounding must not leave."""

    x: Transform
    y: Transform
    a: float
    b: float

    @property
    def trivial(self) -> bool:
        """Whether both change nothing."""
        return self.x.trivial and self.y.trivial

    def to_u(self, x: Array) -> Array:
        """Coordinates u of points x."""
        return _apply(self.x.forward, x, "transform_x")

    def to_x(self, u: Array) -> Array:
        """Points x of coordinates u, inside [a, b]."""
        if self.x.trivial:
            return u
        return np.clip(_apply(self.x.inverse, u, "the inverse of transform_x"), self.a, self.b)

    def to_v(self, y: Array) -> Array:
        """Coordinates v of values y; NaN where there are none."""
        if self.y.trivial:
            return y
        v = _apply(self.y.forward, y, "transform_y")
        return np.where(np.isfinite(y), v, np.nan)

    def to_y(self, v: Array) -> Array:
        """Values y of coordinates v."""
        return _apply(self.y.inverse, v, "the inverse of transform_y")


def _apply(function: Callable[[Array], Any], t: Array, name: str) -> Array:
    if function is _same:
        return t
    with np.errstate(all="ignore"):
        out = np.asarray(function(t), np.float64)
    if out.shape != t.shape:
        raise ValueError(f"{name} returned shape {out.shape} for an array of shape {t.shape}")
    return out
