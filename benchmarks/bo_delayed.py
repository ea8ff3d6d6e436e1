"""Regret under delayed feedback, greedy-variance batches and refactoring: python -m benchmarks.bo_delayed [--quick].

Draws of a Gaussian process on a 50 by 50 grid, 1000 noisy evaluations, each of which arrives after a Poisson number of
others (20 in the mean); medians and quartiles over ten draws, or as many as ``--seeds`` says.  `DelayedBatches` and the
published loop, which factorises the covariance matrix of the batch anew for every choice, must choose the same points.
Beside them the lower confidence bound of what has arrived, minimised at every step, by the same mathematics (one more
row of a Cholesky factor for every arrival).  Seconds are only printed: ``python -m benchmarks bo`` measures them.
``--keep FILE`` writes every draw there as it ends, and does not repeat those that are there.
"""

from __future__ import annotations

import math
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import figure
from benchmarks.bench_bo import refactoring
from benchmarks.kept_runs import KeptRuns
from kriss.gp import DelayedBatches, Matern

NOISE, MEAN_DELAY, LONGEST, BETA = 1e-2, 20.0, 40, 6.0


class World:
    """A drawn function on the grid, its noisy observations, and when each arrives."""

    def __init__(self, side: int, horizon: int, seed: int) -> None:
        rng = np.random.default_rng([seed, 9])
        line = np.linspace(0.0, 1.0, side)
        self.X = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)
        self.kernel, self.horizon = Matern(2.5, 0.2), horizon
        self.K = self.kernel(self.X)
        values, vectors = np.linalg.eigh(self.K)
        self.f = vectors @ (np.sqrt(np.maximum(values, 0.0)) * rng.standard_normal(side * side))
        self.y = self.f[:, None] + math.sqrt(NOISE) * rng.standard_normal((side * side, horizon))
        late = np.minimum(rng.poisson(MEAN_DELAY, horizon), LONGEST)
        self.arrives = np.arange(1, horizon + 1) + late

    def regret(self, chosen: list[int]) -> np.ndarray:
        """Cumulative regret after each evaluation."""
        return np.cumsum(self.f[chosen] - self.f.min())


def ours(w: World) -> list[int]:
    search = DelayedBatches(w.kernel, w.X, w.horizon, NOISE, delay=LONGEST, beta=BETA)
    waiting: dict[int, list[tuple[int, int]]] = {}
    for t in range(w.horizon):
        for ticket, row in waiting.pop(t, []):
            search.tell(ticket, w.y[row, ticket])
        ticket, row = search.ask()
        waiting.setdefault(int(w.arrives[ticket]), []).append((ticket, row))
    return search.chosen


def published(w: World) -> list[int]:
    return refactoring(w.K.copy(), w.y, w.horizon, NOISE, LONGEST, BETA, w.arrives)


def confidence_bound(w: World) -> list[int]:
    """The candidate of the lowest bound at every step, given what has arrived."""
    n = w.X.shape[0]
    half, mean, variance = np.empty((w.horizon, n)), np.zeros(n), w.K.diagonal().copy()
    count, chosen = 0, []
    waiting: dict[int, list[tuple[int, int]]] = {}
    for t in range(w.horizon):
        for ticket, row in waiting.pop(t, []):
            root = math.sqrt(variance[row] + NOISE)
            fresh = (w.K[row] - half[:count, row] @ half[:count]) / root
            mean += fresh * ((w.y[row, ticket] - mean[row]) / root)
            variance -= fresh * fresh
            half[count] = fresh
            count += 1
        row = int(np.argmin(mean - math.sqrt(BETA) * np.sqrt(np.maximum(variance, 0.0))))
        chosen.append(row)
        waiting.setdefault(int(w.arrives[t]), []).append((t, row))
    return chosen


METHODS = {
    "kriss, greedy variance": ours,
    "refactoring for every choice": published,
    "lower confidence bound of what has arrived": confidence_bound,
}


def draw(side: int, horizon: int, seed: int) -> dict[str, Any]:
    """Regrets of all methods on one draw, and how many choices of the first two differ."""
    w = World(side, horizon, seed)
    found, took = [], []
    for run in METHODS.values():
        start = time.perf_counter()
        found.append(run(w))
        took.append(f"{time.perf_counter() - start:.2g} s")
    curves = [np.round(w.regret(chosen), 4).tolist() for chosen in found]
    differ = sum(a != b for a, b in zip(found[0], found[1], strict=True))
    finals = ", ".join(f"{curve[-1]:.4g}" for curve in curves)
    print(f"draw {seed}: regret {finals} in {', '.join(took)}; {differ} choices differ", flush=True)
    return {"curves": curves, "differ": differ}


def measure(quick: bool, seeds: int, keep: str) -> Any:
    kept = KeptRuns(Path(keep) if keep else None)
    side, horizon, seeds = (15, 100, min(seeds, 2)) if quick else (50, 1000, seeds)
    draws = [kept(f"{side}|{horizon}|{seed}", partial(draw, side, horizon, seed)) for seed in range(seeds)]
    differ = sum(one["differ"] for one in draws)
    out: dict[str, Any] = {"side": side, "horizon": horizon, "seeds": seeds, "choices that differ": differ}
    out["curves"] = {}
    for i, name in enumerate(METHODS):
        low, middle, high = np.quantile([one["curves"][i] for one in draws], (0.25, 0.5, 0.75), axis=0)
        print(f"{name}: {middle[-1]:.4g} ({low[-1]:.4g}, {high[-1]:.4g})")
        out["curves"][name] = [np.round(q, 3).tolist() for q in (low, middle, high)]
    return out


def table(data: Any) -> list[list[str]]:
    """Cumulative regret at the end."""
    head = f"cumulative regret, median of {data['seeds']} draws"
    rows = [["method", head, "quartiles", "choices that differ from the first"]]
    for i, (name, (low, middle, high)) in enumerate(data["curves"].items()):
        differ = ("", str(data["choices that differ"]))[i == 1]
        rows.append([name, f"{middle[-1]:.4g}", f"{low[-1]:.4g} to {high[-1]:.4g}", differ])
    return rows


def plot(data: Any, path: Path) -> None:
    """Cumulative regret, and per evaluation."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    panel, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    count = np.arange(1, data["horizon"] + 1)
    for i, (name, (low, middle, high)) in enumerate(data["curves"].items()):
        style = {"linewidth": 4, "alpha": 0.4} if i == 0 else {"linestyle": "--" if i == 1 else "-"}
        left.plot(count, middle, color=f"C{i}", label=name, **style)
        left.fill_between(count, low, high, color=f"C{i}", alpha=0.15, linewidth=0)
        right.plot(count, np.array(middle) / count, color=f"C{i}", **style)
    left.set(xlabel="evaluations", ylabel="cumulative regret")
    right.set(xlabel="evaluations", ylabel="regret per evaluation", yscale="log")
    left.legend(fontsize=8)
    panel.savefig(path, dpi=110)


if __name__ == "__main__":
    figure.run("bo_delayed", __doc__, measure, plot, table, seeds=10, keep="")
