"""Bayesian optimisation: the model's time against scikit-learn, delayed feedback against refactoring."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import scipy.linalg

from benchmarks.bo_functions import hartmann6
from benchmarks.harness import Case
from kriss.gp import DelayedBatches, Matern, factor
from kriss.gp._bo_delayed import TIES
from kriss.gp._bo_model import Surrogate
from kriss.gp._bo_search import around, sobol
from kriss.gp.acquisition import LogExpectedImprovement


def _run_of_points(count: int) -> tuple[Any, Any]:
    """What a search looks like: a cover, then more and more near the minimum."""
    rng = np.random.default_rng(0)
    best = np.array([0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573])
    first = sobol(6, count // 2, rng)
    X = np.vstack([first, around(best[None], count - count // 2, rng)])
    return X, np.array([hartmann6(x) for x in X])


def _model_time(count: int) -> Case:
    X, y = _run_of_points(count)
    rng = np.random.default_rng(1)
    pool = sobol(6, 768, rng)

    def ours() -> Any:
        model = Surrogate(6, warp=False)
        for n in range(12, count + 1):
            model.update(X[:n], y[:n])
            f, values, mean = model.posterior()
            p = f.predict(pool, values, return_std=True)
        return model.scale.back(p.mean + mean)

    def theirs() -> Any:
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import ConstantKernel, WhiteKernel
        from sklearn.gaussian_process.kernels import Matern as Theirs

        start = ConstantKernel(1.0) * Theirs(np.ones(6), (1e-2, 1e2), nu=2.5) + WhiteKernel(1e-3, (1e-8, 1.0))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for n in range(12, count + 1):
                model = GaussianProcessRegressor(start, normalize_y=True, random_state=0).fit(X[:n], y[:n])
                mean, _ = model.predict(pool, return_std=True)
        return mean

    truth = np.array([hartmann6(x) for x in pool])
    return Case(
        f"the model of a search: {count} evaluations in 6 dimensions, fits and 768 predictions each",
        ours,
        {"scikit-learn, a fit per evaluation": theirs},
        accuracy=lambda mean: float(np.sqrt(((mean - truth) ** 2).mean())),
        accuracy_name="root mean square error of the last prediction",
        target=10.0,
        target_peer="scikit-learn, a fit per evaluation",
        note="GaussianProcessRegressor with its default of no restarts, the same covariance function, normalize_y; "
        "ours appends, and chooses hyperparameters when there are 15 % more points",
    )


def _acquisition(n: int, m: int) -> Case:
    rng = np.random.default_rng(0)
    X, Z = rng.random((n, 6)), rng.random((m, 6))
    y = np.array([hartmann6(x) for x in X])
    lengths = np.full(6, 0.5)
    f = factor(Matern(2.5, lengths), X, 1e-4)
    ours = LogExpectedImprovement(f, y)
    peers: dict[str, Any] = {}
    try:
        import torch
        from botorch.acquisition import LogExpectedImprovement as Theirs
        from botorch.models import SingleTaskGP
        from gpytorch.kernels import MaternKernel
        from gpytorch.means import ZeroMean

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kernel = MaternKernel(nu=2.5, ard_num_dims=6)
            model = SingleTaskGP(
                torch.tensor(X),
                -torch.tensor(y)[:, None],
                torch.full((n, 1), 1e-4).double(),
                covar_module=kernel,
                mean_module=ZeroMean(),
                outcome_transform=None,
            ).double()
            kernel.lengthscale = torch.tensor(lengths)
            acquisition = Theirs(model.eval(), best_f=-ours.best)

        def theirs() -> Any:
            points = torch.tensor(Z)[:, None].requires_grad_()
            value = acquisition(points)
            value.sum().backward()
            return value.detach().numpy(), points.grad[:, 0].numpy()

        peers["botorch, autograd"] = theirs
    except ImportError:
        pass
    exact = ours(Z)
    return Case(
        f"log-EI and its gradient at {m} points, n={n}, d=6",
        lambda: ours(Z, return_grad=True),
        peers,
        accuracy=lambda out: float(np.abs(out[0] - exact).max() / np.abs(exact).max()),
        accuracy_name="largest difference from ours",
    )


def refactoring(
    K: Any, y: Any, horizon: int, noise: float, delay: float, beta: float, arrives: Any = None
) -> list[int]:
    """The published loop: a Cholesky factor and n triangular solves for every choice; K (n, n) is formed once.

    The observation of choice t is `y` of its row and t, and is there before choice ``arrives[t]``, t + 1 by default.
    """
    arrives = np.arange(1, horizon + 1) if arrives is None else arrives
    active, length, chosen = np.arange(K.shape[0]), 1, []
    while len(chosen) < horizon:
        length = math.ceil(math.sqrt(horizon * length))
        size = min(length + math.ceil(delay), horizon - len(chosen))
        batch: list[int] = []
        for _ in range(size):
            variance = K[active, active].copy()
            if batch:
                A = K[np.ix_(batch, batch)]
                A[np.diag_indices(len(batch))] += noise
                lower = scipy.linalg.cholesky(A, lower=True, check_finite=False)
                half = scipy.linalg.solve_triangular(lower, K[np.ix_(batch, active)], lower=True, check_finite=False)
                variance -= np.einsum("ij,ij->j", half, half)
            batch.append(int(active[np.argmax(variance >= (1.0 - TIES) * variance.max())]))
        tickets = np.arange(len(chosen), len(chosen) + size)
        chosen += batch
        tickets = tickets[arrives[tickets] <= len(chosen)]
        if tickets.size == 0:
            continue
        seen = np.array(chosen)[tickets]
        A = K[np.ix_(seen, seen)]
        A[np.diag_indices(seen.size)] += noise
        weights = scipy.linalg.solve(A, K[np.ix_(seen, active)], assume_a="pos")
        mean = weights.T @ y[seen, tickets]
        variance = K[active, active] - np.einsum("ij,ij->j", K[np.ix_(seen, active)], weights)
        spread = math.sqrt(beta) * np.sqrt(np.maximum(variance, 0.0))
        active = active[mean - spread <= (mean + spread).min()]
    return chosen


def _delayed(side: int, horizon: int) -> Case:
    line = np.linspace(0.0, 1.0, side)
    X = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)
    kernel, noise, delay = Matern(2.5, 0.2), 1e-2, 20
    rng = np.random.default_rng(0)
    truth = kernel(X) @ rng.standard_normal(X.shape[0]) / side
    y = truth[:, None] + 0.1 * rng.standard_normal((X.shape[0], horizon))

    def ours() -> list[int]:
        search = DelayedBatches(kernel, X, horizon, noise, delay=delay)
        for t in range(horizon):
            ticket, row = search.ask()
            search.tell(ticket, y[row, t])
        return search.chosen

    first = ours()
    return Case(
        f"batches under delayed feedback, {horizon} choices on a {side} x {side} grid",
        ours,
        {"refactoring in NumPy and LAPACK": lambda: refactoring(kernel(X), y, horizon, noise, delay, 6.0)},
        accuracy=lambda chosen: float(sum(a != b for a, b in zip(chosen, first, strict=True))),
        accuracy_name="choices that differ",
        target=20.0,
        target_peer="refactoring in NumPy and LAPACK",
        note="the peer keeps all covariances, and factorises the batch's anew for every choice",
    )


def cases(quick: bool) -> Iterable[Case]:
    yield _model_time(40 if quick else 200)
    yield _acquisition(100 if quick else 200, 512)
    yield _delayed(20 if quick else 50, 200 if quick else 1000)
