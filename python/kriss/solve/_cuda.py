"""Conjugate gradients on a GPU: CuPy CSR matrix and vectors in, CuPy vector out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from kriss import _device
from kriss import _validate as check
from kriss.solve._result import STATUS, SolveResult

# The status is read back this often; iterations queued after convergence do nothing.
CHECK_EVERY = 25
RUNNING = -1


def cg_cuda(
    A: Any,
    b: Any,
    x0: Any,
    *,
    rtol: float,
    atol: float,
    maxiter: int | None,
    M: object,
    callback: Callable[[Any], object] | None,
    residuals: bool,
    check_finite: bool,
) -> SolveResult:
    """The GPU side of `kriss.solve.cg`; same arguments, same result with CuPy arrays inside.

    The vector passes are ours, the product is cuSPARSE's. `M` is None or ``"jacobi"``. Data are not rescaled, so
    squares of A and b must lie within the range of float64.
    """
    started = time.perf_counter()
    cp = _device.cupy()
    kernels = _device.cuda("solve")
    rtol = check.scalar(rtol, "rtol", low=0.0)
    atol = check.scalar(atol, "atol", low=0.0)
    A, b, x, dtype = _arguments(cp, A, b, x0, check_finite)
    n = b.size
    most = 10 * n if maxiter is None else check.integer(maxiter, "maxiter", low=0)
    inverse = _inverse_diagonal(cp, A, M)
    suffix = "_f64" if dtype == np.float64 else "_f32"
    direction, step, update = (getattr(kernels, f"cg_{name}{suffix}") for name in ("direction", "step", "update"))
    spmv = _product(A)

    every = 1 if callback is not None else CHECK_EVERY
    r, p, q = cp.empty_like(b), cp.zeros_like(b), cp.empty_like(b)
    part = cp.empty(2 * int(kernels.cg_partials(n)), cp.float64)
    state = cp.zeros(int(kernels.CG_STATE_SIZE), cp.float64)
    history = cp.empty(every, cp.float64)
    inverse_at = 0 if inverse is None else inverse.data.ptr
    b_norm = _norm(cp, b)
    tol = max(rtol * b_norm, atol)
    if b_norm == 0.0:
        x[...] = 0
    solving = time.perf_counter()

    def restart() -> tuple[float, float]:
        """R = b - A x; returns its norm and r'D^-1 r."""
        spmv(x, q)
        cp.subtract(b, q, out=r)
        wide = r.astype(cp.float64, copy=False)
        weighted = wide if inverse is None else wide * inverse
        return _norm(cp, r), float(cp.dot(wide, weighted))

    norm, rho = restart()
    matvecs, done = 1, 0
    kept = [np.array([norm])]
    tries = 0
    while True:
        if not math.isfinite(norm):
            status = 6
        elif norm <= tol:
            status = 0
        elif tries == 2:
            status = 12
        elif done >= most:
            status = 2
        elif not rho > 0.0:
            status = 5
        else:
            status = RUNNING
        if status != RUNNING:
            break
        tries += 1
        before = done
        state[:] = cp.asarray([rho, norm * norm, 0.0, 0.0, tol, RUNNING, done, 0.0])
        status = RUNNING
        while status == RUNNING and done < most:
            for _ in range(min(every, most - done)):
                stream = _device.stream()
                direction(n, inverse_at, r.data.ptr, state.data.ptr, p.data.ptr, stream)
                spmv(p, q)
                step(n, p.data.ptr, q.data.ptr, part.data.ptr, state.data.ptr, stream)
                update(
                    n, inverse_at, p.data.ptr, q.data.ptr, x.data.ptr, r.data.ptr, part.data.ptr, state.data.ptr,
                    history.data.ptr, every, stream,
                )  # fmt: skip
                matvecs += 1
            seen = state.get()
            status, now = int(seen[5]), int(seen[6])
            if residuals:
                ring = history.get()
                kept.append(ring[np.arange(done, now) % every])
            done = now
            if callback is not None and status in (RUNNING, 0):
                callback(x)
        norm, rho = restart()
        matvecs += 1
        if status in (4, 5, 6) or (status == RUNNING and done >= most and norm > tol):
            status = 2 if status == RUNNING else status
            break
        if done == before:
            status = 12
            break
    return SolveResult(
        x, STATUS[status], done, norm, np.concatenate(kept) if residuals else None, matvecs,
        solving - started, time.perf_counter() - solving, "cuda",
        {"rtol": rtol, "atol": atol, "maxiter": most, "M": "none" if inverse is None else "jacobi",
         "dtype": dtype.name, "storage": "csr"},
    )  # fmt: skip


def _norm(cp: Any, v: Any) -> float:
    return float(cp.linalg.norm(v.astype(cp.float64, copy=False)))


def _product(A: Any) -> Callable[[Any, Any], None]:
    """``q = A p`` without a new array where CuPy has that."""
    try:
        from cupyx.cusparse import spmv
    except ImportError:

        def plain(p: Any, q: Any) -> None:
            q[...] = A @ p

        return plain

    def into(p: Any, q: Any) -> None:
        spmv(A, p, y=q)

    return into


def _arguments(cp: Any, A: Any, b: Any, x0: Any, finite: bool) -> tuple[Any, Any, Any, np.dtype[Any]]:
    """A, b and x checked, in one working dtype; x is new."""
    if getattr(A, "format", None) != "csr":
        raise TypeError(f"A must be a cupyx.scipy.sparse CSR matrix, not {type(A).__name__}")
    if A.ndim != 2 or A.shape[0] != A.shape[1]:
        raise ValueError(f"A has shape {A.shape}, expected a square matrix")
    n = int(A.shape[0])
    dtype = np.result_type(check.real_dtype(np.dtype(A.dtype), "A"), check.real_dtype(np.dtype(b.dtype), "b"))
    vectors = [("b", b)] + ([] if x0 is None else [("x0", x0)])
    for name, value in vectors:
        if value.shape != (n,):
            raise ValueError(f"{name} has shape {value.shape}, expected ({n},)")
        check.real_dtype(np.dtype(value.dtype), name)
        if finite and not bool(cp.isfinite(value).all()):
            raise ValueError(f"{name} contains NaN or infinity, expected finite values")
    if finite and not bool(cp.isfinite(A.data).all()):
        raise ValueError("A.data contains NaN or infinity, expected finite values")
    if A.nnz and (int(A.indices.min()) < 0 or int(A.indices.max()) >= n):
        raise ValueError(f"A.indices holds entries outside 0 to {n - 1}")
    if int(A.indptr[0]) != 0 or int(A.indptr[-1]) > A.data.size or bool((A.indptr[1:] < A.indptr[:-1]).any()):
        raise ValueError("A.indptr does not increase from 0 to the number of entries")
    A = A.astype(dtype, copy=False)
    rhs = cp.ascontiguousarray(cp.asarray(b), dtype=dtype)
    x = cp.zeros(n, dtype) if x0 is None else cp.array(x0, dtype=dtype)
    return A, rhs, x, dtype


def _inverse_diagonal(cp: Any, A: Any, M: object) -> Any:
    if M is None:
        return None
    if M != "jacobi":
        raise TypeError(f"M must be None or 'jacobi' for a matrix on the GPU, not {M!r}")
    d = A.diagonal()
    bad = ~(cp.isfinite(d) & (d != 0))
    if bool(bad.any()):
        row = int(cp.argmax(bad))
        raise ValueError(f"A cannot be used: its diagonal entry in row {row} is {float(d[row])}, expected nonzero")
    return (1 / d).astype(A.dtype, copy=False)
