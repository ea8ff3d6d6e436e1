"""Deep conjugate directions against what learns nothing: ``python -m benchmarks.learned_dcd [--quick] [--out DIR]``.

Poisson problems on an empty square and around solid cells, 64 to 256 points per side, to 1e-4: how the residual falls,
mean iterations, and median seconds for setup and solve, over 25 domains of either kind of walls. "of CG's" is the
median of the ratios. Runs in which a network was left for the diagonal have failed: they count in no mean and are in no
picture, which shows the first domain of each kind. Deflated conjugate gradients get 20 vectors that a solve with
another right-hand side has left; that solve is their setup. The domains come from seeds that training never saw.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine
from kriss.solve import IC0, MIC, black_box_mg, cg, deflated_cg
from kriss.solve.learned import DeepConjugateDirection
from kriss.testing import masked_poisson
from kriss.train._domains import domain

RTOL = 1e-4
SEED = 78
KEPT = 20  # vectors of deflation
DOMAINS = 25  # of each kind with solids
NETWORKS = {"DCD, recursive": ("2d", 8), "DCD, published": ("2d published", 2)}  # file, directions kept
HEAD = (
    "| domain | points | method | iterations | of CG's | setup ms | solve ms | total ms |\n"
    "|---|---|---|---|---|---|---|---|"
)


def domains(n: int) -> dict[str, list[tuple[Any, str]]]:
    """Name -> (mask, kind of walls) of some; the same shapes at every size."""
    out: dict[str, list[tuple[Any, str]]] = {"empty": [(np.ones((n, n), bool), "dirichlet")]}
    for kind in ("neumann", "dirichlet"):
        out[f"solids, {kind}"] = []
    k = 0
    while any(len(some) < DOMAINS for name, some in out.items() if name != "empty"):
        mask, walls = domain((n, n), np.random.default_rng([SEED, k]))
        k += 1
        some = out[f"solids, {walls}"]
        if len(some) < DOMAINS and not mask.all():
            some.append((mask, walls))
    return out


def methods(A: Any, mask: Any, n: int) -> dict[str, tuple[Callable[[], Any], Callable[[Any, Any], Any]]]:
    """Name -> (setup, solve)."""
    plain: dict[str, Any] = {"rtol": RTOL, "residuals": True, "maxiter": 10000}
    other = np.random.default_rng([SEED, n]).standard_normal(A.shape[0])

    def with_m(M: Any, b: Any) -> Any:
        return cg(A, b, M=M, **plain)

    out: dict[str, Any] = {
        "CG": (lambda: None, with_m),
        "deflated CG": (
            lambda: deflated_cg(A, other, recycle=KEPT, rtol=RTOL).recycled,
            lambda space, b: deflated_cg(A, b, space=space, recycle=KEPT, **plain),
        ),
        "IC(0)": (lambda: IC0(A), with_m),
        "MIC": (lambda: MIC(A), with_m),
    }
    if mask.all():
        out["Black-Box MG"] = (lambda: black_box_mg(A, (n, n)), with_m)
    for name, (file, memory) in NETWORKS.items():
        model = DeepConjugateDirection.pretrained(file)
        out[name] = (
            lambda model=model: model.setup(A, (n, n), mask),
            lambda M, b, memory=memory: M.solve(A, b, memory=memory, **plain),
        )
    return out


def rows(sizes: tuple[int, ...], repeats: int) -> Iterator[dict[str, Any]]:
    """One row per kind of domain, size and method."""
    for n in sizes:
        for name, some in domains(n).items():
            found: dict[str, list[dict[str, Any]]] = {}
            for mask, walls in some:
                A = masked_poisson(mask, walls=walls)
                b = np.random.default_rng([SEED, 1, n]).standard_normal(A.shape[0])
                for method, (setup, solve) in methods(A, mask, n).items():
                    found.setdefault(method, []).append(one(A, b, setup, solve, repeats))
            plain = [run["iterations"] for run in found["CG"]]
            for method, runs in found.items():
                good = [k for k, run in enumerate(runs) if run["residual"] <= 1.01 * RTOL and not run["left"]]
                row: dict[str, Any] = {"domain": name, "points": n, "method": method, "failed": len(runs) - len(good)}
                row["all"] = [run["iterations"] for run in runs]
                if good:
                    row["iterations"] = statistics.fmean(runs[k]["iterations"] for k in good)
                    for key in ("setup", "solve"):
                        row[key] = statistics.median(runs[k][key] for k in good)
                    row["least"], row["most"] = (f(runs[k]["iterations"] for k in good) for f in (min, max))
                    row["of_cg"] = statistics.median(runs[k]["iterations"] / plain[k] for k in good)
                yield row | {"statuses": sorted({run["status"] for run in runs}), "curve": runs[0]["curve"]}


def one(A: Any, b: Any, setup: Callable[[], Any], solve: Callable[[Any, Any], Any], repeats: int) -> dict[str, Any]:
    """A method on a domain; times are the fastest of the repeats."""
    seconds = [np.inf, np.inf]
    for _ in range(repeats):
        begun = time.perf_counter()
        M = setup()
        between = time.perf_counter()
        result = solve(M, b)
        ended = time.perf_counter()
        seconds = [min(seconds[0], between - begun), min(seconds[1], ended - between)]
    norm = float(np.linalg.norm(b))
    left = result.params.get("kept") == "jacobi"  # a network that was left has failed
    return {
        "status": result.params["reason"] if left else result.status, "left": left, "iterations": result.iterations,
        "setup": seconds[0], "solve": seconds[1],
        "residual": float(np.linalg.norm(b - A @ result.x)) / norm,
        "curve": [] if left else [float(f"{v / norm:.3e}") for v in result.residuals],
    }  # fmt: skip


def text(row: dict[str, Any]) -> str:
    """A line of the table."""
    head = f"| {row['domain']} | {row['points']}² | {row['method']} |"
    if "setup" not in row:
        return f"{head} {', '.join(row['statuses'])} at {row['all']} | | | | |"
    setup, solve = 1e3 * row["setup"], 1e3 * row["solve"]
    spread = f" ({row['least']} to {row['most']})" if len(row["all"]) > 1 else ""
    failed = f", {row['failed']} failed" if row["failed"] else ""
    return (
        f"{head} {row['iterations']:.1f}{spread}{failed} | {100 * row['of_cg']:.0f}% | {setup:.1f} | {solve:.1f} "
        f"| {setup + solve:.1f} |"
    )


def plot(table: list[dict[str, Any]], path: Path) -> None:
    """Residuals over iterations, a panel per domain and size."""
    from matplotlib.figure import Figure

    colours = {name: f"C{k}" for k, name in enumerate(dict.fromkeys(row["method"] for row in table))}
    names, sizes = (list(dict.fromkeys(row[key] for row in table)) for key in ("domain", "points"))
    figure = Figure(figsize=(4 * len(sizes), 3 * len(names)), layout="constrained")
    panels = np.atleast_2d(figure.subplots(len(names), len(sizes), sharey=True)).reshape(len(names), len(sizes))
    for k, name in enumerate(names):
        for j, n in enumerate(sizes):
            axes = panels[k, j]
            for row in table:
                if (row["domain"], row["points"]) == (name, n):
                    ours = row["method"] in NETWORKS
                    axes.loglog(
                        np.arange(1, len(row["curve"]) + 1), row["curve"], label=row["method"],
                        color=colours[row["method"]], linewidth=2.0 if ours else 1.0,
                    )  # fmt: skip
            axes.axhline(RTOL, color="0.7", linewidth=0.5)
            axes.set_title(f"{name}, {n} by {n}")
            axes.set_xlabel("iteration + 1")
        panels[k, 0].set_ylabel("residual over that of 0")
    panels[0, 0].legend(fontsize="x-small")
    figure.savefig(path, dpi=110)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learned_dcd", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="64 points per side, one count")
    parser.add_argument("--repeats", type=int, default=3, help="times are the fastest of so many")
    parser.add_argument("--out", type=Path, help="folder for learned_dcd.json, .md and .png")
    args = parser.parse_args(argv)
    print(HEAD)
    table = []
    for row in rows((64,) if args.quick else (64, 128, 256), 1 if args.quick else args.repeats):
        table.append(row)
        print(text(row), flush=True)
    if args.out is not None:
        args.out.mkdir(parents=True, exist_ok=True)
        where = machine.describe(machine.cores())
        (args.out / "learned_dcd.json").write_text(json.dumps({"machine": where, "rows": table}) + "\n")
        (args.out / "learned_dcd.md").write_text("\n".join([HEAD, *map(text, table)]) + "\n")
        plot(table, args.out / "learned_dcd.png")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
