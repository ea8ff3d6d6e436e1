"""min max |b − A x| by linear programs over few rows, to which the worst of the others are added pass by pass."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import scipy.optimize as opt

from kriss.sketch._blocks import Frame, Rows
from kriss.sketch._newton import Solved

Array = npt.NDArray[np.float64]
OPTIONS = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}


def _program(a: Array, b: Array) -> tuple[Array, float] | None:
    """z and a lower bound of max |b − a z|, from multipliers whose rounding errors are taken off."""
    k, n = a.shape
    one = np.ones((k, 1))
    left = np.block([[-a, -one], [a, -one]])
    cost = np.append(np.zeros(n), 1.0)
    bounds = [(None, None)] * n + [(0, None)]
    found = opt.linprog(cost, left, np.concatenate([-b, b]), bounds=bounds, method="highs-ds", options=OPTIONS)
    if found.status != 0:
        return None
    z = found.x[:n]
    u = -(found.ineqlin.marginals[:k] - found.ineqlin.marginals[k:])
    size = float(np.abs(u).sum())
    if not size > 0:
        return z, 0.0
    # b'u = r'u + z'(a'u), and the last term is what a'u = 0 was missed by.
    slip = 2.0 * float(np.linalg.norm(u @ a) * np.linalg.norm(z))
    return z, max((float((b - a @ z) @ u) - slip) / size, 0.0)


def minimise(
    rows: Rows, b: Array, frame: Frame, *, tol: float, maxiter: int, floor: float, tick: Callable[[str], None]
) -> Solved:
    """Kelley's method of cutting planes on the rows: each round one small program and one pass."""
    n = frame.rank
    count = 4 * n + 20
    z, best_z = frame.start, frame.start
    chosen = np.empty(0, np.intp)
    best, lower, status, round_ = np.inf, 0.0, "max_iterations", 0
    for round_ in range(maxiter + 1):
        r = rows.residual(frame.p @ z, b)
        tick("residual")
        size = np.abs(r)
        worst = float(size.max(initial=0.0))
        if worst < best:
            best, best_z = worst, z
        if best - lower <= tol * best + floor:
            status = "optimal"
            break
        if round_ == maxiter:
            break
        more = np.argpartition(-size, count - 1)[:count] if count < len(size) else np.arange(len(size))
        grown = np.union1d(chosen, more[size[more] > lower])
        if len(grown) == len(chosen):
            status = "stalled"
            break
        chosen = grown
        done = _program(rows.take(chosen) @ frame.p, b[chosen])
        if done is None:
            status = "stalled"
            break
        z, lower = done[0], max(lower, done[1])
    return Solved(best_z, 1.0, best, max(best - lower, 0.0), status, round_)
