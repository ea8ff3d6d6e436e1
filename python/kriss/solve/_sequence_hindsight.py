"""What other settings would have cost, estimated afterwards from everything that was seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg as sla

from kriss.solve._learners_kernel import EFFECT, LOCAL, KernelLearner

Array = npt.NDArray[Any]

WIDTHS = (0.05, 0.15, 0.5)  # of the kernel over contexts, in parts of their range
NOISES = (0.03, 0.1, 0.3)
SPREAD = 2.0  # prior standard deviation of the level over contexts, in log cost


def hindsight(learner: KernelLearner, contexts: list[Array | None], own: Array, time: Array) -> Array:
    """Predicted log costs, (systems, arms), of systems of the past.

    One Gaussian process over settings and what systems are known by: level(x) + effect(arm) + local(x, arm), with x
    nothing, the context on a linear or a logarithmic scale, what was seen in the matrix, or time, whichever has the
    largest likelihood. n**3 / 3 flops for each of 39 candidates, n at most 500.

    References
    ----------
    C. E. Rasmussen, C. K. I. Williams, "Gaussian Processes for Machine Learning", MIT Press 2006, section 2.3 and
    equation (2.30).
    """
    samples = learner.samples()
    arm, y = samples["arm"], samples["y"]
    if arm.size == 0:
        return np.zeros((len(contexts), learner.arms))
    missing = np.full(learner.dim, np.nan)
    asked = np.array([missing if c is None or c.size != learner.dim else c for c in contexts]).reshape(-1, learner.dim)
    places = {
        "context": (samples["context"], asked), "own": (samples["own"][:, None], own[:, None]),
        "time": (samples["time"][:, None], time[:, None]),
    }  # fmt: skip
    seen, wanted = places["context"]
    if np.nanmin(seen, initial=np.inf) > 0 and np.nanmin(wanted, initial=np.inf) > 0:
        places["log"] = (np.log(seen), np.log(wanted))
    candidates: list[tuple[Any, float]] = [(None, 1.0)]
    for name, (a, _) in places.items():
        if np.isfinite(a).all(axis=1).mean() > 0.5 and np.nanmax(a) > np.nanmin(a):
            candidates += [(name, width) for width in WIDTHS]
    z = y - y.mean()
    best: tuple[Any, ...] = (-np.inf,)
    effects = learner.kernel[np.ix_(arm, arm)]
    for name, width in candidates:
        near = np.ones((arm.size, arm.size)) if name is None else _near(places[name][0], places[name][0], width)
        base = SPREAD**2 * near + effects * (EFFECT**2 + LOCAL**2 * near)
        for noise in NOISES:
            cover = base.copy()
            cover[np.diag_indices_from(cover)] += noise * noise
            factor, info = sla.lapack.dpotrf(cover, lower=True)
            if info != 0:
                continue
            half = sla.solve_triangular(factor, z, lower=True)
            likelihood = -0.5 * float(half @ half) - float(np.log(np.diagonal(factor)).sum())
            if likelihood > best[0]:
                best = (likelihood, name, width, sla.solve_triangular(factor, half, lower=True, trans=1))
    if len(best) == 1:
        return np.tile(y.mean(), (len(contexts), learner.arms))
    _, name, width, weights = best
    near = np.ones((len(contexts), arm.size)) if name is None else _near(places[name][1], places[name][0], width)
    level = SPREAD**2 * (near @ weights)
    rows = learner.kernel[arm]  # (systems, arms)
    effect = EFFECT**2 * (weights @ rows)
    return np.asarray(y.mean() + level[:, None] + effect + LOCAL**2 * ((near * weights) @ rows))


def _near(a: Array, b: Array, width: float) -> Array:
    """exp(-d**2 / 2) of the rows of a and b, scaled to the range of b; what is missing is far from everything."""
    low, high = np.nanmin(b, axis=0), np.nanmax(b, axis=0)
    with np.errstate(all="ignore"):
        span = np.where(high > low, high - low, 1.0) * width
        square = (((a[:, None, :] - b[None, :, :]) / span) ** 2).sum(axis=2)
    return np.asarray(np.where(np.isnan(square), 0.0, np.exp(-0.5 * square)))
