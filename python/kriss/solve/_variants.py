"""The calls of `cg` that another loop serves: columns, blocks, complex numbers, null spaces, mixed precision."""

from __future__ import annotations

import dataclasses
import functools
import math
import time
from typing import Any

import numpy as np
import scipy.sparse as sps

from kriss import _validate as check
from kriss._backend import backend
from kriss.solve import _block, _cg, _multi, _system
from kriss.solve._fcg import run_fcg
from kriss.solve._names import named
from kriss.solve._precond import Sweeps
from kriss.solve._result import SolveResult
from kriss.solve._stencil import StencilOperator
from kriss.solve._storage import Blocks, Grid, Stored, is_blocks


def _is_complex(A: Any, *vectors: Any) -> bool:
    dtypes = [getattr(A, "dtype", None) if not isinstance(A, (list, tuple)) else np.asarray(A).dtype]
    for v in vectors:
        if v is not None and not sps.issparse(v):
            try:
                dtypes.append(np.asarray(v).dtype)
            except ValueError:
                return False
    return any(d is not None and np.dtype(d).kind == "c" for d in dtypes)


def cg_variant(
    A: Any,
    b: Any,
    x0: Any,
    *,
    nullspace: Any,
    check_symmetric: bool,
    mixed: bool,
    block: bool,
    callback: Any,
    workers: Any,
    check_finite: bool,
    **options: Any,
) -> SolveResult | None:
    """The result of a special call, or None for the plain one."""
    common = options | {"workers": workers, "check_finite": check_finite}
    if check_symmetric:
        symmetry(A, b, check_finite, check.workers(workers))
    two = not sps.issparse(b) and np.ndim(b) == 2
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be callable, not {type(callback).__name__}")
    complex_ = _is_complex(A, b, x0)
    extra = {"nullspace": nullspace, "mixed": mixed, "callback": callback}
    if block:
        if not two:
            raise ValueError(f"b has shape {np.shape(b)}, expected (n, k): block takes several right-hand sides")
        if mixed or nullspace is not None or complex_:
            raise ValueError("block takes real systems, neither mixed nor with a nullspace")
        return _block.cg_block(A, b, x0, callback=callback, **common)
    if two and (mixed or complex_ or nullspace is not None or callback is not None) and np.shape(b)[1] > 0:
        columns = np.asarray(b)
        start = None if x0 is None else np.asarray(x0)
        if start is not None and start.shape != columns.shape:
            raise ValueError(f"x0 has shape {start.shape}, expected {columns.shape}")
        return _multi.cg_columns(functools.partial(_cg.cg, A, **common, **extra), columns, start)
    if two and np.shape(b)[1] > 0 and (sweeps := _sweeps(A, options["M"], check_finite)) is not None:
        # an iteration in Eisenstat's form costs no more than a column of the panel with its textbook sweeps
        start = None if x0 is None else np.asarray(x0)
        if start is not None and start.shape != np.shape(b):
            raise ValueError(f"x0 has shape {start.shape}, expected {np.shape(b)}")
        once = A.tocsr() if is_blocks(A) else A
        return _multi.cg_columns(functools.partial(_cg.cg, once, **(common | {"M": sweeps})), np.asarray(b), start)
    if two:
        return _multi.cg_multi(A, b, x0, **common)
    if mixed:
        if complex_ or nullspace is not None:
            raise ValueError("mixed takes real systems without a null space")
        return _mixed(A, b, x0, callback=callback, **common)
    if complex_ or nullspace is not None:
        system = _system.prepare(A, b, x0, callback=callback, method="cg", nullspace=nullspace, **common)
        return run_fcg(system, 1)
    return None


def _lowered(matrix: Stored) -> Any:
    """The same in float32, as an argument of `cg`."""
    if isinstance(matrix, Grid):
        return StencilOperator._over(matrix.astype(np.dtype(np.float32)))
    data = matrix.data.astype(np.float32)
    if isinstance(matrix, Blocks):
        return sps.bsr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)
    low = sps.csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)
    low.has_canonical_format = True
    return low


def _sweeps(A: Any, M: Any, finite: bool) -> Sweeps | None:
    """M where cg runs in Eisenstat's form with it, built once for all columns."""
    if not sps.issparse(A) or np.dtype(A.dtype).kind not in "biuf":
        return None
    if isinstance(M, str) and M in ("ssor", "ic0", "mic"):
        M = named(M, check.csr(A, "A", square=True, finite=finite))
    return M if isinstance(M, Sweeps) and M.swept else None


def symmetry(A: Any, b: Any, finite: bool, threads: int) -> None:
    """Refuse an A that two random vectors show not to be symmetric (Hermitian)."""
    from kriss._backend import kernels

    ks = kernels("solve_krylov")
    matrix, operator, dtype = _system.resolve(A, np.zeros(1), finite)
    n = matrix.shape[0] if matrix is not None else int(operator.shape[0])
    product = _system.matrix_map(ks, matrix, operator, n, dtype)
    rng = np.random.default_rng(20231)
    v, w = (rng.standard_normal(n).astype(dtype) for _ in range(2))
    av, aw = np.empty_like(v), np.empty_like(w)
    product.apply(v, av, threads)
    product.apply(w, aw, threads)
    gap = abs(np.vdot(v, aw) - np.vdot(av, w))
    size = float(np.abs(v).astype(np.float64) @ np.abs(aw) + np.abs(av).astype(np.float64) @ np.abs(w))
    if not gap <= 100 * float(np.finfo(dtype).eps) * size:
        raise ValueError(
            f"A is not symmetric: v'A w and w'A v differ by {gap / size if size else gap:.1e} of their size"
        )


def _mixed(
    A: Any, b: Any, x0: Any, *, rtol: Any, atol: Any, maxiter: Any, M: Any, callback: Any, residuals: bool,
    workers: Any, check_finite: bool,
) -> SolveResult:  # fmt: skip
    """Iterative refinement: corrections by float32 conjugate gradients, residuals in float64.

    C. B. Moler, "Iterative refinement in floating point", J. ACM 14 (1967).
    """
    started = time.perf_counter()
    if not sps.issparse(A) and not isinstance(A, StencilOperator):
        raise TypeError(f"mixed needs A as a sparse matrix or a StencilOperator, not {type(A).__name__}")
    if M is not None and not isinstance(M, str):
        raise TypeError(f"mixed builds M in float32 itself: M must be None or a name, not {type(M).__name__}")
    system = _system.prepare(
        A, b, x0, rtol=rtol, atol=atol, maxiter=maxiter, M=None, callback=None, residuals=residuals, workers=workers,
        check_finite=check_finite, method="cg",
    )  # fmt: skip
    m = system.matrix
    assert m is not None
    system.params |= {"mixed": True, "M": M if isinstance(M, str) else "none"}
    if system.dtype != np.float64:
        raise ValueError(f"mixed is for float64 systems, not {system.dtype}")
    low = _lowered(m)
    inner_M = M
    if M is not None and M != "jacobi":  # built once for all corrections
        low = low.tocsr() if is_blocks(low) else low
        inner_M = named(M, _cg._matrix(low, np.zeros(1, np.float32), check_finite)[0])
    setup = time.perf_counter() - started
    room = np.empty_like(system.b)
    system.x[:] = system.x if system.b_norm else 0.0
    norm = system.residual(room) if system.b_norm else 0.0
    system.history.append(np.array([norm]))
    status, previous = "maxiter", math.inf
    outer = 0
    after = None
    if callback is not None:
        system.callback = callback
        after = system.hook()
    while True:
        if not math.isfinite(norm):  # first: the tolerance is infinite too where b is
            status = "non_finite"
            break
        if norm <= system.tol:
            status = "converged"
            break
        if system.iterations >= system.maxiter:
            break
        if not norm < 0.5 * previous:
            status = "stagnated"
            break
        previous = norm
        # as far as float32 carries, and not further than wanted
        inner = _cg.cg(
            low, (room / norm).astype(np.float32), rtol=max(1e-4, 0.5 * system.tol / norm),
            maxiter=system.maxiter - system.iterations, M=inner_M, residuals=residuals, workers=workers,
            check_finite=False,
        )  # fmt: skip
        outer += 1
        if "form" in inner.params:
            system.params["form"] = inner.params["form"]
        system.iterations += inner.iterations
        system.matvecs += inner.matvecs
        if residuals and inner.residuals is not None:
            system.history.append(inner.residuals[1:] * norm)
        if inner.status not in ("converged", "maxiter", "stagnated"):
            status = inner.status
            break
        system.x += norm * inner.x.astype(np.float64)
        norm = system.residual(room)
        if after is not None:
            after()
    system.params["corrections"] = outer
    out = system.result(status, norm)
    return dataclasses.replace(out, setup_time=setup, backend=backend())
