"""Multigrid against PyAMG: Black-Box multigrid end to end, and PyAMG's own hierarchies run natively.

End to end means setup and solve to 1e-8, with conjugate gradients on both sides; PyAMG's two methods run with their
default options and ``accel="cg"``; other options were not tried. Setup alone is shown by cases of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import scipy.sparse as sps

from benchmarks.harness import Case
from kriss.solve import black_box_mg, cg, from_pyamg
from kriss.testing import diffusion2d, diffusion3d, poisson2d, poisson3d, random_diffusion

RTOL = 1e-8


def _methods() -> dict[str, Callable[[Any], Any]]:
    try:
        import pyamg
    except ImportError:
        return {}
    return {"PyAMG SA": pyamg.smoothed_aggregation_solver, "PyAMG RS": pyamg.ruge_stuben_solver}


def _end_to_end(name: str, A: Any, shape: tuple[int, ...], target: float | None) -> Iterable[Case]:
    b = np.random.default_rng(0).standard_normal(A.shape[0])
    old = sps.csr_matrix(A)

    def ours() -> Any:
        return cg(A, b, rtol=RTOL, M=black_box_mg(A, shape)).x

    def peer(method: Callable[[Any], Any]) -> Callable[[], Any]:
        return lambda: method(old).solve(b, tol=RTOL, accel="cg", maxiter=200)

    done = cg(A, b, rtol=RTOL, M=black_box_mg(A, shape))
    counts = []
    for label, method in _methods().items():
        norms: list[float] = []
        method(old).solve(b, tol=RTOL, accel="cg", maxiter=200, residuals=norms)
        counts.append(f"{label} {len(norms) - 1}")
    yield Case(
        f"Black-Box MG + CG, {name}, setup and solve",
        ours,
        {label: peer(method) for label, method in _methods().items()},
        accuracy=lambda x: float(np.linalg.norm(b - A @ x) / np.linalg.norm(b)),
        accuracy_name="||b - A x|| / ||b||",
        target=target,
        note=f"Iterations: ours {done.iterations}{''.join(', ' + c for c in counts)}. The ratio is to the faster peer.",
    )
    yield Case(
        f"Black-Box MG, {name}, setup alone",
        lambda: black_box_mg(A, shape),
        {label: (lambda m=method: m(old)) for label, method in _methods().items()},
    )


def _cycle(name: str, A: Any, target: float | None) -> Iterable[Case]:
    r = np.random.default_rng(0).standard_normal(A.shape[0])
    for label, method in _methods().items():
        np.random.seed(0)  # noqa: NPY002 - PyAMG draws from the global generator
        ml = method(sps.csr_matrix(A))
        M = from_pyamg(ml)
        z = np.empty_like(r)
        bare = ml._MultilevelSolver__solve

        def theirs(bare: Any = bare) -> Any:
            x = np.zeros_like(r)
            bare(0, x, r, "V")
            return x

        operator = ml.aspreconditioner(cycle="V")
        yield Case(
            f"V cycle of {label}, {name}",
            lambda M=M, z=z: M.apply(r, z),
            {"PyAMG, bare cycle": theirs, "PyAMG, aspreconditioner": lambda operator=operator: operator @ r},
            accuracy=lambda x, A=A: float(np.linalg.norm(r - A @ x) / np.linalg.norm(r)),
            accuracy_name="||r - A z|| / ||r||",
            target=target,
            target_peer="PyAMG, bare cycle",
            note="The same hierarchy; aspreconditioner computes two residual norms besides.",
        )


def cases(quick: bool) -> Iterable[Case]:
    for n in (256,) if quick else (256, 512, 1024):
        yield from _end_to_end(f"{n}^2 jumps 1e5", diffusion2d(n, 1e5), (n, n), None if quick else 3.0)
        yield from _end_to_end(f"{n}^2 random diffusion", random_diffusion(n)[0], (n, n), None if quick else 3.0)
    n = 32 if quick else 96
    yield from _end_to_end(f"{n}^3 jumps 1e5", diffusion3d(n, 1e5), (n,) * 3, None if quick else 2.0)
    side = 128 if quick else 512
    yield from _cycle(f"{side}^2 five-point", poisson2d(side), None if quick else 2.0)
    yield from _cycle(f"{side // 2}^2 jumps 1e5", diffusion2d(side // 2, 1e5), None if quick else 2.0)
    yield from _cycle(f"{side // 8}^3 seven-point", poisson3d(side // 8), None if quick else 2.0)
