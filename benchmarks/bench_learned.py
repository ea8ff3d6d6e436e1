"""Learned multigrid end to end, setup and solve to 1e-8, beside Black-Box multigrid and PyAMG.

The scoreboard over all families and methods is ``python -m benchmarks.learned``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import scipy.sparse as sps

from benchmarks.harness import Case
from kriss.solve import black_box_mg, cg
from kriss.solve.learned import LearnedMultigrid
from kriss.testing import anisotropic2d, diffusion2d, random_diffusion
from kriss.train._problems import draw

RTOL = 1e-8


def _case(name: str, A: Any, n: int, target: float | None, box: float | None) -> Case:
    model = LearnedMultigrid.pretrained("2d")
    b = np.random.default_rng(0).standard_normal(n * n)
    old = sps.csr_matrix(A)

    def ours() -> Any:
        return cg(A, b, rtol=RTOL, M=model.setup(A, (n, n))).x

    def classical() -> Any:
        return cg(A, b, rtol=RTOL, M=black_box_mg(A, (n, n)), maxiter=1000).x

    peers: dict[str, Callable[[], Any]] = {"Black-Box MG": classical}
    try:
        import pyamg

        peers["PyAMG SA"] = lambda: pyamg.smoothed_aggregation_solver(old).solve(b, tol=RTOL, accel="cg", maxiter=500)
        peers["PyAMG RS"] = lambda: pyamg.ruge_stuben_solver(old).solve(b, tol=RTOL, accel="cg", maxiter=500)
    except ImportError:
        pass
    counts = [
        cg(A, b, rtol=RTOL, M=M, maxiter=1000).iterations for M in (model.setup(A, (n, n)), black_box_mg(A, (n, n)))
    ]
    also = {"Black-Box MG": box} if box is not None else {}
    fastest = {"PyAMG SA": target, "PyAMG RS": target} if target is not None and len(peers) > 1 else {}
    return Case(
        f"learned multigrid + CG, {name}, {n}^2",
        ours,
        peers,
        accuracy=lambda x: float(np.linalg.norm(b - A @ x) / np.linalg.norm(b)),
        accuracy_name="||b - A x|| / ||b||",
        also={**also, **{k: v for k, v in fastest.items() if v is not None}},
        note=f"Iterations: ours {counts[0]}, Black-Box MG {counts[1]}.",
    )


def cases(quick: bool) -> Iterable[Case]:
    for n in (64, 128) if quick else (64, 128, 256, 512):
        target = 1.5 if n >= 256 else None
        rng = np.random.default_rng(5)
        for epsilon in (1e-1, 1e-3):
            yield _case(f"1:{epsilon:g} at 30 degrees", anisotropic2d(n, epsilon, np.pi / 6), n, target, 1.0)
        yield _case("turning tensor", draw("turning", n, rng), n, target, 1.0)
        yield _case("jumps 1e5", diffusion2d(n, 1e5), n, target, 0.95)
        yield _case("random diffusion", random_diffusion(n)[0], n, target, 0.95)
