"""Logarithms of Bessel functions on one thread: against the logarithm of SciPy's scaled functions, and by region."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from scipy import special as scipy_special

from benchmarks.harness import Case
from kriss import special
from kriss.special import matern

REGIONS: dict[str, tuple[tuple[float, float], tuple[float, float]]] = {
    "uniform expansion, 4 terms": ((1000.0, 2000.0), (1000.0, 3000.0)),
    "uniform expansion, 6 terms": ((150.0, 400.0), (10.0, 90.0)),
    "uniform expansion, 9 terms": ((50.0, 90.0), (10.0, 80.0)),
    "uniform expansion, 13 terms": ((26.0, 33.0), (1.0, 33.0)),
    "x to 0.1": ((0.0, 20.0), (1e-6, 0.1)),
    "x from 0.1 to 2": ((0.0, 20.0), (0.1, 2.0)),
    "x from 2 to 17": ((0.0, 17.0), (2.0, 17.0)),
}


def _grid(n: int) -> tuple[np.ndarray, np.ndarray]:
    v, x = np.meshgrid(np.geomspace(1e-2, 1e5, n), np.geomspace(1e-8, 1e6, n))
    return v.ravel().copy(), x.ravel().copy()


def _scipy(f: Callable[..., Any], v: np.ndarray, x: np.ndarray) -> Callable[[], Any]:
    def call() -> Any:
        with np.errstate(all="ignore"):
            return np.log(f(v, x))

    return call


def _not_finite(y: Any) -> float:
    return float(np.mean(~np.isfinite(y)))


def cases(quick: bool) -> Iterable[Case]:
    v, x = _grid(150 if quick else 500)
    for name, theirs in (("log_kve", scipy_special.kve), ("log_ive", scipy_special.ive)):
        f = getattr(special, name)
        out = np.empty(v.size)
        yield Case(
            f"{name}, {v.size} points over all regions",
            lambda f=f, out=out: f(v, x, out=out),
            {"log of SciPy's": _scipy(theirs, v, x)},
            accuracy=_not_finite,
            accuracy_name="share of values that are not finite",
            target=10.0 if name == "log_kve" else None,
            note="v in [1e-2, 1e5], x in [1e-8, 1e6], both spaced evenly in the logarithm; SciPy's is timed on its "
            "scaled function, without adding x",
        )
    n = 20_000 if quick else 100_000
    rng = np.random.default_rng(1)
    for region, ((low, high), (near, far)) in REGIONS.items():
        order, argument = rng.uniform(low, high, n), rng.uniform(near, far, n)
        for name, theirs in (("log_kv", scipy_special.kve), ("log_iv", scipy_special.ive)):
            f = getattr(special, name)
            out = np.empty(n)
            yield Case(
                f"{name}, {n} points, {region}",
                lambda f=f, order=order, argument=argument, out=out: f(order, argument, out=out),
                {"log of SciPy's": _scipy(theirs, order, argument)},
                accuracy=_not_finite,
                accuracy_name="share of values that are not finite",
            )
    r = rng.uniform(0, 3, n)

    def textbook() -> Any:
        z = np.sqrt(2 * 1.7) * r / 0.5
        return 2 ** (1 - 1.7) / scipy_special.gamma(1.7) * z**1.7 * scipy_special.kv(1.7, z)

    yield Case(f"matern, nu = 1.7, {n} distances", lambda: matern(r, 1.7, 0.5), {"SciPy's kv": textbook})
    yield Case(f"matern with three derivatives, nu = 1.7, {n} distances", lambda: matern(r, 1.7, 0.5, deriv=True).value)
