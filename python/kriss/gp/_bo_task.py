"""What an optimiser is asked to search and to evaluate, checked."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _validate
from kriss.gp._kernels import Kernel

Array = npt.NDArray[Any]


def box(bounds: object) -> Array:
    """Bounds as (d, 2), checked."""
    out = _validate.real_array(bounds, "bounds", ndim=2, single=False).copy()
    if out.shape[1] != 2 or out.shape[0] == 0:
        raise ValueError(f"bounds has shape {out.shape}, expected (d, 2): low and high of each dimension")
    bad = np.flatnonzero(out[:, 0] >= out[:, 1])
    if bad.size:
        low, high = out[bad[0]]
        raise ValueError(f"bounds[{bad[0]}] is ({low:g}, {high:g}), expected low < high")
    with np.errstate(over="ignore"):
        wide = np.flatnonzero(~np.isfinite(out[:, 1] - out[:, 0]))
    if wide.size:
        q = int(wide[0])
        raise ValueError(f"bounds[{q}] is ({out[q, 0]:g}, {out[q, 1]:g}): the width is not a finite number")
    return out


def usable(kernel: object, d: int) -> None:
    """Refuse kernels that the search cannot climb with, and columns that the bounds do not have."""
    if not isinstance(kernel, Kernel):
        raise TypeError(f"kernel must be a kriss.gp kernel, not {type(kernel).__name__}")
    kernel.form(d)
    place = np.full((1, d), 0.5)
    try:
        kernel.gradient_x(place, 0.5 * place)
    except NotImplementedError as error:
        raise NotImplementedError(
            f"kernel is {kernel!r}, which has no derivatives in the points, expected one with gradient_x"
        ) from error


def told(
    x: npt.ArrayLike, y: npt.ArrayLike, constraints: npt.ArrayLike | None, bounds: Array, k: int
) -> tuple[Array, Array, Array]:
    """Points (n, d) within the bounds, values (n,) and those of `k` constraints (n, k), checked."""
    where = _validate.real_array(x, "x", ndim=(1, 2), single=False)
    value = _validate.real_array(y, "y", ndim=(0, 1), finite=False, single=False)
    where, one = np.atleast_2d(where), where.ndim == 1
    if one != (value.ndim == 0):
        raise ValueError(f"y has shape {value.shape}, expected a number for one point, (n,) for (n, d)")
    value = np.atleast_1d(value)
    d = bounds.shape[0]
    if where.shape != (value.size, d):
        raise ValueError(f"x has shape {where.shape}, expected ({value.size}, {d}), one row per value")
    low, high = bounds.T
    out = (where < low) | (where > high)
    if out.any():
        i, q = (int(v) for v in np.argwhere(out)[0])
        raise ValueError(f"x is {where[i, q]:g} in dimension {q}, outside the bounds ({low[q]:g}, {high[q]:g})")
    if k == 0:
        if constraints is not None:
            raise ValueError("constraints were told, expected none: the optimizer has n_constraints=0")
        more: Array = np.empty((value.size, 0))
    else:
        if constraints is None:
            raise ValueError(f"constraints is None, expected {k} values per point")
        more = _validate.real_array(constraints, "constraints", ndim=(1, 2), finite=False, single=False)
        more = np.atleast_2d(more) if one else more
        if more.shape != (value.size, k):
            raise ValueError(f"constraints has shape {more.shape}, expected ({value.size}, {k})")
    return where, value, more


class Task:
    """One evaluation of value and constraints, with what went wrong; picklable if they are."""

    def __init__(self, f: Callable[[Array], float], rules: list[Callable[[Array], Any]], count: int) -> None:
        self.f, self.rules, self.count = f, rules, count
        if bool(rules) != bool(count):
            raise ValueError(
                f"constraints has {len(rules)} functions, but the optimizer was made with n_constraints={count}"
            )

    def __call__(self, x: Array) -> tuple[float, Array, str]:
        why = []
        try:
            value = float(np.asarray(self.f(x.copy()), np.float64).reshape(()))
        except Exception as error:  # what an objective may raise is not known
            value = math.nan
            why.append(f"{type(error).__name__}: {error}")
        more: list[float] = []
        try:
            for rule in self.rules:
                more.extend(np.asarray(rule(x.copy()), np.float64).ravel().tolist())
        except Exception as error:
            more = [math.nan] * self.count
            why.append(f"constraints: {type(error).__name__}: {error}")
        if len(more) != self.count:
            raise ValueError(f"constraints returned {len(more)} values, expected {self.count}")
        return value, np.array(more), "; ".join(why)


def functions(constraints: Any) -> list[Callable[[Array], Any]]:
    """The functions of constraints as a list."""
    if constraints is None:
        return []
    out = [constraints] if callable(constraints) else list(constraints)
    for one in out:
        if not callable(one):
            raise TypeError(f"constraints must be callable, not {type(one).__name__}")
    return out
