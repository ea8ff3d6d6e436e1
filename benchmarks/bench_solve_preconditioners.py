"""Factorised preconditioners: Eisenstat's form of CG against SciPy's CG and PyAMG, triangular solves against SciPy's.

Each pair is given to the same tolerance, 1e-8, and checked by the recomputed residual. "setup apart" means that the
preconditioner exists already on either side, "setup included" that both build theirs.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import scipy.sparse as sps
from scipy.sparse.linalg import LinearOperator
from scipy.sparse.linalg import cg as scipy_cg
from scipy.sparse.linalg import spsolve_triangular as scipy_triangular

from benchmarks.harness import Case
from kriss.scipy.sparse.linalg import spsolve_triangular
from kriss.solve import MIC, SSOR, cg, gauss_seidel
from kriss.testing import darcy, diffusion2d, diffusion3d, poisson3d, random_diffusion

RTOL = 1e-8


def _relative_residual(A: Any, b: np.ndarray) -> Callable[[Any], float]:
    def measure(result: Any) -> float:
        x = result if isinstance(result, np.ndarray) else next(iter(result))
        return float(np.linalg.norm(b - A @ x) / np.linalg.norm(b))

    return measure


def _jacobi_operator(A: Any) -> LinearOperator:
    inverse = 1.0 / A.diagonal()
    return LinearOperator(A.shape, matvec=lambda r: inverse * r, dtype=A.dtype)


def _amg(A: Any, b: np.ndarray) -> dict[str, Callable[[], Any]]:
    """PyAMG's two methods with CG, hierarchy included; the symmetric smoothers are its defaults."""
    if importlib.util.find_spec("pyamg") is None:
        return {}
    import pyamg

    def run(build: Callable[..., Any]) -> Callable[[], Any]:
        return lambda: build(A).solve(b, tol=RTOL, accel="cg", maxiter=200)

    return {
        "pyamg SA + CG": run(pyamg.smoothed_aggregation_solver),
        "pyamg RS + CG": run(pyamg.ruge_stuben_solver),
    }


def _matrices(quick: bool) -> Iterable[tuple[str, Any]]:
    n3, n2 = (32, 96) if quick else (64, 256)
    yield f"{n3}^3 Poisson", poisson3d(n3)
    yield f"{n2}^2 diffusion, contrast 1e5", diffusion2d(n2, contrast=1e5)


def cases(quick: bool) -> Iterable[Case]:
    for name, A in _matrices(quick):
        A = sps.csr_matrix(A)  # PyAMG wants this class
        b = np.random.default_rng(0).standard_normal(A.shape[0])
        residual = _relative_residual(A, b)
        diagonal = _jacobi_operator(A)
        three = "Poisson" in name
        for label, M in (("MIC(0.99)", MIC(A)), ("SSOR(1.8)", SSOR(A, 1.8))):
            done = cg(A, b, rtol=RTOL, M=M)
            yield Case(
                f"Eisenstat CG, {label}, {name}, setup apart",
                lambda A=A, b=b, M=M: cg(A, b, rtol=RTOL, M=M),
                {"scipy CG + Jacobi": lambda A=A, b=b, D=diagonal: scipy_cg(A, b, rtol=RTOL, M=D)},
                accuracy=residual,
                accuracy_name="||b - A x|| / ||b||",
                target=None if quick else 4.0,
                target_peer="scipy CG + Jacobi",
                note=f"{done.iterations} iterations; {done.params['storage']}.",
            )
        peers = {"scipy CG + Jacobi": lambda A=A, b=b: scipy_cg(A, b, rtol=RTOL, M=_jacobi_operator(A))}
        amg = _amg(A, b)
        for peer in (*peers, *amg) if three else (*amg,):
            yield Case(
                f"MIC(0.99) CG, {name}, setup included, beside {peer}",
                lambda A=A, b=b: cg(A, b, rtol=RTOL, M="mic"),
                {peer: (peers | amg)[peer]},
                accuracy=residual,
                accuracy_name="||b - A x|| / ||b||",
                target=3.0 if three and "pyamg" in peer and not quick else None,
                target_peer=peer,
            )

    n2, n3, large = (96, 24, 32) if quick else (256, 64, 96)
    families = {
        f"{n2}^2 Darcy, log-normal": (lambda: darcy(n2)[0], 3.0),
        f"{n2}^2 random diffusion": (lambda: random_diffusion(n2)[0], 3.0),
        f"{n2}^2 diffusion, contrast 1e5": (lambda: diffusion2d(n2, contrast=1e5), 3.0),
        f"{n3}^3 Darcy, log-normal": (lambda: darcy(n3, 3)[0], 3.0),
        f"{n3}^3 diffusion, contrast 1e4": (lambda: diffusion3d(n3), 3.0),
        f"{large}^3 Darcy, log-normal": (lambda: darcy(large, 3)[0], 3.0),
        f"{large}^3 diffusion, contrast 1e4": (lambda: diffusion3d(large), 3.0),
        f"{n3}^3 Poisson": (lambda: poisson3d(n3), None),  # constant coefficients: Jacobi reads no matrix at all
    }
    for name, (make, target) in families.items():
        A = make()
        b = np.random.default_rng(0).standard_normal(A.shape[0])
        plain, better = cg(A, b, rtol=RTOL, M="jacobi"), cg(A, b, rtol=RTOL, M="mic")
        yield Case(
            f"MIC(0.99) CG against our own Jacobi CG, {name}, setup included",
            lambda A=A, b=b: cg(A, b, rtol=RTOL, M="mic"),
            {"kriss CG + Jacobi": lambda A=A, b=b: cg(A, b, rtol=RTOL, M="jacobi")},
            accuracy=_relative_residual(A, b),
            accuracy_name="||b - A x|| / ||b||",
            target=None if quick else target,
            target_peer="kriss CG + Jacobi",
            note=f"{better.iterations} iterations against {plain.iterations} on {plain.params.get('storage')}.",
        )

    for name, A in _matrices(quick):
        for form in ("csr", "csc"):
            for lower in (True, False):
                T = (sps.tril(A) if lower else sps.triu(A)).asformat(form)
                b = np.random.default_rng(0).standard_normal(A.shape[0])
                yield Case(
                    f"spsolve_triangular, {'lower' if lower else 'upper'} {form}, {name}",
                    lambda T=T, b=b, lower=lower: spsolve_triangular(T, b, lower=lower),
                    {"scipy": lambda T=T, b=b, lower=lower: scipy_triangular(T, b, lower=lower)},
                    accuracy=_relative_residual(T, b),
                    accuracy_name="||b - T x|| / ||b||",
                    target=None if quick else 10.0,
                    target_peer="scipy",
                )

    if importlib.util.find_spec("pyamg") is not None:
        from pyamg.relaxation.relaxation import gauss_seidel as amg_sweeps

        count = 8
        for n in (32, 48) if quick else (64, 96):
            A = sps.csr_matrix(poisson3d(n))
            b = np.ones(A.shape[0])

            def peer(A: Any = A, b: np.ndarray = b) -> np.ndarray:
                x = np.zeros_like(b)
                amg_sweeps(A, x, b, iterations=count)
                return x

            for order in ("natural", "multicolor"):
                yield Case(
                    f"{count} Gauss-Seidel sweeps, {order}, 7-point" + ("" if n in (32, 64) else f", {n}^3"),
                    lambda A=A, b=b, order=order: gauss_seidel(A, b, rtol=0.0, maxiter=count, order=order).x,
                    {"pyamg": peer},
                    accuracy=_relative_residual(A, b),
                    accuracy_name="||b - A x|| / ||b||",
                    target=None if quick else 1.5,
                    target_peer="pyamg",
                    note="Ours includes validation, another storage and a residual.",
                )
