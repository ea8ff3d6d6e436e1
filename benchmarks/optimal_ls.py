"""Error of least-squares approximations against the number of points: repeated DPP, volume and independent sampling.

For each number of points the error over draws, relative to that of the best approximation, of one try (the median,
the root mean square, which is what theorems bound, and the 90th percentile) and of what is drawn until its Gram matrix
is stable (the median; at most 40 tries); and the share of first tries that were stable. What is called theory is the
default number of points of each method: for independent ones k log(2 k / eta) / c.

    python -m benchmarks.optimal_ls [--quick] [--out DIR]
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figure import run
from kriss.sketch import PolynomialBasis, optimal_least_squares

METHODS = ("iid", "volume", "repeated-dpp")
TRIES = 40
LEVEL = 1.5
ERRORS = ("error", "error of one try", "root mean square of one try", "90th percentile of one try")
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


def errors(f: Any, basis: PolynomialBasis, tests: tuple[np.ndarray, np.ndarray], draws: int, **options: Any) -> Any:
    """(errors in the mean square, numbers of points, whether the first try was stable), one for each draw."""
    phi, values = tests
    fits = [optimal_least_squares(f, basis, rng=seed, **options) for seed in range(draws)]
    rows = [(np.sqrt(np.mean((phi @ fit.coefficients - values) ** 2)), len(fit.points), fit.tries == 1) for fit in fits]
    return np.array(rows, dtype=float).T


def reach(times: np.ndarray, error: list[float], level: float) -> float:
    """Points over k at which a falling curve comes down to a level; NaN if it does not."""
    low = np.log(np.minimum.accumulate(error))
    if not low[-1] <= np.log(level):
        return float("nan")
    return float(np.exp(np.interp(-np.log(level), -low, np.log(times))))


def measure(quick: bool) -> dict[str, Any]:
    """All curves."""
    draws = 5 if quick else 120
    times = (1, 2, 4, 8) if quick else (1, 1.25, 1.5, 2, 2.5, 3, 4, 6, 8, 12, 16, 24)
    out: dict[str, Any] = {"times": times, "draws": draws, "problems": {}}
    for name, (f, basis) in PROBLEMS.items():
        d, k = basis.dimension, len(basis)
        x = np.random.default_rng(1).uniform(-1, 1, (20_000, d))
        values, phi = f(x), basis(x)
        best = float(np.sqrt(np.mean((values - phi @ np.linalg.lstsq(phi, values)[0]) ** 2)))
        lines: dict[str, Any] = {"k": k, "best": best}
        for method in METHODS:
            line: dict[str, Any] = {key: [] for key in (*ERRORS, "stable at once")}
            for t in times:
                common = {"n_samples": round(t * k), "method": method}
                found, _, first = errors(f, basis, (phi, values), draws, maxtries=TRIES, **common)
                once = errors(f, basis, (phi, values), draws, maxtries=1, **common)[0]
                line["error"].append(float(np.median(found)) / best)
                line["error of one try"].append(float(np.median(once)) / best)
                line["root mean square of one try"].append(float(np.sqrt(np.mean(once**2))) / best)
                line["90th percentile of one try"].append(float(np.quantile(once, 0.9)) / best)
                line["stable at once"].append(float(np.mean(first)))
            found, points, _ = errors(f, basis, (phi, values), draws, method=method)
            line["theory"] = {"points": float(np.median(points)), "error": float(np.median(found)) / best,
                              "worst": float(found.max()) / best}  # fmt: skip
            for key in ERRORS:
                line[f"points/k for {LEVEL} times the best, {key}"] = reach(np.array(times), line[key], LEVEL)
            lines[method] = line
            print(f"{name}, {method}: {', '.join(f'{e:.2f}' for e in line['error'])} times the best", flush=True)
            print(f"   {', '.join(f'{key}: {value}' for key, value in line.items() if key[0] in 'tp')}", flush=True)
        out["problems"][name] = lines
    return out


def plot(data: dict[str, Any], path: Path) -> None:
    """Errors above (root mean square of one try; dashed: median of stable samples; stars: default sizes), stability."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    problems = data["problems"]
    fig, axes = plt.subplots(2, len(problems), figsize=(4 * len(problems), 5.5), sharex=True, layout="constrained")
    for column, (name, lines) in enumerate(problems.items()):
        for i, method in enumerate(METHODS):
            line, color = lines[method], f"C{i}"
            mean = line["root mean square of one try"]
            axes[0, column].loglog(data["times"], mean, "o-", ms=3, color=color, label=method)
            axes[0, column].loglog(data["times"], line["error"], "--", lw=1, color=color)
            theory = line["theory"]
            axes[0, column].plot(theory["points"] / lines["k"], theory["error"], "*", ms=9, color=color)
            axes[1, column].semilogx(data["times"], line["stable at once"], "o-", ms=3, color=color)
        axes[0, column].axhline(2.0, color="k", lw=0.8, ls=":")
        axes[0, column].set_ylim(0.95, 20.0)
        axes[0, column].set_title(name, fontsize=9)
        axes[1, column].set_xlabel("points / k")
    axes[0, 0].set_ylabel("error / best error")
    axes[1, 0].set_ylabel("share of stable samples")
    axes[0, 0].legend(fontsize=8)
    fig.savefig(path, dpi=130)


if __name__ == "__main__":
    run("optimal_ls", __doc__, measure, plot)
