"""What an optimiser is asked to search and to evaluate, checked."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _validate

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
