"""Where an acquisition is largest in the unit cube."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.optimize

from kriss.gp import _acquire, _acquire_ahead

Array = npt.NDArray[Any]

ACQUISITIONS = ("log_ei", "ei", "noisy_ei", "ucb", "knowledge_gradient", "max_value_entropy")

_RAW = 512
_NEAR = 256
_STARTS = 8
_SAME = 1e-8  # of the cube: nearer points count as the same


def same(x: Array, known: Array) -> bool:
    """Whether one of the known points is `x`."""
    return known.size > 0 and float(np.abs(known - x).max(axis=1).min()) <= _SAME


def sobol(d: int, count: int, rng: np.random.Generator) -> Array:
    """A scrambled Sobol sequence, (count, d)."""
    from scipy.stats import qmc

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of counts that are no power of two
        out: Array = qmc.Sobol(d, scramble=True, rng=rng).random(count)
    return out


def around(centres: Array, count: int, rng: np.random.Generator) -> Array:
    """Points near the centres: some coordinates moved, by 1e-4 to 0.3 of the cube."""
    k, d = centres.shape
    base = centres[rng.integers(k, size=count)]
    size = 10.0 ** rng.uniform(-4.0, -0.5, (count, 1))
    share = np.where(rng.random((count, 1)) < 0.5, 1.0, min(1.0, 3.0 / d))
    moved = rng.random((count, d)) < share
    moved[np.arange(count), rng.integers(d, size=count)] = True
    out: Array = np.clip(base + np.where(moved, size * rng.standard_normal((count, d)), 0.0), 0.0, 1.0)
    return out


def acquired(
    name: str | Callable[[Any, Array], _acquire.Acquisition],
    f: Any,
    values: Array,
    noise: float,
    rng: np.random.Generator,
) -> _acquire.Acquisition:
    """The acquisition of a posterior; `noise` is that of an evaluation, as some of the factor's count for failures."""
    if callable(name):
        return name(f, values)
    if name == "log_ei":
        return _acquire.LogExpectedImprovement(f, values)
    if name == "ei":
        return _acquire.ExpectedImprovement(f, values)
    if name == "ucb":
        return _acquire.UpperConfidenceBound(f, values)
    if name == "noisy_ei":
        return _acquire.NoisyExpectedImprovement(f, values, 32, rng)
    cover = sobol(f.X.shape[1], 512, rng)
    if name == "max_value_entropy":
        return _acquire_ahead.MaxValueEntropy(f, values, cover, rng=rng)
    cover = np.vstack([cover, f.X])
    low = np.argsort(f.predict(cover, values).mean, kind="stable")[:32]
    return _acquire_ahead.KnowledgeGradient(f, values, cover[low], noise)


def maximise(
    acquisition: Callable[..., Any], d: int, centres: Array, rng: np.random.Generator
) -> tuple[Array, float, Array]:
    """The best point found, its value, and the candidates that were looked at.

    A Sobol sequence and points around the centres, then one run of L-BFGS-B that climbs from the best of both together:
    each evaluation is one call with all of them.
    """
    far = sobol(d, _RAW, rng)
    near = np.vstack([centres, around(centres, _NEAR, rng)]) if centres.size else far[:0]
    pool = np.vstack([far, near])
    score = np.nan_to_num(acquisition(pool), nan=-np.inf)
    half = _STARTS // 2
    first = np.argsort(-score[:_RAW], kind="stable")[:half]
    second = _RAW + np.argsort(-score[_RAW:], kind="stable")[: _STARTS - half]
    chosen = np.concatenate([first, second])
    chosen = chosen[np.isfinite(score[chosen])]
    top = int(np.argmax(score))
    if chosen.size == 0:
        return pool[top], float(score[top]), pool
    x, value = climb(acquisition, pool[chosen])
    best = int(np.argmax(value))
    if value[best] >= score[top]:
        return x[best], float(value[best]), pool
    return pool[top], float(score[top]), pool


def climb(acquisition: Callable[..., Any], starts: Array, maxiter: int = 40) -> tuple[Array, Array]:
    """Ends and values of ascents from each start, within the cube."""
    shape = starts.shape
    best, where = np.full(shape[0], -np.inf), starts.copy()

    def minus(flat: Array) -> tuple[float, Array]:
        x = flat.reshape(shape)
        value, slope = acquisition(x, return_grad=True)
        ok = np.isfinite(value) & np.isfinite(slope).all(axis=1)
        better = ok & (value > best)
        best[better], where[better] = value[better], x[better]
        value = np.where(ok, value, np.where(np.isfinite(best), best, 0.0) - 1.0)
        return -float(value.sum()), -np.where(ok[:, None], slope, 0.0).ravel()

    scipy.optimize.minimize(
        minus,
        starts.ravel(),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, 1.0)] * starts.size,
        options={"maxiter": maxiter, "ftol": 1e-7, "gtol": 1e-5},
    )
    return where, best
