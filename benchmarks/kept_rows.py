"""Pictures of samples of the rows of a matrix of two columns, one for each rule, and how well each keeps norms.

python -m benchmarks.kept_rows [--quick] [--out DIR]
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figure import run
from kriss.sketch import sample_rows

RULES = (
    ("leverage", 2.0, 60),
    ("lewis", 1.0, 60),
    ("root-leverage", 1.0, 60),
    ("combined", 1.0, 60),
    ("volume", 2.0, 60),
    ("repeated-dpp", 2.0, 60),
)


def matrix(m: int) -> np.ndarray:
    """A cloud of rows, a thin bundle far out, and some rows that nobody stands for."""
    rng = np.random.default_rng(0)
    A = rng.standard_normal((m, 2)) @ np.array([[1.0, 0.4], [0.0, 0.3]])
    A[: m // 20] = [6.0, 1.0] + 0.1 * rng.standard_normal((m // 20, 2))
    A[-3:] = [[-3.0, 6.0], [2.0, -5.0], [-9.0, -1.0]]
    return A


def measure(quick: bool) -> dict[str, Any]:
    """The largest relative error of the p-norms over all directions of the plane, the median over draws."""
    m, draws = (1000, 5) if quick else (4000, 50)
    A = matrix(m)
    angle = np.linspace(0, np.pi, 361)
    x = np.vstack([np.cos(angle), np.sin(angle)])
    worst = {}
    for rule, p, k in RULES:
        truth = np.sum(np.abs(A @ x) ** p, axis=0)
        found = [
            np.abs(np.sum(np.abs(np.asarray(sample_rows(A, k, rule, rng=s, p=p).scaled(A, p)) @ x) ** p, axis=0)
                   / truth - 1).max()
            for s in range(draws)
        ]  # fmt: skip
        worst[rule] = float(np.median(found))
        print(f"{rule}, p = {p:g}, {k} of {m} rows: {worst[rule]:.3f}", flush=True)
    return {"m": m, "draws": draws, "distortion": worst}


def plot(data: dict[str, Any], path: Path) -> None:
    """Six panels."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    A = matrix(data["m"])
    fig, axes = plt.subplots(2, 3, figsize=(11, 7), sharex=True, sharey=True, layout="constrained")
    for ax, (rule, p, k) in zip(axes.flat, RULES, strict=True):
        sample_rows(A, k, rule, rng=0, p=p).plot(A, ax=ax)
        ax.set_title(f"{k} rows by {rule}, p = {p:g}: norms within {data['distortion'][rule]:.0%}", fontsize=9)
    fig.savefig(path, dpi=130)


if __name__ == "__main__":
    run("kept_rows", __doc__, measure, plot)
