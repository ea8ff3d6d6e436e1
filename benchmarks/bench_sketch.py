"""Sketched least squares against every LAPACK driver that SciPy and NumPy have, and against normal equations.

Accuracy is the backward error of what each contender returns, `kriss.sketch.backward_error` (Karlson-Waldén, whole
matrix by one norm), so the same yardstick for all. Normal equations are in the table because they are fast; nothing
certifies them, and the ill-conditioned case shows what that costs.

Traffic of a `lstsq` call on these: the Gram pass reads A once, and each residual once more; 8 m n bytes each. The Gram
matrix takes m n (n + 12) flops beside it, which binds at n >= 50. No sketch is drawn: a glance at some rows shows
A well-conditioned, and the Gram matrix proves it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import scipy.linalg as sla

from benchmarks.harness import Case
from kriss.sketch import backward_error, lstsq


def solution(result: Any) -> np.ndarray:
    """What a contender found."""
    if hasattr(result, "x"):
        return np.asarray(result.x)
    return np.asarray(result[0]) if isinstance(result, tuple) else np.asarray(result)


def normal_equations(A: np.ndarray, b: np.ndarray) -> np.ndarray:
    """By Cholesky of A'A, uncertified."""
    return np.asarray(sla.solve(A.T @ A, A.T @ b, assume_a="pos"))


def peers_of(A: np.ndarray, b: np.ndarray, drivers: tuple[str, ...]) -> dict[str, Callable[[], Any]]:
    """LAPACK's drivers; numpy.linalg.lstsq is gelsd too."""
    peers: dict[str, Callable[[], Any]] = {}
    for driver in drivers:
        peers[f"scipy {driver}"] = lambda driver=driver: sla.lstsq(A, b, lapack_driver=driver)
    gels, n = sla.get_lapack_funcs("gels", (A, b)), A.shape[1]
    peers["LAPACK gels"] = lambda: gels(A, b)[1][:n]
    return peers


def problem(m: int, n: int, order: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A random A and a noisy b."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((n, m)).T if order == "F" else rng.standard_normal((m, n))
    return A, A @ rng.standard_normal(n) + rng.standard_normal(m)


def _case(
    m: int, n: int, order: str, target: float | None, drivers: tuple[str, ...], normal: float | None = None
) -> Case:
    A, b = problem(m, n, order)
    fit = lstsq(A, b, rng=0)
    peers = peers_of(A, b, drivers)
    peers["normal equations"] = lambda: normal_equations(A, b)
    # The fastest LAPACK driver is the one to beat; normal equations are not one.
    return Case(
        f"lstsq, {m} x {n}, {order} order",
        lambda: lstsq(A, b, rng=0),
        peers,
        accuracy=lambda r: float(backward_error(A, b, solution(r))),
        accuracy_name="backward error",
        target=target,
        target_peer="LAPACK gels",
        also={} if normal is None else {"normal equations": normal},
        note=f"method {fit.method}, {fit.iterations} refinements after the first solution; target against gels "
        f"(QR without pivoting), the fastest driver here as a rule",
        traffic=lambda r: 8.0 * m * n * (2 + r.iterations),
    )


def cases(quick: bool) -> Iterable[Case]:
    """Yield the cases one by one, so that only one large matrix is alive."""
    if quick:
        yield _case(60_000, 50, "C", None, ("gelsd", "gelsy"))
        return
    for order in "CF":
        yield _case(400_000, 100, order, 4.0, ("gelsd", "gelsy"), 0.5)
    for order in "CF":
        yield _case(1_000_000, 50, order, 4.0, ("gelsd", "gelsy"), 0.5)
    for order in "CF":
        yield _case(200_000, 300, order, 3.0, ("gelsd", "gelsy"))
