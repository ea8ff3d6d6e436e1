"""Block conjugate gradients: right-hand sides that share their search directions."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _validate as check
from kriss._backend import kernels
from kriss.solve import _cg, _system
from kriss.solve._multi import together
from kriss.solve._result import STATUS, Column, SolveResult
from kriss.solve._storage import shift_of, shifted, storage_name

Array = npt.NDArray[Any]
MOST = 64


def cg_block(
    A: Any, b: Any, x0: Any, *, rtol: Any, atol: Any, maxiter: Any, M: Any, callback: Any, residuals: bool,
    workers: Any, check_finite: bool,
) -> SolveResult:  # fmt: skip
    """``cg(A, B, block=True)``.

    H. Ji, Y. Li, "A breakdown-free block conjugate gradient method", BIT Numer. Math. 57 (2017), algorithm 2.
    """
    started = time.perf_counter()
    rtol = check.scalar(rtol, "rtol", low=0.0)
    atol = check.scalar(atol, "atol", low=0.0)
    threads = check.workers(workers)
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be callable, not {type(callback).__name__}")
    matrix, operator, dtype = _cg._matrix(A, b, check_finite)
    n = matrix.shape[0] if matrix is not None else int(operator.shape[0])
    rhs = check.real_array(b, "b", ndim=2, dtype=dtype, finite=check_finite)
    k = rhs.shape[1]
    if rhs.shape[0] != n:
        raise ValueError(f"b has shape {rhs.shape}, expected ({n}, k)")
    if k > MOST:
        raise ValueError(f"b has {k} columns, at most {MOST} make a block: solve them in parts")
    start = None if x0 is None else check.real_array(x0, "x0", ndim=2, dtype=dtype, finite=check_finite)
    if start is not None and start.shape != (n, k):
        raise ValueError(f"x0 has shape {start.shape}, expected {(n, k)}")
    most = min(10 * n if maxiter is None else check.integer(maxiter, "maxiter", low=0), 2**62)

    a_shift = 0 if matrix is None else shift_of(matrix)
    a_shift -= a_shift % 2  # so that the square roots of Cholesky's factors scale exactly
    matrix = shifted(matrix, a_shift)
    ks, blocks = kernels("solve_krylov"), kernels("solve_block")
    M_map, name = _system.precond_map(ks, M, matrix, n, dtype, a_shift, flexible=False, method="cg")
    A_map = _system.matrix_map(ks, matrix, operator, n, dtype)
    params: dict[str, Any] = {
        "method": "block cg", "rtol": rtol, "atol": atol, "maxiter": most, "M": name, "dtype": dtype.name,
        "columns": k, "storage": storage_name(matrix, A_map.storage),
    }  # fmt: skip

    # Every column is scaled by a power of two to a largest entry in [1/2, 1); the block does not feel it otherwise.
    peaks = np.abs(rhs).max(axis=0, initial=0.0).astype(np.float64)
    known = np.isfinite(peaks) & (peaks > 0)
    shifts = np.where(known, -np.frexp(np.where(known, peaks, 1.0))[1], 0)
    with np.errstate(all="ignore"):
        B = np.ascontiguousarray(np.ldexp(rhs, shifts).T)
        X = np.zeros((k, n), dtype)
        if start is not None:
            X[:] = np.ldexp(start, shifts - a_shift).T
        norms = np.sqrt(np.array([float(kernels("solve").dot(v, v, threads)) for v in B]))
        tol = np.maximum(rtol * norms, np.ldexp(atol, shifts))
    x = np.zeros((n, k), dtype)
    columns: list[Column] = [Column("converged", 0, 0.0)] * k
    X[norms == 0.0] = 0
    live = np.nonzero(np.isfinite(norms) & (norms > 0))[0]
    for j in np.nonzero(~np.isfinite(norms))[0]:
        x[:, j] = 0.0 if start is None else start[:, j]
        columns[j] = Column("non_finite", 0, math.nan)
    solving = time.perf_counter()

    after = None
    inside = np.ascontiguousarray(X[live])
    if callback is not None:

        def after() -> None:
            view = x.copy()
            view[:, live] = np.ldexp(inside, (a_shift - shifts[live])[:, None]).T
            view.flags.writeable = False
            callback(view)

    history: list[Array] = []
    iterations = matvecs = 0
    status = "converged"
    ranks = len(live)
    judged = np.zeros(len(live))
    with np.errstate(all="ignore"):
        for attempt in range(2 if len(live) else 0):
            code, count, products, rank, seen = blocks.block_cg(
                A_map, M_map, B[live], inside, not inside.any(), tol[live], most - iterations, after, threads
            )
            iterations, matvecs, ranks = iterations + count, matvecs + products + len(live), min(ranks, rank)
            history.append(seen.reshape(-1, len(live))[min(attempt, 1) :])
            judged = _residuals(A_map, B[live], inside, threads)
            status = STATUS[code]
            # what the recurrence claimed is not so: once more from here
            if code != 0 or not np.isfinite(judged).all() or (judged <= tol[live]).all() or iterations >= most:
                break
        if len(live):
            steps = np.concatenate(history)
            met = judged <= tol[live]
            for place, j in enumerate(live):
                shift = int(a_shift - shifts[j])
                out = np.ldexp(inside[place], shift)
                norm, verdict = float(judged[place]), "converged" if met[place] else status
                if verdict == "converged" and not met[place]:
                    verdict = "stagnated" if math.isfinite(norm) else "non_finite"
                back = np.ldexp(out, -shift)
                if not np.isfinite(out).all():
                    verdict = "non_finite" if verdict == "converged" else verdict
                elif not np.array_equal(back, inside[place]):  # it underflows its dtype: judge what is returned
                    norm = float(_residuals(A_map, B[j : j + 1], back[None], threads)[0])
                    matvecs += 1
                    if verdict == "converged" and not norm <= tol[j]:
                        verdict = "stagnated"
                x[:, j] = out
                below = np.nonzero(~(steps[:, place] <= tol[j]))[0]
                first = int(below[-1]) + 1 if below.size else 0
                columns[j] = Column(verdict, min(first, iterations), _cg._ldexp(norm, -int(shifts[j])))
    params["rank"] = ranks
    kept = [np.zeros(1)] * k
    for place, j in enumerate(live):
        kept[j] = np.ldexp(np.concatenate(history)[:, place], -int(shifts[j]))
    return together(
        x, columns, kept if residuals and k else None, int(matvecs), solving - started, time.perf_counter() - solving,
        params,
    ) if k else together(x, [Column("converged", 0, 0.0)], None, 0, 0.0, 0.0, params)  # fmt: skip


def _residuals(A_map: Any, B: Array, X: Array, threads: int) -> Array:
    """||b - A x|| of every row."""
    room = np.empty_like(X[0])
    dot = kernels("solve").dot
    out = np.empty(len(X))
    for j in range(len(X)):
        A_map.apply(np.ascontiguousarray(X[j]), room, threads)
        np.subtract(B[j], room, out=room)
        out[j] = math.sqrt(dot(room, room, threads))
    return out
