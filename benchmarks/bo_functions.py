"""Functions with known minima for Bayesian optimisation, and problems with constraints, three of them infeasible."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


def branin(x: Any) -> float:
    """Two dimensions, three minima of 0.397887..."""
    a, b = x
    return float(
        (b - 5.1 * a * a / (4 * np.pi**2) + 5 * a / np.pi - 6) ** 2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(a) + 10
    )


_HARTMANN_A = np.array(
    [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
)
_HARTMANN_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def hartmann6(x: Any) -> float:
    """Six dimensions, minimum -3.32237."""
    inner = (_HARTMANN_A * (np.asarray(x) - _HARTMANN_P) ** 2).sum(axis=1)
    return -float(np.array([1.0, 1.2, 3.0, 3.2]) @ np.exp(-inner))


def ackley(x: Any) -> float:
    """Any dimensions, minimum 0 at 0."""
    x = np.asarray(x)
    first = -20.0 * np.exp(-0.2 * np.sqrt((x * x).mean()))
    return float(first - np.exp(np.cos(2 * np.pi * x).mean()) + 20.0 + np.e)


def rosenbrock(x: Any) -> float:
    """Any dimensions, minimum 0 at 1."""
    x = np.asarray(x)
    return float((100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum())


@dataclass(frozen=True)
class Problem:
    """A box, a function and its minimum."""

    name: str
    f: Callable[[Any], float]
    bounds: tuple[tuple[float, float], ...]
    minimum: float
    constraints: Callable[[Any], Any] | None = None
    feasible: bool = True

    @property
    def d(self) -> int:
        """Dimensions."""
        return len(self.bounds)


PROBLEMS = (
    Problem("Branin", branin, ((-5.0, 10.0), (0.0, 15.0)), 0.39788735772973816),
    Problem("Hartmann-6", hartmann6, ((0.0, 1.0),) * 6, -3.3223680114155147),
    Problem("Ackley-10", ackley, ((-32.768, 32.768),) * 10, 0.0),
    Problem("Rosenbrock-20", rosenbrock, ((-5.0, 10.0),) * 20, 0.0),
)


def _disk(x: Any) -> float:
    return float((x[0] - 1.0) ** 2 + (x[1] - 1.0) ** 2)


def _wave(x: Any) -> float:
    """The toy problem of Gramacy et al., "Modeling an Augmented Lagrangian for Blackbox Constrained Optimization"."""
    return float(1.5 - x[0] - 2 * x[1] - 0.5 * np.sin(2 * np.pi * (x[0] ** 2 - 2 * x[1])))


def _simple(x: Any) -> float:
    """The first simulation of Gardner et al., "Bayesian Optimization with Inequality Constraints"."""
    return float(np.cos(2 * x[0]) * np.cos(x[1]) + np.sin(x[0]))


UNIT = ((0.0, 1.0), (0.0, 1.0))
# Minima by SLSQP from the best feasible ones of 20,000 random points.
CONSTRAINED = (
    Problem(
        "line",
        lambda x: float(x[0] + x[1]),
        UNIT,
        0.5997880507175309,
        lambda x: [_wave(x), x[0] ** 2 + x[1] ** 2 - 1.5],
    ),
    Problem("cosine", _simple, ((0.0, 6.0),) * 2, -1.8887513614505924, lambda x: [np.cos(x[0] + x[1]) + 0.5]),
    Problem(
        "small region",
        lambda x: float(np.sin(x[0]) + x[1]),
        ((0.0, 6.0),) * 2,
        0.25323589750321496,
        lambda x: [np.sin(x[0]) * np.sin(x[1]) + 0.95],
    ),
    Problem(
        "Branin in a disk",
        branin,
        ((-5.0, 10.0), (0.0, 15.0)),
        0.9394760454540467,
        lambda x: [(x[0] - 2.5) ** 2 + (x[1] - 7.5) ** 2 - 20],
    ),
    Problem(
        "Rosenbrock in a disk",
        rosenbrock,
        ((-1.5, 1.5),) * 2,
        0.008615650659859513,
        lambda x: [x[0] ** 2 + x[1] ** 2 - 1.5],
    ),
    Problem(
        "three dimensions",
        lambda x: float((np.asarray(x) ** 2).sum()),
        ((-2.0, 2.0),) * 3,
        1.05,
        lambda x: [1.0 - x[0] - x[1] * x[2], 0.5 - x[1]],
    ),
    Problem(
        "four dimensions",
        lambda x: float(np.asarray(x).sum()),
        ((0.0, 1.0),) * 4,
        0.8,
        lambda x: [0.8 - np.asarray(x) @ np.array([1.0, 0.5, 0.25, 0.1]), x[0] * x[1] - 0.2],
    ),
    Problem("apart", _disk, ((-2.0, 2.0),) * 2, np.nan, lambda x: [x[0] + x[1] + 1.0, 1.5 - x[0] - x[1]], False),
    Problem("above zero", branin, ((-5.0, 10.0), (0.0, 15.0)), np.nan, lambda x: [branin(x) / 50 + 0.1], False),
    Problem("nearly", _simple, ((0.0, 6.0),) * 2, np.nan, lambda x: [np.sin(x[0]) * np.sin(x[1]) + 1.1], False),
)
