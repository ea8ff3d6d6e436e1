"""Distortion of the p-norm on the range of a matrix against the number of sampled rows, with a plot.

For each rule, p in {1, 1.5, 3} and sample size: the largest relative error of norm(A x, p)**p over many x, the
geometric mean over draws. The x are random, the worst of them is then pushed uphill by a few steps of gradient ascent,
so that the figure is that of a bad direction and not of a typical one. Dotted lines are the published rates,
eps = c sqrt(rows / k), with the rows of `published` and one constant c for each p: Lewis weights begin on theirs. From
the curves: how many rows each rule needs for a distortion that lies on all of them, relative to Lewis weights, with
standard errors from resampled draws.

    python -m benchmarks.sampling_distortion [--quick] [--out DIR]
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.figure import run
from kriss.sketch import RowSample, leverage_scores, lewis_weights, lp_sensitivities, sample_rows
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
    """Of each rule; sensitivities exactly, to a thousandth, and the combined rule from their bounds, as it is drawn."""
    tau, w = leverage_scores(A, method="exact"), lewis_weights(A, p)
    sigma = lp_sensitivities(A, p, method="exact", tol=1e-3)
    combined = combined_scores(lp_sensitivities(A, p), tau, w, p)
    return {"sensitivity": sigma, "root-leverage": tau ** (p / 2), "lewis": w, "combined": combined}


def published(A: np.ndarray, p: float, given: dict[str, np.ndarray]) -> dict[str, float]:
    """Rows that theorems ask for, up to eps**-2, logarithms and constants; S is the sum of sensitivities.

    Cohen and Peng (2015) for Lewis weights; Woodruff and Yasuda (2023) for S**(2/p) and S**(2 - 2/p), for one level of
    root leverage (p < 2 only: its sum), and beyond p = 2 for n**(2/p) S**(2 - 4/p) by sensitivities and leverage.
    """
    n, total = A.shape[1], float(given["sensitivity"].sum())
    if p < 2.0:
        rows = {
            "sensitivity": total ** (2 / p),
            "root-leverage": float(given["root-leverage"].sum()),
            "lewis": float(n),
        }
        return {**rows, "combined": 4 / 3 * rows["lewis"]}
    rows = {"sensitivity": total ** (2 - 2 / p), "lewis": n ** (p / 2)}
    return {**rows, "combined": min(rows["lewis"], n ** (2 / p) * total ** (2 - 4 / p))}


def powers(t: np.ndarray, p: float) -> np.ndarray:
    """|t|^p."""
    size = np.abs(t)
    return {1.0: lambda: size, 1.5: lambda: size * np.sqrt(size), 3.0: lambda: size * t * t}[p]()


def slopes(t: np.ndarray, p: float) -> np.ndarray:
    """Its derivative over p."""
    return {1.0: lambda: np.sign(t), 1.5: lambda: np.copysign(np.sqrt(np.abs(t)), t), 3.0: lambda: np.abs(t) * t}[p]()


def distortions(A: np.ndarray, samples: list[RowSample], p: float, X: np.ndarray) -> np.ndarray:
    """For each sample the largest | sum w |a x|^p / norm(A x)^p - 1 | that ascent from the worst columns of X finds."""
    P = powers(A @ X, p)
    truth, out = P.sum(axis=0), []
    for first in range(0, len(samples), 12):
        part = samples[first : first + 12]
        ratio = np.array([s.weights @ P[s.rows] for s in part]) / truth
        kept = X[:, np.column_stack([ratio.argmax(axis=1), ratio.argmin(axis=1)]).ravel()]
        W = np.zeros((len(A), 2 * len(part)))
        for j, s in enumerate(part):
            W[s.rows, 2 * j] = W[s.rows, 2 * j + 1] = s.weights
        value, step, direction = np.full(W.shape[1], -np.inf), np.full(W.shape[1], 0.3), np.zeros_like(kept)
        sign = np.where(np.arange(W.shape[1]) % 2 == 0, 1.0, -1.0)
        for _ in range(40):
            x = kept + step * direction
            T = A @ x
            F = powers(T, p)
            fa, fs = F.sum(axis=0), np.einsum("ij,ij->j", W, F)
            now = sign * (fs / fa - 1)
            better = now > value
            step, value, kept = np.where(better, step, step / 2), np.maximum(value, now), np.where(better, x, kept)
            if not better.any():
                continue
            G, wide = slopes(T[:, better], p), np.linalg.norm(x[:, better], axis=0)
            slope = A.T @ (W[:, better] * G) / fs[better] - A.T @ G / fa[better]
            direction[:, better] = sign[better] * wide * slope / (np.linalg.norm(slope, axis=0) + 1e-300)
        out.extend(value.reshape(-1, 2).max(axis=1).tolist())
    return np.array(out)


def measure(quick: bool) -> dict[str, object]:
    """All curves."""
    m, n = (1_000, 8) if quick else (6_000, 10)
    sizes = [100, 200, 400, 800] if quick else [100, 200, 400, 800, 1600, 3200]
    draws = 12 if quick else 384
    rng = np.random.default_rng(0)
    A = matrix(m, n, rng)
    X = np.linalg.solve(np.linalg.qr(A)[1], rng.standard_normal((n, 400)))
    curves: dict[str, dict[str, object]] = {}
    for p in POWERS:
        given = scores(A, p)
        logs = {}
        for rule in RULES:
            # Rules with the same scores draw the same rows.
            same = [one for one in logs if np.allclose(given[one], given[rule], rtol=1e-4)]
            logs[rule] = logs[same[0]] if same else np.array([
                np.log(distortions(
                    A, [sample_rows(A, k, rule, rng=s, p=p, scores=given[rule]) for s in range(draws)], p, X
                ))
                for k in sizes
            ])  # fmt: skip
            line = np.exp(logs[rule].mean(axis=1))
            print(f"p = {p}, {rule}: {', '.join(f'{x:.3f}' for x in line)}", flush=True)
        needs, error = rows_needed(sizes, logs), {}
        again = []
        for _ in range(100):
            some = rng.integers(draws, size=draws)
            again.append(list(rows_needed(sizes, {rule: log[:, some] for rule, log in logs.items()}).values()))
        error = dict(zip(RULES, np.std(again, axis=0).tolist(), strict=True))
        curves[str(p)] = {
            "sizes": sizes,
            **{rule: np.exp(log.mean(axis=1)).tolist() for rule, log in logs.items()},
            "published rows": published(A, p, given),
            "rows over those of lewis": needs,
            "standard errors": error,
        }
        told = ", ".join(f"{rule} {needs[rule]:.3f} ({error[rule]:.3f})" for rule in RULES)
        print(f"p = {p}, rows for equal distortion over those of lewis (standard error): {told}", flush=True)
    return {"m": m, "n": n, "draws": draws, "curves": curves}


def rows_needed(sizes: list[int], logs: dict[str, np.ndarray]) -> dict[str, float]:
    """Rows of each rule over those of Lewis weights, the geometric mean over the distortions that all reach."""
    lines = {rule: np.minimum.accumulate(log.mean(axis=1)) for rule, log in logs.items()}
    high, low = min(line[0] for line in lines.values()), max(line[-1] for line in lines.values())
    levels = np.linspace(low, high, 41)
    rows = {rule: np.interp(-levels, -line, np.log(sizes)) for rule, line in lines.items()}
    return {rule: float(np.exp((row - rows["lewis"]).mean())) for rule, row in rows.items()}


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
            color = f"C{RULES.index(rule)}"
            ax.loglog(sizes, lines[rule], "o-", ms=3, color=color, label=rule)
            if rule in lines["published rows"]:
                more = lines["published rows"][rule] / lines["published rows"]["lewis"]
                rate = lines["lewis"][0] * np.sqrt(more * sizes[0] / sizes)
                ax.loglog(sizes, rate, ":", lw=1, color=color, label="published rates" if rule == "lewis" else None)
        ax.set_title(f"p = {p}")
        ax.set_xlabel("rows")
    axes[0].set_ylabel("distortion of $\\Vert Ax\\Vert_p^p$")
    axes[0].legend(fontsize=8)
    fig.savefig(path, dpi=130)


if __name__ == "__main__":
    run("sampling_distortion", __doc__, measure, plot)
