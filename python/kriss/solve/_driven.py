"""The loop of conjugate gradients around operators and callbacks written in Python.

The same passes as the compiled loop (cpp/include/kriss/solve/cg.hpp), one call each. x is updated before the
callback sees it; otherwise the arithmetic, and so the iterates, are the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Outcome(NamedTuple):
    """What the loop ended with; `status` is a number of cpp/include/kriss/status.hpp."""

    status: int
    iterations: int
    matvecs: int
    residual: float
    residuals: list[float]


def cg_driven(
    kernels: Any,
    product: Callable[[Array, Array], float],
    b: Array,
    x: Array,
    inverse: Array,
    apply: Callable[[Array], Array] | None,
    callback: Callable[[], object] | None,
    *,
    tol: float,
    maxiter: int,
    zero_start: bool,
    scipy_rules: bool,
    workers: int,
) -> Outcome:
    """Run the loop; `x` is changed in place.

    Parameters
    ----------
    kernels : module
        The passes.
    product : callable
        ``product(p, q)`` sets ``q = A p`` and returns ``p'q``.
    inverse : ndarray
        Inverse diagonal of a Jacobi preconditioner, or empty.
    apply : callable, optional
        ``apply(r)`` returns ``M^-1 r`` in the working dtype.
    callback : callable, optional
        Called after each iteration.
    scipy_rules : bool
        SciPy's behaviour: strict test, no guards, no recomputed residual.
    """
    r = np.empty_like(b)
    q = np.empty_like(b)
    p = np.zeros_like(b)
    matvecs = 0

    def residual(with_product: bool) -> tuple[float, float]:
        nonlocal matvecs
        r[:] = b
        if not with_product:
            return tuple(kernels.cg_update(inverse, 0.0, b, r, workers))
        product(x, q)
        matvecs += 1
        return tuple(kernels.cg_update(inverse, -1.0, q, r, workers))

    def below(rr: float) -> bool:
        norm = math.sqrt(rr)
        return norm < tol if scipy_rules else norm <= tol and math.isfinite(norm)

    guard = not scipy_rules
    rr, diagonal = residual(not zero_start)
    residuals = [math.sqrt(rr)]
    restarted, fresh = False, True
    beta = rho = 0.0
    done = 0
    status = 0
    peak = rr
    while True:
        if below(rr) or (guard and math.isfinite(rr) and rr <= 1e-60 * peak):
            status = 0
            if scipy_rules or fresh:
                break
            rr, diagonal = residual(True)
            fresh = True
            if below(rr):
                break
            if restarted or not math.isfinite(rr):
                status = 12 if math.isfinite(rr) else 6
                break
            restarted = True
            beta = 0.0
            peak = rr
        if done >= maxiter:
            status = 2
            break
        if guard and not math.isfinite(rr):
            status = 6
            break
        following = diagonal
        z = r
        if apply is not None:
            z = apply(r)
            following = kernels.dot(r, z, workers)
        if guard and not (following > 0.0 and math.isfinite(following)):
            status = 5 if math.isfinite(following) else 6
            break
        if done > 0 and not (fresh and restarted):
            beta = _divide(following, rho)
        rho = following
        kernels.cg_direction(inverse, z, beta, p, workers)
        pq = product(p, q)
        matvecs += 1
        if guard and not (pq > 0.0 and math.isfinite(pq)):
            status = 4 if math.isfinite(pq) else 6
            break
        alpha = _divide(rho, pq)
        kernels.axpy(alpha, p, x, workers)
        rr, diagonal = kernels.cg_update(inverse, -alpha, q, r, workers)
        fresh = False
        peak = max(peak, rr)
        done += 1
        residuals.append(math.sqrt(rr))
        if callback is not None:
            callback()
    if guard and not fresh:
        rr, _ = residual(True)
        if status == 2 and below(rr):
            status = 0
    return Outcome(status, done, matvecs, math.sqrt(rr), residuals)


def _divide(a: float, b: float) -> float:
    """IEEE division: Python raises where the hardware gives infinity or NaN."""
    if b != 0.0:
        return a / b
    return math.nan if a == 0.0 or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1.0, b)
