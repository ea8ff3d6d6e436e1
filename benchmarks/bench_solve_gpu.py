"""Solvers on a GPU against cupyx.scipy.sparse.linalg.cg, and against the bytes that they must move.

Without CuPy and a device there are no cases. On one: ``python -m benchmarks solve_gpu --out benchmarks/results/gpu``.
Every call waits for the device before it returns, ours and the peers'.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from benchmarks.harness import Case
from kriss.solve import IC0, CudaChebyshev, CudaCycle, CudaSSOR, cg, ssor
from kriss.testing import diffusion2d, poisson3d


def _cupy() -> Any:
    """CuPy, or None and the reason printed."""
    try:
        import cupy

        if cupy.cuda.runtime.getDeviceCount() == 0:
            raise RuntimeError("no device")
    except Exception as exc:  # no CuPy, no driver, no device: whatever it says
        print(f"  skipped: {exc}", flush=True)
        return None
    return cupy


def _bandwidth(cp: Any) -> float:
    """Bytes per second of a + 3 b on 2**26 numbers, the best of ten."""
    a, b = cp.ones(2**26), cp.ones(2**26)
    triad = cp.ElementwiseKernel("float64 a, float64 b", "float64 c", "c = a + 3.0 * b", "kriss_triad")
    c, best = cp.empty_like(a), 0.0
    for _ in range(10):
        start, stop = cp.cuda.Event(), cp.cuda.Event()
        start.record()
        triad(a, b, c)
        stop.record()
        stop.synchronize()
        best = max(best, 3 * a.nbytes / (1e-3 * cp.cuda.get_elapsed_time(start, stop)))
    return best


def _done(cp: Any, call: Callable[[], Any]) -> Callable[[], Any]:
    def run() -> Any:
        out = call()
        cp.cuda.Device().synchronize()
        return out

    return run


def _fixed(cp: Any, sparse: Any, name: str, A: Any, k: int, steps: int, bandwidth: float) -> Case:
    """Jacobi-CG for a fixed number of iterations: what an iteration costs."""
    gA, n = sparse.csr_matrix(A), A.shape[0]
    B = cp.asarray(np.random.default_rng(0).standard_normal((n, k) if k > 1 else n))
    inverse = sparse.diags(1.0 / gA.diagonal()).tocsr()
    moved = 12 * A.nnz + 4 * n + k * (24 + 32 + 16 + 56) * n  # product, direction, step and update

    def theirs() -> Any:
        columns = [B] if k == 1 else [B[:, j].copy() for j in range(k)]
        return [sparse.linalg.cg(gA, b, rtol=0.0, maxiter=steps, M=inverse) for b in columns]

    return Case(
        f"Jacobi-CG, {steps} iterations, {k} right-hand side(s), {name}",
        _done(cp, lambda: cg(gA, B, rtol=0.0, maxiter=steps, M="jacobi")),
        {"cupyx": _done(cp, theirs)},
        accuracy=lambda r: r.solve_time * bandwidth / (steps * moved) if hasattr(r, "solve_time") else float("nan"),
        accuracy_name="time over that of its bytes at the device's triad",
        note=f"Triad of the device: {bandwidth / 1e9:.0f} GB/s; {moved / 1e6:.0f} MB per iteration.",
    )


def _solved(cp: Any, sparse: Any, name: str, A: Any, M: Any, label: str) -> Case:
    """To 1e-8, the preconditioner made beforehand."""
    gA = sparse.csr_matrix(A)
    b = cp.asarray(np.random.default_rng(0).standard_normal(A.shape[0]))
    norm = float(cp.linalg.norm(b))
    made = M(gA)
    inverse = sparse.diags(1.0 / gA.diagonal()).tocsr()
    return Case(
        f"CG with {label} to 1e-8, {name}",
        _done(cp, lambda: cg(gA, b, rtol=1e-8, M=made)),
        {"cupyx, Jacobi": _done(cp, lambda: sparse.linalg.cg(gA, b, rtol=1e-8, M=inverse))},
        accuracy=lambda r: float(cp.linalg.norm(b - gA @ next(iter(r)))) / norm,
        accuracy_name="||b - A x|| / ||b||",
        note="Set-up not included.",
    )


def cases(quick: bool) -> Iterable[Case]:
    cp = _cupy()
    if cp is None:
        return
    sparse = importlib.import_module("cupyx.scipy.sparse")
    importlib.import_module("cupyx.scipy.sparse.linalg")

    bandwidth = _bandwidth(cp)
    side, box = (256, 48) if quick else (2048, 192)
    cube, square = poisson3d(box), diffusion2d(side, contrast=100.0)
    for k in (1, 8):
        yield _fixed(cp, sparse, f"{box}^3 seven-point", cube, k, 100, bandwidth)
        yield _fixed(cp, sparse, f"{side}x{side} five-point", square, k, 100, bandwidth)
    makers: dict[str, Callable[[Any], Any]] = {
        "coloured SSOR": lambda a: CudaSSOR(a),
        "Chebyshev 4": lambda a: CudaChebyshev(a),
        "Chebyshev 8": lambda a: CudaChebyshev(a, 8),
    }
    for label, maker in makers.items():
        yield _solved(cp, sparse, f"{box}^3 seven-point", cube, maker, label)
    yield _solved(cp, sparse, f"{box}^3 seven-point", cube, lambda _: IC0(cube).to_device(), "IC(0), level by level")
    try:
        import pyamg
    except ImportError:
        return
    ml = pyamg.smoothed_aggregation_solver(cube, max_coarse=500)
    for smoother in ("multicolor", "chebyshev"):
        yield _solved(
            cp, sparse, f"{box}^3 seven-point", cube, lambda _, s=smoother: CudaCycle(ml, smoother=s),
            f"a V cycle of PyAMG's hierarchy, {smoother}",
        )  # fmt: skip
    gA, b = sparse.csr_matrix(square), cp.ones(square.shape[0])
    yield Case(
        f"50 coloured SSOR iterations, {side}x{side} five-point",
        _done(cp, lambda: ssor(gA, b, 1.2, order="multicolor", rtol=0.0, maxiter=50)),
        note="No peer: CuPy has no sweeps.",
    )
