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

    exact = _extended(nu, lengths, X, y, noise)  # once per case, outside the timing

    def error(result: tuple[float, Any]) -> float:
        return abs(result[0] - exact) / abs(exact)

    name = "RBF" if nu is None else f"Matern-{int(2 * nu)}/2"
    memory = f"NumPy memory {_peak(ours):.0f} MB (C++ scratch not counted) against {_peak(theirs):.0f} MB"
    return Case(
        name=f"log-likelihood and gradient, n={n}, d=5, {name} ARD",
        ours=ours,
        peers={"scikit-learn": theirs},
        accuracy=error,
        accuracy_name="relative error of the value",
        target=target,
        target_peer="scikit-learn",
        note=f"{memory}; {n**3 / 1e9:.2g} Gflop; error against long double",
    )


def _extended(nu: float | None, lengths: Any, X: Any, y: Any, noise: float) -> float:
    """The log-likelihood in long double from the definition: matrix and factor share no code with either contender."""
    n, one = len(y), np.longdouble(1.0)
    squares = np.zeros((n, n), np.longdouble)
    for x, length in zip(X.T.astype(np.longdouble), lengths, strict=True):
        squares += ((x[:, None] - x[None, :]) / length) ** 2
    if nu is None:
        K = 2.0 * np.exp(-squares / 2)
    else:
        a = np.sqrt(2 * nu * squares)
        K = 2.0 * {0.5: one, 1.5: 1 + a, 2.5: 1 + a + a * a / 3}[nu] * np.exp(-a)
    K[np.diag_indices(n)] += np.longdouble(noise)
    # Column by column, in place: K becomes L, z becomes L^-1 y.
    z = y.astype(np.longdouble)
    for i in range(n):
        K[i:, i] -= K[i:, :i] @ K[i, :i]
        K[i:, i] /= np.sqrt(K[i, i])
        z[i] = (z[i] - K[i, :i] @ z[:i]) / K[i, i]
    logdet = 2 * np.log(K.diagonal()).sum()
    return float(-(z @ z + logdet + n * np.log(2 * np.longdouble(math.pi))) / 2)


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
