"""Gaussian-process likelihood with gradient, assembly and prediction against scikit-learn, on the same threads."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Iterable
from typing import Any

import numpy as np

from benchmarks.harness import Case
from kriss.gp import RBF, Matern, factor, log_likelihood


def _problem(n: int, d: int) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(n)
    X = rng.random((n, d))
    y = np.sin(3.0 * X.sum(axis=1)) + 0.1 * rng.standard_normal(n)
    return X, y, rng.uniform(0.4, 0.9, d)


def _sklearn(nu: float | None, lengths: Any, noise: float, X: Any, y: Any) -> Any:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process import kernels as k

    base = k.RBF(lengths) if nu is None else k.Matern(lengths, nu=nu)
    model = GaussianProcessRegressor(
        k.ConstantKernel(2.0) * base + k.WhiteKernel(noise), alpha=0.0, optimizer=None, copy_X_train=False
    )
    return model.fit(X, y)


def _peak(call: Any) -> float:
    """Largest memory NumPy held during a call, MB."""
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def _likelihood(n: int, nu: float | None, target: float | None) -> Case:
    X, y, lengths = _problem(n, 5)
    noise = 0.01
    kernel = RBF(lengths, 2.0) if nu is None else Matern(nu, lengths, 2.0)
    model = _sklearn(nu, lengths, noise, X, y)
    theta = model.kernel_.theta

    def ours() -> tuple[float, Any]:
        return log_likelihood(kernel, X, y, noise, eval_gradient=True)  # type: ignore[return-value]

    def theirs() -> tuple[float, Any]:
        return model.log_marginal_likelihood(theta, eval_gradient=True)  # type: ignore[no-any-return]

    # The value recomputed in extended precision from the definition, by a factor of its own.
    exact = _extended(kernel, X, y, noise) if n <= 500 else None

    def error(result: tuple[float, Any]) -> float:
        reference = exact if exact is not None else 0.5 * (ours()[0] + theirs()[0])
        return abs(result[0] - reference) / abs(reference)

    name = "RBF" if nu is None else f"Matern-{int(2 * nu)}/2"
    memory = f"NumPy memory {_peak(ours):.0f} MB (C++ scratch not counted) against {_peak(theirs):.0f} MB"
    against = "long double" if exact is not None else "the mean of both"
    return Case(
        name=f"log-likelihood and gradient, n={n}, d=5, {name} ARD",
        ours=ours,
        peers={"scikit-learn": theirs},
        accuracy=error,
        accuracy_name="relative error of the value",
        target=target,
        target_peer="scikit-learn",
        note=f"{memory}; {n**3 / 1e9:.2g} Gflop; error against {against}",
    )


def _extended(kernel: Any, X: Any, y: Any, noise: float) -> float:
    K = (kernel(X) + noise * np.eye(len(y))).astype(np.longdouble)
    z = y.astype(np.longdouble)
    logdet = np.longdouble(0.0)
    quad = np.longdouble(0.0)
    for i in range(len(y)):
        pivot = K[i, i]
        quad += z[i] * z[i] / pivot
        logdet += np.log(pivot)
        column = K[i + 1 :, i] / pivot
        z[i + 1 :] -= column * z[i]
        K[i + 1 :, i + 1 :] -= np.outer(column, K[i + 1 :, i])
    return float(-0.5 * (quad + logdet + len(y) * np.longdouble(math.log(2.0 * math.pi))))


def _assembly(n: int) -> Case:
    from sklearn.gaussian_process import kernels as k

    X, _, lengths = _problem(n, 5)
    ours, theirs = Matern(2.5, lengths), k.Matern(lengths, nu=2.5)
    row = ours(X[:1], X)

    def error(K: Any) -> float:
        return float(np.abs(K[0] - row[0]).max())

    return Case(
        name=f"covariance matrix, n={n}, d=5, Matern-5/2 ARD",
        ours=lambda: ours(X),
        peers={"scikit-learn": lambda: theirs(X)},
        accuracy=error,
        accuracy_name="difference of the first row",
        note=f"{n * n / 2e6:.2g}e6 exponentials",
    )


def _prediction(n: int, m: int) -> Case:
    X, y, lengths = _problem(n, 5)
    Xs = np.random.default_rng(0).random((m, 5))
    f = factor(Matern(2.5, lengths, 2.0), X, 0.01)
    model = _sklearn(2.5, lengths, 0.01, X, y)

    def error(result: Any) -> float:
        mean = result.mean if hasattr(result, "mean") and not isinstance(result, np.ndarray) else result
        return float(np.abs(mean - reference).max())

    reference = f.predict(Xs, y).mean
    return Case(
        name=f"posterior mean, n={n}, {m} points, Matern-5/2 ARD",
        ours=lambda: f.predict(Xs, y),
        peers={"scikit-learn": lambda: model.predict(Xs)},
        accuracy=error,
        accuracy_name="difference of the means",
        note="ours includes the solve for alpha",
    )


def cases(quick: bool) -> Iterable[Case]:
    """The family's cases; `quick` keeps the small ones."""
    yield _likelihood(500, 2.5, None)
    if quick:
        return
    yield _likelihood(500, None, None)
    yield _likelihood(1000, 2.5, None)
    yield _likelihood(2000, 2.5, 6.0)
    yield _likelihood(2000, None, None)
    yield _assembly(3000)
    yield _prediction(2000, 5000)
