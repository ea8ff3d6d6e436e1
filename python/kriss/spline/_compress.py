"""Dropping knots while the tolerance holds at every sample."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kriss.spline._refine import Refinement


def compress(engine: Refinement) -> None:
    """Make samples of `engine` passive until no more can go."""
    protected: set[float] = set()
    for _ in range(40):
        dropped = _drop(engine, protected)
        if not dropped:
            return
        while True:
            engine._plan()
            failing = _failing(engine)
            if failing.size == 0:
                break
            # Knots next to a failing sample return and stay.
            passive = np.flatnonzero(engine.passive)
            near = np.searchsorted(passive, failing)
            back = np.unique(np.clip(np.concatenate([near - 1, near, near + 1]), 0, passive.size - 1))
            engine.passive[passive[back]] = False
            protected.update(engine.u[passive[back]].tolist())
    engine._plan()


def _drop(engine: Refinement, protected: set[float]) -> bool:
    any_dropped = False
    k = engine.k
    for p in engine.pieces:
        if p.local is None:
            continue
        width = p.x[2:] - p.x[:-2]
        density = np.maximum(p.local.density[1:], p.local.density[:-1])
        with np.errstate(over="ignore"):
            merged = density * width ** (k + 1)
        fine = merged < 0.25
        fine[: k + 1] = fine[-k - 1 :] = False
        last = -2
        for i in (np.flatnonzero(fine) + 1).tolist():
            if i >= last + 2 and float(p.x[i]) not in protected:
                engine.passive[p.index[i]] = True
                last, any_dropped = i, True
    return any_dropped


def _failing(engine: Refinement) -> npt.NDArray[np.intp]:
    """Indices of passive samples that the spline misses by more than half the tolerance."""
    at = np.flatnonzero(engine.passive & np.isfinite(engine.v).all(axis=1))
    for s in engine.closed:
        at = at[~((engine.u[at] > s.a) & (engine.u[at] < s.b))]
    if at.size == 0:
        return at
    knots, c = engine.build()
    q = engine._ratios(knots, c, engine.u[at], engine.v[at])
    return at[q > 0.5]
