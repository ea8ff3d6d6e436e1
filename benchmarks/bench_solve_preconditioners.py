"""Factorised preconditioners: Eisenstat's form of CG against SciPy's CG and PyAMG, triangular solves against SciPy's,
incomplete factorisations with fill against ilupp's and SuperLU's.

Each pair is given to the same tolerance, 1e-8, and checked by the recomputed residual. "setup apart" means that the
preconditioner exists already on either side, "setup included" that both build theirs.
"""

from __future__ import annotations

import functools
import importlib.util
import itertools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import scipy.sparse as sps
from scipy.sparse.linalg import LinearOperator
from scipy.sparse.linalg import cg as scipy_cg
from scipy.sparse.linalg import gmres as scipy_gmres
from scipy.sparse.linalg import spilu as scipy_spilu
from scipy.sparse.linalg import spsolve_triangular as scipy_triangular

from benchmarks.harness import Case
from kriss.scipy.sparse.linalg import spilu, spsolve_triangular
from kriss.solve import (
    ICT,
    ILUT,
    MIC,
    SSOR,
    BlockJacobi,
    Chebyshev,
    GMRESPolynomial,
    cg,
    deflated_cg,
    gauss_seidel,
    gmres,
)
from kriss.testing import (
    anisotropic2d,
    convection_diffusion2d,
    darcy,
    diffusion2d,
    diffusion3d,
    elasticity2d,
    poisson3d,
    random_diffusion,
)

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


def _ict_cases(quick: bool) -> Iterable[Case]:
    """ICT against ilupp's at the same drop tolerance and fill, and against our own MIC."""
    n2, n3, ne = (64, 16, 24) if quick else (256, 48, 100)
    families: dict[str, Callable[[], Any]] = {
        f"{n2}^2 random diffusion": lambda: random_diffusion(n2)[0],
        f"{n2}^2 diffusion, contrast 1e5": lambda: diffusion2d(n2, contrast=1e5),
        f"{n3}^3 diffusion, contrast 1e4": lambda: diffusion3d(n3),
        f"{ne}^2 elasticity": lambda: elasticity2d(ne)[0],
    }
    have = importlib.util.find_spec("ilupp") is not None
    for name, make in families.items():
        A = sps.csr_matrix(make())
        b = np.random.default_rng(0).standard_normal(A.shape[0])
        done, plain = cg(A, b, rtol=RTOL, M="ict"), cg(A, b, rtol=RTOL, M="mic")
        share = (ICT(A).nnz + A.shape[0]) / (A.nnz + A.shape[0])
        peers: dict[str, Callable[[], Any]] = {"kriss CG + MIC": lambda A=A, b=b: cg(A, b, rtol=RTOL, M="mic")}
        if have:
            import ilupp

            build = functools.partial(ilupp.ICholTPreconditioner, A, add_fill_in=10, threshold=1e-3)
            steps: list[Any] = []
            scipy_cg(A, b, rtol=RTOL, M=build(), callback=steps.append)
            peers["scipy CG + ilupp ICholT"] = lambda A=A, b=b, build=build: scipy_cg(A, b, rtol=RTOL, M=build())
            M, other, r = ICT(A), build(), np.ascontiguousarray(b)
            yield Case(
                f"ICT, {name}, set-up alone",
                lambda A=A: ICT(A),
                {"ilupp": build},
                note=f"1e-3, 10: {share:.1f} times the entries; {done.iterations} and {len(steps)} iterations.",
            )
            yield Case(
                f"ICT, {name}, fifty applications",
                lambda M=M, r=r: [M @ r for _ in range(50)][-1],
                {"ilupp": lambda other=other, r=r: [other @ r for _ in range(50)][-1]},
            )
        yield Case(
            f"ICT CG, {name}, setup included",
            lambda A=A, b=b: cg(A, b, rtol=RTOL, M="ict"),
            peers,
            accuracy=_relative_residual(A, b),
            accuracy_name="||b - A x|| / ||b||",
            note=f"{done.iterations} iterations with ICT, {plain.iterations} with MIC ({plain.params['form']}).",
        )


def _spilu_cases(quick: bool) -> Iterable[Case]:
    """The mirror of spilu against SciPy's, and ILUT against either as a preconditioner."""
    n2 = 48 if quick else 200
    for name, A in (
        (f"{n2}^2 convection-diffusion", convection_diffusion2d(n2)),
        (f"{n2 // 2}^2 elasticity", elasticity2d(n2 // 2)[0]),
    ):
        A = sps.csc_matrix(A)
        b = np.random.default_rng(0).standard_normal(A.shape[0])
        options = {"drop_tol": 1e-3, "fill_factor": 4.0}

        def solves(build: Callable[..., Any], A: Any = A, b: np.ndarray = b, options: Any = options) -> np.ndarray:
            lu = build(A, **options)
            return np.asarray([lu.solve(b) for _ in range(50)][-1])

        expected = scipy_spilu(A, **options).solve(b)
        yield Case(
            f"spilu and fifty solves, {name}",
            functools.partial(solves, spilu),
            {"scipy": functools.partial(solves, scipy_spilu)},
            accuracy=lambda x, y=expected: float(np.linalg.norm(x - y) / np.linalg.norm(y)),
            accuracy_name="difference from SciPy's solution",
            note="The factors are SuperLU's on either side.",
        )
        ours, theirs = spilu(A, **options), scipy_spilu(A, **options)
        yield Case(
            f"fifty solves with spilu's factors, {name}",
            lambda lu=ours, b=b: [lu.solve(b) for _ in range(50)][-1],
            {"scipy": lambda lu=theirs, b=b: [lu.solve(b) for _ in range(50)][-1]},
        )
        C = A.tocsr()
        with_ilut = gmres(C, b, rtol=RTOL, restart=50, M=ILUT(C))
        operator = LinearOperator(A.shape, theirs.solve, dtype=float)
        with_spilu = gmres(C, b, rtol=RTOL, restart=50, M=operator)

        def peer(C: Any = C, A: Any = A, b: np.ndarray = b, options: Any = options) -> Any:
            M = LinearOperator(A.shape, scipy_spilu(A, **options).solve, dtype=float)
            return scipy_gmres(C, b, rtol=RTOL, restart=50, M=M, maxiter=40)

        yield Case(
            f"GMRES(50) with ILUT, {name}, setup included",
            lambda C=C, b=b: gmres(C, b, rtol=RTOL, restart=50, M=ILUT(C)),
            {"scipy GMRES + spilu": peer},
            accuracy=_relative_residual(C, b),
            accuracy_name="||b - A x|| / ||b||",
            note=f"{with_ilut.iterations} steps with ILUT ({ILUT(C).nnz / A.nnz:.1f} times the entries of A), "
            f"{with_spilu.iterations} with spilu ({(theirs.nnz - A.shape[0]) / A.nnz:.1f} times).",
        )


def _block_cases(quick: bool) -> Iterable[Case]:
    n = 64 if quick else 256
    A = anisotropic2d(n, 1e-3)
    b = np.random.default_rng(0).standard_normal(A.shape[0])
    lines, points = cg(A, b, rtol=RTOL, M=BlockJacobi(A, n)), cg(A, b, rtol=RTOL, M="jacobi")
    yield Case(
        f"block Jacobi CG, lines of a {n}^2 grid, anisotropy 1e-3, setup included",
        lambda: cg(A, b, rtol=RTOL, M=BlockJacobi(A, n)),
        {
            "kriss CG + Jacobi": lambda: cg(A, b, rtol=RTOL, M="jacobi"),
            "kriss CG + MIC": lambda: cg(A, b, rtol=RTOL, M="mic"),
        },
        accuracy=_relative_residual(A, b),
        accuracy_name="||b - A x|| / ||b||",
        target_peer="kriss CG + Jacobi",
        note=f"{lines.iterations} iterations against {points.iterations} with the diagonal.",
    )


def _polynomials(quick: bool) -> Iterable[Case]:
    """Fewer inner products against more products with A: what that is worth on a processor."""
    for name, A in _matrices(quick):
        b = np.random.default_rng(0).standard_normal(A.shape[0])
        plain = cg(A, b, rtol=RTOL, M="jacobi")
        for degree in (2, 4, 8):
            M = Chebyshev(A, degree)
            done = cg(A, b, rtol=RTOL, M=M)
            yield Case(
                f"Chebyshev({degree}) CG, {name}, setup apart",
                lambda A=A, b=b, M=M: cg(A, b, rtol=RTOL, M=M),
                {"kriss CG + Jacobi": lambda A=A, b=b: cg(A, b, rtol=RTOL, M="jacobi")},
                accuracy=_relative_residual(A, b),
                accuracy_name="||b - A x|| / ||b||",
                note=f"{done.iterations} iterations, of two reductions each, against {plain.iterations}; "
                f"{done.iterations * (degree + 1)} products with A against {plain.iterations}.",
            )
    n = 64 if quick else 200
    C = convection_diffusion2d(n)
    b = np.random.default_rng(0).standard_normal(C.shape[0])
    M = GMRESPolynomial(C, 20, rng=0)
    done, plain = gmres(C, b, rtol=RTOL, M=M), gmres(C, b, rtol=RTOL, M="ssor")
    yield Case(
        f"GMRES(30) with GMRESPolynomial(20), {n}^2 convection-diffusion, setup apart",
        lambda: gmres(C, b, rtol=RTOL, M=M),
        {"kriss GMRES(30) + SSOR": lambda: gmres(C, b, rtol=RTOL, M="ssor")},
        accuracy=_relative_residual(C, b),
        accuracy_name="||b - A x|| / ||b||",
        note=f"{done.iterations} iterations of {M.products + 1} products against {plain.iterations} iterations.",
    )


def _recycling(quick: bool) -> Case:
    """A sequence of related diffusion systems, each solved in turn."""
    n, count = (48, 4) if quick else (128, 10)
    base = diffusion2d(n, contrast=1e3, rng=0)
    systems = [(base + 0.1 * diffusion2d(n, contrast=1e3, rng=1 + k)).tocsr() for k in range(count)]
    rng = np.random.default_rng(0)
    rhs = [rng.standard_normal(n * n) for _ in systems]

    def deflated() -> Any:
        space, total = None, 0
        for A, b in zip(systems, rhs, strict=True):
            result = deflated_cg(A, b, rtol=RTOL, M="jacobi", space=space, recycle=10)
            space, total = result.recycled, total + result.iterations
        return result.x, total

    def run(M: str) -> Callable[[], Any]:
        def solve() -> Any:
            done = [cg(A, b, rtol=RTOL, M=M) for A, b in zip(systems, rhs, strict=True)]
            return done[-1].x, sum(r.iterations for r in done)

        return solve

    return Case(
        f"deflated CG, 10 vectors recycled, Jacobi, {count} related {n}^2 diffusion systems",
        deflated,
        {"kriss CG + Jacobi": run("jacobi"), "kriss CG + MIC(0.99)": run("mic")},
        accuracy=_relative_residual(systems[-1], rhs[-1]),
        accuracy_name="||b - A x|| / ||b||",
        note=f"Iterations in all {deflated()[1]} against {run('jacobi')()[1]} and {run('mic')()[1]}.",
    )


def cases(quick: bool) -> Iterable[Case]:
    yield from _factor_cases(quick)
    yield from _ict_cases(quick)
    yield from _spilu_cases(quick)
    yield from _block_cases(quick)


def _factor_cases(quick: bool) -> Iterable[Case]:
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

    yield from _polynomials(quick)
    yield _recycling(quick)

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

        for n, count in itertools.product((32, 48) if quick else (64, 96), (8, 100)):
            A = sps.csr_matrix(poisson3d(n))
            b = np.ones(A.shape[0])

            def peer(A: Any = A, b: np.ndarray = b, count: int = count) -> np.ndarray:
                x = np.zeros_like(b)
                amg_sweeps(A, x, b, iterations=count)
                return x

            for order in ("natural", "multicolor"):
                yield Case(
                    f"{count} Gauss-Seidel sweeps, {order}, 7-point" + ("" if n in (32, 64) else f", {n}^3"),
                    lambda A=A, b=b, order=order, count=count: (
                        gauss_seidel(A, b, rtol=0.0, maxiter=count, order=order).x
                    ),
                    {"pyamg": peer},
                    accuracy=_relative_residual(A, b),
                    accuracy_name="||b - A x|| / ||b||",
                    target=None if quick or count == 8 else 1.5,
                    target_peer="pyamg",
                    note="Ours includes validation, another storage and a residual every eighth sweep"
                    + ("; eight sweeps hardly pay for that." if count == 8 else "."),
                )
