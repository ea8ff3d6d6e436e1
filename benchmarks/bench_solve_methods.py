"""Krylov methods against SciPy's, for the same iterations on the same matrix; several right-hand sides per column."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as scipy_linalg

from benchmarks.harness import Case
from kriss.scipy.sparse import linalg as mirror
from kriss.solve import cg, fgmres, gcrodr, gmres
from kriss.testing import (
    convection_diffusion2d,
    diffusion2d,
    gaussian_field,
    helmholtz2d,
    poisson2d,
    poisson3d,
)
from kriss.testing._grids import finite_volumes


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


Sequence = list[tuple[Any, np.ndarray]]


def _in_turn(systems: Sequence, solver: Callable[..., Any], recycling: bool = False) -> Callable[[], Any]:
    """Solves a sequence; returns products and the worst residual."""

    def run() -> tuple[int, float]:
        products, worst, space = 0, 0.0, None
        for A, b in systems:
            result = solver(A, b, space=space) if recycling else solver(A, b)
            space = result.recycled
            products += result.matvecs
            worst = max(worst, result.residual_norm / float(np.linalg.norm(b)))
        return products, worst

    return run


def _gcrotmk(systems: Sequence) -> Callable[[], Any]:
    """SciPy's GCROT with 10 pairs handed on, whose images are computed anew as A changes."""

    def run() -> tuple[int, float]:
        products, worst = 0, 0.0
        pairs: list[Any] = []
        for A, b in systems:
            count = [0]

            def product(x: Any, A: Any = A, count: list[int] = count) -> Any:
                count[0] += 1
                return A @ x

            counted = scipy_linalg.LinearOperator(A.shape, matvec=product, dtype=A.dtype)
            M = sp.diags_array(1 / A.diagonal())
            x, _ = scipy_linalg.gcrotmk(counted, b, rtol=1e-8, maxiter=10000, M=M, m=20, k=10, CU=pairs, discard_C=True)
            products += count[0]
            worst = max(worst, float(np.linalg.norm(b - A @ x) / np.linalg.norm(b)))
        return products, worst

    return run


def _products(result: Any) -> float:
    return float(result[0]) if result[1] <= 1.01e-8 else float("inf")


def _recycling(quick: bool) -> Iterable[Case]:
    count = 6 if quick else 30
    fields = [gaussian_field(64, variance=2.0, lengthscale=0.05, rng=i) for i in range(3)]
    rng = np.random.default_rng(0)
    diffusion = []
    for mu in 0.3 * (rng.random((count, 2)) - 0.5):
        A = finite_volumes(np.exp(fields[0] + mu[0] * fields[1] + mu[1] * fields[2]))
        diffusion.append((A, rng.standard_normal(64 * 64)))
    convection = [
        (convection_diffusion2d(64, 10.0 ** (-2 - 0.5 * t / count)), np.ones(64 * 64)) for t in range(count)
    ]  # fmt: skip
    waves = [
        (helmholtz2d(64, 20.0 + 2.0 * t / count, damping=0.05), np.ones(64 * 64, complex)) for t in range(count)
    ]  # fmt: skip
    for name, systems in (
        ("diffusion", diffusion), ("convection-diffusion", convection), ("complex Helmholtz", waves)
    ):  # fmt: skip
        options = {"rtol": 1e-8, "M": "jacobi", "maxiter": 100000}
        peers = {
            "ours, GCRO-DR(30,10) alone": _in_turn(systems, functools.partial(gcrodr, **options)),
            "ours, GCRO-DR(50,20)": _in_turn(
                systems, functools.partial(gcrodr, restart=50, recycle=20, **options), True
            ),
            "ours, GMRES(30)": _in_turn(systems, functools.partial(gmres, **options)),
            "scipy, GCROT(20,10)": _gcrotmk(systems),
        }
        note = "Jacobi where nothing else is said."
        if name == "diffusion":
            peers["ours, CG"] = _in_turn(systems, functools.partial(cg, **options))
            peers["ours, CG with MIC"] = _in_turn(systems, functools.partial(cg, **(options | {"M": "mic"})))
            note += " These matrices are symmetric positive definite: what to use for them is the last column."
        yield Case(
            f"GCRO-DR(30,10) on {count} related systems in turn, {name} 64x64, to 1e-8",
            _in_turn(systems, functools.partial(gcrodr, **options), True),
            peers,
            accuracy=_products,
            accuracy_name="products with A",
            target=1.0,
            target_peer="scipy, GCROT(20,10)",
            note=note,
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
    yield from _recycling(quick)
