"""Large Gaussian processes: Vecchia against GPBoost, grids, inducing points and products against the dense factor."""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from benchmarks.harness import Case
from kriss.gp import RBF, Grid, Matern, factor, grid, iterative, low_rank, maximin_order, vecchia


def _problem(n: int, d: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(n)
    X = rng.random((n, d))
    return X, np.sin(6.0 * X[:, 0]) + np.cos(5.0 * X[:, -1]) + 0.3 * rng.standard_normal(n)


def _gpboost(X: Any, m: int) -> Any:
    """GPBoost's Vecchia approximation over points that come in their order."""
    import gpboost

    return gpboost.GPModel(
        gp_coords=X,
        cov_function="matern",
        cov_fct_shape=1.5,
        likelihood="gaussian",
        gp_approx="vecchia",
        num_neighbors=m,
        vecchia_ordering="none",
    )


def _one_level() -> None:
    """No nested OpenMP regions: Numba's thread pool switches them on for everyone, and GPBoost's then crawl."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libgomp.so.1").omp_set_max_active_levels(1)


def _vecchia(n: int, m: int, target: float | None) -> Case:
    X, y = _problem(n, 2)
    f = vecchia(Matern(1.5, 0.2), X, 0.09, m)
    ordered, values = np.ascontiguousarray(X[f.order]), y[f.order]
    peers: dict[str, Any] = {}
    step = [0]

    def ours() -> float:
        return f.with_parameters(Matern(1.5, 0.21), 0.09).log_likelihood(y)

    if importlib.util.find_spec("gpboost") is not None:
        model = _gpboost(ordered, m)

        def theirs() -> float:
            # A last digit that changes keeps it from returning what it has kept.
            step[0] += 1
            _one_level()
            pars = np.array([0.09, 1.0, 0.21 * (1.0 + 1e-13 * (step[0] % 50))])
            return -float(model.neg_log_likelihood(cov_pars=pars, y=values))

        peers["GPBoost"] = theirs
    exact = ours()
    return Case(
        name=f"one Vecchia likelihood, n={n}, m={m}, 2-D, Matern-3/2",
        ours=ours,
        peers=peers,
        accuracy=lambda value: abs(value - exact) / abs(exact),
        accuracy_name="relative difference of the values",
        target=target if peers else None,
        target_peer="GPBoost" if peers else None,
        note=f"same order and neighbours; {n * (m**3 / 3 + 15 * m * m) / 1e6:.0f} Mflop",
    )


def _vecchia_gradient(n: int, m: int) -> Case:
    X, y = _problem(n, 2)
    f = vecchia(Matern(1.5, 0.2), X, 0.09, m)
    return Case(
        name=f"Vecchia likelihood and gradient, n={n}, m={m}",
        ours=lambda: f.with_parameters(Matern(1.5, 0.21), 0.09).log_likelihood_grad(y),
    )


def _order(n: int) -> Case:
    X = _problem(n, 2)[0]
    return Case(name=f"maximin order, n={n}, 2-D", ours=lambda: maximin_order(X))


def _low_rank(n: int, k: int) -> Case:
    X, y = _problem(n, 2)
    kernel = RBF(0.3)
    exact = factor(kernel, X, 0.09, structure="dense").log_likelihood(y)
    return Case(
        name=f"inducing points against dense, n={n}, k={k}",
        ours=lambda: low_rank(kernel, X, 0.09, k).log_likelihood(y),
        peers={"dense": lambda: factor(kernel, X, 0.09, structure="dense").log_likelihood(y)},
        accuracy=lambda value: abs(value - exact),
        accuracy_name="distance from the exact likelihood",
        note="points chosen inside the timing",
    )


def _full_grid(shape: tuple[int, int]) -> Case:
    cells = Grid([np.linspace(0.0, 1.0, n) for n in shape])
    y = np.random.default_rng(0).standard_normal(math.prod(shape))
    kernel = RBF([0.1, 0.2])
    peers: dict[str, Any] = {}
    if math.prod(shape) <= 3000:
        X = cells.points()
        peers["dense"] = lambda: factor(kernel, X, 0.1, structure="dense").log_likelihood_grad(y)
    return Case(
        name=f"grid likelihood and gradient, {shape[0]} by {shape[1]}",
        ours=lambda: grid(kernel, cells, 0.1).log_likelihood_grad(y),
        peers=peers,
    )


def _iterative(n: int) -> Case:
    X, y = _problem(n, 3)
    kernel = Matern(1.5, 0.5)
    exact = factor(kernel, X, 0.09, structure="dense").log_likelihood(y)
    found = iterative(kernel, X, 0.09).log_likelihood_estimate(y)
    return Case(
        name=f"likelihood without the matrix, n={n}, 3-D, Matern-3/2",
        ours=lambda: iterative(kernel, X, 0.09).log_likelihood_estimate(y).value,
        peers={"dense": lambda: factor(kernel, X, 0.09, structure="dense").log_likelihood(y)},
        accuracy=lambda value: abs(value - exact),
        accuracy_name="distance from the exact likelihood",
        note=f"standard error {found.standard_error:.2g}, {found.iterations} iterations; dense: {8e-6 * n * n:.0f} MB",
    )


def cases(quick: bool) -> Iterable[Case]:
    """The family's cases; `quick` keeps the small ones."""
    yield _vecchia(2000, 20, None)
    if quick:
        return
    yield _vecchia(10_000, 20, 4.0)
    yield _vecchia_gradient(10_000, 20)
    yield _order(100_000)
    yield _low_rank(3000, 200)
    yield _full_grid((50, 60))
    yield _full_grid((300, 300))
    yield _iterative(4000)
