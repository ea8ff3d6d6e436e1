"""Conjugate gradients against SciPy's, for the same iterations on the same matrix.

The traffic of a case is counted as in the comment of cpp/include/kriss/solve/cg.hpp, d = 1 with Jacobi unless the
diagonal is constant (there it changes no iterate, and ours leaves it out): per iteration
(64 + 16 d) n bytes where A has constant diagonals, (72 + 16 d) n where it has others and (80 + 16 d) n where its rows
reach far, and what a product reads of A in the storage chosen (the solver reports it). It is divided by the bandwidth
of triad in the same rounds: in main memory (arrays of several times the last-level cache, as STREAM asks for) for a
million unknowns, whose arrays are about as large as that cache, and at the size of the solver's own arrays for
512 x 512, which fits into it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator
from scipy.sparse.linalg import cg as scipy_cg

from benchmarks.harness import Case
from kriss.solve import SSOR, Jacobi, cg
from kriss.testing import diffusion2d, poisson2d, poisson3d


def _relative_residual(A: Any, b: np.ndarray) -> Callable[[Any], float]:
    return lambda result: float(np.linalg.norm(b - A @ next(iter(result))) / np.linalg.norm(b))


def _diagonal_operator(A: Any) -> LinearOperator:
    inverse = 1.0 / A.diagonal()
    return LinearOperator(A.shape, matvec=lambda r: inverse * r, dtype=A.dtype)


def _case(
    name: str, A: Any, rtol: float, maxiter: int, jacobi: bool, target: float | None, note: str, quick: bool = False,
    limit: float = 1.6,
) -> Case:  # fmt: skip
    n = A.shape[0]
    b = np.random.default_rng(0).standard_normal(n)
    ours, theirs = (Jacobi(A), _diagonal_operator(A)) if jacobi else (None, None)
    done = cg(A, b, rtol=rtol, maxiter=maxiter, M=ours)
    product = int(done.params.get("product_bytes", 12 * A.nnz + 4 * n))
    storage = done.params.get("storage", "csr")
    read = jacobi and np.ptp(A.diagonal()) > 0
    vectors = (80 if storage == "csr" else 72 if product else 64) + (16 if read else 0)
    return Case(
        name,
        lambda: cg(A, b, rtol=rtol, maxiter=maxiter, M=ours),
        # as many iterations as ours
        {"scipy": lambda: scipy_cg(A, b, rtol=1e-300, maxiter=done.iterations, M=theirs)},
        accuracy=_relative_residual(A, b),
        accuracy_name="||b - A x|| / ||b||",
        target=target,
        target_peer="scipy",
        note=f"{done.iterations} iterations on both sides; A stored as {storage}. {note}".strip(),
        traffic=lambda r: r.iterations * (vectors * n + product),
        working_set=product + (5 if read else 4) * 8 * n if n < 10**6 else None,
        traffic_target=limit if target and not quick else None,
    )


def cases(quick: bool) -> Iterable[Case]:
    most = 100 if quick else 10**6
    few = 20 if quick else 100
    A = poisson2d(512)
    yield _case("CG, 512x512 five-point, to 1e-8", A, 1e-8, most, False, 3.0, "", quick)
    yield _case("CG + Jacobi, 512x512 five-point, to 1e-8", A, 1e-8, most, True, 3.0, "", quick)

    jumps = diffusion2d(512, contrast=1e3)
    yield _case("CG + Jacobi, 512x512 diffusion with jumps", jumps, 1e-8, most, True, None, "")

    shuffle = np.random.default_rng(1).permutation(512 * 512)
    yield _case(
        "CG, the same unknowns in random order", A[shuffle][:, shuffle].tocsr(), 1e-300, few, False, None,
        "No structure to use: CSR, and every entry of p from another cache line.",
    )  # fmt: skip
    for kind, matrix in (("five-point", poisson2d(1000)), ("diffusion with jumps", diffusion2d(1000, contrast=1e3))):
        yield _case(
            f"CG + Jacobi, {few} iterations, 1000x1000 {kind}", matrix, 1e-300, few, True, 2.0, "", quick, limit=1.4
        )
    yield _case("CG, 100 iterations, 1000x1000 five-point", poisson2d(1000), 1e-300, few, False, None, "")
    yield _case("CG, 100 iterations, 100^3 seven-point", poisson3d(100), 1e-300, few, False, None, "")

    b = np.random.default_rng(0).standard_normal(512 * 512)
    ssor = SSOR(A, omega=1.95)
    r = cg(A, b, rtol=1e-8, M=ssor)
    yield Case(
        "CG + SSOR(1.95), 512x512 five-point, to 1e-8",
        lambda: cg(A, b, rtol=1e-8, maxiter=most, M=ssor),
        {"scipy, no preconditioner": lambda: scipy_cg(A, b, rtol=1e-8, maxiter=most)},
        accuracy=_relative_residual(A, b),
        accuracy_name="||b - A x|| / ||b||",
        note=f"{r.iterations} iterations; SciPy has no SSOR to compare with. The sweeps run on one thread.",
    )
