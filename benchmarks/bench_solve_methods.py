"""Krylov methods against SciPy's, for the same iterations on the same matrix; several right-hand sides per column."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as scipy_linalg

from benchmarks.harness import Case
from kriss.scipy.sparse import linalg as mirror
from kriss.solve import cg, fgmres, gmres
from kriss.testing import diffusion2d, poisson2d, poisson3d


def _residual(A: Any, b: np.ndarray) -> Callable[[Any], float]:
    return lambda result: float(np.linalg.norm(b - A @ next(iter(result))) / np.linalg.norm(b))


def _box27(size: int) -> Any:
    """27-point matrix on size^3: diagonally dominant, all neighbours -1."""
    line = sp.diags_array([1.0, 1.0, 1.0], offsets=[-1, 0, 1], shape=(size, size))
    return sp.csr_array(27.5 * sp.eye_array(size**3) - sp.kron(sp.kron(line, line), line))


def _columns(name: str, A: Any, steps: int, target: float | None, note: str = "") -> Case:
    B = np.random.default_rng(0).standard_normal((A.shape[0], 8))

    def theirs() -> Any:
        return np.stack([scipy_linalg.cg(A, B[:, j], rtol=1e-300, maxiter=steps)[0] for j in range(8)], axis=1), 0

    return Case(
        f"CG on 8 right-hand sides, {steps} iterations, {name}",
        lambda: cg(A, B, rtol=0.0, maxiter=steps),
        {"scipy, 8 solves": theirs},
        accuracy=_residual(A, B),
        accuracy_name="||b - A x|| / ||b||",
        target=target,
        target_peer="scipy, 8 solves",
        note=f"The ratio is per right-hand side. {note}".strip(),
    )


def cases(quick: bool) -> Iterable[Case]:
    side, box, fine = (300, 40, 32) if quick else (1000, 100, 64)
    steps = 10 if quick else 30
    five = poisson2d(side)
    yield _columns(f"{side}x{side} five-point", five, steps, 3.0)
    yield _columns(f"{box}^3 seven-point", poisson3d(box), steps, 3.0)
    yield _columns(f"{fine}^3 27-point", _box27(fine), steps, 5.0)
    order = np.random.default_rng(1).permutation(side * side)
    yield _columns(f"{side}x{side} five-point in random order", five[order][:, order].tocsr(), steps, None)

    blocks = 128 if quick else 256
    jumps = diffusion2d(blocks, contrast=1e3)
    B = np.random.default_rng(0).standard_normal((jumps.shape[0], 8))
    counts = [cg(jumps, B, rtol=1e-8, M="jacobi", block=block).iterations for block in (True, False)]
    yield Case(
        f"Block CG + Jacobi on 8 right-hand sides to 1e-8, {blocks}x{blocks} diffusion with jumps",
        lambda: cg(jumps, B, rtol=1e-8, M="jacobi", block=True),
        {"ours, independent columns": lambda: cg(jumps, B, rtol=1e-8, M="jacobi")},
        accuracy=_residual(jumps, B),
        accuracy_name="||b - A x|| / ||b||",
        note=f"{counts[0]} iterations against {counts[1]}. An iteration of the block costs more: where a product and M "
        "cost as little as here, independent columns win.",
    )

    A = (five + sp.diags_array([-0.4, 0.4], offsets=[-1, 1], shape=five.shape)).tocsr()
    b = np.random.default_rng(0).standard_normal(A.shape[0])
    inverse = sp.diags_array(1 / A.diagonal()).tocsr()
    for restart in (20, 50):
        yield Case(
            f"GMRES({restart}), two cycles, {side}x{side} convection",
            lambda restart=restart: gmres(A, b, rtol=0.0, restart=restart, maxiter=2 * restart),
            {"scipy": lambda restart=restart: scipy_linalg.gmres(A, b, rtol=1e-300, restart=restart, maxiter=2)},
            accuracy=_residual(A, b),
            accuracy_name="||b - A x|| / ||b||",
            target=2.0,
            target_peer="scipy",
            note="Equal iterations.",
        )
    yield Case(
        f"FGMRES(20) with Jacobi, two cycles, {side}x{side} convection",
        lambda: fgmres(A, b, rtol=0.0, restart=20, maxiter=40, M="jacobi"),
        {"scipy gmres, M left": lambda: scipy_linalg.gmres(A, b, rtol=1e-300, restart=20, maxiter=2, M=inverse)},
        accuracy=_residual(A, b),
        accuracy_name="||b - A x|| / ||b||",
        target=2.0,
        target_peer="scipy gmres, M left",
        note="Equal iterations; SciPy has no flexible GMRES.",
    )
    yield Case(
        f"Mirror of gcrotmk (m=20, k=10), three cycles, {side}x{side}",
        lambda: mirror.gcrotmk(A, b, rtol=1e-300, m=20, k=10, maxiter=3),
        {"scipy": lambda: scipy_linalg.gcrotmk(A, b, rtol=1e-300, m=20, k=10, maxiter=3)},
        accuracy=_residual(A, b),
        accuracy_name="||b - A x|| / ||b||",
        target=1.5,
        target_peer="scipy",
        note="Equal iterations.",
    )
    for name, matrix, most in (("gmres", A, 2), ("bicgstab", A, 20), ("minres", five, 30)):
        yield Case(
            f"Mirror of {name}, maxiter={most}, {side}x{side}",
            lambda name=name, matrix=matrix, most=most: getattr(mirror, name)(matrix, b, rtol=1e-300, maxiter=most),
            {
                "scipy": lambda name=name, matrix=matrix, most=most: getattr(scipy_linalg, name)(
                    matrix, b, rtol=1e-300, maxiter=most
                )
            },
            accuracy=_residual(matrix, b),
            accuracy_name="||b - A x|| / ||b||",
            target=2.0 if name == "gmres" else None,
            target_peer="scipy",
            note="Equal iterations.",
        )
    yield Case(
        f"CG in mixed precision to 1e-10, {side}x{side} five-point",
        lambda: cg(five, b, rtol=1e-10, mixed=True, M="jacobi"),
        {"ours in float64": lambda: cg(five, b, rtol=1e-10, M="jacobi")},
        accuracy=_residual(five, b),
        accuracy_name="||b - A x|| / ||b||",
        note="Restarts cost iterations; what is saved is half the traffic of each.",
    )
