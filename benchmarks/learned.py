"""The scoreboard of learned preconditioners: ``python -m benchmarks.learned [--quick] [--dim 2] [--out DIR]``.

Every family and size is solved to 1e-8 by conjugate gradients with every preconditioner, and directly. Per method: the
iterations, seconds for setup and solve and their sum (medians over matrices never trained on), and for the learned one
after how many solves its training is repaid against the fastest method of the table that learned nothing: "never" where
that is the faster one. Methods that failed or took too many iterations say so. Losses are shown as plainly as wins.
The sparse direct solver is left out where it would take minutes, beyond 32 points a side in three dimensions.
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

from benchmarks import machine
from benchmarks.solvers_timed import Method, direct, measure, pyamg_methods, scipy_cg
from kriss.solve import IC0, ICT, MIC, SSOR, Jacobi, black_box_mg, cg
from kriss.solve.learned import LearnedMultigrid, StencilFactor
from kriss.testing import diffusion2d, diffusion3d, poisson2d, poisson3d, random_diffusion
from kriss.train._problems import KINDS, KINDS3, TENSORS, draw, draw3

RTOL = 1e-8
SEED = 77  # of the matrices; training uses other seeds
MODEL = LearnedMultigrid.pretrained("2d")
MODEL3 = LearnedMultigrid.pretrained("3d")
STENCIL = StencilFactor.pretrained()
MOST = 3000  # iterations
DIRECT = 32**3  # unknowns in three dimensions: 8 s there, and a hundred times that at 64 points a side


def families(dim: int) -> dict[str, Callable[[int, np.random.Generator], Any]]:
    if dim == 3:
        turned = {
            f"{tensor}, {kind}, 3-D": (lambda n, rng, kind=kind, tensor=tensor: draw3(kind, tensor, n, rng))
            for kind in KINDS3
            for tensor in TENSORS
        }
        plain3 = {
            "constant, 3-D": lambda n, rng: poisson3d(n),
            "jumps 1e5, 3-D": lambda n, rng: diffusion3d(n, 1e5, rng=rng),
        }
        return turned | plain3
    rotated = {f"rotated, {kind}": (lambda n, rng, kind=kind: draw(kind, n, rng)) for kind in KINDS}
    plain = {
        "constant": lambda n, rng: poisson2d(n),
        "jumps 1e5": lambda n, rng: diffusion2d(n, 1e5, rng=rng),
        "random diffusion": lambda n, rng: random_diffusion(n, variance=2.0, rng=rng)[0],
    }
    return rotated | plain


def methods(A: Any, shape: tuple[int, ...]) -> dict[str, Method]:
    """Name -> (setup, solve); solve returns (x, iterations)."""

    def ours(M: Any, b: Any) -> Any:
        result = cg(A, b, rtol=RTOL, M=M, maxiter=MOST)
        return result.x, result.iterations

    def ssor() -> Any:
        return SSOR(A, 2.0 / (1.0 + math.sin(math.pi / (max(shape) + 1))))

    model = MODEL if len(shape) == 2 else MODEL3
    out: dict[str, Any] = {
        "SciPy CG": scipy_cg(A, RTOL, MOST),
        "Jacobi": (lambda: Jacobi(A), ours),
        "SSOR": (ssor, ours),
        "IC(0)": (lambda: IC0(A), ours),
        "MIC": (lambda: MIC(A), ours),
        "ICT": (lambda: ICT(A), ours),
        "Black-Box MG": (lambda: black_box_mg(A, shape), ours),
        "LearnedMultigrid": (lambda: model.setup(A, shape), ours),
    }
    if len(shape) == 2 or A.shape[0] <= DIRECT:
        out["sparse direct"] = direct(A)
    if len(shape) == 2:
        out["StencilFactor"] = (lambda: STENCIL.setup(A, shape), ours)
    return out | pyamg_methods(A, RTOL)


def rows(quick: bool, dims: list[int], matrices: int, repeats: int) -> Iterator[dict[str, Any]]:
    """One row per family, size and method."""
    sizes = {2: (64, 128) if quick else (64, 128, 256, 512), 3: (24,) if quick else (32, 64, 96)}
    for dim in dims:
        sides = sizes[dim]
        training = float((MODEL if dim == 2 else MODEL3).card["training_seconds"])
        for number, (family, make) in enumerate(families(dim).items()):
            for n in sides:
                runs = []
                for k in range(matrices):
                    rng = np.random.default_rng([SEED, dim, number, n, k])
                    A = make(n, rng)
                    b = rng.standard_normal(A.shape[0])
                    runs.append(measure(A, b, methods(A, (n,) * dim), repeats, "LearnedMultigrid"))
                table = []
                for name in runs[0]:
                    mine = [run[name] for run in runs]
                    good = [one for one in mine if one.get("residual", math.inf) <= 2 * RTOL]
                    row: dict[str, Any] = {"family": family, "points": f"{n}^{dim}", "method": name, "failed": 0}
                    row["failed"] = len(mine) - len(good)
                    if good:
                        for key in ("iterations", "setup", "solve"):
                            row[key] = statistics.median(one[key] for one in good)
                        row["total"] = statistics.median(one["setup"] + one["solve"] for one in good)
                    if name == "LearnedMultigrid":
                        row["kept"] = sorted({one["kept"] for one in mine if "kept" in one})
                        row["training"] = training if row["kept"] == ["learned"] else 0.0
                    table.append(row)
                classical = min(
                    (
                        r["total"]
                        for r in table
                        if r["method"] not in ("LearnedMultigrid", "StencilFactor") and not r["failed"]
                    ),
                    default=math.inf,
                )
                for row in table:
                    if row.get("training"):
                        gain = classical - row.get("total", math.inf)
                        row["repaid_after"] = math.ceil(training / gain) if gain > 0 else None
                    yield row


def text(row: dict[str, Any]) -> str:
    """A line of the table."""
    if "total" not in row:
        return f"| {row['family']} | {row['points']} | {row['method']} | failed | | | | |"
    ms = [f"{1e3 * row[k]:.1f}" for k in ("setup", "solve", "total")]
    repaid = ""
    if row.get("training"):
        repaid = "never" if row["repaid_after"] is None else str(row["repaid_after"])
    note = f" ({row['failed']} failed)" if row["failed"] else ""
    if row.get("kept") == ["black box"]:
        note += " (Black-Box)"
    return (
        f"| {row['family']} | {row['points']} | {row['method']}{note} | {row['iterations']:g} | {ms[0]} | {ms[1]} "
        f"| {ms[2]} | {repaid} |"
    )


HEAD = (
    "| family | points | method | iterations | setup ms | solve ms | total ms | solves to repay training |\n"
    "|---|---|---|---|---|---|---|---|"
)


def plot(table: list[dict[str, Any]], path: Path) -> None:
    """Total time over size, a panel per family."""
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(row["family"] for row in table))
    columns = min(4, len(names))
    figure = Figure(figsize=(4 * columns, 3.2 * -(-len(names) // columns) + 1.0), layout="constrained")
    panels = np.atleast_1d(figure.subplots(-(-len(names) // columns), columns)).ravel()
    methods = list(dict.fromkeys(row["method"] for row in table))
    for axes, family in zip(panels, names, strict=False):
        for number, method in enumerate(methods):
            mine = [r for r in table if (r["family"], r["method"]) == (family, method) and "total" in r]
            learned = method == "LearnedMultigrid"
            axes.loglog(
                [int(r["points"].split("^")[0]) for r in mine], [r["total"] for r in mine], label=method,
                marker="o" if learned else ".", linewidth=2.5 if learned else 0.8,
                color="black" if learned else f"C{number % 10}", linestyle="-" if number < 10 else "--",
            )  # fmt: skip
        sides = sorted({int(r["points"].split("^")[0]) for r in table if r["family"] == family})
        axes.set_xticks(sides, map(str, sides))
        axes.set_xticks([], minor=True)
        axes.set_title(family)
        axes.set_xlabel("points per side")
        axes.set_ylabel("setup and solve, s")
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=6, fontsize="small")
    figure.savefig(path, dpi=120)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learned", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller sizes, one matrix each")
    parser.add_argument("--dim", type=int, choices=(2, 3), nargs="+", default=[2, 3], help="dimensions")
    parser.add_argument("--matrices", type=int, help="per family and size (default 5, quick 1)")
    parser.add_argument("--repeats", type=int, help="the fastest of so many counts (default 3, quick 1)")
    parser.add_argument("--match", default="", help="only families whose name contains this")
    parser.add_argument("--out", type=Path, help="folder for learned_2d.json and so on: rows, table and picture")
    args = parser.parse_args(argv)
    matrices = args.matrices or (1 if args.quick else 5)
    repeats = args.repeats or (1 if args.quick else 3)
    print(HEAD)
    table = []
    if args.match:
        every = families
        globals()["families"] = lambda dim: {k: v for k, v in every(dim).items() if args.match in k}
    for row in rows(args.quick, args.dim, matrices, repeats):
        table.append(row)
        print(text(row), flush=True)
    if args.out is not None:
        args.out.mkdir(parents=True, exist_ok=True)
        where = machine.describe(machine.cores())
        for dim in args.dim:
            mine = [row for row in table if row["points"].endswith(f"^{dim}")]
            to = args.out / f"learned_{dim}d"
            to.with_suffix(".json").write_text(json.dumps({"machine": where, "rows": mine}, indent=1) + "\n")
            to.with_suffix(".md").write_text("\n".join([HEAD, *map(text, mine)]) + "\n")
            plot(mine, to.with_suffix(".png"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
