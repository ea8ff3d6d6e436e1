"""Simple regret of Bayesian optimisation, medians and quartiles over seeds: python -m benchmarks.bo_regret [--quick].

Branin, Hartmann-6, Ackley-10 and, by random trees, Rosenbrock-20; 100 evaluations, of which the initial design (a
scrambled Sobol sequence) is common to both; 10 seeds.  The peer is BoTorch with its defaults: SingleTaskGP,
fit_gpytorch_mll, LogExpectedImprovement, optimize_acqf with 10 restarts of 512 raw samples.  Its runs, a minute each,
are kept in results/bo_regret_peers.json as they end, and made where that lacks them and BoTorch can be imported;
``--only botorch`` makes nothing else, ``--only kriss`` none of them; ``--keep FILE`` keeps our runs likewise.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import figure
from benchmarks.bo_functions import PROBLEMS, Problem
from benchmarks.kept_runs import KeptRuns
from kriss.gp import Optimizer

PEERS = Path(__file__).parent / "results" / "bo_regret_peers.json"


def optimizer(problem: Problem, seed: int) -> Optimizer:
    """Ours, before it begins."""
    return Optimizer(problem.bounds, decomposition="random_tree" if problem.d >= 20 else None, rng=seed)


def ours(problem: Problem, seed: int, evaluations: int) -> np.ndarray:
    """Best value after each evaluation."""
    return optimizer(problem, seed).run(problem.f, evaluations).best


def timed(problem: Problem, seed: int, evaluations: int, run: Callable[..., Any] = ours) -> dict[str, Any]:
    """One run, as it is kept."""
    start = time.perf_counter()
    best = run(problem, seed, evaluations)
    return {"best": best.tolist(), "seconds": round(time.perf_counter() - start, 2)}


def design(problem: Problem, seed: int, evaluations: int) -> np.ndarray:
    """The points in the unit cube that ours begins with."""
    return optimizer(problem, seed)._design[:evaluations]


def botorch(problem: Problem, seed: int, evaluations: int) -> np.ndarray:
    """The same of BoTorch's defaults, from the same initial points."""
    import torch
    from botorch.acquisition import LogExpectedImprovement
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import SingleTaskGP
    from botorch.optim import optimize_acqf
    from gpytorch.mlls import ExactMarginalLogLikelihood

    low, high = np.array(problem.bounds).T
    x = list(design(problem, seed, evaluations))
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


def peer() -> tuple[str, Callable[..., Any] | None]:
    """The peer's name, and what runs it, if anything can here."""
    try:
        import botorch as found
    except ImportError:
        return "botorch", None
    return f"botorch {found.__version__}", botorch


def runs_of_peers(quick: bool, seeds: int, evaluations: int) -> dict[str, dict[str, Any]]:
    """Runs by the peer's name and the problem's, a list for its seeds; one seed of all problems after the other."""
    kept = KeptRuns(None if quick else PEERS)
    name, run = peer()
    for seed in range(seeds if run is not None else 0):
        for problem in PROBLEMS:
            once = partial(timed, problem, seed, evaluations, run)
            found = kept(f"{name}|{problem.name}|{evaluations}|{seed}", once)
            print(f"{problem.name} {name}, seed {seed}: {found['best'][-1] - problem.minimum:.3g}", flush=True)
    out: dict[str, dict[str, Any]] = {}
    for key, found in kept.all().items():
        who, where, count, _ = key.split("|")
        if int(count) == evaluations:
            out.setdefault(where, {}).setdefault(who, []).append(found)
    return out


def summary(problem: Problem, name: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Quartiles over the seeds, printed."""
    curves = np.array([run["best"] for run in runs]) - problem.minimum
    low, middle, high = np.quantile(curves, (0.25, 0.5, 0.75), axis=0)
    took = float(np.median([run["seconds"] for run in runs]))
    print(
        f"{problem.name:14s} {name:16s} regret {middle[-1]:.3g} ({low[-1]:.3g}, {high[-1]:.3g}), "
        f"{len(runs)} seeds, {took:.3g} s a run",
        flush=True,
    )
    return {
        "quartiles": [low.tolist(), middle.tolist(), high.tolist()],
        "final": curves[:, -1].tolist(),
        "seconds": took,
    }


def measure(quick: bool, only: str, keep: str, seeds: int) -> Any:
    kept = KeptRuns(Path(keep) if keep else None)
    seeds, evaluations = (min(seeds, 2), 40) if quick else (seeds, 100)
    peers = {} if only == "kriss" and quick else runs_of_peers(quick, 0 if only == "kriss" else seeds, evaluations)
    data: dict[str, Any] = {}
    for problem in PROBLEMS:
        data[problem.name] = {}
        count = 0 if only == "botorch" else seeds
        runs = [
            kept(f"{problem.name}|{evaluations}|{seed}", partial(timed, problem, seed, evaluations))
            for seed in range(count)
        ]
        for name, found in {"kriss": runs, **peers.get(problem.name, {})}.items():
            if found:
                data[problem.name][name] = summary(problem, name, found)
    return data


def table(data: Any) -> list[list[str]]:
    """Regrets at the end."""
    rows = [["function", "who", "median", "quartiles", "worst", "seeds"]]
    for problem, found in data.items():
        for name, one in found.items():
            low, middle, high = (q[-1] for q in one["quartiles"])
            count = len(one["final"])
            rows.append(
                [problem, name, f"{middle:.3g}", f"{low:.3g} to {high:.3g}", f"{max(one['final']):.3g}", str(count)]
            )
    return rows


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
    figure.run("bo_regret", __doc__, measure, plot, table, only="", keep="", seeds=10)
