"""The heat equation as a sequence of systems: Crank-Nicolson steps on the unit square with a conductivity that changes.

    python -m benchmarks.sequence_heat [--quick] [--out DIR] [--sizes 25 50 100] [--steps 1000]

The problem is that of M. Khodak, E. Chow, M.-F. Balcan, A. Talwalkar, "Learning to relax", ICLR 2024, appendix on the
heat equation: conductivity max(0.1 sin 2 pi t, -10 sin 2 pi t), a source that moves in a circle, a bump to begin with.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sps

from benchmarks.figure import run
from kriss.solve import MIC, SSOR, Sequence, cg

OMEGAS = np.round(np.linspace(1.0, 1.95, 20), 2)
RTOL = 1e-8


class Step(NamedTuple):
    """One system: matrix, right-hand side, conductivity and the solution of the step before."""

    A: sps.csr_array
    b: np.ndarray
    conductivity: float
    before: np.ndarray


class Heat:
    """`nx` intervals a side, steps of 1e-3 from `start` on; right-hand sides are worked out once and kept."""

    def __init__(self, nx: int, steps: int, start: float = 0.0) -> None:
        inner = nx - 1
        line = sps.diags_array([1.0, -2.0, 1.0], offsets=[-1, 0, 1], shape=(inner, inner))
        eye = sps.eye_array(inner)
        self.L = sps.csr_array(sps.kron(line, eye) + sps.kron(eye, line)) * float(nx * nx)
        self.L.sort_indices()
        self.n = inner * inner
        rows = np.repeat(np.arange(self.n), np.diff(self.L.indptr))
        self.one = (self.L.indices == rows).astype(float)
        x = np.arange(1, nx) / nx
        self.x, self.y = (grid.ravel() for grid in np.meshgrid(x, x, indexing="ij"))
        dt = 1e-3
        u = self._bump(0.5, 0.5, 0.25)
        self.strength = np.empty(steps)
        self.right = np.empty((steps, self.n))
        self.solutions = np.empty((steps + 1, self.n))
        self.solutions[0] = u
        M: MIC | None = None
        for k in range(steps):
            t = start + (k + 0.5) * dt
            wave = np.sin(2 * np.pi * t)
            self.strength[k] = max(0.1 * wave, -10 * wave)
            c = 0.5 * dt * self.strength[k]
            angle = 16 * np.pi * t
            source = 32 * self._bump(0.5 + np.cos(angle) / 4, 0.5 + np.sin(angle) / 4, 0.125)
            self.right[k] = u + c * (self.L @ u) + dt * source
            A = self.matrix(k)
            if M is None:
                M = MIC(A)
            else:
                M.update(A)
            u = cg(A, self.right[k], u, rtol=1e-10, M=M).x
            self.solutions[k + 1] = u

    def _bump(self, x: float, y: float, radius: float) -> np.ndarray:
        r2 = ((self.x - x) ** 2 + (self.y - y) ** 2) / radius**2
        inside = r2 < 1
        out = np.zeros(self.n)
        out[inside] = np.exp(1 - 1 / (1 - r2[inside]))
        return out

    def matrix(self, k: int) -> sps.csr_array:
        """Of one step."""
        data = self.one - 0.5e-3 * self.strength[k] * self.L.data
        return sps.csr_array((data, self.L.indices, self.L.indptr), shape=self.L.shape)

    def __iter__(self) -> Iterator[Step]:
        for k in range(len(self.right)):
            yield Step(self.matrix(k), self.right[k], float(self.strength[k]), self.solutions[k])


def fixed_counts(heat: Heat) -> np.ndarray:
    """Iterations of every omega for every step, (steps, 20), each from the solution of the step before."""
    counts = np.empty((len(heat.right), OMEGAS.size), int)
    M: list[SSOR] = []
    for k, step in enumerate(heat):
        for j, omega in enumerate(OMEGAS):
            if j == len(M):
                M.append(SSOR(step.A, omega))
            else:
                M[j].update(step.A)
            counts[k, j] = cg(step.A, step.b, step.before, rtol=RTOL, M=M[j], check_finite=False).iterations
    return counts


SOLVERS = {
    "ours, omega learned (kernel)": {"learner": "kernel"},
    "ours, omega learned (ChebCB)": {"learner": "chebcb"},
    "ours, omega learned (Tsallis-INF)": {"learner": "tsallis"},
    "ours, omega learned without contexts": {"learner": "kernel", "blind": True},
    "ours, MIC, nothing learned": {"precond": "mic"},
    "ours, MIC or SSOR, learned": {"precond": "auto"},
}


class Solved(NamedTuple):
    """A sequence when it is through, its iterations, its worst relative residual, and iterations up to each step."""

    sequence: Sequence
    iterations: int
    worst: float
    so_far: list[int]


def solve(heat: Heat, warm_start: str | None = "previous", blind: bool = False, **options: Any) -> Solved:
    """The whole sequence."""
    S = Sequence("cg", options.pop("precond", "ssor"), warm_start=warm_start, rtol=RTOL, rng=0, **options)
    count, worst = 0, 0.0
    so_far = []
    for step in heat:
        result = S.solve(step.A, step.b, None if blind else step.conductivity)
        count += result.iterations
        so_far.append(count)
        worst = max(worst, result.residual_norm / float(np.linalg.norm(step.b)))
    return Solved(S, count, worst, so_far)


def measure(quick: bool, sizes: list[int], steps: int) -> dict[str, Any]:
    """Iterations of every way by grid size, and curves of the largest."""
    if quick:
        sizes, steps = sizes[:1], min(steps, 200)
    out: dict[str, Any] = {"steps": steps, "sizes": {}}
    for nx in sizes:
        heat = Heat(nx, steps)
        counts = fixed_counts(heat)
        best = int(np.argmin(counts.sum(axis=0)))
        lines: dict[str, Any] = {}
        print(f"nx = {nx}, {steps} steps, total iterations to {RTOL:g}")
        for name, row in (
            *((f"omega {w}", counts[:, int(np.argmin(abs(OMEGAS - w)))]) for w in (1.0, 1.5, 1.95)),
            (f"best fixed omega, {OMEGAS[best]}", counts[:, best]), ("best omega for every step", counts.min(axis=1)),
        ):  # fmt: skip
            print(f"  {name}: {row.sum()}")
            lines[name] = {"iterations": int(row.sum()), "so far": np.cumsum(row).tolist()}
        for name, options in SOLVERS.items():
            for warm in ("previous", "extrapolate"):
                solved = solve(heat, warm, **options)
                report = solved.sequence.report()
                print(f"  {name}, start {warm}: {report.iterations} iterations, {report.seconds:.2f} s, "
                      f"of which choosing {report.learning_seconds:.2f} s; {report.measures}", flush=True)  # fmt: skip
                lines[f"{name}, start {warm}"] = {
                    "iterations": report.iterations, "seconds": report.seconds, "choosing": report.learning_seconds,
                    "measures": report.measures, "so far": solved.so_far,
                }  # fmt: skip
        if nx != max(sizes):
            for line in lines.values():
                del line["so far"]
        out["sizes"][nx] = lines
    return out


def plot(data: dict[str, Any], path: Path) -> None:
    """Iterations beyond those of the best omega for every step, on the largest grid."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    size = max(data["sizes"], key=int)
    lines = {name: np.array(line["so far"]) for name, line in data["sizes"][size].items()}
    least = lines["best omega for every step"]
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    for name, line in lines.items():
        if "extrapolate" in name or name in ("omega 1.0", "best omega for every step"):
            continue
        axes.plot(line - least, "-" if name.startswith("ours") else "--", label=name)
    axes.set(xlabel="step", ylabel="iterations beyond those of the best omega for every step", title=f"nx = {size}")
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=130)


if __name__ == "__main__":
    run("sequence_heat", __doc__, measure, plot, sizes=[25, 50, 100], steps=1000)
