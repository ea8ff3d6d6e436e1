"""Stationary iterations: Jacobi, Gauss-Seidel, SOR, SSOR."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps

from kriss import _validate as check
from kriss._backend import backend, kernels
from kriss._device import any_device
from kriss.config import get_num_threads
from kriss.solve._order import symmetric_pattern
from kriss.solve._precond import _diagonal
from kriss.solve._result import SolveResult
from kriss.solve._scaling import near_one
from kriss.solve._triangular import PARALLEL_ROWS, PARALLEL_THREADS, WIDE

Array = npt.NDArray[Any]
Callback = Callable[[Array], object]

# Sweeps between two looks at the residual, which costs about as much as a sweep.
LOOK = 8


class Order:
    """The natural order of the rows as levels, with what each chunk of rows waits for.

    rows is empty where one thread goes through the rows as they are.
    """

    def __init__(self, matrix: check.Csr, threads: int) -> None:
        n, itype = matrix.shape[0], matrix.indices.dtype
        empty = np.empty(0, itype)
        self.rows, self.need, self.back_need, self.groups = empty, empty, empty, 0
        if n == 0 or threads < PARALLEL_THREADS or n < PARALLEL_ROWS:
            return
        ks = kernels("solve_stationary")
        pattern = symmetric_pattern(matrix, threads)
        group = np.empty(n, itype)
        rows = np.repeat(np.arange(n, dtype=itype), np.diff(pattern.indptr))
        keep = pattern.indices < rows
        indptr = np.zeros(n + 1, itype)
        np.cumsum(np.bincount(rows[keep], minlength=n), out=indptr[1:])
        indices = pattern.indices[keep]
        count = kernels("solve_factor").triangle_levels(indptr, indices, np.zeros(indices.size), True, group, threads)
        if n < WIDE * count:
            return  # too few rows per level: one thread is faster, and the result is the same
        self.groups = int(count)
        self.rows = np.argsort(group, kind="stable").astype(itype)
        chunks = -(-n // ks.sweep_chunk)
        self.need, self.back_need = np.empty(chunks, itype), np.empty(chunks, itype)
        for backward, need in ((False, self.need), (True, self.back_need)):
            ks.sweep_needs(pattern.indptr, pattern.indices, pattern.data, self.rows, backward, need, threads)


def _colors(matrix: check.Csr, threads: int) -> tuple[int, npt.NDArray[Any]]:
    pattern = symmetric_pattern(matrix, threads)
    color = np.empty(matrix.shape[0], matrix.indices.dtype)
    count = kernels("solve_stationary").greedy_colors(pattern.indptr, pattern.indices, pattern.data, color, threads)
    return int(count), color


def color_rows(A: object) -> tuple[int, npt.NDArray[Any]]:
    """Colour the graph of A greedily: no two neighbours get the same colour.

    Parameters
    ----------
    A : sparse matrix or array, shape (n, n)
        Real; neighbours are i and j with an entry (i, j) or (j, i) stored.

    Returns
    -------
    count : int
        Number of colours; at most one more than the largest degree.
    color : ndarray of int, shape (n,)
        The colour of each row, from 0.

    Raises
    ------
    TypeError, ValueError
        If A is not a real square sparse matrix.

    Notes
    -----
    Rows in natural order take the smallest colour free among their neighbours: O(nnz) time, O(nnz) memory.

    References
    ----------
    Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed., SIAM 2003, section 12.4.1.

    Examples
    --------
    >>> from kriss.solve import color_rows
    >>> from kriss.testing import poisson2d
    >>> count, color = color_rows(poisson2d(3))
    >>> count, color.tolist()
    (2, [0, 1, 0, 1, 0, 1, 0, 1, 0])
    """
    return _colors(check.csr(A, "A", square=True), 0)


class _Rows:
    """Sweeps over the rows where they are."""

    def __init__(self, matrix: check.Csr, b: Array, x: Array, inverse: Array, order: Order | None) -> None:
        self.arrays = (matrix.indptr, matrix.indices, matrix.data)
        self.b, self.x, self.inverse, self.order = b, x, inverse, order
        self.room = np.empty_like(b), np.empty_like(b)

    def jacobi(self, omega: float, count: int, threads: int) -> None:
        kernels("solve_stationary").jacobi_sweeps(*self.arrays, self.inverse, omega, self.b, self.x, count, threads)

    def sweep(self, omega: float, forward: bool, backward: bool, count: int, threads: int) -> None:
        o = self.order
        assert o is not None
        kernels("solve_stationary").relax_sweeps(
            *self.arrays, self.inverse, omega, self.b, self.x, o.rows, o.need, o.back_need, forward, backward, count,
            threads,
        )  # fmt: skip

    def residual2(self, threads: int) -> float:
        r, q = self.room
        r[:] = self.b
        kernels("solve").csr_matvec(*self.arrays, self.x, q, threads)
        return float(kernels("solve").cg_update(q[:0], -1.0, q, r, threads)[0])

    def read(self, x: Array, threads: int) -> None:
        if x is not self.x:
            x[:] = self.x


class _Colors(_Rows):
    """Sweeps over the rows sorted by colour."""

    def __init__(
        self, matrix: check.Csr, b: Array, x: Array, inverse: Array, count: int, color: Array, threads: int
    ) -> None:
        super().__init__(matrix, b, x, inverse, None)
        ks = kernels("solve_stationary")
        self.native = ks.color_sweeps(*self.arrays, color, count, inverse, b, x, threads)

    def sweep(self, omega: float, forward: bool, backward: bool, count: int, threads: int) -> None:
        self.native.sweep(omega, forward, backward, count, threads)

    def residual2(self, threads: int) -> float:
        self.native.read(self.x, threads)
        return super().residual2(threads)


def _plan(matrix: check.Csr, b: Array, x: Array, method: str, order: str, threads: int, params: dict[str, Any]) -> Any:
    """What runs the sweeps, with b and the current x inside: strips of a grid where A is a stencil on one, or rows."""
    if method == "jacobi" or order == "natural":
        grid = kernels("solve_stationary").relax_grid(matrix.indptr, matrix.indices, matrix.data, b, x, threads)
        if grid is not None:
            params["storage"] = grid.storage
            if method != "jacobi":
                params["groups"] = 0
            return grid
    params["storage"] = "rows"
    _, inverse = _diagonal(matrix, "A")
    if method == "jacobi":
        return _Rows(matrix, b, x, inverse, None)
    if order == "natural":
        levels = Order(matrix, threads or get_num_threads())
        params["groups"] = levels.groups
        return _Rows(matrix, b, x, inverse, levels)
    count, color = _colors(matrix, threads)
    params.update(groups=count, storage="rows by colour")
    return _Colors(matrix, b, x, inverse, count, color, threads)


@near_one
def _iterate(
    method: str,
    A: object,
    b: object,
    x0: object,
    omega: float,
    sweep: str,
    order: str,
    rtol: float,
    atol: float,
    maxiter: object,
    callback: Callback | None,
    residuals: bool,
    workers: object,
    check_finite: bool,
) -> SolveResult:
    started = time.perf_counter()
    rtol = check.scalar(rtol, "rtol", low=0.0)
    atol = check.scalar(atol, "atol", low=0.0)
    omega = check.scalar(omega, "omega", low=0.0, strict=True)
    if not omega < 2.0:
        raise ValueError(f"omega must be below 2, not {omega}")
    check.choice(sweep, "sweep", ("forward", "backward", "symmetric"))
    check.choice(order, "order", ("natural", "multicolor"))
    threads = check.workers(workers)
    most = 10_000 if maxiter is None else check.integer(maxiter, "maxiter", low=0)
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be callable, not {type(callback).__name__}")
    if any_device(A=A, b=b, x0=x0):
        from kriss.solve._cuda_sweeps import iterate_cuda

        return iterate_cuda(
            method, A, b, x0, omega, sweep, order, rtol, atol, most, callback, residuals, check_finite
        )  # fmt: skip
    if not sps.issparse(A):
        raise TypeError(f"A must be a SciPy sparse matrix or array, not {type(A).__name__}")
    source: Any = A
    rhs_dtype = check.real_dtype(np.asarray(b).dtype, "b")
    dtype = np.result_type(check.real_dtype(source.dtype, "A"), rhs_dtype)
    matrix = check.csr(A, "A", square=True, finite=check_finite, dtype=dtype)
    n = matrix.shape[0]
    rhs = check.real_array(b, "b", ndim=1, dtype=dtype, finite=check_finite)
    if rhs.shape != (n,):
        raise ValueError(f"b has shape {rhs.shape}, expected ({n},)")
    x = np.zeros(n, dtype)
    if x0 is not None:
        start = check.real_array(x0, "x0", ndim=1, dtype=dtype, finite=check_finite)
        if start.shape != (n,):
            raise ValueError(f"x0 has shape {start.shape}, expected ({n},)")
        x[:] = start
    params: dict[str, Any] = {
        "rtol": rtol, "atol": atol, "maxiter": most, "omega": omega, "dtype": dtype.name, "method": method,
    }  # fmt: skip
    if method != "jacobi":
        params.update(sweep=sweep, order=order)
    plan = _plan(matrix, rhs, x, method, order, threads, params)
    forward, backward = sweep != "backward", sweep != "forward"
    passes = kernels("solve")
    matvecs = 0

    def run(count: int) -> None:
        if method == "jacobi":
            plan.jacobi(omega, count, threads)
        else:
            plan.sweep(omega, forward, backward, count, threads)

    def norm_of() -> float:
        nonlocal matvecs
        matvecs += 1
        return math.sqrt(plan.residual2(threads))

    solving = time.perf_counter()
    done, status = 0, "maxiter"
    with np.errstate(all="ignore"):
        b_norm = math.sqrt(passes.dot(rhs, rhs, threads))
        tol = max(rtol * b_norm, atol)
        norm = b_norm if x0 is None and check_finite else norm_of()  # where x = 0, b is the residual
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
                plan.read(x, threads)
                view = x.view()
                view.flags.writeable = False
                callback(view)
        plan.read(x, threads)
    return SolveResult(
        x, status, done, norm, np.array(history) if residuals else None, matvecs, solving - started,
        time.perf_counter() - solving, backend(), params,
    )  # fmt: skip


_COMMON = """rtol, atol : float
        Stop once ``||b - A x|| <= max(rtol ||b||, atol)``.
    maxiter : int, optional
        Most iterations; 10 000 by default.
    callback : callable, optional
        ``callback(xk)`` after each iteration, with a read-only view of the current x.
    residuals : bool
        Keep the norm of the residual before the first iteration and after each.
    workers : int, optional
        Threads; `kriss.get_num_threads` by default. The result does not depend on it.
    check_finite : bool
        Refuse NaN and infinity in A, b and x0.

    Returns
    -------
    SolveResult
        Unpacks as ``x, info``. Besides the usual statuses ``"diverged"``: the residual grew by thirty digits.
        ``params["storage"]`` tells how A was stored.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, shape or value, or a diagonal entry is missing, zero or not finite (the row is
        named)."""

_ORDER = """order : {"natural", "multicolor"}
        The order of the rows. ``"natural"`` takes eight grid lines at a time, on several threads, where A is a five- or
        seven-point stencil on a grid; elsewhere it runs level by level from four threads on where A is large and its
        levels are wide. The bits are those of row after row on one thread. ``"multicolor"`` visits the colours of
        `color_rows` one after another, the rows of each on all threads: another iteration, which over-relaxes less
        well."""


def _documented(function: Any) -> Any:
    if function.__doc__:  # python -OO has none
        function.__doc__ = function.__doc__.replace("@common@", _COMMON).replace("@order@", _ORDER)
    return function


@_documented
def jacobi(
    A: object,
    b: npt.ArrayLike,
    x0: npt.ArrayLike | None = None,
    *,
    omega: float = 1.0,
    rtol: float = 1e-5,
    atol: float = 0.0,
    maxiter: int | None = None,
    callback: Callback | None = None,
    residuals: bool = False,
    workers: int | None = None,
    check_finite: bool = True,
) -> SolveResult:
    """Solve ``A x = b`` by (damped) Jacobi iteration, ``x += omega D^-1 (b - A x)``.

    Parameters
    ----------
    A : sparse matrix or array, shape (n, n)
        Real, with nonzero diagonal. Converges for strictly diagonally dominant A, and for symmetric positive definite A
        if ``2 D / omega - A`` is so too.
    b : array_like, shape (n,)
        Right-hand side.
    x0 : array_like, shape (n,), optional
        Where to start; zero by default. It is not modified.
    omega : float, default 1.0
        Damping, 0 < omega < 2.
    @common@

    Notes
    -----
    Per iteration 2 nnz + 4 n flops and 12 nnz + 36 n bytes (float64, 32-bit indices); on a grid in strips 88 n bytes
    (seven points) or 72 n (five). The residual is looked at every
    eighth iteration (every one with `callback` or `residuals`), so `iterations` may exceed what was needed by seven.

    References
    ----------
    Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed., SIAM 2003, section 4.1.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import jacobi
    >>> from kriss.testing import poisson2d
    >>> jacobi(poisson2d(10), np.ones(100), rtol=1e-6).status
    'converged'
    """
    return _iterate(
        "jacobi", A, b, x0, omega, "forward", "natural", rtol, atol, maxiter, callback, residuals, workers, check_finite
    )  # fmt: skip


@_documented
def gauss_seidel(
    A: object,
    b: npt.ArrayLike,
    x0: npt.ArrayLike | None = None,
    *,
    sweep: str = "forward",
    order: str = "natural",
    rtol: float = 1e-5,
    atol: float = 0.0,
    maxiter: int | None = None,
    callback: Callback | None = None,
    residuals: bool = False,
    workers: int | None = None,
    check_finite: bool = True,
) -> SolveResult:
    """Solve ``A x = b`` by Gauss-Seidel iteration: each unknown in turn from its own equation.

    Parameters
    ----------
    A : sparse matrix or array, shape (n, n)
        Real, with nonzero diagonal. Converges for strictly diagonally dominant and for symmetric positive definite A.
    b : array_like, shape (n,)
        Right-hand side.
    x0 : array_like, shape (n,), optional
        Where to start; zero by default. It is not modified.
    sweep : {"forward", "backward", "symmetric"}
        ``"symmetric"`` is a forward and a backward sweep per iteration.
    @order@
    @common@

    Notes
    -----
    A sweep costs 2 nnz + 4 n flops and 12 nnz + 36 n bytes (float64, 32-bit indices); on a grid in strips 88 n bytes
    (seven points) or 72 n (five). The residual is looked at every
    eighth iteration (every one with `callback` or `residuals`), so `iterations` may exceed what was needed by seven.

    References
    ----------
    Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed., SIAM 2003, sections 4.1 and 12.4.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import gauss_seidel
    >>> from kriss.testing import poisson2d
    >>> gauss_seidel(poisson2d(10), np.ones(100), rtol=1e-6, sweep="symmetric").status
    'converged'
    """
    return _iterate(
        "gauss_seidel", A, b, x0, 1.0, sweep, order, rtol, atol, maxiter, callback, residuals, workers, check_finite
    )  # fmt: skip


@_documented
def sor(
    A: object,
    b: npt.ArrayLike,
    omega: float,
    x0: npt.ArrayLike | None = None,
    *,
    sweep: str = "forward",
    order: str = "natural",
    rtol: float = 1e-5,
    atol: float = 0.0,
    maxiter: int | None = None,
    callback: Callback | None = None,
    residuals: bool = False,
    workers: int | None = None,
    check_finite: bool = True,
) -> SolveResult:
    """Solve ``A x = b`` by successive over-relaxation: Gauss-Seidel with each change multiplied by `omega`.

    Parameters
    ----------
    A : sparse matrix or array, shape (n, n)
        Real, with nonzero diagonal. Converges for symmetric positive definite A and any omega in (0, 2).
    b : array_like, shape (n,)
        Right-hand side.
    omega : float
        Relaxation, 0 < omega < 2. With the spectral radius beta of the Jacobi iteration, the best for a consistently
        ordered A is ``2 / (1 + sqrt(1 - beta**2))``.
    x0 : array_like, shape (n,), optional
        Where to start; zero by default. It is not modified.
    sweep : {"forward", "backward", "symmetric"}
        ``"symmetric"`` is a forward and a backward sweep per iteration.
    @order@
    @common@

    Notes
    -----
    A sweep costs 2 nnz + 4 n flops and 12 nnz + 36 n bytes (float64, 32-bit indices); on a grid in strips 88 n bytes
    (seven points) or 72 n (five). The residual is looked at every
    eighth iteration (every one with `callback` or `residuals`), so `iterations` may exceed what was needed by seven.

    References
    ----------
    D. M. Young, "Iterative Solution of Large Linear Systems", Academic Press 1971, chapter 6.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import gauss_seidel, sor
    >>> from kriss.testing import poisson2d
    >>> A, b = poisson2d(30), np.ones(900)
    >>> best = 2 / (1 + np.sin(np.pi / 31))
    >>> bool(5 * sor(A, b, best, rtol=1e-6).iterations < gauss_seidel(A, b, rtol=1e-6).iterations)
    True
    """
    return _iterate(
        "sor", A, b, x0, omega, sweep, order, rtol, atol, maxiter, callback, residuals, workers, check_finite
    )  # fmt: skip


@_documented
def ssor(
    A: object,
    b: npt.ArrayLike,
    omega: float,
    x0: npt.ArrayLike | None = None,
    *,
    order: str = "natural",
    rtol: float = 1e-5,
    atol: float = 0.0,
    maxiter: int | None = None,
    callback: Callback | None = None,
    residuals: bool = False,
    workers: int | None = None,
    check_finite: bool = True,
) -> SolveResult:
    """Solve ``A x = b`` by symmetric successive over-relaxation: a forward and a backward SOR sweep per iteration.

    Parameters
    ----------
    A : sparse matrix or array, shape (n, n)
        Real, with nonzero diagonal. Converges for symmetric positive definite A and any omega in (0, 2).
    b : array_like, shape (n,)
        Right-hand side.
    omega : float
        Relaxation, 0 < omega < 2.
    x0 : array_like, shape (n,), optional
        Where to start; zero by default. It is not modified.
    @order@
    @common@

    Notes
    -----
    The same as `sor` with ``sweep="symmetric"``. As a preconditioner (`SSOR`) it is worth far more.

    References
    ----------
    Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed., SIAM 2003, section 4.1.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import ssor
    >>> from kriss.testing import poisson2d
    >>> ssor(poisson2d(10), np.ones(100), 1.4, rtol=1e-6).status
    'converged'
    """
    return _iterate(
        "ssor", A, b, x0, omega, "symmetric", order, rtol, atol, maxiter, callback, residuals, workers, check_finite
    )  # fmt: skip
