"""Stationary iterations on a GPU: Jacobi, and Gauss-Seidel and over-relaxation colour by colour."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from kriss import _device
from kriss import _validate as check
from kriss.solve._cuda_arrays import PLAIN, Launcher, Matrix, own_panel, panel_of, residual_norms
from kriss.solve._cuda_precond import color_groups
from kriss.solve._result import SolveResult

# Sweeps between two looks at the residual.
LOOK = 8


def iterate_cuda(
    method: str,
    A: Any,
    b: Any,
    x0: Any,
    omega: float,
    sweep: str,
    order: str,
    rtol: float,
    atol: float,
    most: int,
    callback: Callable[[Any], object] | None,
    residuals: bool,
    check_finite: bool,
) -> SolveResult:
    """The GPU side of `kriss.solve.jacobi`, `gauss_seidel`, `sor` and `ssor`; scalars are checked already."""
    started = time.perf_counter()
    cp = _device.cupy()
    if method != "jacobi" and order != "multicolor":
        raise ValueError(f"order must be 'multicolor' for a matrix on the GPU, not {order!r}")
    if getattr(A, "format", None) != "csr":
        raise TypeError(f"A must be a cupyx.scipy.sparse CSR matrix, not {type(A).__name__}")
    dtype = np.result_type(check.real_dtype(np.dtype(A.dtype), "A"), check.real_dtype(np.dtype(b.dtype), "b"))
    matrix = Matrix(A, "A", dtype=dtype, finite=check_finite)
    n = matrix.rows
    for name, value in [("b", b)] + ([] if x0 is None else [("x0", x0)]):
        if panel_of(value, name, n, check_finite).ndim != 1:
            raise ValueError(f"{name} has shape {value.shape}, expected ({n},)")
    rhs = cp.ascontiguousarray(b, dtype=dtype).reshape(n, 1)
    x = cp.zeros((n, 1), dtype) if x0 is None else own_panel(x0, dtype, 1)
    inverse = matrix.inverse_diagonal()
    launch = Launcher(dtype)
    params: dict[str, Any] = {
        "rtol": rtol, "atol": atol, "maxiter": most, "omega": omega, "dtype": dtype.name, "method": method,
    }  # fmt: skip
    q, r = cp.empty_like(rhs), cp.empty_like(rhs)
    part = cp.empty(2 * int(launch.kernels.cg_partials(n, 1)), np.float64)
    if method == "jacobi":

        def run(count: int) -> None:
            nonlocal x, q
            for _ in range(count):
                launch("jacobi_sweep", *matrix.head(), inverse, omega, rhs, x, q)
                x, q = q, x
    else:
        groups = color_groups(matrix)
        params.update(sweep=sweep, order=order, groups=groups.count)
        ways = {"forward": (False,), "backward": (True,), "symmetric": (False, True)}[sweep]

        def run(count: int) -> None:
            for _ in range(count):
                for backward in ways:
                    launch(
                        "group_sweep", *matrix.head(), groups.count, groups.starts, groups.order, backward, inverse,
                        omega, rhs, x,
                    )  # fmt: skip

    matvecs = 0

    def norm_of() -> float:
        nonlocal matvecs
        matvecs += 1
        launch("csr_product", *matrix.head(), PLAIN, x, None, q)
        return math.sqrt(residual_norms(launch, 1, None, rhs, q, r, part)[0, 0])

    solving = time.perf_counter()
    done, status = 0, "maxiter"
    with np.errstate(all="ignore"):
        tol = max(rtol * math.sqrt(residual_norms(launch, 1, None, rhs, None, r, part)[0, 0]), atol)
        norm = norm_of()
        first = norm
        history = [norm]
        each = 1 if callback is not None or residuals else LOOK
        while True:
            if not math.isfinite(norm) or norm > 1e30 * max(first, tol):
                status = "non_finite" if not math.isfinite(norm) else "diverged"
                break
            if norm <= tol:
                status = "converged"
                break
            if done >= most:
                break
            count = min(each, most - done)
            run(count)
            done += count
            norm = norm_of()
            history.append(norm)
            if callback is not None:
                callback(x.reshape(n))
    return SolveResult(
        x.reshape(n), status, done, norm, np.array(history) if residuals else None, matvecs, solving - started,
        time.perf_counter() - solving, "cuda", params,
    )  # fmt: skip
