"""The shifted-Laplacian experiments of Khodak, Chow, Balcan and Talwalkar, with a plot.

The Laplacian on a 10 by 10 grid plus a random multiple of the identity, -0.15 + 0.6 Beta(1/2, 3/2) (high variance) or
Beta(2, 6) (low), random right-hand sides, 5000 systems solved to 1e-8 by successive over-relaxation with omega from
{1, 1.05, ..., 1.95}; medians over 40 trials. The shift is the context. Costs are drawn from a table of iterations that
was counted by our solvers: 200 quantiles of the shift times 8 right-hand sides times 20 omegas. A `Sequence` that is
not told the shift sees the matrix; a learner that sees nothing at all is beside it. With --solver cg the same for
conjugate gradients with SSOR.

    python -m benchmarks.sequence_regret [--quick] [--out DIR] [--solver sor|cg] [--processes 2]

M. Khodak, E. Chow, M.-F. Balcan, A. Talwalkar, "Learning to relax: setting solver parameters across a sequence of
linear system instances", ICLR 2024, section 4 and figures 2 and 3.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sps
import scipy.stats

from benchmarks.figure import run
from kriss.solve import SSOR, cg, sor
from kriss.solve._learners import Learner, Tsallis
from kriss.solve._learners_chebyshev import ChebCB
from kriss.solve._learners_kernel import KernelLearner
from kriss.solve._sequence_arms import choices
from kriss.testing import poisson2d

OMEGAS = np.round(np.linspace(1.0, 1.95, 20), 2)
SHIFTS = {"high variance": (0.5, 1.5), "low variance": (2.0, 6.0)}
BOUNDS = (-0.15, 0.65)
DRAWN = 200  # points of each curve that are kept


def table(
    name: str, solver: str, quantiles: int, sides: int, pool: ProcessPoolExecutor
) -> tuple[np.ndarray, np.ndarray]:
    """Shifts (quantiles,) and iterations (quantiles, sides, 20)."""
    at = (np.arange(quantiles) + 0.5) / quantiles
    shifts = -0.15 + 0.6 * scipy.stats.beta(*SHIFTS[name]).ppf(at)
    B = np.random.default_rng(0).standard_normal((quantiles, sides, 100))
    return shifts, np.array(list(pool.map(functools.partial(counted, solver), shifts, B, chunksize=8)))


def counted(solver: str, shift: float, B: np.ndarray) -> np.ndarray:
    """Iterations of every omega for one matrix and the right-hand sides in the rows of B, (sides, 20)."""
    A = sps.csr_array(poisson2d(10) + shift * sps.eye_array(100))
    out = np.empty((len(B), OMEGAS.size))
    for j, omega in enumerate(OMEGAS):
        M = SSOR(A, omega) if solver == "cg" else None
        for k, b in enumerate(B):
            if solver == "cg":
                out[k, j] = cg(A, b, rtol=1e-8, M=M).iterations
            else:
                out[k, j] = sor(A, b, omega, rtol=1e-8, maxiter=100000, residuals=True).iterations
    return out


def kernel() -> Learner:
    """As `Sequence` has it."""
    chosen = choices("cg", "ssor", None, None, None, 0)
    return KernelLearner(len(chosen.arms), chosen.kernel, chosen.start)


# Name -> learner, and what it is shown: the shift, what `Sequence` sees in the matrix without being told, or nothing.
LEARNERS: dict[str, tuple[Callable[[], Learner], str]] = {
    "Tsallis-INF": (lambda: Tsallis(20), "nothing"),
    "Tsallis-INF, reduced variance": (lambda: Tsallis(20, True), "nothing"),
    "ChebCB": (lambda: ChebCB(20, 6, BOUNDS), "shift"),
    "kernel": (kernel, "shift"),
    "kernel, sees the matrix": (kernel, "matrix"),
    "kernel, sees nothing": (kernel, "nothing"),
}


def seen_in_matrix(shift: float) -> float:
    """As `Sequence` sees it: the logarithm of the sum of all entries over that of the diagonal."""
    return round(math.log((40.0 + 100.0 * shift) / (400.0 + 100.0 * shift)), 6)


def trial(shifts: np.ndarray, counts: np.ndarray, systems: int, seed: int) -> dict[str, np.ndarray]:
    """Cumulative costs of one trial by name."""
    rng = np.random.default_rng([7, seed])
    i = rng.integers(counts.shape[0], size=systems)
    rows = counts[i, rng.integers(counts.shape[1], size=systems)]
    out = {}
    for name, (make, shown) in LEARNERS.items():
        learner = make()
        draws = np.random.default_rng([seed, len(out)])
        paid = np.empty(systems)
        for t in range(systems):
            context = shifts[i[t] : i[t] + 1] if shown == "shift" else None
            own = seen_in_matrix(shifts[i[t]]) if shown == "matrix" else np.nan
            arm, p = learner.choose(context, own, draws)
            paid[t] = rows[t, arm]
            learner.update(arm, p, context, own, paid[t])
        out[name] = np.cumsum(paid)
    for omega in (1.0, 1.2, 1.4, 1.6, 1.8):
        out[f"omega {omega}"] = np.cumsum(rows[:, int(np.argmin(abs(OMEGAS - omega)))])
    out["best fixed omega"] = np.cumsum(rows[:, int(np.argmin(rows.sum(axis=0)))])
    mean = counts.mean(axis=1)
    out["best omega for the shift"] = np.cumsum(rows[np.arange(systems), mean[i].argmin(axis=1)])
    return out


def measure(
    quick: bool, systems: int, trials: int, solver: str, quantiles: int, sides: int, processes: int
) -> dict[str, Any]:
    """Curves of the median over the trials, by distribution of the shift and by name."""
    if quick:
        systems, trials, quantiles, sides = min(systems, 300), min(trials, 3), 20, 2
    marks = [m for m in (100, 200, 500, 1000, 2000, 5000) if m <= systems]
    at = np.unique(np.linspace(1, systems, min(DRAWN, systems)).astype(int))
    out: dict[str, Any] = {"solver": solver, "trials": trials, "systems": at.tolist(), "beyond": {}, "per system": {}}
    with ProcessPoolExecutor(processes) as pool:
        for name in SHIFTS:
            shifts, counts = table(name, solver, quantiles, sides, pool)
            runs = list(pool.map(functools.partial(trial, shifts, counts, systems), range(trials)))
            best = np.array([one["best fixed omega"] for one in runs])
            print(f"{solver}, {name}: {trials} trials; iterations per system, medians (quartiles) after ...")
            print(f"{'':32s}" + "".join(f"{m:>26d}" for m in marks))
            lines: dict[str, Any] = {}
            table_of: dict[str, Any] = {}
            for which in runs[0]:
                sums = np.array([one[which] for one in runs])
                beyond = np.quantile(sums - best, (0.25, 0.5, 0.75), axis=0)[:, at - 1]
                lines[which] = beyond.round(1).tolist()
                cells = []
                table_of[which] = {}
                for m in marks:
                    low, middle, high = np.quantile(sums[:, m - 1] / m, (0.25, 0.5, 0.75))
                    table_of[which][m] = [round(float(v), 3) for v in (low, middle, high)]
                    cells.append(f"{middle:12.2f} ({low:.2f}, {high:.2f})".rjust(26))
                print(f"{which:32s}" + "".join(cells), flush=True)
            out["beyond"][name], out["per system"][name] = lines, table_of
    return out


def plot(data: dict[str, Any], path: Path) -> None:
    """Iterations beyond those of the best fixed omega, medians and quartiles."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    for ax, (name, lines) in zip(axes, data["beyond"].items(), strict=True):
        for which in (*LEARNERS, "best omega for the shift"):
            low, middle, high = lines[which]
            (line,) = ax.plot(data["systems"], middle, label=which)
            ax.fill_between(data["systems"], low, high, color=line.get_color(), alpha=0.2, lw=0)
        ax.axhline(0.0, color="0.5", lw=0.7)
        ax.set(title=f"{data['solver']}, {name}", xlabel="systems", ylabel="iterations beyond the best fixed omega")
    axes[0].legend(fontsize=8)
    figure.savefig(path, dpi=130)


if __name__ == "__main__":
    run(
        "sequence_regret_{solver}", __doc__, measure, plot, systems=5000, trials=40, solver="sor", quantiles=200,
        sides=8, processes=2,
    )  # fmt: skip
