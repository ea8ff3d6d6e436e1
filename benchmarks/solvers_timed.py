"""What the scoreboards of learned preconditioners share: peers, and the timing of (setup, solve) pairs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy.sparse as sps
import scipy.sparse.linalg as spl

# Setup, and a solve that returns (x, iterations).
Method = tuple[Callable[[], Any], Callable[[Any, Any], Any]]


def scipy_cg(A: Any, rtol: float, most: int) -> Method:
    """SciPy's conjugate gradients, nothing set up."""

    def solve(_: Any, b: Any) -> Any:
        steps = [0]

        def count(_: Any) -> None:
            steps[0] += 1

        x, _ = spl.cg(A, b, rtol=rtol, maxiter=most, callback=count)
        return x, steps[0]

    return (lambda: None), solve


def direct(A: Any) -> Method:
    """SuperLU."""
    return (
        lambda: spl.splu(A.tocsc(), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}),
        lambda lu, b: (lu.solve(b), 1),
    )


def pyamg_methods(A: Any, rtol: float) -> dict[str, Method]:
    """Both hierarchies of PyAMG in conjugate gradients; none where it is not installed."""
    try:
        import pyamg
    except ImportError:
        return {}
    old = sps.csr_matrix(A)

    def solve(ml: Any, b: Any) -> Any:
        norms: list[float] = []
        x = ml.solve(b, tol=rtol, accel="cg", maxiter=500, residuals=norms)
        return x, len(norms) - 1

    return {
        "PyAMG RS": (lambda: pyamg.ruge_stuben_solver(old), solve),
        "PyAMG SA": (lambda: pyamg.smoothed_aggregation_solver(old), solve),
    }


def measure(
    A: Any,
    b: Any,
    methods: Mapping[str, Method],
    repeats: int,
    learned: str,
    more: Callable[[Any], dict[str, Any]] = lambda made: {},
) -> dict[str, dict[str, Any]]:
    """One system, every method: the fastest of a few repeats each, and what `more` tells of what was set up."""
    found = {}
    for name, (setup, solve) in methods.items():
        best: dict[str, Any] = {"setup": math.inf, "solve": math.inf}
        for _ in range(repeats):
            start = time.perf_counter()
            try:
                made = setup()
                middle = time.perf_counter()
                x, count = solve(made, b)
            except (np.linalg.LinAlgError, MemoryError, ValueError) as error:
                best["error"] = str(error)
                break
            end = time.perf_counter()
            best["setup"] = min(best["setup"], middle - start)
            best["solve"] = min(best["solve"], end - middle)
            best["iterations"] = count
            best["residual"] = float(np.linalg.norm(b - A @ x) / np.linalg.norm(b))
            best |= more(made)
            if name == learned:
                best["kept"] = made.params["kept"]
            if end - start > 5.0:
                break
        found[name] = best
    return found
