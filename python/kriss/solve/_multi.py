"""Conjugate gradients on several right-hand sides: one product with A for up to eight columns."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _validate as check
from kriss._backend import backend, kernels
from kriss.solve import _cg
from kriss.solve._result import STATUS, Column, SolveResult
from kriss.solve._storage import Blocks, Grid, exponent, shift_of, shifted, storage_name

Array = npt.NDArray[Any]
PANEL = 8


def cg_columns(solve: Callable[..., SolveResult], b: Array, x0: Array | None) -> SolveResult:
    """The columns of b one after another, by ``solve(b_j, x0_j)``."""
    parts = [solve(b[:, j], None if x0 is None else x0[:, j]) for j in range(b.shape[1])]
    columns = [Column(p.status, p.iterations, p.residual_norm) for p in parts]
    norms = None if parts[0].residuals is None else [p.residuals for p in parts]
    params = dict(parts[0].params) | {"columns": len(parts)}
    return together(
        np.stack([p.x for p in parts], axis=1), columns, norms, sum(p.matvecs for p in parts),
        sum(p.setup_time for p in parts), sum(p.solve_time for p in parts), params,
    )  # fmt: skip


def together(
    x: Array, columns: list[Column], norms: Any, matvecs: int, setup_time: float, solve_time: float, params: Any
) -> SolveResult:
    """One result over all columns: the worst of each figure."""
    worst = next((c.status for c in columns if c.status != "converged"), "converged")
    kept = None
    if norms is not None:
        kept = np.full((max(len(h) for h in norms), len(norms)), np.nan)
        for j, h in enumerate(norms):
            kept[: len(h), j] = h
    return SolveResult(
        x, worst, max(c.iterations for c in columns), max(c.residual_norm for c in columns), kept, matvecs, setup_time,
        solve_time, backend(), params, tuple(columns),
    )  # fmt: skip


def cg_multi(
    A: Any,
    b: Any,
    x0: Any,
    *,
    rtol: float,
    atol: float,
    maxiter: int | None,
    M: Any,
    residuals: bool,
    workers: int | None,
    check_finite: bool,
) -> SolveResult:
    """`kriss.solve.cg` for b of shape (n, k)."""
    started = time.perf_counter()
    rtol = check.scalar(rtol, "rtol", low=0.0)
    atol = check.scalar(atol, "atol", low=0.0)
    threads = check.workers(workers)
    matrix, operator, dtype = _cg._matrix(A, b, check_finite)
    n = matrix.shape[0] if matrix is not None else int(operator.shape[0])
    rhs = check.real_array(b, "b", ndim=2, dtype=dtype, finite=False)  # the norms will tell
    k = rhs.shape[1]
    if rhs.shape[0] != n:
        raise ValueError(f"b has shape {rhs.shape}, expected ({n},) or ({n}, k)")
    start = None if x0 is None else check.real_array(x0, "x0", ndim=2, dtype=dtype, finite=check_finite)
    if start is not None and start.shape != (n, k):
        raise ValueError(f"x0 has shape {start.shape}, expected {(n, k)}")
    most = 10 * n if maxiter is None else check.integer(maxiter, "maxiter", low=0)

    a_shift = 0 if matrix is None else shift_of(matrix)
    matrix = shifted(matrix, a_shift)
    precond = _cg.without_constant(_cg.preconditioner(M, matrix, n, dtype, a_shift))
    params: dict[str, Any] = {
        "method": "cg", "rtol": rtol, "atol": atol, "maxiter": most, "M": precond.name, "dtype": dtype.name,
        "columns": k, "storage": storage_name(matrix, 0),
    }  # fmt: skip
    x = np.zeros((n, k), dtype)
    if k == 0 or n == 0:
        columns = [Column("converged", 0, 0.0)] * max(k, 1)
        out = together(x, columns, [np.zeros(1)] * max(k, 1) if residuals else None, 0, 0.0, 0.0, params)
        return out
    ks, panels = kernels("solve"), kernels("solve_multi")
    squares, peaks = np.empty(k), np.empty(k)
    panels.column_scan(rhs, squares, peaks, threads)
    if check_finite and not np.isfinite(squares).all():
        check.check_finite(rhs, "b")
    shifts = np.array([0 if math.isnan(s) else exponent(p, dtype) for s, p in zip(squares, peaks, strict=True)])
    if shifts.any():
        rhs = np.ldexp(rhs, shifts)
        panels.column_scan(rhs, squares, peaks, threads)
    if start is not None:
        np.ldexp(start, shifts - a_shift, out=x)
    b_norms = np.sqrt(squares)
    tol = np.array([max(rtol * b_norms[j], _cg._ldexp(atol, int(shifts[j]))) for j in range(k)])
    solving = time.perf_counter()

    product: Callable[[Array, Array], None] | None = None
    if isinstance(matrix, (Blocks, Grid)):
        product = _by_panels(matrix, threads)
    elif matrix is None:
        product = _matmat(operator, n, dtype)
    apply = _apply_multi(ks, M, precond, threads, dtype)
    inverse = precond.inverse if precond.code == _cg.JACOBI else np.empty(0, dtype)
    if isinstance(matrix, check.Csr):
        indptr, indices, data = matrix.indptr, matrix.indices, matrix.data
    else:
        indptr, indices, data = np.zeros(1, np.int32), np.zeros(0, np.int32), np.zeros(0, dtype)
    multiply = _cg.product_of(ks, matrix, operator, threads)
    columns, histories, matvecs = [Column("converged", 0, 0.0)] * k, [np.zeros(1)] * k, 0
    live = [j for j in range(k) if b_norms[j] != 0.0]
    x[:, b_norms == 0.0] = 0
    q = np.empty(n, dtype)
    with np.errstate(all="ignore"):
        for at in range(0, len(live), PANEL):
            part = live[at : at + PANEL]
            whole = len(part) == k  # no copies
            block = rhs if whole else np.ascontiguousarray(rhs[:, part])
            xs = x if whole else np.ascontiguousarray(x[:, part])
            zero_start = start is None or not xs.any()
            outcomes, _, kept = panels.cg_multi(
                indptr, indices, data, block, xs, inverse, product, apply, tol[part], min(most, 2**62), zero_start,
                threads,
            )  # fmt: skip
            params["storage"] = storage_name(matrix, kept)
            if not whole:
                x[:, part] = xs
            for place, j in enumerate(part):
                code, iterations, _, norm, history = outcomes[place]
                if product is not None:
                    multiply(np.ascontiguousarray(xs[:, place]), q)
                    np.subtract(block[:, place], q, out=q)
                    norm = math.sqrt(ks.dot(q, q, threads))
                matvecs += iterations + 1 + (not zero_start)
                if code == 2 and norm <= tol[j]:
                    code = 0
                status, shift = STATUS[code], a_shift - int(shifts[j])
                missed = code == 0 and not (norm <= tol[j] and math.isfinite(norm))
                columns[j] = Column(status, int(iterations), _cg._ldexp(norm, -int(shifts[j])))
                histories[j] = np.ldexp(history, -int(shifts[j]))
                if not missed and not shift:
                    continue
                xj = column = np.ascontiguousarray(xs[:, place])
                if missed:
                    # What the recurrence claimed is not so: once more from here, by the single solve.
                    again = _cg.cg(
                        A, np.ldexp(rhs[:, j], -shifts[j]), np.ldexp(xj, a_shift - shifts[j]), rtol=0.0,
                        atol=_cg._ldexp(float(tol[j]), -int(shifts[j])), maxiter=max(most - iterations, 0), M=M,
                        residuals=True, workers=workers, check_finite=False,
                    )  # fmt: skip
                    column = np.ldexp(again.x, shifts[j] - a_shift)
                    status, norm = again.status, _cg._ldexp(again.residual_norm, int(shifts[j]))
                    iterations, matvecs = iterations + again.iterations, matvecs + again.matvecs
                    assert again.residuals is not None
                    history = np.concatenate([history, np.ldexp(again.residuals[1:], int(shifts[j]))])
                if shift:
                    out = np.ldexp(column, shift)
                    back = np.ldexp(out, -shift)
                    if not np.isfinite(out).all():
                        status = "non_finite" if status == "converged" else status
                    elif not np.array_equal(back, column):
                        multiply(back, q)
                        np.subtract(block[:, place], q, out=q)
                        norm, matvecs = math.sqrt(ks.dot(q, q, threads)), matvecs + 1
                        if status == "converged" and not norm <= tol[j]:
                            status = "stagnated"
                    column = out
                x[:, j] = column
                columns[j] = Column(status, int(iterations), _cg._ldexp(norm, -int(shifts[j])))
                histories[j] = np.ldexp(history, -int(shifts[j]))
    return together(
        x, columns, histories if residuals else None, int(matvecs), solving - started, time.perf_counter() - solving,
        params,
    )  # fmt: skip


def _by_panels(matrix: Blocks | Grid, threads: int) -> Callable[[Array, Array], None]:
    product, run = matrix.map(), kernels("solve_maps").apply_panel

    def apply(x: Array, y: Array) -> None:
        run(product, x, y, threads)

    return apply


def _matmat(operator: Any, n: int, dtype: np.dtype[Any]) -> Callable[[Array, Array], None]:
    def product(x: Array, y: Array) -> None:
        out = np.asarray(operator.matmat(x.copy()))
        if out.dtype.kind == "c":
            raise TypeError("A returned complex numbers, expected real ones")
        if out.shape != x.shape:
            raise ValueError(f"A returned an array of shape {out.shape}, expected {x.shape}")
        y[:] = out

    return product


def _apply_multi(
    ks: Any, M: Any, precond: _cg.Precond, threads: int, dtype: np.dtype[Any]
) -> Callable[[Array, Array], None] | None:
    """M^-1 on a panel, or None where the passes contain it."""
    if precond.apply is not None and hasattr(M, "apply_multi") and getattr(M, "dtype", None) == dtype:
        return lambda r, z: M.apply_multi(r.copy(), z)
    one = _cg.apply_of(ks, precond, threads)
    if one is None:
        return None
    return functools.partial(_by_columns, one)


def _by_columns(one: Callable[[Array], Array], r: Array, z: Array) -> None:
    for j in range(r.shape[1]):
        z[:, j] = one(np.array(r[:, j]))
