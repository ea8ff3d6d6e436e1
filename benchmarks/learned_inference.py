"""The networks and the limits of one core: ``python -m benchmarks.learned_inference [--quick] [--out DIR]``.

Per network and size: the time of the kernel, the flops and bytes that it needs, and what these take at the speed of a
loop of products and sums in registers, and of a triad over as much memory, on one thread in the same rounds; the best
of the rounds counts. Convolutions are held against the flops; whole networks of search directions are counted by their
convolutions alone, with every other step in their time, and a chain of convolutions of 4, 8 and 16 channels is measured
too. Messages are held against the longer of the two limits: bytes are those of the arrays that each pass reads and
writes, gathered rows once per node and pass. The last column is their time over what these bytes would take from main
memory, by a triad over several times the caches.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks import machine
from kriss._backend import kernels
from kriss.solve._order import rcm_order
from kriss.solve.learned import DeepConjugateDirection, GraphFactor, LearnedSPAI, StencilFactor
from kriss.solve.learned import _direction_network as direction
from kriss.solve.learned import _graph_network as graph
from kriss.solve.learned import _spai_network as spai
from kriss.solve.learned import _stencil_network as stencil
from kriss.testing import mesh_diffusion, poisson2d, poisson3d

ROUNDS = 15
HEAD = (
    "| network | size | ms | GFLOP/s | GB/s | limit ms | limited by | times the limit | times main memory's |\n"
    "|---|---|---|---|---|---|---|---|---|"
)
STEPS = 1 << 20  # of the loop


class Case(NamedTuple):
    """A kernel with what it needs."""

    network: str
    size: str
    run: Callable[[], Any]
    flops: float
    bytes: float | None = None  # where they count
    held: int = 0  # bytes of its arrays


def directions(quick: bool) -> Iterator[Case]:
    """Networks of search directions, once over the grid."""
    rng = np.random.default_rng(5)
    sides = {"2d": (64, 128, 256), "2d published": (64, 128, 256), "3d": (32, 48)}
    for name, every in sides.items():
        for n in every[:1] if quick else every:
            dim = 3 if name == "3d" else 2
            A = (poisson2d if dim == 2 else poisson3d)(n)
            M = DeepConjugateDirection.pretrained(name).setup(A, (n,) * dim)
            program, grids = M._program, M._grids
            points = np.prod(grids.sizes, axis=1)
            kind, level, inputs, outputs = program.steps[:, :4].T
            through = inputs * outputs * points[level]
            flops = 2.0 * 3**dim * through[kind == direction.CONVOLVE].sum()
            r, out = rng.standard_normal(A.shape[0]), np.empty(A.shape[0])
            yield Case(
                f"DeepConjugateDirection, {name}", f"{n}^{dim}", lambda M=M, r=r, out=out: M.apply(r, out), flops
            )


def chains(quick: bool) -> Iterator[Case]:
    """Convolutions alone: one after the other between two images, and the sum at the end that a program has to have."""
    n, depth = 128, 20
    rng = np.random.default_rng(5)
    g = direction.grids("published", np.ones((n, n), bool), np.zeros((n, n)))
    image = direction.image(g.sizes[0], True)
    run = kernels(direction.FAMILY).run
    for c in (4,) if quick else (4, 8, 16):
        steps = [[direction.CONVOLVE, 0, 1, c, 0, 0, -1, 0, -1, -1, image]]
        places = [image, image * (1 + c)]
        for k in range(depth):
            steps.append([direction.CONVOLVE, 0, c, c, 1, places[k % 2], -1, 0, -1, -1, places[(k + 1) % 2]])
        steps.append([direction.SUM, 0, c, 1, 0, places[depth % 2], -1, 0, -1, -1, image * (1 + 2 * c)])
        program = np.array(steps, np.int64)
        weights = (rng.standard_normal(9 * c * c) / (3.0 * c)).astype(np.float32)
        room = np.zeros(image * (2 + 2 * c), np.float32)
        r, out = rng.standard_normal(n * n), np.empty(n * n)

        def once(program: Any = program, weights: Any = weights, room: Any = room, r: Any = r, out: Any = out) -> None:
            run(program, weights, g.sizes, True, g.fields, g.cells, r, out, 1.0, room, 1)

        yield Case(f"{depth} convolutions of {c} channels", f"{n}^2", once, 18.0 * c * (depth * c + 1) * n * n)


def convolutions(quick: bool) -> Iterator[Case]:
    """The layers of StencilFactor."""
    weights = StencilFactor.pretrained().weights
    kernel = kernels(stencil.FAMILY).convolve
    for n in (64,) if quick else (64, 256):
        image = np.random.default_rng(5).standard_normal((n + 2, n + 2, stencil.CHANNELS)).astype(np.float32)
        rooms = [np.zeros((n + 2, n + 2, stencil.WIDTH), np.float32) for _ in range(2)]
        channels = [stencil.CHANNELS] + [stencil.WIDTH] * stencil.LAYERS

        def run(image: Any = image, rooms: Any = rooms) -> None:
            x = image
            for k in range(stencil.LAYERS):
                kernel(x, weights[f"w{k}"], weights[f"b{k}"], True, rooms[k % 2], 1)
                x = rooms[k % 2]

        pairs = list(itertools.pairwise(channels))
        yield Case("StencilFactor, its convolutions", f"{n}^2", run, sum(18.0 * a * b for a, b in pairs) * n * n)


def messages(quick: bool) -> Iterator[Case]:
    """Message passing over the graphs of meshes."""
    models = (GraphFactor.pretrained(), LearnedSPAI.pretrained())
    for model in models:
        for n in (4000,) if quick else (4000, 20000, 100_000):
            A = mesh_diffusion(n, 1e-2, 0.7)
            order = rcm_order(A)
            A = A[order][:, order].tocsr()
            A.sort_indices()
            if model is models[0]:
                g, rounds = graph.graph(A, GraphFactor.start(A)[0]), graph.ROUNDS
            else:
                g, rounds = spai.graph(A, 2.0), spai.ROUNDS
            net, m, lost = model._net, g.row.size, g.other.size
            width, row = graph.WIDTH, 4.0 * graph.WIDTH
            square = 2.0 * width * width
            flops = n * (2.0 * g.nodes.shape[1] + 2.0) * width + m * (2.0 * g.edges.shape[1] + 2.0) * width
            flops += rounds * (n * 8 * square + m * 2 * square + (2 * m + 4 * lost) * width)
            # x and e written; P and Q; the pass over edges; that over nodes, which meets every edge twice
            moved = 4.0 * (g.nodes.size + g.edges.size) + (n + m) * (row + row + 4.0)
            moved += rounds * (n * 3 * row + m * (2 * row + 8.0) + n * 2 * row)
            moved += rounds * (m * (2 * row + 4.0) + n * (3 * row + 12.0) + 8.0 * lost)
            yield Case(
                f"{type(model).__name__}, message passing", f"{n} nodes",
                lambda net=net, g=g, rounds=rounds: graph.outputs(net, g, 1, rounds), flops, moved,
                int(row) * (3 * n + m) + sum(v.nbytes for v in g),
            )  # fmt: skip


def seconds(run: Callable[[], Any]) -> float:
    """Of one call, of as many as take 5 ms."""
    started = time.perf_counter()
    run()
    count = max(1, int(5e-3 / max(time.perf_counter() - started, 1e-6)))
    started = time.perf_counter()
    for _ in range(count):
        run()
    return (time.perf_counter() - started) / count


def rows(quick: bool) -> Iterator[dict[str, Any]]:
    """One row per case: the best of rounds in which case, loop and triad take turns."""
    x = np.ones(256, np.float32)
    multiply_adds = kernels("math").multiply_adds
    main = machine.triad_bandwidth(1)
    for cases in (directions, chains, convolutions, messages):
        for case in cases(quick):
            triad = None if case.bytes is None else machine.Triad(1, case.held)
            times, peaks, bands = [], [], []
            for _ in range(3 if quick else ROUNDS):
                times.append(seconds(case.run))
                started = time.perf_counter()
                done = multiply_adds(STEPS, 0.5, 0.5, x)
                peaks.append(done / (time.perf_counter() - started))
                if triad is not None:
                    bands.append(triad.bandwidth())
            took, peak = min(times), max(peaks)
            limits = {"flops": case.flops / peak}
            if case.bytes is not None:
                limits["bytes"] = case.bytes / max(bands)
            by = max(limits, key=lambda k: limits[k])
            yield {
                "network": case.network, "size": case.size, "seconds": took, "flops": case.flops, "bytes": case.bytes,
                "multiply_adds": peak, "triad": max(bands, default=None), "limit": limits[by], "limited_by": by,
                "times_the_limit": took / limits[by], "main_memory": main,
                "times_main_memory": None if case.bytes is None else took / (case.bytes / main),
            }  # fmt: skip


def text(row: dict[str, Any]) -> str:
    """A line of the table."""
    moved = "" if row["bytes"] is None else f"{row['bytes'] / row['seconds'] / 1e9:.1f}"
    main = "" if row["bytes"] is None else f"{row['times_main_memory']:.2f}"
    rates = f"{row['flops'] / row['seconds'] / 1e9:.0f} | {moved}"
    return (
        f"| {row['network']} | {row['size']} | {1e3 * row['seconds']:.3g} | {rates} | {1e3 * row['limit']:.3g} "
        f"| {row['limited_by']} | {row['times_the_limit']:.2f} | {main} |"
    )


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learned_inference", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the smallest sizes, three rounds")
    parser.add_argument("--out", type=Path, help="folder for learned_inference.json and .md")
    args = parser.parse_args(argv)
    print(HEAD)
    table = []
    with machine.limited_to(1):
        for row in rows(args.quick):
            table.append(row)
            print(text(row), flush=True)
        if args.out is not None:
            args.out.mkdir(parents=True, exist_ok=True)
            where = machine.describe(1)
            to = args.out / "learned_inference.json"
            to.write_text(json.dumps({"machine": where, "rows": table}, indent=1) + "\n")
            speed = max(row["multiply_adds"] for row in table) / 1e9
            main = table[0]["main_memory"] / 1e9
            note = f"One thread: {speed:.0f} GFLOP/s of products and sums in registers, {main:.0f} GB/s in main memory."
            to.with_suffix(".md").write_text("\n".join([HEAD, *map(text, table), "", note]) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
