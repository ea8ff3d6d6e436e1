"""Matrix-free Gaussian processes: block conjugate gradients against columns alone, and against the dense factor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from benchmarks.harness import Case
from kriss.gp import RBF, Matern, factor, iterative, vecchia
from kriss.gp._block_cg import block_conjugate_gradients
from kriss.gp._krylov import conjugate_gradients


def _problem(n: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(n)
    X = rng.random((n, 2))
    return X, np.sin(6.0 * X[:, 0]) + np.cos(5.0 * X[:, 1]) + 0.3 * rng.standard_normal(n)


def _block(n: int, name: str, kernel: Any, noise: float, rank: int) -> Case:
    """Sixteen probes, as behind a determinant."""
    X, _ = _problem(n)
    f = iterative(kernel, X, noise, rank=rank)
    z = f._P.draw(16, np.random.default_rng(0))
    block = block_conjugate_gradients(f._multiply, f._P.solve, z, 1e-8, 2000)
    alone = conjugate_gradients(f._multiply, f._P.solve, z, 1e-8, 2000)
    return Case(
        name=f"16 right-hand sides, n={n}, {name}, noise {noise:g}, preconditioner of rank {rank}",
        ours=lambda: block_conjugate_gradients(f._multiply, f._P.solve, z, 1e-8, 2000),
        peers={"columns that share products only": lambda: conjugate_gradients(f._multiply, f._P.solve, z, 1e-8, 2000)},
        accuracy=lambda run: run.residual,
        accuracy_name="relative residual",
        note=f"{block.iterations} iterations against {alone.iterations}",
    )


def _likelihood(n: int) -> Case:
    """Likelihood and gradient; the dense factor's are exact."""
    X, y = _problem(n)
    kernel = Matern(1.5, 0.3)
    exact = factor(kernel, X, 0.09).log_likelihood_grad(y)
    found = iterative(kernel, X, 0.09).log_likelihood_estimate(y)
    return Case(
        name=f"likelihood and gradient, n={n}, 2-D, Matern-3/2",
        ours=lambda: iterative(kernel, X, 0.09).log_likelihood_grad(y),
        peers={"dense": lambda: factor(kernel, X, 0.09).log_likelihood_grad(y)},
        accuracy=lambda pair: abs(pair[0] - exact[0]) / abs(exact[0]),
        accuracy_name="relative error of the likelihood",
        note=f"standard error {found.standard_error / abs(exact[0]):.1e} of it; {8 * n * n / 1e6:.0f} MB not stored",
    )


def _joint(n: int, s: int) -> Case:
    """The covariance of predictions."""
    X, y = _problem(n)
    Xs = np.random.default_rng(1).random((s, 2))
    kernel = Matern(1.5, 0.3)
    f, exact = vecchia(kernel, X, 0.09), factor(kernel, X, 0.09)
    truth = exact.predict(Xs, y, return_cov=True).cov
    return Case(
        name=f"joint covariance of {s} predictions from n={n}, Vecchia with m=20",
        ours=lambda: f.predict(Xs, y, return_cov=True).cov,
        peers={"dense": lambda: exact.predict(Xs, y, return_cov=True).cov},
        accuracy=lambda cov: float(np.linalg.norm(cov - truth) / np.linalg.norm(truth)),
        accuracy_name="relative error of the covariance",
        note="with the factors at hand",
    )


def cases(quick: bool) -> Iterable[Case]:
    """Block conjugate gradients, the likelihood they serve, and joint predictions."""
    yield _block(1000, "RBF", RBF(0.2), 0.01, 30)
    if quick:
        return
    yield _block(4000, "RBF", RBF(0.2), 0.01, 100)
    yield _block(4000, "Matern-1/2", Matern(0.5, 0.3), 0.01, 100)
    yield _block(4000, "Matern-3/2", Matern(1.5, 0.3), 0.09, 0)
    yield _likelihood(2000)
    yield _likelihood(4000)
    yield _likelihood(10000)
    yield _joint(4000, 500)
