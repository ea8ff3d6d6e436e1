"""Flexible conjugate gradients on a GPU: CuPy CSR matrix and vectors in, CuPy vectors out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from kriss import _device
from kriss import _validate as check
from kriss.solve._cuda import admitted, preconditioner, product
from kriss.solve._cuda_arrays import Launcher, Matrix, own_panel
from kriss.solve._result import STATUS, SolveResult

CONVERGED, MAXITER, INDEFINITE, INDEFINITE_M, NON_FINITE, STAGNATED = 0, 2, 4, 5, 6, 12


def fcg_cuda(
    A: Any,
    b: Any,
    x0: Any,
    *,
    rtol: float,
    atol: float,
    maxiter: int | None,
    M: object,
    memory: int,
    callback: Callable[[Any], object] | None,
    residuals: bool,
    check_finite: bool,
) -> SolveResult:
    """The GPU side of `kriss.solve.fcg`; same arguments, same result with CuPy arrays inside.

    The recurrence of ``cpp/include/kriss/solve/fcg.hpp`` with CuPy's vector operations: per iteration one product, one
    application of M, and 4 + memory inner products that the host waits for. Data are not rescaled, so squares of A and
    b must lie within the range of float64.
    """
    started = time.perf_counter()
    matrix, rtol, atol = admitted(A, b, x0, rtol, atol, check_finite)
    n, dtype = matrix.rows, matrix.dtype
    if b.ndim != 1:
        raise ValueError(f"b has shape {b.shape}, expected ({n},)")
    most = 10 * n if maxiter is None else check.integer(maxiter, "maxiter", low=0)
    loop = _Loop(matrix, b, x0, M, memory, most, callback)
    solving = time.perf_counter()
    status = loop.run(rtol, atol)
    params = {
        "rtol": rtol, "atol": atol, "maxiter": most, "M": loop.name, "dtype": dtype.name, "storage": "csr",
        "memory": memory,
    }  # fmt: skip
    return SolveResult(
        loop.x.reshape(n), STATUS[status], loop.done, loop.norm, np.array(loop.norms) if residuals else None,
        loop.matvecs, solving - started, time.perf_counter() - solving, "cuda", params,
    )  # fmt: skip


class _Loop:
    """One right-hand side, as panels with one column."""

    def __init__(
        self,
        matrix: Matrix,
        b: Any,
        x0: Any,
        M: object,
        memory: int,
        most: int,
        callback: Callable[[Any], object] | None,
    ) -> None:
        cp = _device.cupy()
        inverse, apply, self.name = preconditioner(M, matrix, flexible=True)
        self._inverse, self._apply = inverse, apply
        self.b = own_panel(b, matrix.dtype, 1).reshape(-1, 1)
        self.x = cp.zeros_like(self.b) if x0 is None else own_panel(x0, matrix.dtype, 1).reshape(-1, 1)
        self._multiply = product(matrix, 1, Launcher(matrix.dtype))
        self._memory, self._most, self._callback = memory, most, callback
        self.r, self.z = cp.empty_like(self.b), cp.empty_like(self.b)
        self.done, self.matvecs, self.norm = 0, 0, math.nan
        self.norms: list[float] = []

    def run(self, rtol: float, atol: float) -> int:
        """Iterate, and again if the recomputed residual is not small enough; the status."""
        with np.errstate(all="ignore"):
            size = _root(_inner(self.b, self.b))
            if size == 0.0:
                self.x[...] = 0
                self.norm, self.norms = 0.0, [0.0]
                return CONVERGED
            tol = max(rtol * size, atol)
            start = self.x.copy()
            for turn in range(3):
                self.norm = self._residual()
                if turn == 0:
                    self.norms.append(self.norm)
                if not math.isfinite(self.norm):
                    return NON_FINITE
                if self.norm <= tol:
                    return CONVERGED
                if turn == 2:
                    break
                if self.done >= self._most:
                    return MAXITER
                status = self._iterate(tol)
                if status not in (CONVERGED, MAXITER):
                    if not bool(_device.cupy().isfinite(self.x).all()):
                        self.x[...] = start
                    self.norm = self._residual()
                    return status
        return STAGNATED

    def _residual(self) -> float:
        self._multiply(self.x, self.r)
        self.matvecs += 1
        self.r[...] = self.b - self.r
        return _root(_inner(self.r, self.r))

    def _iterate(self, tol: float) -> int:
        """Until the updated residual is small enough, or something is wrong; r must be that of x."""
        cp = _device.cupy()
        kept: list[tuple[Any, Any, float]] = []  # directions, their images, and p'q
        while self.done < self._most:
            if self._apply is not None:
                self._apply(self.r, self.z)
            else:
                self.z[...] = self.r if self._inverse is None else self._inverse[:, None] * self.r
            rz = _inner(self.r, self.z)
            if not (rz > 0.0 and math.isfinite(rz)):
                return INDEFINITE_M if math.isfinite(rz) else NON_FINITE
            p, q = self.z.copy(), cp.empty_like(self.z)
            for other, image, weight in kept:
                p -= self.z.dtype.type(_inner(self.z, image) / weight) * other
            self._multiply(p, q)
            self.matvecs += 1
            pq = _inner(p, q)
            if not (pq > 0.0 and math.isfinite(pq)):
                return INDEFINITE if math.isfinite(pq) else NON_FINITE
            alpha = self.z.dtype.type(_inner(self.r, p) / pq)
            self.x += alpha * p
            self.r -= alpha * q
            kept = [*kept, (p, q, pq)][-self._memory :]
            self.done += 1
            norm = _root(_inner(self.r, self.r))
            self.norms.append(norm)
            if self._callback is not None:
                self._callback(self.x.reshape(-1))
            if not math.isfinite(norm):
                return NON_FINITE
            if norm <= tol:
                return CONVERGED
        return MAXITER


def _inner(a: Any, b: Any) -> float:
    return float((a.astype(np.float64, copy=False) * b.astype(np.float64, copy=False)).sum())


def _root(square: float) -> float:
    return math.sqrt(square) if square >= 0.0 else math.nan
