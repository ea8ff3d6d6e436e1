"""The shifted-Laplacian experiments of Khodak, Chow, Balcan and Talwalkar: python -m benchmarks.sequence_regret.

The Laplacian on a 10 by 10 grid plus a random multiple of the identity, -0.15 + 0.6 Beta(1/2, 3/2) (high variance) or
Beta(2, 6) (low), random right-hand sides, 5000 systems solved to 1e-8 by successive over-relaxation with omega from
{1, 1.05, ..., 1.95}; medians over 40 trials. The shift is the context. Costs are drawn from a table of iterations that
was counted by our solvers: 200 quantiles of the shift times 8 right-hand sides times 20 omegas. With --solver cg the
same for conjugate gradients with SSOR.

M. Khodak, E. Chow, M.-F. Balcan, A. Talwalkar, "Learning to relax: setting solver parameters across a sequence of
linear system instances", ICLR 2024, section 4 and figures 2 and 3.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sps
import scipy.stats

from kriss.solve import SSOR, cg, sor
from kriss.solve._learners import Learner, Tsallis
from kriss.solve._learners_chebyshev import ChebCB
from kriss.solve._learners_kernel import KernelLearner
from kriss.solve._sequence_arms import choices
from kriss.testing import poisson2d

OMEGAS = np.round(np.linspace(1.0, 1.95, 20), 2)
SHIFTS = {"high variance": (0.5, 1.5), "low variance": (2.0, 6.0)}
BOUNDS = (-0.15, 0.65)


def table(name: str, solver: str, quantiles: int, sides: int) -> tuple[np.ndarray, np.ndarray]:
    """Shifts (quantiles,) and iterations (quantiles, sides, 20)."""
    L = poisson2d(10)
    n = L.shape[0]
    at = (np.arange(quantiles) + 0.5) / quantiles
    shifts = -0.15 + 0.6 * scipy.stats.beta(*SHIFTS[name]).ppf(at)
    B = np.random.default_rng(0).standard_normal((quantiles, sides, n))
    out = np.empty((quantiles, sides, OMEGAS.size))
    for i, shift in enumerate(shifts):
        A = sps.csr_array(L + shift * sps.eye_array(n))
        for j, omega in enumerate(OMEGAS):
            M = SSOR(A, omega) if solver == "cg" else None
            for k in range(sides):
                if solver == "cg":
                    out[i, k, j] = cg(A, B[i, k], rtol=1e-8, M=M).iterations
                else:
                    out[i, k, j] = sor(A, B[i, k], omega, rtol=1e-8, maxiter=100000, residuals=True).iterations
    return shifts, out


def kernel() -> Learner:
    """As `Sequence` has it."""
    chosen = choices("cg", "ssor", None, None, None, 0)
    return KernelLearner(len(chosen.arms), chosen.kernel, chosen.start)


# Name -> learner, whether it is shown the shift.
LEARNERS: dict[str, tuple[Callable[[], Learner], bool]] = {
    "Tsallis-INF": (lambda: Tsallis(20), False),
    "Tsallis-INF, reduced variance": (lambda: Tsallis(20, True), False),
    "ChebCB": (lambda: ChebCB(20, 6, BOUNDS), True),
    "kernel": (kernel, True),
    "kernel, no context": (kernel, False),
}


def trial(shifts: np.ndarray, counts: np.ndarray, systems: int, seed: int) -> dict[str, np.ndarray]:
    """Cumulative costs of one trial by name."""
    rng = np.random.default_rng([7, seed])
    i = rng.integers(counts.shape[0], size=systems)
    rows = counts[i, rng.integers(counts.shape[1], size=systems)]
    out = {}
    for name, (make, told) in LEARNERS.items():
        learner = make()
        draws = np.random.default_rng([seed, len(out)])
        paid = np.empty(systems)
        for t in range(systems):
            context = shifts[i[t] : i[t] + 1] if told else None
            arm, p = learner.choose(context, np.nan, draws)
            paid[t] = rows[t, arm]
            learner.update(arm, p, context, np.nan, paid[t])
        out[name] = np.cumsum(paid)
    for omega in (1.0, 1.2, 1.4, 1.6, 1.8):
        out[f"omega {omega}"] = np.cumsum(rows[:, int(np.argmin(abs(OMEGAS - omega)))])
    out["best fixed omega"] = np.cumsum(rows[:, int(np.argmin(rows.sum(axis=0)))])
    mean = counts.mean(axis=1)
    out["best omega for the shift"] = np.cumsum(rows[np.arange(systems), mean[i].argmin(axis=1)])
    return out


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sequence_regret", description=__doc__)
    parser.add_argument("--systems", type=int, default=5000)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--solver", choices=("sor", "cg"), default="sor")
    parser.add_argument("--quantiles", type=int, default=200)
    parser.add_argument("--sides", type=int, default=8)
    parser.add_argument("--plot", help="write the curves as a picture")
    args = parser.parse_args(argv)
    marks = [m for m in (100, 200, 500, 1000, 2000, 5000) if m <= args.systems]
    curves: dict[str, dict[str, Any]] = {}
    for name in SHIFTS:
        shifts, counts = table(name, args.solver, args.quantiles, args.sides)
        runs = [trial(shifts, counts, args.systems, seed) for seed in range(args.trials)]
        best = np.array([run["best fixed omega"] for run in runs])
        print(f"{args.solver}, {name}: {args.trials} trials; iterations per system, medians (quartiles) after ...")
        print(f"{'':32s}" + "".join(f"{m:>26d}" for m in marks))
        curves[name] = {}
        for which in runs[0]:
            sums = np.array([run[which] for run in runs])
            curves[name][which] = np.median(sums - best, axis=0)
            cells = []
            for m in marks:
                low, middle, high = np.quantile(sums[:, m - 1] / m, (0.25, 0.5, 0.75))
                cells.append(f"{middle:12.2f} ({low:.2f}, {high:.2f})".rjust(26))
            print(f"{which:32s}" + "".join(cells), flush=True)
    if args.plot:
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt

        figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
        for ax, (name, lines) in zip(axes, curves.items(), strict=True):
            for which in (*LEARNERS, "best omega for the shift"):
                ax.plot(lines[which], label=which)
            ax.axhline(0.0, color="0.5", lw=0.7)
            ax.set(title=name, xlabel="systems", ylabel="iterations beyond the best fixed omega (median)")
        axes[0].legend()
        figure.savefig(args.plot, dpi=150)
    return 0


if __name__ == "__main__":
    sys.exit(main())
