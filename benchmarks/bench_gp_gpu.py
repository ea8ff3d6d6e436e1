"""Covariances on a GPU: assembly against the bytes that it must write, products against flops, and GPyTorch.

Without CuPy and a device there are no cases. On one: ``python -m benchmarks gp_gpu --out benchmarks/results/gpu``.
Every call waits for the device before it returns, ours and the peers'.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from typing import Any

import numpy as np

from benchmarks.bench_solve_gpu import _bandwidth, _cupy, _done
from benchmarks.harness import Case
from kriss.gp import RBF, Constant, Matern, factor, iterative, vecchia
from kriss.special import cuda, log_kv


def _assembly(cp: Any, kernel: Any, name: str, n: int, bandwidth: float) -> Case:
    X = cp.asarray(np.random.default_rng(0).random((n, 3)))
    return Case(
        name=f"covariance matrix, n={n}, 3-D, {name}",
        ours=_done(cp, lambda: kernel(X)),
        note=f"writes {8 * n * n / 1e9:.2g} GB: {8e3 * n * n / bandwidth:.3g} ms at the bandwidth of a triad",
    )


def _product(cp: Any, kernel: Any, name: str, n: int, k: int, flops: int) -> Case:
    X = cp.asarray(np.random.default_rng(0).random((n, 3)))
    v = cp.asarray(np.random.default_rng(1).standard_normal((n, k)))
    f = iterative(kernel, X, 0.1, rank=0)
    peers = {}
    if importlib.util.find_spec("pykeops") is not None and importlib.util.find_spec("torch") is not None:
        import torch
        from pykeops.torch import LazyTensor

        x, w = torch.as_tensor(X.get(), device="cuda"), torch.as_tensor(v.get(), device="cuda")
        square = ((LazyTensor(x[:, None, :]) - LazyTensor(x[None, :, :])) ** 2).sum(-1)
        peers["KeOps, RBF"] = _done(cp, lambda: (-2.0 * square).exp() @ w)
    return Case(
        name=f"product with {k} columns, n={n}, 3-D, {name}",
        ours=_done(cp, lambda: f._multiply(v)),
        peers=peers,
        note=f"{n * n * (flops + 2 * k) / 1e9:.3g} Gflop",
    )


def _likelihood(cp: Any, n: int) -> Case:
    rng = np.random.default_rng(0)
    X, y = rng.random((n, 3)), rng.standard_normal(n)
    gX, gy, kernel = cp.asarray(X), cp.asarray(y), Matern(1.5, 0.3)
    peers = {"dense, on the device": _done(cp, lambda: factor(kernel, gX, 0.1).log_likelihood_grad(gy)[0])}
    if importlib.util.find_spec("gpytorch") is not None:
        peers["GPyTorch"] = _done(cp, _gpytorch(X, y))
    return Case(
        name=f"likelihood and gradient, n={n}, 3-D, Matern-3/2",
        ours=_done(cp, lambda: iterative(kernel, gX, 0.1).log_likelihood_grad(gy)[0]),
        peers=peers,
    )


def _gpytorch(X: Any, y: Any) -> Any:
    """Likelihood and gradient of the same model in float64, with its defaults for tolerances."""
    import gpytorch
    import torch

    x, t = (torch.as_tensor(a, device="cuda", dtype=torch.float64) for a in (X, y))

    class Model(gpytorch.models.ExactGP):  # type: ignore[misc]
        def __init__(self, likelihood: Any) -> None:
            super().__init__(x, t, likelihood)
            self.mean_module = gpytorch.means.ZeroMean()
            self.covar_module = gpytorch.kernels.ScaleKernel(gpytorch.kernels.MaternKernel(nu=1.5))

        def forward(self, points: Any) -> Any:
            return gpytorch.distributions.MultivariateNormal(self.mean_module(points), self.covar_module(points))

    likelihood = gpytorch.likelihoods.GaussianLikelihood().to(x)
    model = Model(likelihood).to(x)
    model.covar_module.base_kernel.lengthscale, model.covar_module.outputscale, likelihood.noise = 0.3, 1.0, 0.1
    goal = gpytorch.mlls.ExactMarginalLogLikelihood(likelihood, model)

    def run() -> float:
        model.train()
        model.zero_grad()
        value = goal(model(x), t)
        value.backward()
        return float(value) * len(y)

    return run


def _vecchia(cp: Any, n: int, m: int) -> Case:
    rng = np.random.default_rng(0)
    X, y = rng.random((n, 2)), rng.standard_normal(n)
    kernel = Matern(1.5, 0.2)
    there, gy = vecchia(kernel, cp.asarray(X), 0.1, m, order="given"), cp.asarray(y)
    here = vecchia(kernel, X, 0.1, m, order="given")
    return Case(
        name=f"Vecchia's likelihood and gradient, n={n}, m={m}, 2-D, Matern-3/2",
        ours=_done(cp, lambda: there.log_likelihood_grad(gy)[0]),
        peers={"the processor": lambda: here.log_likelihood_grad(y)[0]},
        note="order and neighbours at hand",
    )


def _bessel(cp: Any, n: int) -> Case:
    rng = np.random.default_rng(0)
    v, x = np.exp(rng.uniform(-4.0, 11.0, n)), np.exp(rng.uniform(-7.0, 12.0, n))
    gv, gx = cp.asarray(v), cp.asarray(x)
    return Case(
        name=f"log_kv, {n:.0e} random points over all regions",
        ours=_done(cp, lambda: cuda.log_kv(gv, gx)),
        peers={"the processor": lambda: log_kv(v, x)},
    )


def cases(quick: bool) -> Iterable[Case]:
    """Assembly, products, likelihoods and Bessel functions."""
    cp = _cupy()
    if cp is None:
        return
    bandwidth = _bandwidth(cp)
    n = 4000 if quick else 30000
    tree = Matern(1.7, 0.4) * (RBF(0.8) + Constant(0.1))
    for kernel, name in ((RBF(0.5), "RBF"), (Matern(2.5, 0.5), "Matern-5/2"), (tree, "Matern-1.7 (RBF + constant)")):
        yield _assembly(cp, kernel, name, n, bandwidth)
    yield _product(cp, RBF(0.5), "RBF", n, 8, 35)
    yield _product(cp, tree, "Matern-1.7 (RBF + constant)", n, 8, 110)
    yield _likelihood(cp, 2000 if quick else 20000)
    yield _vecchia(cp, 10000 if quick else 200000, 20)
    yield _bessel(cp, 10**6 if quick else 10**7)
