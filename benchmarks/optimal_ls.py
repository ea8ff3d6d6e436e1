"""Error of least-squares approximations against the number of points: repeated DPP, volume and independent sampling.

For each number of points the median error over draws, each drawn until its Gram matrix is stable (at most 200 times),
relative to that of the best approximation, and the share of first tries that were stable.

    python -m benchmarks.optimal_ls [--quick] [--out DIR]
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figure import run
from kriss.sketch import PolynomialBasis, optimal_least_squares

METHODS = ("iid", "volume", "repeated-dpp")
PROBLEMS: dict[str, tuple[Any, PolynomialBasis]] = {
    "1/(1+25x²), d = 1, k = 21": (lambda x: 1 / (1 + 25 * x[:, 0] ** 2), PolynomialBasis("legendre", 20)),
    "exp(-|x|²) cos, d = 2, k = 28": (
        lambda x: np.exp(-(x[:, 0] ** 2) - 2 * x[:, 1] ** 2) * np.cos(x.sum(axis=1)),
        PolynomialBasis("legendre", 6, 2),
    ),
    "1/(1+x·c), d = 5, k = 56": (
        lambda x: 1 / (1 + 0.5 * x @ 0.5 ** np.arange(5)),
        PolynomialBasis("legendre", 3, 5),
    ),
}


def measure(quick: bool) -> dict[str, Any]:
    """All curves."""
    draws = 5 if quick else 40
    times = (1, 2, 4, 8) if quick else (1, 2, 3, 4, 6, 8, 12, 16, 24)
    out: dict[str, Any] = {"times": times, "draws": draws, "problems": {}}
    for name, (f, basis) in PROBLEMS.items():
        d, k = basis.dimension, len(basis)
        x = np.random.default_rng(1).uniform(-1, 1, (20_000 if quick else 100_000, d))
        values, phi = f(x), basis(x)
        best = float(np.sqrt(np.mean((values - phi @ np.linalg.lstsq(phi, values)[0]) ** 2)))
        lines: dict[str, Any] = {"k": k, "best": best}
        for method in METHODS:
            error, first = [], []
            for t in times:
                fits = [
                    optimal_least_squares(f, basis, n_samples=t * k, method=method, rng=seed, maxtries=200)
                    for seed in range(draws)
                ]
                error.append(float(np.median([np.sqrt(np.mean((fit(x) - values) ** 2)) for fit in fits])) / best)
                first.append(float(np.mean([fit.tries == 1 for fit in fits])))
            lines[method] = {"error": error, "stable at once": first}
            print(f"{name}, {method}: {', '.join(f'{e:.2f}' for e in error)} times the best", flush=True)
        out["problems"][name] = lines
    return out


def plot(data: dict[str, Any], path: Path) -> None:
    """Errors above, stability below."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    problems = data["problems"]
    fig, axes = plt.subplots(2, len(problems), figsize=(4 * len(problems), 5.5), sharex=True, layout="constrained")
    for column, (name, lines) in enumerate(problems.items()):
        for method in METHODS:
            axes[0, column].loglog(data["times"], lines[method]["error"], "o-", ms=3, label=method)
            axes[1, column].semilogx(data["times"], lines[method]["stable at once"], "o-", ms=3)
        axes[0, column].axhline(2.0, color="k", lw=0.8, ls=":")
        axes[0, column].set_title(name, fontsize=9)
        axes[1, column].set_xlabel("points / k")
    axes[0, 0].set_ylabel("error / best error")
    axes[1, 0].set_ylabel("share of stable samples")
    axes[0, 0].legend(fontsize=8)
    fig.savefig(path, dpi=130)


if __name__ == "__main__":
    run("optimal_ls", __doc__, measure, plot)
