"""The scoreboard of learned factors and approximate inverses.

``python -m benchmarks.learned_factors [--quick] [--out DIR]``: linear finite elements on Delaunay meshes, and grids,
never trained on, to 1e-8 by conjugate gradients with every preconditioner, and directly. Per method: entries of the
preconditioner over those of A, iterations, seconds of setup and of one solve, and the total of a sequence of 50 solves
with one matrix (medians over matrices). For the learned factor: after how many such sequences its training is repaid
against the fastest classical factor of the same fill, "never" where that is the faster one. All factors are in reverse
Cuthill-McKee order, which is part of their setup, but for "ICT, as given". Losses are shown as plainly as wins: the
last but one column is the total over that of the learned factor. Approximate inverses, which need no triangular solves,
stand beside what else does not: Jacobi, Chebyshev polynomials, and SSOR by colours (its time is that of a processor,
where it is solved row by row like any other). What is "kept" was not compared with its classical choice.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sps
import scipy.sparse.linalg as spl

from benchmarks import machine
from benchmarks.solvers_timed import Method, direct, measure, pyamg_methods, scipy_cg
from kriss.solve import FSAI, IC0, ICT, MIC, SSOR, Chebyshev, Jacobi, cg, color_rows, rcm_order
from kriss.solve.learned import GraphFactor, LearnedInverse, LearnedSPAI
from kriss.testing import mesh_diffusion, random_diffusion
from kriss.train import _problems
from kriss.train._meshes import KINDS, draw

RTOL, SOLVES, MOST = 1e-8, 50, 5000
SEED = 78  # of the matrices; training uses other seeds
MODEL, INVERSE = GraphFactor.pretrained(), LearnedSPAI.pretrained()
NEURALIF = GraphFactor.pretrained("mesh2d neuralif")
LEARNED = "GraphFactor"
EQUAL = ("IC(0)", "MIC", "ICT", "ICT, as given")  # fill of A


def families() -> dict[str, Callable[[int, np.random.Generator], Any]]:
    drawn = {kind: (lambda n, rng, kind=kind: draw(kind, n, rng)) for kind in KINDS}
    return {
        **drawn,
        "isotropic": lambda n, rng: mesh_diffusion(n, rng=rng),
        "grid": lambda n, rng: random_diffusion(round(math.sqrt(n)), variance=2.0, lengthscale=0.1, rng=rng)[0],
        "rotated grid": lambda n, rng: _problems.draw("turning", round(math.sqrt(n)), rng),
    }


def methods(A: Any) -> dict[str, Method]:
    """Name -> (setup, solve); solve returns (x, iterations)."""

    def ours(made: Any, b: Any) -> Any:
        result = cg(A, b, rtol=RTOL, M=made, maxiter=MOST)
        return result.x, result.iterations

    def ordered(make: Callable[[Any], Any], by: Callable[[Any], Any] = rcm_order) -> Method:
        def setup() -> Any:
            order = by(A)
            B = sps.csr_array(A[order][:, order])
            B.sort_indices()
            return order, B, make(B)

        def solve(made: Any, b: Any) -> Any:
            order, B, M = made
            result = cg(B, b[order], rtol=RTOL, M=M, maxiter=MOST)
            x = np.empty_like(b)
            x[order] = result.x
            return x, result.iterations

        return setup, solve

    out: dict[str, Any] = {
        "SciPy CG": scipy_cg(A, RTOL, MOST),
        "Jacobi": (lambda: Jacobi(A), ours),
        "SSOR": ordered(lambda B: SSOR(B, 1.2)),
        "IC(0)": ordered(IC0),
        "MIC": ordered(MIC),
        "ICT": ordered(lambda B: ICT(B, 0.0, 0)),
        "ICT, as given": (lambda: ICT(A, 0.0, 0), ours),
        "ICT, more fill": ordered(ICT),
        LEARNED: (lambda: MODEL.setup(A), ours),
        f"{LEARNED}, NeuralIF, kept": (lambda: NEURALIF.setup(A, validate=False), ours),
        "SSOR by colours": ordered(SSOR, lambda A: np.argsort(color_rows(A)[1], kind="stable")),
        "Chebyshev 2": (lambda: Chebyshev(A, 2), ours),
        "Chebyshev 4": (lambda: Chebyshev(A, 4), ours),
        "Chebyshev 6": (lambda: Chebyshev(A, 6), ours),
        "Chebyshev 8": (lambda: Chebyshev(A, 8), ours),
        "FSAI": (lambda: FSAI(A), ours),
        "LearnedSPAI": (lambda: INVERSE.setup(A), ours),
        "LearnedSPAI, kept": (lambda: INVERSE.setup(A, validate=False), ours),
        "sparse direct": direct(A),
    }  # fmt: skip
    return out | pyamg_methods(A, RTOL)


def entries(made: Any) -> float:
    """Of the two triangles of a preconditioner, or of its two products, where that is what it is."""
    M = made[2] if isinstance(made, tuple) else made
    if isinstance(M, FSAI):
        return 2.0 * M.nnz
    if isinstance(M, LearnedInverse):
        return float(M.nnz)
    if isinstance(M, spl.SuperLU):
        return float(M.L.nnz + M.U.nnz)
    parts = getattr(M, "_parts", None) or getattr(M, "_factors", None)
    return float(parts[0][1].size + parts[2][1].size + parts[1].size) if parts else math.nan


def measured(A: Any, rng: np.random.Generator, repeats: int) -> dict[str, dict[str, Any]]:
    """One matrix, every method."""
    b = rng.standard_normal(A.shape[0])

    def more(made: Any) -> dict[str, Any]:
        return {"fill": entries(made) / A.nnz} | ({"kept": made.params["kept"]} if hasattr(made, "params") else {})

    found = measure(A, b, methods(A), repeats, LEARNED, more)
    for best in found.values():
        best["sequence"] = best["setup"] + SOLVES * best["solve"]
    return found


def rows(quick: bool, matrices: int, repeats: int, match: str) -> Iterator[dict[str, Any]]:
    """One row per family, size and method."""
    training = float(MODEL.card.get("training_seconds", math.nan))
    for number, (family, make) in enumerate(families().items()):
        if match not in family:
            continue
        for n in (1000,) if quick else (1000, 4000, 16000):
            runs = []
            for k in range(matrices):
                rng = np.random.default_rng([SEED, number, n, k])
                runs.append(measured(make(n, rng), rng, repeats))
            table = []
            for name in runs[0]:
                mine = [run[name] for run in runs]
                good = [one for one in mine if one.get("residual", math.inf) <= 2 * RTOL]
                row: dict[str, Any] = {"family": family, "points": n, "method": name, "failed": len(mine) - len(good)}
                if good:
                    for key in ("iterations", "fill", "setup", "solve", "sequence"):
                        row[key] = statistics.median(one[key] for one in good)
                if any("kept" in one for one in mine):
                    row["kept"] = sorted({one["kept"] for one in mine if "kept" in one})
                table.append(row)
            learned = next(row for row in table if row["method"] == LEARNED)
            equal = min(
                (r["sequence"] for r in table if r["method"] in EQUAL and not r["failed"]), default=math.inf
            )  # fmt: skip
            gain = equal - learned.get("sequence", math.inf)
            learned["repaid_after"] = math.ceil(training / gain) if gain > 0 else None
            for row in table:
                if "sequence" in row and "sequence" in learned:
                    row["over learned"] = row["sequence"] / learned["sequence"]
                    row["iterations over learned"] = row["iterations"] / learned["iterations"]
                yield row


def text(row: dict[str, Any]) -> str:
    """A line of the table."""
    if "sequence" not in row:
        return f"| {row['family']} | {row['points']} | {row['method']} | | failed | | | | | |"
    ms = [f"{1e3 * row[k]:.1f}" for k in ("setup", "solve", "sequence")]
    repaid = ""
    if row["method"] == LEARNED:
        repaid = "never" if row["repaid_after"] is None else str(row["repaid_after"])
    note = f" ({row['failed']} failed)" if row["failed"] else ""
    others = [name for name in row.get("kept", []) if name != "learned"]
    if others:
        note += f" ({'some ' if 'learned' in row['kept'] else ''}{', '.join(others)})"
    fill = "" if math.isnan(row["fill"]) else f"{row['fill']:.2f}"
    return (
        f"| {row['family']} | {row['points']} | {row['method']}{note} | {fill} | {row['iterations']:g} | {ms[0]} "
        f"| {ms[1]} | {ms[2]} | {row.get('over learned', math.nan):.2f} | {repaid} |"
    )


HEAD = (
    f"| family | points | method | fill | iterations | setup ms | solve ms | {SOLVES} solves ms | over learned | "
    "sequences to repay training |\n|---|---|---|---|---|---|---|---|---|---|"
)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learned_factors", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one size, one matrix each")
    parser.add_argument("--matrices", type=int, help="per family and size (default 5, quick 1)")
    parser.add_argument("--repeats", type=int, help="the fastest of so many counts (default 3, quick 1)")
    parser.add_argument("--match", default="", help="only families whose name contains this")
    parser.add_argument("--out", type=Path, help="folder for learned_factors.json and learned_factors.md")
    args = parser.parse_args(argv)
    matrices = args.matrices or (1 if args.quick else 5)
    repeats = args.repeats or (1 if args.quick else 3)
    print(HEAD)
    table = []
    for row in rows(args.quick, matrices, repeats, args.match):
        table.append(row)
        print(text(row), flush=True)
    if args.out is not None:
        args.out.mkdir(parents=True, exist_ok=True)
        where = machine.describe(machine.cores())
        (args.out / "learned_factors.json").write_text(json.dumps({"machine": where, "rows": table}, indent=1) + "\n")
        (args.out / "learned_factors.md").write_text("\n".join([HEAD, *map(text, table)]) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
