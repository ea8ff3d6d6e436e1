"""Constrained problems, three of ten infeasible, over ten seeds: python -m benchmarks.bo_constrained [--quick].

At most 60 evaluations each.  A feasible problem counts as solved where the best feasible value is within 1 % of the
range of the function's values in the box of the minimum; an infeasible one where it is declared so.  The picture shows
for every problem the regret of each seed, or the evaluation at which infeasibility was declared.  ``--keep FILE``
writes every run there as it ends, and does not repeat those that are there: for what may be stopped.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import figure
from benchmarks.bo_functions import CONSTRAINED, Problem
from benchmarks.kept_runs import KeptRuns
from kriss.gp import minimize

EVALUATIONS = 60


def spread(problem: Problem) -> float:
    """Range of the function over a random sample of the box, 5 % to 95 %."""
    low, high = np.array(problem.bounds).T
    values = [problem.f(low + (high - low) * u) for u in np.random.default_rng(0).random((1000, problem.d))]
    a, b = np.quantile(values, (0.05, 0.95))
    return float(b - a)


def once(problem: Problem, seed: int) -> dict[str, Any]:
    k = len(problem.constraints(np.array(problem.bounds)[:, 0]))  # type: ignore[misc]
    found = minimize(
        problem.f,
        problem.bounds,
        evaluations=EVALUATIONS,
        constraints=problem.constraints,
        n_constraints=k,
        rng=seed,
    )
    return {
        "declared": found.status == "infeasible",
        "evaluations": int(found.y.size),
        "regret": None if found.x is None else (found.fun - problem.minimum) / spread(problem),
    }


def verdict(found: dict[str, Any]) -> tuple[int, str, int]:
    """In how many runs the right thing came out, the details in words, and how many declare falsely."""
    runs = found["runs"]
    declared = [run["evaluations"] for run in runs if run["declared"]]
    if not found["feasible"]:
        return len(declared), f"declared after {', '.join(map(str, sorted(declared)))} evaluations", 0
    regrets = [np.inf if run["regret"] is None else run["regret"] for run in runs]
    solved = sum(r <= 0.01 for r in regrets)
    return solved, f"relative regret {np.median(regrets):.2g}, worst {max(regrets):.2g}", len(declared)


def measure(quick: bool, match: str = "", keep: str = "", seeds: int = 10) -> Any:
    kept = KeptRuns(Path(keep) if keep else None)
    data: dict[str, Any] = {}
    for problem in CONSTRAINED:
        if match not in problem.name:
            continue
        start = time.perf_counter()
        runs = []
        for seed in range(2 if quick else seeds):
            runs.append(kept(f"{problem.name}|{seed}", partial(once, problem, seed)))
        data[problem.name] = {"feasible": problem.feasible, "runs": runs}
        right, text, wrong = verdict(data[problem.name])
        took = (time.perf_counter() - start) / len(runs)
        print(f"{problem.name:22s} {right} of {len(runs)}: {text}; {wrong} false; {took:.3g} s a run", flush=True)
    return data


def table(data: Any) -> list[list[str]]:
    """A line for each problem."""
    rows = [["problem", "feasible", "solved or declared", "", "declared falsely"]]
    for name, found in data.items():
        right, text, wrong = verdict(found)
        count = len(found["runs"])
        rows.append([name, "yes" if found["feasible"] else "no", f"{right} of {count}", text, f"{wrong} of {count}"])
    return rows


def plot(data: Any, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    panel, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained", width_ratios=(7, 3))
    for ax, feasible in ((left, True), (right, False)):
        names = [name for name, found in data.items() if found["feasible"] == feasible]
        for i, name in enumerate(names):
            key = "regret" if feasible else "evaluations"
            values = [run[key] for run in data[name]["runs"] if run[key] is not None]
            ax.plot(np.full(len(values), i), np.maximum(values, 1e-9) if feasible else values, ".", color="C0")
        ax.set_xticks(range(len(names)), names, rotation=30, ha="right")
    left.set(yscale="log", ylabel="regret over the range of values")
    left.axhline(0.01, color="0.6", linewidth=0.8)
    right.set(ylabel="declared infeasible after evaluations", ylim=(0, EVALUATIONS))
    panel.savefig(path, dpi=110)


if __name__ == "__main__":
    figure.run("bo_constrained", __doc__, measure, plot, table, match="", keep="", seeds=10)
