"""Constrained search by optimistic bounds, with infeasibility declared: CONFIG.

W. Xu, Y. Jiang, B. Svetozarevic, C. N. Jones, "Constrained Efficient Global Optimization of Expensive Black-box
Functions", 2023, arXiv 2211.00162, algorithm 1: the next point minimises the lower confidence bound of the objective
where those of all constraints allow it, and where they allow nothing the problem is infeasible.  Every other point is
chosen with the constraints' means and half a standard deviation instead, so that it is likely to be feasible itself.
Where the bounds promise nothing below the best feasible value (with noise: the least mean at a feasible point), they
are lowered, to 32 standard deviations, until the point is a new place; beyond that it refines the best known one.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.optimize

from kriss.gp import _bo_search
from kriss.gp._bo_model import Surrogate

Array = npt.NDArray[Any]

ROOT = 2.0  # standard deviations below the objective's mean
ROOT_CONSTRAINTS = 3.0
_CAUTION = 0.5
_GAIN = 1e-3  # standard deviations of the observed values that are worth an evaluation
_NEW = 0.01  # of the cube, from every known point
_DEEPER = (2.0 * ROOT, 4.0 * ROOT, 8.0 * ROOT, 16.0 * ROOT)
_RAW = 1024
_NEAR = 256
_POLISH = 2


class Bounds:
    """``mean + root std`` of a model, less what counts as zero, with its derivatives."""

    def __init__(self, model: Surrogate, pending: Array, zero: float | None = None) -> None:
        self.f, self.values, mean = model.posterior(pending)
        assert model.scale is not None
        self.shift = mean - (0.0 if zero is None else float(model.scale(zero)))

    def __call__(self, x: Array, root: float) -> Array:
        p = self.f.predict(x, self.values, return_std=True)
        assert p.std is not None
        out: Array = p.mean + self.shift + root * p.std
        return out

    def both(self, x: Array, root: float) -> tuple[float, Array]:
        """Value and gradient at one point."""
        p = self.f.predict(x[None], self.values, return_std=True, return_grad=True)
        assert p.std is not None and p.mean_grad is not None and p.std_grad is not None
        slope = np.where(p.std[0] > 0.0, p.std_grad[0], 0.0)
        return float(p.mean[0] + self.shift + root * p.std[0]), p.mean_grad[0] + root * slope


class Memo:
    """A function of value and gradient, called once per point though asked for each apart."""

    def __init__(self, call: Callable[[Array], tuple[float, Array]]) -> None:
        self.call = call
        self.at: Array | None = None
        self.last: tuple[float, Array] = (0.0, np.zeros(0))

    def _get(self, x: Array) -> tuple[float, Array]:
        if self.at is None or not np.array_equal(x, self.at):
            self.at, self.last = x.copy(), self.call(x)
        return self.last

    def value(self, x: Array) -> float:
        """The value."""
        return self._get(x)[0]

    def slope(self, x: Array) -> Array:
        """The gradient."""
        return self._get(x)[1]


def _slsqp(objective: Memo, constraints: Sequence[Memo], start: Array, bounds: list[Any]) -> Array:
    """A local minimum with all constraints at most 0."""
    rules = [
        {"type": "ineq", "fun": lambda x, c=c: -c.value(x), "jac": lambda x, c=c: -c.slope(x)} for c in constraints
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # SLSQP clips starts to the bounds, and says so
        found = scipy.optimize.minimize(
            objective.value,
            start,
            jac=objective.slope,
            method="SLSQP",
            bounds=bounds,
            constraints=rules,
            options={"maxiter": 25, "ftol": 1e-8},
        )
    return np.asarray(found.x)


def suggest(
    objective: Surrogate,
    constraints: Sequence[Surrogate],
    centres: Array,
    pending: Array,
    cautious: bool,
    feasible: npt.NDArray[np.bool_],
    limit: float,
    rng: np.random.Generator,
) -> tuple[Array, bool]:
    """The next point, and whether the optimistic constraints leave anything.

    `feasible` says at which of the objective's points all constraints were seen to hold: each is at most `limit`.
    """
    d = objective.d
    low = Bounds(objective, pending)
    best = _best(objective, low, feasible)
    wanted = np.inf if best is None else best - _GAIN
    rules = [Bounds(model, pending, limit) for model in constraints]
    pool = np.vstack([_bo_search.sobol(d, _RAW, rng), _bo_search.around(centres, _NEAR, rng)])
    if cautious:
        x = _least(low, rules, pool, _CAUTION, 1.0)
        if x is None and best is None:
            x, _ = _nearest(rules, pool, 0.0)  # nothing feasible is known yet: where that is most likely
        if x is not None and (best is None or low(x[None], -1.0)[0] <= wanted):
            return x, True
    x = _least(low, rules, pool, -ROOT_CONSTRAINTS, ROOT)
    if x is None:
        inside, violation = _nearest(rules, pool, -ROOT_CONSTRAINTS)
        if violation > 0.0:
            return inside, False
        pool = np.vstack([inside, inside])
        x = _least(low, rules, pool, -ROOT_CONSTRAINTS, ROOT)
        if x is None:  # by the last digit of a batch of two
            return inside, True
        if low(x[None], -ROOT)[0] > wanted:
            pool = np.vstack([pool, _bo_search.around(pool, _NEAR, rng)])
    return (x if low(x[None], -ROOT)[0] <= wanted else _deeper(low, rules, pool, x)), True


def _best(objective: Surrogate, low: Bounds, feasible: npt.NDArray[np.bool_]) -> float | None:
    """The least value that is known where the constraints hold, in the model's units.

    The least of noisy observations is below what any bound of the posterior promises, so that is its least mean.
    """
    if not feasible.any():
        return None
    if objective.fixed_noise == 0.0:
        return float(objective.z[feasible].min())
    assert objective.factor is not None
    return float(low(objective.factor.X[feasible], 0.0).min())


def leaves(constraints: Sequence[Surrogate], centres: Array, limit: float, rng: np.random.Generator) -> bool:
    """Whether the optimistic constraints leave anything, by what was observed alone."""
    d = constraints[0].d
    rules = [Bounds(model, np.empty((0, d)), limit) for model in constraints]
    pool = np.vstack([_bo_search.sobol(d, _RAW, rng), _bo_search.around(centres, _NEAR, rng)])
    return _nearest(rules, pool, -ROOT_CONSTRAINTS)[1] <= 0.0


def _violation(rules: Sequence[Bounds], x: Array, root: float) -> Array:
    out: Array = np.max([r(x, root) for r in rules], axis=0)
    return out


def _least(low: Bounds, rules: Sequence[Bounds], pool: Array, root: float, depth: float) -> Array | None:
    """The least ``mean - depth std`` of the objective where ``mean + root std`` of all constraints is at most 0."""
    ok = pool[_violation(rules, pool, root) <= 0.0]
    if ok.shape[0] == 0:
        return None
    score = low(ok, -depth)
    order = np.argsort(score, kind="stable")[:_POLISH]
    best: Array = ok[order[0]]
    least = float(score[order[0]])
    for start in ok[order]:
        end = _slsqp(
            Memo(lambda x: low.both(x, -depth)),
            [Memo(lambda x, r=r: r.both(x, root)) for r in rules],  # type: ignore[misc]
            start,
            [(0.0, 1.0)] * start.size,
        )
        end = np.clip(end, 0.0, 1.0)
        if not np.isfinite(end).all():
            continue
        value = float(low(end[None], -depth)[0])
        if value < least and _violation(rules, end[None], root)[0] <= 1e-8:
            best, least = end, value
    return best


def _deeper(low: Bounds, rules: Sequence[Bounds], pool: Array, x: Array) -> Array:
    """The least ``mean - depth std`` where the constraints allow it, at the first depth where that is a new place.

    Where that takes more than the last depth there is nothing to be found elsewhere: `x`, which refines the best known
    point.  If it is known itself, the bounds are lowered without end, so that they are in the order of the standard
    deviations, over the new places; without one, the farthest from the known points is what comes nearest to it.
    Some of the pool are allowed, or `_least` had failed.
    """
    ok = pool[_violation(rules, pool, -ROOT_CONSTRAINTS) <= 0.0]
    mean = low(ok, 0.0)
    std = mean - low(ok, -1.0)
    distance = np.array([np.abs(low.f.X - other).max(axis=1).min() for other in ok])
    for depth in _DEEPER:
        at = int(np.argmin(mean - depth * std))
        if distance[at] > _NEW:
            break
    else:
        if not _bo_search.same(x, low.f.X):
            return x
        new = distance > _NEW
        at = int(np.argmax(np.where(new, std, -1.0) if new.any() else distance))
    out: Array = ok[at]
    return out


def _nearest(rules: Sequence[Bounds], pool: Array, root: float) -> tuple[Array, float]:
    """Where the largest of ``mean + root std`` of the constraints is least, and how large it is there."""
    score = _violation(rules, pool, root)
    order = np.argsort(score, kind="stable")[: 2 * _POLISH]
    best, least = pool[order[0]], float(score[order[0]])
    d = pool.shape[1]
    unit = np.append(np.zeros(d), 1.0)

    def above(r: Bounds) -> Callable[[Array], tuple[float, Array]]:
        def call(xt: Array) -> tuple[float, Array]:
            value, slope = r.both(xt[:-1], root)
            return value - float(xt[-1]), np.append(slope, -1.0)

        return call

    for start, value in zip(pool[order], score[order], strict=True):
        end = _slsqp(
            Memo(lambda xt: (float(xt[-1]), unit)),
            [Memo(above(r)) for r in rules],
            np.append(start, value),
            [*[(0.0, 1.0)] * d, (None, None)],
        )
        x = np.clip(end[:-1], 0.0, 1.0)
        if not np.isfinite(x).all():
            continue
        reached = float(_violation(rules, x[None], root)[0])
        if reached < least:
            best, least = x, reached
        if least <= 0.0:
            break
    return best, least
