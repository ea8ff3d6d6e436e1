"""Sorted sequences with a recycled space against restarted GMRES and SciPy's GCROT(m, k), all with Jacobi, to 1e-8."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as scipy_linalg

from benchmarks import system_families as families
from benchmarks.harness import Case
from kriss.solve import solve_sequence

RESTART, RECYCLE = 30, 10


def _ours(systems: families.Systems, method: str, **options: Any) -> Callable[[], tuple[int, float]]:
    options = {"M": "jacobi", "rtol": 1e-8, "pieces": 1, "maxiter": 10**6} | options

    def run() -> tuple[int, float]:
        out = solve_sequence(systems, method, **options)
        worst = max(r.residual_norm / np.linalg.norm(b) for r, (_, b) in zip(out, systems, strict=True))
        return out.matvecs, float(worst)

    return run


def _scipy(systems: families.Systems, solve: Callable[..., Any]) -> Callable[[], tuple[int, float]]:
    def run() -> tuple[int, float]:
        products, worst = 0, 0.0
        for A, b in systems:
            count = [0]

            def product(x: Any, A: Any = A, count: list[int] = count) -> Any:
                count[0] += 1
                return A @ x

            counted = scipy_linalg.LinearOperator(A.shape, matvec=product, dtype=A.dtype)
            x, _ = solve(counted, b, sp.diags_array(1 / A.diagonal()))
            products += count[0]
            worst = max(worst, float(np.linalg.norm(b - A @ x) / np.linalg.norm(b)))
        return products, worst

    return run


def _gcrotmk(A: Any, b: Any, M: Any) -> Any:
    return scipy_linalg.gcrotmk(A, b, rtol=1e-8, maxiter=10**5, M=M, m=RESTART - RECYCLE, k=RECYCLE)


def _products(result: tuple[int, float]) -> float:
    return float(result[0]) if result[1] <= 1.01e-8 else float("inf")


def cases(quick: bool) -> Iterable[Case]:
    size, count = (32, 6) if quick else (64, 20)
    for name, make in (
        ("Darcy", families.darcy), ("thermal", families.thermal), ("Poisson", families.poisson),
        ("Helmholtz", families.helmholtz), ("complex Helmholtz", families.absorbing),
    ):  # fmt: skip
        systems, parameters = make(size, count)
        spd = name in ("Darcy", "thermal", "Poisson")
        keep = {"restart": RESTART, "recycle": RECYCLE}
        ordered = {"sort": "greedy", "parameters": parameters}
        gmres = _ours(systems, "gmres", restart=RESTART)
        plain = gmres()[0]
        peers: dict[str, Callable[[], Any]] = {
            "ours, Hilbert order": _ours(systems, "gcrodr", sort="hilbert", parameters=parameters, **keep),
            "ours, recycled, not sorted": _ours(systems, "gcrodr", **keep),
            "ours, GMRES, nothing kept": gmres,
            "scipy, GCROT(20,10), nothing kept": _scipy(systems, _gcrotmk),
        }
        if spd:
            peers |= {
                "ours, CG, warm start": _ours(systems, "cg", warm_start="previous", **ordered),
                "ours, deflated CG": _ours(systems, "deflated_cg", warm_start="previous", recycle=20, **ordered),
                "ours, CG with MIC": _ours(systems, "cg", M="mic"),
            }
        ours = _ours(systems, "gcrodr", warm_start="previous", **keep, **ordered)
        share = ours()[0] / plain
        yield Case(
            f"GCRO-DR({RESTART},{RECYCLE}), greedy order, warm start: {count} {name} systems {size}x{size}",
            ours,
            peers,
            accuracy=_products,
            accuracy_name="products with A",
            target=3.0,
            target_peer="scipy, GCROT(20,10), nothing kept",
            rounds=3,
            note=f"{100 * share:.0f} % of the products of GMRES({RESTART}), asked: at most 60 %."
            + (" Symmetric positive definite: what to use for it are the last columns." if spd else ""),
        )
