"""The heat equation as a sequence of systems: Crank-Nicolson steps on the unit square with a conductivity that changes.

The problem is that of M. Khodak, E. Chow, M.-F. Balcan, A. Talwalkar, "Learning to relax", ICLR 2024, appendix on the
heat equation: conductivity max(0.1 sin 2 pi t, -10 sin 2 pi t), a source that moves in a circle, a bump to begin with.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sps

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
    "ours, MIC or SSOR, learned": {"precond": ["ssor", "mic"]},
}


class Solved(NamedTuple):
    """A sequence when it is through, its iterations and its worst relative residual."""

    sequence: Sequence
    iterations: int
    worst: float


def solve(heat: Heat, warm_start: str | None = "previous", blind: bool = False, **options: Any) -> Solved:
    """The whole sequence."""
    S = Sequence("cg", options.pop("precond", "ssor"), warm_start=warm_start, rtol=RTOL, rng=0, **options)
    count, worst = 0, 0.0
    for step in heat:
        result = S.solve(step.A, step.b, None if blind else step.conductivity)
        count += result.iterations
        worst = max(worst, result.residual_norm / float(np.linalg.norm(step.b)))
    return Solved(S, count, worst)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sequence_heat", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[25, 50, 100])
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--plot", help="write the report of the largest size as a picture")
    args = parser.parse_args(argv)
    for nx in args.sizes:
        heat = Heat(nx, args.steps)
        counts = fixed_counts(heat)
        best = int(np.argmin(counts.sum(axis=0)))
        print(f"nx = {nx}, {args.steps} steps, total iterations to {RTOL:g}")
        for omega in (1.0, 1.5, 1.95):
            print(f"  omega {omega}: {counts[:, np.argmin(abs(OMEGAS - omega))].sum()}")
        print(f"  best fixed omega, {OMEGAS[best]}: {counts[:, best].sum()}")
        print(f"  best omega for every step: {counts.min(axis=1).sum()}")
        for name, options in SOLVERS.items():
            for warm in ("previous", "extrapolate"):
                report = solve(heat, warm, **options).sequence.report()
                print(f"  {name}, start {warm}: {report.iterations} iterations, {report.seconds:.2f} s, "
                      f"of which choosing {report.learning_seconds:.2f} s; {report.measures}", flush=True)  # fmt: skip
    if args.plot:
        import matplotlib

        matplotlib.use("Agg")
        solve(heat).sequence.plot()[0].figure.savefig(args.plot, dpi=150)
    return 0


if __name__ == "__main__":
    sys.exit(main())
