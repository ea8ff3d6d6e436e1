"""Conjugate gradients on a GPU: CuPy CSR matrix and vectors in, CuPy vectors out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _device
from kriss import _validate as check
from kriss.solve._cuda_arrays import PANEL, PLAIN, Launcher, Matrix, own_panel, panel_of, residual_norms
from kriss.solve._cuda_precond import CudaChebyshev, CudaPreconditioner, CudaSSOR
from kriss.solve._result import STATUS, Column, SolveResult

# The statuses are read back this often; iterations queued after convergence do nothing.
CHECK_EVERY = 25
RUNNING = -1
NAMES = ("jacobi", "ssor", "chebyshev")
RHO, TOL, STATE, DONE, MOST = 0, 4, 5, 6, 7  # places in the record of a column, cg_scalars.hpp


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

    The vector passes are ours, and so is the product with several columns; that with one is cuSPARSE's. Data are not
    rescaled, so squares of A and b must lie within the range of float64.
    """
    started = time.perf_counter()
    cp = _device.cupy()
    matrix, rtol, atol = admitted(A, b, x0, rtol, atol, check_finite)
    n, dtype = matrix.rows, matrix.dtype
    if callback is not None and b.ndim == 2:
        raise TypeError("callback is for one right-hand side on the GPU")
    most = 10 * n if maxiter is None else check.integer(maxiter, "maxiter", low=0)
    inverse, apply, name = preconditioner(M, matrix)
    columns = 1 if b.ndim == 1 else int(b.shape[1])
    rhs = cp.ascontiguousarray(b, dtype=dtype).reshape(n, columns)
    x = cp.zeros((n, columns), dtype) if x0 is None else own_panel(x0, dtype, columns)
    params: dict[str, Any] = {
        "rtol": rtol, "atol": atol, "maxiter": most, "M": name, "dtype": dtype.name, "storage": "csr",
    }  # fmt: skip
    solving = time.perf_counter()
    parts: list[_Panel] = []
    for first in range(0, columns if n else 0, PANEL):
        at = slice(first, min(first + PANEL, columns))
        view = None if callback is None else x.reshape(n)
        whole = columns <= PANEL
        block = rhs if whole else cp.ascontiguousarray(rhs[:, at])
        xs = x if whole else cp.ascontiguousarray(x[:, at])
        panel = _Panel(matrix, block, xs, inverse, apply, rtol, atol, most, residuals)
        panel.run(callback, view)
        if not whole:
            x[:, at] = xs
        parts.append(panel)
    records = [c for p in parts for c in p.columns()] or [Column("converged", 0, 0.0)] * columns
    histories = [h for p in parts for h in p.histories()] or [np.zeros(1)] * columns
    worst = next((c.status for c in records if c.status != "converged"), "converged")
    kept = None
    if residuals and columns:
        kept = np.full((max(h.size for h in histories), columns), np.nan)
        for j, h in enumerate(histories):
            kept[: h.size, j] = h
        kept = kept[:, 0] if b.ndim == 1 else kept
    return SolveResult(
        x.reshape(b.shape), worst, max((c.iterations for c in records), default=0),
        max((c.residual_norm for c in records), default=0.0), kept, sum(p.matvecs for p in parts), solving - started,
        time.perf_counter() - solving, "cuda", params if b.ndim == 1 else params | {"columns": columns},
        None if b.ndim == 1 else tuple(records),
    )  # fmt: skip


class _Panel:
    """Up to eight right-hand sides that share every product."""

    def __init__(
        self, matrix: Matrix, b: Any, x: Any, inverse: Any, apply: Any, rtol: float, atol: float, most: int, keep: bool
    ) -> None:
        cp = _device.cupy()
        self.matrix, self.b, self.x, self.inverse = matrix, b, x, inverse
        self.apply: Callable[[Any, Any], None] | None = apply
        self.n, self.k = b.shape
        self.most, self.keep = most, keep
        self.launch = Launcher(matrix.dtype)
        self.r, self.p, self.q = cp.empty_like(b), cp.zeros_like(b), cp.empty_like(b)
        self.z: Any = None if apply is None else cp.empty_like(b)
        self.part = cp.empty(2 * int(self.launch.kernels.cg_partials(self.n, self.k)), np.float64)
        self.product = product(matrix, self.k, self.launch)
        with np.errstate(all="ignore"):
            b_norm = np.sqrt(residual_norms(self.launch, self.k, None, b, None, self.r, self.part)[0])
        self.tol = np.maximum(rtol * b_norm, atol)
        for c in np.flatnonzero(b_norm == 0.0):
            x[:, int(c)] = 0
        self.matvecs = 0
        self.status = np.full(self.k, RUNNING)
        self.done = np.zeros(self.k, np.int64)
        self.norm, self.rho = self.restart()
        self.kept = [[norm] for norm in self.norm]

    def restart(self) -> tuple[Any, Any]:
        """R = b - A x; the norms of its columns and their r'M^-1 r."""
        self.product(self.x, self.q)
        self.matvecs += self.k
        with np.errstate(all="ignore"):
            rr, rho = residual_norms(self.launch, self.k, self.inverse, self.b, self.q, self.r, self.part)
            if self.apply is not None:
                self.apply(self.r, self.z)
                rho = np.asarray(
                    (self.r.astype(np.float64, copy=False) * self.z.astype(np.float64, copy=False)).sum(axis=0).get()
                )
            norms: Any = np.sqrt(rr)
            return norms, np.array(rho)

    def decide(self, tries: npt.NDArray[Any]) -> Any:
        """The columns that go on, by the residual just computed; the others get their status."""
        for c in np.flatnonzero(self.status == RUNNING):
            norm = self.norm[c]
            if not math.isfinite(norm):
                self.status[c] = 6
            elif norm <= self.tol[c]:
                self.status[c] = 0
            elif tries[c] == 2:
                self.status[c] = 12
            elif self.done[c] >= self.most:
                self.status[c] = 2
            elif not self.rho[c] > 0.0:
                self.status[c] = 5 if math.isfinite(self.rho[c]) else 6
        return self.status == RUNNING

    def run(self, callback: Callable[[Any], object] | None, view: Any) -> None:
        """Iterate until every column has a status."""
        cp = _device.cupy()
        every = 1 if callback is not None else CHECK_EVERY
        history = cp.empty((every, self.k), np.float64)
        tries = np.zeros(self.k, np.int64)
        while self.decide(tries).any():
            going = self.status == RUNNING
            tries[going] += 1
            before = self.done.copy()
            records = np.zeros((self.k, 8))
            records[:, RHO], records[:, TOL], records[:, DONE] = self.rho, self.tol, self.done
            records[:, MOST] = self.most
            records[:, STATE] = np.where(going, RUNNING, 0)
            state = cp.asarray(records)
            seen = records
            while (seen[:, STATE] == RUNNING).any():
                self.iterate(every, state, history, every)
                seen = np.array(state.get())
                now = seen[:, DONE].astype(np.int64)
                if self.keep:
                    ring = history.get()
                    for c in np.flatnonzero(going):
                        self.kept[c].extend(ring[np.arange(self.done[c], now[c]) % every, c])
                self.done = np.where(going, now, self.done)
                if callback is not None and seen[0, STATE] in (RUNNING, 0, 2):
                    callback(view)
            self.norm, self.rho = self.restart()
            for c in np.flatnonzero(going):
                code = int(seen[c, STATE])
                if code in (4, 5, 6):
                    self.status[c] = code
                elif code == 2 and not self.norm[c] <= self.tol[c]:
                    self.status[c] = 2 if math.isfinite(self.norm[c]) else 6
                elif self.done[c] == before[c]:
                    self.status[c] = 12

    def iterate(self, turns: int, state: Any, history: Any, length: int) -> None:
        """Queue some iterations; the device stops each column by itself."""
        launch, n, k = self.launch, self.n, self.k
        own = self.apply is None
        for _ in range(turns):
            launch("cg_direction", n, k, self.inverse, self.r if own else self.z, state, self.p)
            self.product(self.p, self.q)
            launch("cg_step", n, k, self.p, self.q, self.part, state)
            launch(
                "cg_update", n, k, self.inverse, self.p, self.q, self.x, self.r, self.part, state, history, length, own
            )
            if self.apply is not None:
                self.apply(self.r, self.z)
                launch("cg_rho", n, k, self.r, self.z, self.part, state)
        self.matvecs += turns * k

    def columns(self) -> list[Column]:
        """What became of each column."""
        return [
            Column(STATUS[int(s)], int(d), float(r)) for s, d, r in zip(self.status, self.done, self.norm, strict=True)
        ]

    def histories(self) -> list[npt.NDArray[Any]]:
        """The norms of each column."""
        return [np.array(h) for h in self.kept]


def admitted(A: Any, b: Any, x0: Any, rtol: float, atol: float, finite: bool) -> tuple[Matrix, float, float]:
    """A checked, in the dtype to work in, and the tolerances; b and x0, panels alike, are checked too."""
    rtol = check.scalar(rtol, "rtol", low=0.0)
    atol = check.scalar(atol, "atol", low=0.0)
    if getattr(A, "format", None) != "csr":
        raise TypeError(f"A must be a cupyx.scipy.sparse CSR matrix, not {type(A).__name__}")
    dtype = np.result_type(check.real_dtype(np.dtype(A.dtype), "A"), check.real_dtype(np.dtype(b.dtype), "b"))
    matrix = Matrix(A, "A", dtype=dtype, finite=finite)
    panel_of(b, "b", matrix.rows, finite)
    if x0 is not None and panel_of(x0, "x0", matrix.rows, finite).shape != b.shape:
        raise ValueError(f"x0 has shape {x0.shape}, expected {b.shape}")
    return matrix, rtol, atol


def product(matrix: Matrix, k: int, launch: Launcher) -> Callable[[Any, Any], None]:
    """``q = A p`` without a new array where CuPy has that."""
    if k > 1:
        return lambda p, q: launch("csr_product", *matrix.head(k), PLAIN, p, None, q)
    n = matrix.rows
    try:
        from cupyx.cusparse import spmv
    except ImportError:
        return lambda p, q: launch("csr_product", *matrix.head(), PLAIN, p, None, q)

    def into(p: Any, q: Any) -> None:
        spmv(matrix.source, p.reshape(n), y=q.reshape(n))

    return into


def preconditioner(
    M: Any, matrix: Matrix, flexible: bool = False
) -> tuple[Any, Callable[[Any, Any], None] | None, str]:
    """The inverse diagonal that the passes take, or a function ``(r, z)`` on panels; and a name."""
    if M is None:
        return None, None, "none"
    if isinstance(M, str):
        if M not in NAMES:
            raise TypeError(
                f"M must be None, one of {', '.join(map(repr, NAMES))} or an operator on the GPU for a matrix on the "
                f"GPU, not {M!r}; factors are made in host memory and moved on request: M=IC0(A).to_device()"
            )
        if M == "jacobi":
            return matrix.inverse_diagonal(), None, M
        made: CudaPreconditioner = CudaSSOR._over(matrix) if M == "ssor" else CudaChebyshev._over(matrix)
        return None, made._apply, M
    if not flexible and not getattr(M, "is_linear", True):
        raise ValueError("M says that it is not linear (M.is_linear is False); cg needs a fixed linear M")
    shape = getattr(M, "shape", None)
    if shape is None or tuple(shape) != matrix.shape:
        raise ValueError(f"M has shape {shape}, expected {matrix.shape}")
    if isinstance(M, CudaPreconditioner) and M.dtype == matrix.dtype:
        return None, M._apply, type(M).__name__
    if not hasattr(M, "__matmul__"):
        raise TypeError(f"M must be None, a name or a linear operator on the GPU, not {type(M).__name__}")
    own = getattr(M, "dtype", None) or matrix.dtype

    def applied(r: Any, z: Any) -> None:
        z[...] = (M @ r.astype(own, copy=False)).reshape(z.shape)

    return None, applied, type(M).__name__
