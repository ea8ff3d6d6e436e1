"""Simple regret of Bayesian optimisation, medians and quartiles over seeds: python -m benchmarks.bo_regret [--quick].

Branin, Hartmann-6, Ackley-10 and, by random trees, Rosenbrock-20; 100 evaluations, of which the initial design (a
scrambled Sobol sequence) is common to both; 10 seeds.  The peer is BoTorch with its defaults where it can be imported:
SingleTaskGP, fit_gpytorch_mll, LogExpectedImprovement, optimize_acqf with 10 restarts of 512 raw samples.
"""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import figure
from benchmarks.bo_functions import PROBLEMS, Problem
from kriss.gp import Optimizer


def ours(problem: Problem, seed: int, evaluations: int) -> np.ndarray:
    """Best value after each evaluation."""
    tree = "random_tree" if problem.d >= 20 else None
    opt = Optimizer(problem.bounds, decomposition=tree, rng=seed)
    return opt.run(problem.f, evaluations).best


def botorch(problem: Problem, seed: int, evaluations: int) -> np.ndarray:
    """The same of BoTorch's defaults, from the same initial points."""
    import torch
    from botorch.acquisition import LogExpectedImprovement
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import SingleTaskGP
    from botorch.optim import optimize_acqf
    from gpytorch.mlls import ExactMarginalLogLikelihood

    low, high = np.array(problem.bounds).T
    design = Optimizer(problem.bounds, rng=seed)
    x = [(design.ask() - low) / (high - low) for _ in range(min(evaluations, design._design.shape[0]))]
    torch.manual_seed(seed)
    values = [problem.f(low + (high - low) * u) for u in x]
    cube = torch.stack([torch.zeros(problem.d), torch.ones(problem.d)]).double()
    while len(values) < evaluations:
        inputs, outputs = torch.tensor(np.array(x)), -torch.tensor(values).double()[:, None]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = SingleTaskGP(inputs, outputs)
            fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
            acquisition = LogExpectedImprovement(model, best_f=outputs.max())
            candidate, _ = optimize_acqf(acquisition, cube, q=1, num_restarts=10, raw_samples=512)
        x.append(candidate[0].numpy())
        values.append(problem.f(low + (high - low) * x[-1]))
    return np.minimum.accumulate(values)


def contenders() -> dict[str, Any]:
    """What can run here."""
    out: dict[str, Any] = {"kriss": ours}
    try:
        import botorch as found

        out[f"botorch {found.__version__}"] = botorch
    except ImportError:
        print("botorch cannot be imported: no peer", flush=True)
    return out


def measure(quick: bool) -> Any:
    seeds, evaluations = (2, 40) if quick else (10, 100)
    data: dict[str, Any] = {}
    for problem in PROBLEMS:
        data[problem.name] = {}
        for name, run in contenders().items():
            start = time.perf_counter()
            curves = np.array([run(problem, seed, evaluations) for seed in range(seeds)]) - problem.minimum
            took = (time.perf_counter() - start) / seeds
            low, middle, high = np.quantile(curves, (0.25, 0.5, 0.75), axis=0)
            data[problem.name][name] = {
                "quartiles": [low.tolist(), middle.tolist(), high.tolist()],
                "final": curves[:, -1].tolist(),
                "seconds": took,
            }
            print(
                f"{problem.name:14s} {name:14s} regret {middle[-1]:.3g} ({low[-1]:.3g}, {high[-1]:.3g}), "
                f"{took:.3g} s a run",
                flush=True,
            )
    return data


def plot(data: Any, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure_, axes = plt.subplots(1, len(data), figsize=(4 * len(data), 3.6), layout="constrained")
    for ax, (problem, curves) in zip(np.atleast_1d(axes), data.items(), strict=True):
        for color, (name, found) in enumerate(curves.items()):
            low, middle, high = np.maximum(np.array(found["quartiles"]), 1e-9)
            count = np.arange(1, middle.size + 1)
            ax.semilogy(count, middle, color=f"C{color}", label=name)
            ax.fill_between(count, low, high, color=f"C{color}", alpha=0.2, linewidth=0)
        ax.set(title=problem, xlabel="evaluations", ylabel="simple regret")
        ax.legend()
    figure_.savefig(path, dpi=110)


if __name__ == "__main__":
    figure.run("bo_regret", __doc__, measure, plot)
