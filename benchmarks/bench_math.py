"""Elementary functions on one thread: against the C library called in a loop, and against NumPy or SciPy.

The C library's loop is compiled by Numba, which calls libm for each element. NumPy has vector code of its own for some
functions, with bounds of up to 4 ULP in double; the accuracy column is the largest error found on 2000 of the points.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import mpmath
import numpy as np
from scipy import special

from benchmarks.harness import Case
from kriss import _backend
from kriss._backend import kernels

RANGES = {
    "exp": (-20.0, 20.0),
    "expm1": (-5.0, 5.0),
    "log": (1e-3, 1e3),
    "log1p": (-0.9, 10.0),
    "erfc": (-3.0, 5.0),
    "sin": (-100.0, 100.0),
}


def _library_loop(name: str, out: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    import numba

    f = getattr(math, name)

    @numba.njit(nogil=True, error_model="numpy")  # type: ignore[untyped-decorator, unused-ignore]
    def loop(x: np.ndarray, out: np.ndarray) -> None:
        for i in range(x.size):
            out[i] = f(x[i])

    def call(x: np.ndarray) -> np.ndarray:
        loop(x, out)
        return out

    return call


def _ulp(name: str, x: np.ndarray) -> Callable[[Any], float]:
    part = x[:2000]
    with mpmath.workprec(160):
        exact = [getattr(mpmath, name)(mpmath.mpf(v)) for v in part.tolist()]
        high = np.array([float(v) for v in exact])
        low = np.array([float(v - mpmath.mpf(h)) for v, h in zip(exact, high.tolist(), strict=True)])
    unit = np.spacing(np.abs(high))
    return lambda y: float(np.max(np.abs((y[:2000] - high) - low) / unit))


def cases(quick: bool) -> Iterable[Case]:
    n = 100_000 if quick else 1_000_000
    for name, (low, high) in RANGES.items():
        x = np.random.default_rng(3).uniform(low, high, n)
        out = np.empty((3, n))
        kernel = getattr(kernels("math"), name)
        reference = getattr(np, name, None) or getattr(special, name)

        def ours(kernel: Any = kernel, x: np.ndarray = x, y: np.ndarray = out[0]) -> np.ndarray:
            kernel(x, y, 1)
            return y

        def library(reference: Any = reference, x: np.ndarray = x, y: np.ndarray = out[1]) -> np.ndarray:
            return np.asarray(reference(x, out=y))

        peers: dict[str, Callable[[], Any]] = {"numpy" if hasattr(np, name) else "scipy": library}
        if _backend.has_numba():
            loop = _library_loop(name, out[2])
            peers["libm loop"] = lambda loop=loop, x=x: loop(x)
        yield Case(
            f"{name}, float64, {n:.0e} values in [{low:g}, {high:g}]",
            ours,
            peers,
            accuracy=_ulp(name, x),
            accuracy_name="largest error, ULP",
            target=4.0 if name == "exp" and "libm loop" in peers else None,
            target_peer="libm loop" if "libm loop" in peers else None,
            note="one thread; the target is for AVX-512",
        )
