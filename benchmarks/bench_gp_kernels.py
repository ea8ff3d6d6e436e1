"""Covariance functions by + and *, and Matern of any smoothness, against scikit-learn on the same threads."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable
from typing import Any

import numpy as np

from benchmarks.harness import Case
from kriss.gp import RBF, Kernel, Matern, Periodic, RationalQuadratic, White, log_likelihood
from kriss.special import matern


def _problem(n: int, d: int) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(n)
    X = rng.random((n, d))
    y = np.sin(3.0 * X.sum(axis=1)) + 0.1 * rng.standard_normal(n)
    return X, y, rng.uniform(0.6, 1.4, d)


def _peak(call: Any) -> float:
    """Largest memory NumPy held during a call, MB."""
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def _likelihood(name: str, ours: Kernel, theirs: Any, X: Any, y: Any, target: float | None) -> Case:
    from sklearn.gaussian_process import GaussianProcessRegressor

    model = GaussianProcessRegressor(theirs, alpha=0.0, optimizer=None, copy_X_train=False).fit(X, y)
    theta = model.kernel_.theta

    def run() -> tuple[float, Any]:
        return log_likelihood(ours, X, y, 0.0, eval_gradient=True)  # type: ignore[return-value]

    def peer() -> tuple[float, Any]:
        return model.log_marginal_likelihood(theta, eval_gradient=True)  # type: ignore[no-any-return]

    # From the matrix, by NumPy's own factorisation: what both have to agree with.
    K = ours(X)
    sign, logdet = np.linalg.slogdet(K)
    assert sign > 0.0
    exact = -0.5 * (float(y @ np.linalg.solve(K, y)) + float(logdet) + len(y) * float(np.log(2.0 * np.pi)))

    def error(result: tuple[float, Any]) -> float:
        return abs(result[0] - exact) / abs(exact)

    return Case(
        name=f"log-likelihood and gradient, n={len(y)}, d={X.shape[1]}, {name}",
        ours=run,
        peers={"scikit-learn": peer},
        accuracy=error,
        accuracy_name="relative error of the value",
        target=target,
        target_peer="scikit-learn",
        note=f"NumPy memory {_peak(run):.0f} MB (C++ scratch not counted) against {_peak(peer):.0f} MB",
    )


def _pairs(n: int, quick: bool) -> Iterable[Case]:
    from sklearn.gaussian_process import kernels as k

    X, y, lengths = _problem(n, 8)
    noise = 0.01
    yield _likelihood(
        "2 RBF ARD + white",
        2.0 * RBF(lengths) + White(noise),
        k.ConstantKernel(2.0) * k.RBF(lengths) + k.WhiteKernel(noise),
        X,
        y,
        None if quick else 8.0,
    )
    yield _likelihood(
        "Matern nu=1.7 ARD + white",
        Matern(1.7, lengths) + White(noise),
        k.Matern(lengths, nu=1.7) + k.WhiteKernel(noise),
        X,
        y,
        None if quick else 20.0,
    )
    yield _likelihood(
        "rational quadratic * RBF + white",
        RationalQuadratic(1.3, 1.0, 0.7) * RBF(lengths) + White(noise),
        k.RationalQuadratic(1.3, 0.7) * k.RBF(lengths) + k.WhiteKernel(noise),
        X,
        y,
        None,
    )
    t, level = X[:, :1] * 20.0, np.sin(X[:, 0] * 40.0) + 0.1 * y
    yield _likelihood(
        "periodic * RBF + white, one column",
        Periodic(1.1, 3.0) * RBF(9.0) + White(noise),
        k.ExpSineSquared(1.1, 3.0) * k.RBF(9.0) + k.WhiteKernel(noise),
        t,
        level,
        None,
    )


def _assembly(n: int) -> Case:
    from scipy.spatial.distance import cdist
    from sklearn.gaussian_process import kernels as k

    X, _, lengths = _problem(n, 8)
    ours, theirs = Matern(1.7, lengths), k.Matern(lengths, nu=1.7)
    row = matern(cdist(X[:1] / lengths, X / lengths)[0], 1.7)

    def error(K: Any) -> float:
        return float(np.abs(K[0] - row).max())

    return Case(
        name=f"covariance matrix, n={n}, d=8, Matern nu=1.7 ARD",
        ours=lambda: ours(X),
        peers={"scikit-learn": lambda: theirs(X)},
        accuracy=error,
        accuracy_name="error of the first row",
        note=f"{n * n / 2e6:.2g}e6 entries, no Bessel functions but for the table",
    )


def cases(quick: bool) -> Iterable[Case]:
    """The cases; `quick` keeps the small ones."""
    yield from _pairs(400 if quick else 2000, quick)
    if not quick:
        yield _assembly(2000)
