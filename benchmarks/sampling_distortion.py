"""Distortion of the p-norm on the range of a matrix against the number of sampled rows, with a plot.

For each rule, p in {1, 1.5, 3} and sample size: the largest relative error of norm(A x, p)**p over many x, the
geometric mean over draws. The x are random, the worst of them is then pushed uphill by a few steps of gradient ascent,
so that the figure is that of a bad direction and not of a typical one. The lines are the published rates,
n^(p/2)/eps^2-like, up to constants: eps ~ k^(-1/2). From the curves: how many rows each rule needs for a distortion
that lies on all of them, relative to the best rule.

    python -m benchmarks.sampling_distortion [--quick] [--out DIR]
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.figure import run
from kriss.sketch import leverage_scores, lewis_weights, lp_sensitivities, sample_rows
from kriss.sketch._sampling import combined_scores

POWERS = (1.0, 1.5, 3.0)
RULES = ("sensitivity", "root-leverage", "lewis", "combined")


def matrix(m: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """Rows of many sizes, a few directions that few rows have, many near copies."""
    A = rng.standard_normal((m, n)) * rng.lognormal(0.0, 0.7, (m, 1))
    A[: m // 2] = A[0] + 0.01 * rng.standard_normal((m // 2, n))
    A[-n:] = 20.0 * np.abs(A).mean() * np.eye(n)
    return A


def scores(A: np.ndarray, p: float) -> dict[str, np.ndarray]:
    """Of each rule; sensitivities by their bounds, as they are for a matrix of this size."""
    tau, w, sigma = leverage_scores(A, method="exact"), lewis_weights(A, p), lp_sensitivities(A, p)
    combined = combined_scores(sigma, tau, w, p)
    return {"sensitivity": sigma, "root-leverage": tau ** (p / 2), "lewis": w, "combined": combined}


def norms(A: np.ndarray, X: np.ndarray, p: float) -> np.ndarray:
    """norm(A x)^p for the columns of X."""
    return np.asarray(np.sum(np.abs(A @ X) ** p, axis=0))


def distortion(A: np.ndarray, S: np.ndarray, p: float, X: np.ndarray, truth: np.ndarray) -> float:
    """The largest | norm(S x)^p / norm(A x)^p - 1 | that ascent from the worst of the columns of X finds."""
    ratio = norms(S, X, p) / truth
    best = 0.0
    for x in (X[:, ratio.argmax()], X[:, ratio.argmin()]):
        sign = 1.0 if np.sum(np.abs(S @ x) ** p) > np.sum(np.abs(A @ x) ** p) else -1.0
        value, step = -np.inf, 0.3
        kept, direction = x, np.zeros_like(x)
        for _ in range(60):
            x = kept + step * direction
            s, a = S @ x, A @ x
            fs, fa = np.sum(np.abs(s) ** p), np.sum(np.abs(a) ** p)
            now = sign * (fs / fa - 1)
            if now <= value:
                step /= 2
                continue
            value, kept = now, x
            slope = S.T @ (np.sign(s) * np.abs(s) ** (p - 1)) / fs - A.T @ (np.sign(a) * np.abs(a) ** (p - 1)) / fa
            direction = sign * slope / (np.linalg.norm(slope) + 1e-300) * np.linalg.norm(x)
        best = max(best, value)
    return best


def measure(quick: bool) -> dict[str, object]:
    """All curves."""
    m, n = (5_000, 8) if quick else (20_000, 10)
    sizes = [100, 200, 400, 800] if quick else [100, 200, 400, 800, 1600, 3200, 6400]
    draws = 5 if quick else 60
    rng = np.random.default_rng(0)
    A = matrix(m, n, rng)
    q = np.linalg.qr(A)[1]
    X = np.linalg.solve(q, rng.standard_normal((n, 400)))
    curves: dict[str, dict[str, list[float]]] = {}
    for p in POWERS:
        given, truth = scores(A, p), norms(A, X, p)
        curves[str(p)] = {"sizes": [float(k) for k in sizes]}
        for rule in RULES:
            line = []
            for k in sizes:
                found = [
                    distortion(A, sample_rows(A, k, rule, rng=s, p=p, scores=given[rule]).scaled(A), p, X, truth)
                    for s in range(draws)
                ]
                line.append(float(np.exp(np.mean(np.log(found)))))
            curves[str(p)][rule] = line
            print(f"p = {p}, {rule}: {', '.join(f'{x:.3f}' for x in line)}", flush=True)
        needs = rows_needed(curves[str(p)])
        curves[str(p)]["needs"] = list(needs.values())
        print(f"p = {p}, rows for equal distortion: {', '.join(f'{r} {x:.2f}' for r, x in needs.items())}", flush=True)
    return {"m": m, "n": n, "draws": draws, "curves": curves}


def rows_needed(curve: dict[str, list[float]]) -> dict[str, float]:
    """Rows of each rule over those of the best one, the geometric mean over the distortions that all reach."""
    sizes = np.log(curve["sizes"])
    lines = {rule: np.minimum.accumulate(np.log(curve[rule])) for rule in RULES}
    high, low = min(line[0] for line in lines.values()), max(line[-1] for line in lines.values())
    levels = np.linspace(low, high, 41) if low < high else np.array([high])
    rows = np.array([np.interp(-levels, -line, sizes) for line in lines.values()])
    return dict(zip(RULES, np.exp((rows - rows.min(axis=0)).mean(axis=1)).tolist(), strict=True))


def plot(data: dict[str, object], path: Path) -> None:
    """Three panels."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    curves = data["curves"]
    assert isinstance(curves, dict)
    fig, axes = plt.subplots(1, len(curves), figsize=(4 * len(curves), 3.6), sharey=True, layout="constrained")
    for ax, (p, lines) in zip(axes, curves.items(), strict=True):
        sizes = np.array(lines["sizes"])
        for rule in RULES:
            ax.loglog(sizes, lines[rule], "o-", ms=3, label=rule)
        ax.loglog(sizes, lines["combined"][0] * np.sqrt(sizes[0] / sizes), "k:", lw=1, label="rate $k^{-1/2}$")
        ax.set_title(f"p = {p}")
        ax.set_xlabel("rows")
    axes[0].set_ylabel("distortion of the p-th power of the p-norm")
    axes[0].legend(fontsize=8)
    fig.savefig(path, dpi=130)


if __name__ == "__main__":
    run("sampling_distortion", __doc__, measure, plot)
