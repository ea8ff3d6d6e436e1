"""Covariance factors that grow and shrink, against factorising afresh as scikit-learn's users do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import scipy.linalg

from benchmarks.harness import Case
from kriss.gp import Matern, factor

_NOISE = 1e-2


def _points(n: int, d: int) -> Any:
    return np.random.default_rng(n).random((n + 500, d))


def _sklearn_refits(X: Any, n: int, lengths: Any) -> Any:
    """The steps of scikit-learn's fit without optimisation: the matrix, LAPACK's factor, alpha."""
    from sklearn.gaussian_process.kernels import Matern as Theirs

    kernel, y = Theirs(lengths, nu=2.5), np.ones(len(X))

    def run() -> Any:
        K = kernel(X[: n + 1])
        K[np.diag_indices(n + 1)] += _NOISE
        lower = scipy.linalg.cholesky(K, lower=True, check_finite=False)
        scipy.linalg.cho_solve((lower, True), y[: n + 1], check_finite=False)
        return lower[-1, -1]

    return run


def _append(n: int, d: int, target: float | None) -> Case:
    X, lengths = _points(n, d), np.full(d, 0.8)
    start = factor(Matern(2.5, lengths), X[:n], _NOISE, structure="dense")
    now = [start]

    def ours() -> Any:
        f = now[0] if now[0].n < n + 400 else start
        now[0] = f.append(X[f.n : f.n + 1], _NOISE)
        now[0].solve(np.ones(now[0].n))
        return now[0]

    def error(result: Any) -> float:
        return result.drift if hasattr(result, "drift") else 0.0

    return Case(
        name=f"an append and a solve, n={n} and growing, d={d}, Matern-5/2",
        ours=ours,
        peers={"scikit-learn's refit": _sklearn_refits(X, n, lengths)},
        accuracy=error,
        accuracy_name="residual seen last",
        target=target,
        target_peer="scikit-learn's refit",
        note="the peer assembles n + 1 points, factorises by LAPACK and solves",
    )


def _five_hundred(n: int, d: int) -> Case:
    X, lengths = _points(n, d), np.full(d, 0.8)
    start = factor(Matern(2.5, lengths), X[:n], _NOISE, structure="dense")

    def ours() -> Any:
        f = start
        for k in range(n, n + 500):
            f = f.append(X[k : k + 1], _NOISE)
        return f.lower[-1, -1]

    return Case(
        name=f"500 appends from n={n}, d={d}, Matern-5/2",
        ours=ours,
        peers={"one refit of scikit-learn at n + 1": _sklearn_refits(X, n, lengths)},
        target=20.0 / 500.0,
        note="copies of the buffer and checks of the residual included; 500 refits take 500 times the peer's time and "
        "more, so that the speed-up is above 500 times the ratio shown",
    )


def _drop(n: int, d: int, lost: Any, what: str) -> Case:
    X, lengths = _points(n, d), np.full(d, 0.8)
    f = factor(Matern(2.5, lengths), X[:n], _NOISE, structure="dense")
    return Case(
        name=f"drop of {what}, n={n}",
        ours=lambda: f.drop(lost).lower[-1, -1],
        peers={"scikit-learn's refit": _sklearn_refits(X, n - 2, lengths)},
        note="the first row is the dearest to drop",
    )


def cases(quick: bool) -> Iterable[Case]:
    """The family's cases; `quick` keeps the small ones."""
    yield _append(500, 8, None)
    if quick:
        return
    yield _append(2000, 8, 20.0)
    yield _five_hundred(2000, 8)
    yield _drop(2000, 8, np.array([0]), "the first point")
    yield _drop(2000, 8, np.arange(16) * 100, "16 points")
