"""One-dimensional series in O(n) against celerite2 on the kernels that it has, and ragged batches against a loop."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from benchmarks.harness import Case
from kriss.gp import RBF, Matern, series_log_likelihood
from kriss.gp._series import build as series
from kriss.gp._toeplitz import build as toeplitz

_EPS = 1e-4  # of celerite2's term of smoothness 3/2, which is a limit: smaller loses digits, larger is another kernel


def _problem(n: int) -> tuple[Any, Any, float]:
    rng = np.random.default_rng(n)
    t = np.cumsum(rng.uniform(0.5, 1.5, n) * 0.05)
    return t, np.sin(t) + 0.3 * rng.standard_normal(n), 0.09


def _kernel(nu: float) -> Any:
    return Matern(nu, lengthscale=2.0, variance=1.3)


def _celerite(nu: float, t: Any, y: Any, noise: float) -> Any:
    """One likelihood, parameters changed as an optimiser would: term, factor and quadratic form."""
    import celerite2
    from celerite2 import terms

    scale = math.sqrt(1.3)

    def call() -> float:
        if nu == 0.5:
            term = terms.RealTerm(a=1.3, c=1.0 / 2.0)
        else:
            term = terms.Matern32Term(sigma=scale, rho=2.0, eps=_EPS)
        process = celerite2.GaussianProcess(term, mean=0.0)
        process.compute(t, diag=np.full(t.size, noise), quiet=False)
        return float(process.log_likelihood(y))

    return call


def _likelihood(nu: float, n: int, target: float | None) -> Case:
    t, y, noise = _problem(n)
    kernel = _kernel(nu)
    head = min(n, 1500)
    short = float(series_log_likelihood(kernel, t[:head], y[:head], noise)[0])  # type: ignore[arg-type]
    exact = _extended(nu, t[:head], y[:head], noise)
    reference = float(series_log_likelihood(kernel, t, y, noise)[0])  # type: ignore[arg-type]

    def error(result: Any) -> float:
        value = float(np.ravel(result)[0])
        return abs(value - reference) / abs(reference)

    peers = {"celerite2": _celerite(nu, t, y, noise)} if nu in (0.5, 1.5) else {}
    approximate = f"; celerite2's 3/2 is an approximation, eps={_EPS:g}" if nu == 1.5 else ""
    return Case(
        name=f"log-likelihood of one series, n={n:.0e}, Matern-{int(2 * nu)}/2",
        ours=lambda: series_log_likelihood(kernel, t, y, noise, check_finite=False),
        peers=peers,
        accuracy=error,
        accuracy_name="relative difference from ours",
        target=target,
        target_peer="celerite2",
        note=f"one thread; ours over {head} points is off by {abs(short / exact - 1):.1e}{approximate}",
    )


def _extended(nu: float, t: Any, y: Any, noise: float) -> float:
    """The log-likelihood in long double, dense, from the definition."""
    n = t.size
    t, one = t.astype(np.longdouble), np.longdouble(1.0)
    a = np.sqrt(2 * np.longdouble(nu)) * np.abs(t[:, None] - t[None, :]) / 2
    shape = {0.5: one, 1.5: 1 + a, 2.5: 1 + a + a * a / 3, 3.5: 1 + a + 2 * a * a / 5 + a**3 / 15}[nu]
    K = np.longdouble(1.3) * shape * np.exp(-a)
    K[np.diag_indices(n)] += np.longdouble(noise)
    z = y.astype(np.longdouble)
    for i in range(n):
        K[i:, i] -= K[i:, :i] @ K[i, :i]
        K[i:, i] /= np.sqrt(K[i, i])
        z[i] = (z[i] - K[i, :i] @ z[:i]) / K[i, i]
    logdet = 2 * np.log(K.diagonal()).sum()
    return float(-(z @ z + logdet + n * np.log(2 * np.longdouble(math.pi))) / 2)


def _gradient(nu: float, n: int) -> Case:
    t, y, noise = _problem(n)
    kernel = _kernel(nu)
    return Case(
        name=f"log-likelihood and gradient of one series, n={n:.0e}, Matern-{int(2 * nu)}/2",
        ours=lambda: series_log_likelihood(kernel, t, y, noise, eval_gradient=True, check_finite=False),
        note="one thread; celerite2 has no gradient outside of JAX and PyMC",
    )


def _batch(count: int, each: int) -> Case:
    t, y, noise = _problem(count * each)
    kernel = _kernel(2.5)
    offsets = np.arange(count + 1) * each

    def loop() -> Any:
        return np.array(
            [series_log_likelihood(kernel, t[a : a + each], y[a : a + each], noise)[0] for a in offsets[:-1]]
        )

    exact = loop()
    return Case(
        name=f"log-likelihoods of {count} series of {each} points, Matern-5/2",
        ours=lambda: series_log_likelihood(kernel, t, y, noise, offsets),
        peers={"one call per series": loop},
        accuracy=lambda result: float(np.abs(result - exact).max()),
        accuracy_name="difference",
        note="all workers",
    )


def _equispaced(n: int) -> Case:
    import scipy.linalg

    X = np.arange(float(n))[:, None]
    kernel = RBF(4.0)
    y = np.random.default_rng(n).standard_normal(n)
    row = kernel(X[:1], X)[0]
    row[0] += 0.1
    exact = toeplitz(kernel, X, 0.1).solve(y)
    return Case(
        name=f"solve with n={n} equispaced points, RBF",
        ours=lambda: toeplitz(kernel, X, 0.1).solve(y),
        peers={"scipy.linalg.solve_toeplitz": lambda: scipy.linalg.solve_toeplitz(row, y)},
        accuracy=lambda x: float(np.abs(scipy.linalg.matmul_toeplitz(row, x) - y).max()),
        accuracy_name="residual",
        note=f"ours sets up the factor each time; |x| up to {np.abs(exact).max():.1g}",
    )


def _smoother(n: int) -> Case:
    t, y, noise = _problem(n)
    f = series(_kernel(1.5), t[:, None], noise)
    ts = np.linspace(t[0], t[-1], n)[:, None]
    return Case(
        name=f"posterior mean and deviation at {n:.0e} new points, {n:.0e} observations, Matern-3/2",
        ours=lambda: f.predict(ts, y, return_std=True),
        note="the factor is given",
    )


def cases(quick: bool) -> Iterable[Case]:
    """The family's cases; `quick` keeps the small ones."""
    yield _likelihood(0.5, 10_000, None)
    yield _likelihood(1.5, 10_000, None)
    yield _batch(1000, 100)
    if quick:
        return
    yield _likelihood(0.5, 1_000_000, 2.0)
    yield _likelihood(1.5, 1_000_000, 2.0)
    yield _likelihood(2.5, 1_000_000, None)
    yield _likelihood(3.5, 1_000_000, None)
    yield _gradient(1.5, 1_000_000)
    yield _gradient(2.5, 1_000_000)
    yield _smoother(100_000)
    yield _equispaced(4000)
    yield _equispaced(20_000)
