"""The regressor with scikit-learn's interface against scikit-learn's own, with scikit-learn's kernel objects."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from benchmarks.bench_gp import _peak
from benchmarks.harness import Case
from kriss.gp import GaussianProcessRegressor


def _problem(n: int, d: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(n)
    X = rng.random((n, d))
    return X, np.sin(3.0 * X.sum(axis=1) / np.sqrt(d)) + 0.1 * rng.standard_normal(n)


def _kernel(d: int, name: str) -> Any:
    from sklearn.gaussian_process import kernels as k

    lengths = np.random.default_rng(d).uniform(0.6, 1.2, d)
    base = {
        "RBF": lambda: k.RBF(lengths),
        "Matern-5/2": lambda: k.Matern(lengths, nu=2.5),
        "Matern nu=1.7": lambda: k.Matern(0.8, nu=1.7),
        "RationalQuadratic": lambda: k.RationalQuadratic(0.8, 1.5),
    }[name]()
    return k.ConstantKernel(2.0) * base + k.WhiteKernel(1e-2)


def _likelihood(n: int, d: int, name: str, target: float | None) -> Case:
    from sklearn.gaussian_process import GaussianProcessRegressor as Theirs

    X, y = _problem(n, d)
    kernel = _kernel(d, name)
    ours, theirs = (make(kernel, alpha=1e-8, optimizer=None).fit(X, y) for make in (GaussianProcessRegressor, Theirs))
    theta = kernel.theta
    exact = theirs.log_marginal_likelihood(theta)

    def mine() -> Any:
        return ours.log_marginal_likelihood(theta, eval_gradient=True)

    def others() -> Any:
        return theirs.log_marginal_likelihood(theta, eval_gradient=True)

    memory = f"NumPy memory {_peak(mine):.0f} MB (C++ scratch not counted) against {_peak(others):.0f} MB"
    return Case(
        name=f"log_marginal_likelihood and gradient, n={n}, d={d}, {name}, white noise",
        ours=mine,
        peers={"scikit-learn": others},
        accuracy=lambda result: abs(result[0] - exact) / abs(exact),
        accuracy_name="relative difference from scikit-learn's value",
        target=target,
        target_peer="scikit-learn",
        note=memory,
    )


def _fit(n: int, d: int, restarts: int) -> Case:
    from sklearn.gaussian_process import GaussianProcessRegressor as Theirs

    X, y = _problem(n, d)
    kernel = _kernel(d, "RBF")

    def run(make: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return make(kernel, n_restarts_optimizer=restarts, random_state=0).fit(X, y)

    best = run(Theirs).log_marginal_likelihood()
    return Case(
        name=f"fit with {restarts} restarts, n={n}, d={d}, RBF ARD",
        ours=lambda: run(GaussianProcessRegressor),
        peers={"scikit-learn": lambda: run(Theirs)},
        accuracy=lambda model: abs(model.log_marginal_likelihood() - best) / abs(best),
        accuracy_name="relative difference of the final log-likelihood",
        target_peer="scikit-learn",
    )


def _predict(n: int, m: int, d: int, options: dict[str, Any]) -> Case:
    from sklearn.gaussian_process import GaussianProcessRegressor as Theirs

    X, y = _problem(n, d)
    Xs = np.random.default_rng(1).random((m, d))
    kernel = _kernel(d, "Matern-5/2")
    ours, theirs = (make(kernel, optimizer=None).fit(X, y) for make in (GaussianProcessRegressor, Theirs))
    what = ", ".join(options) or "mean"
    reference = theirs.predict(Xs)
    return Case(
        name=f"predict, {what}, n={n}, {m} points, d={d}, Matern-5/2 ARD",
        ours=lambda: ours.predict(Xs, **options),
        peers={"scikit-learn": lambda: theirs.predict(Xs, **options)},
        accuracy=lambda out: float(np.abs((out[0] if options else out) - reference).max()),
        accuracy_name="difference of the means",
    )


def cases(quick: bool) -> Iterable[Case]:
    """The family's cases; `quick` keeps the small ones."""
    yield _likelihood(300, 8, "RBF", None)
    if quick:
        return
    yield _likelihood(2000, 8, "RBF", 8.0)
    yield _likelihood(2000, 8, "Matern-5/2", None)
    yield _likelihood(2000, 8, "Matern nu=1.7", 20.0)
    yield _likelihood(1000, 8, "RationalQuadratic", None)
    yield _fit(300, 4, 3)
    yield _predict(2000, 2000, 8, {})
    yield _predict(2000, 2000, 8, {"return_std": True})
