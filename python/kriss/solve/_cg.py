"""Conjugate gradients: the native entry point."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from kriss import _validate as check
from kriss._backend import backend, kernels
from kriss._device import any_device
from kriss.solve._driven import cg_driven
from kriss.solve._factor import MIC
from kriss.solve._names import BUILDERS, named
from kriss.solve._native import NativePreconditioner
from kriss.solve._precond import Jacobi, Sweeps, _Preconditioner
from kriss.solve._result import STATUS, SolveResult
from kriss.solve._stencil import StencilOperator, inverse_of
from kriss.solve._storage import Blocks, Grid, Stored, blocks, exponent, is_blocks, shift_of, shifted, storage_name

Array = npt.NDArray[Any]
Callback = Callable[[Array], object]

NONE, JACOBI, SSOR_CODE = 0, 1, 2


class Precond(NamedTuple):
    """A preconditioner as the kernels take it; `apply` is set for one that only Python can call."""

    name: str
    code: int
    inverse: Array
    matrix: check.Csr | None
    where: Array
    omega: float
    apply: Callable[[Array], Array] | None
    native: Any = None  # (object, its module of kernels, scale): applied by the compiled loop
    source: Any = None
    shift: int = 0  # the matrix is 2**shift times that of `source`
    reported: dict[str, Any] = {}  # noqa: RUF012 - read only; what `SolveResult.params` tells of it


def cg(
    A: object,
    b: npt.ArrayLike,
    x0: npt.ArrayLike | None = None,
    *,
    rtol: float = 1e-5,
    atol: float = 0.0,
    maxiter: int | None = None,
    M: object = None,
    nullspace: Any = None,
    check_symmetric: bool = False,
    mixed: bool = False,
    block: bool = False,
    callback: Callback | None = None,
    residuals: bool = False,
    workers: int | None = None,
    check_finite: bool = True,
) -> SolveResult:
    """Solve ``A x = b`` for a symmetric positive definite A by conjugate gradients, for one b or several.

    Parameters
    ----------
    A : sparse matrix or array, dense array, or LinearOperator, shape (n, n)
        Real symmetric or complex Hermitian, positive definite. A SciPy sparse matrix runs wholly in compiled code; an
        operator is called once per iteration. A CuPy CSR matrix runs on its GPU.
    b : array_like, shape (n,) or (n, k)
        Right-hand side, or several as columns; a CuPy array if A is one. Columns are independent: each has the
        iterations, and the bits, of a solve of its own, and leaves once it has converged; but up to eight share every
        product with A.
    x0 : array_like, shape of b, optional
        Where to start; zero by default. It is not modified.
    rtol, atol : float
        Stop once ``||b - A x|| <= max(rtol ||b||, atol)``.
    maxiter : int, optional
        Most iterations; 10 n by default.
    M : {None, "jacobi", "ssor", "ic0", "mic", "ict", "fsai", "chebyshev"} or preconditioner, shape (n, n)
        An approximation of the inverse of A, symmetric positive definite: a name (built from A), an instance of
        `Jacobi`, `SSOR`, `IC0`, `MIC`, `FSAI`, ..., or any linear operator, sparse or dense matrix. One that varies
        belongs to `fcg`.
    nullspace : {"constant"} or array_like, shape (n,) or (n, m), optional
        Vectors that A maps to zero, for a singular semidefinite A. b is projected off them, so that the system is
        consistent, and the solution returned is the one orthogonal to them.
    check_symmetric : bool
        Refuse an A with ``|v'A w - w'A v|`` well above rounding for two random vectors: two products.
    mixed : bool
        Iterate in float32 (A and M too) and correct in float64: every correction starts from the float64 residual,
        until that meets the tolerance. Moves half the bytes per iteration; pays where A is well enough conditioned for
        float32 (roughly, condition below 1e6). A must be a sparse matrix; M a name or None.
    block : bool
        Let the columns of b (at most 64) share their search directions: block conjugate gradients. It takes fewer
        iterations, the fewer the more columns, and all columns take part until the last has converged; a single solve
        of a column is not reproduced. Dependent columns are no trouble. Real systems.
    callback : callable, optional
        ``callback(xk)`` after each iteration, with a read-only view of the current x (shape (n,): several columns are
        then solved one after another).
    residuals : bool
        Keep the norm of the residual before the first iteration and after each.
    workers : int, optional
        Threads; `kriss.get_num_threads` by default. The result does not depend on it.
    check_finite : bool
        Refuse NaN and infinity in A, b and x0. Otherwise they end the iteration with status ``"non_finite"``.

    Returns
    -------
    SolveResult
        Unpacks as ``x, info``.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, shape or value, A is found not to be symmetric, the index
        arrays of A are malformed, a diagonal entry needed
        by the preconditioner is missing or zero (the row is named), or M says that it is not linear.

    Notes
    -----
    Per iteration: 2 nnz + 10 n flops and 12 nnz + 84 n bytes (float64, 32-bit indices); Jacobi adds 3 n flops and
    16 n bytes, SSOR 2 nnz + 6 n flops and 12 nnz + 80 n bytes. Memory: three vectors besides x, four with SSOR, and a
    copy of the entries of A where it has few diagonals or dense blocks, which then take less traffic.
    With k columns 12 nnz / k takes the place of 12 nnz, per column; the memory is four vectors per column of a panel of
    eight. Sums are kept in double precision and in a fixed order, so the result has the same bits for any number of
    workers. Float32 is kept if both A and b are float32.

    With ``block=True`` and k columns an iteration costs about 14 n k flops per column beside products and M, and 192 n
    bytes (twelve vectors read or written); memory: four vectors per column. Directions that depend on others to 1e-6
    (float32: 3e-5) of their length are left out; ``params["rank"]`` is the smallest number kept. The `iterations` of a
    column are those after which its residual stayed below its tolerance.

    With SSOR, IC(0) or modified IC(0) built from the matrix A itself the iteration runs in Eisenstat's form: two sweeps
    over the triangles of A and no product, 112 n bytes and twice the lower triangle per iteration. The factorisations
    have it only where the graph of A has no triangles (five- and seven-point stencils); on such grids in natural order
    eight grid lines are solved side by side and the sweeps run on several threads. ``params["form"]`` tells. The norms
    in `residuals` are then estimates (from the norm of the preconditioned residual) between exact ones every 25th
    iteration.

    The iteration stops at once when some p'Ap or r'z is not positive: then A or M is not positive definite. Once the
    residual carried along meets the tolerance, b - A x is recomputed; if it misses, the iteration restarts once from
    it, and a second miss is reported as ``"stagnated"``. Data far from 1 are scaled by powers of two, which changes
    no bit of the result short of over- or underflow. A solution that overflows its dtype is ``"non_finite"``; one that
    underflows it and so misses the tolerance is ``"stagnated"``.

    References
    ----------
    M. R. Hestenes, E. Stiefel, "Methods of conjugate gradients for solving linear systems", J. Res. NBS 49 (1952),
    section 3.
    Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed., SIAM 2003, algorithm 9.1.
    H. Ji, Y. Li, "A breakdown-free block conjugate gradient method", BIT Numer. Math. 57 (2017), algorithm 2.
    S. C. Eisenstat, "Efficient implementation of a class of preconditioned conjugate gradient methods", SIAM J. Sci.
    Stat. Comput. 2 (1981), section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import cg
    >>> from kriss.testing import poisson2d
    >>> A = poisson2d(30)
    >>> b = np.ones(900)
    >>> result = cg(A, b, rtol=1e-10, M="ssor")
    >>> result.status
    'converged'
    >>> bool(np.linalg.norm(b - A @ result.x) <= 1e-10 * np.linalg.norm(b))
    True
    >>> x, info = result
    >>> both = cg(A, np.stack([b, np.arange(900.0)], axis=1), rtol=1e-10, M="ssor")
    >>> bool((both.x[:, 0] == x).all()), len(both.columns)
    (True, 2)
    >>> B = np.random.default_rng(0).standard_normal((900, 8))
    >>> cg(A, B, rtol=1e-10, block=True).iterations < 0.7 * cg(A, B, rtol=1e-10).iterations
    True
    """
    started = time.perf_counter()
    if any_device(A=A, b=b, x0=x0, M=M):
        from kriss.solve._cuda import cg_cuda

        if nullspace is not None or check_symmetric or mixed or block:
            raise TypeError("nullspace, check_symmetric, mixed and block are for matrices in host memory")
        return cg_cuda(
            A, b, x0, rtol=rtol, atol=atol, maxiter=maxiter, M=M, callback=callback, residuals=residuals,
            check_finite=check_finite,
        )  # fmt: skip
    from kriss.solve import _variants

    special = _variants.cg_variant(
        A, b, x0, rtol=rtol, atol=atol, maxiter=maxiter, M=M, nullspace=nullspace, check_symmetric=check_symmetric,
        mixed=mixed, block=block, callback=callback, residuals=residuals, workers=workers, check_finite=check_finite,
    )  # fmt: skip
    if special is not None:
        return special
    rtol = check.scalar(rtol, "rtol", low=0.0)
    atol = check.scalar(atol, "atol", low=0.0)
    threads = check.workers(workers)
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be callable, not {type(callback).__name__}")
    matrix, operator, dtype = _matrix(A, b, check_finite)
    n = matrix.shape[0] if matrix is not None else int(operator.shape[0])
    rhs = check.real_array(b, "b", ndim=1, dtype=dtype, finite=check_finite)
    if rhs.shape != (n,):
        raise ValueError(f"b has shape {rhs.shape}, expected ({n},)")
    start = None if x0 is None else check.real_array(x0, "x0", ndim=1, dtype=dtype, finite=check_finite)
    if start is not None and start.shape != (n,):
        raise ValueError(f"x0 has shape {start.shape}, expected ({n},)")
    most = 10 * n if maxiter is None else check.integer(maxiter, "maxiter", low=0)

    # Powers of two that bring A and b near 1, so that squares neither over- nor underflow: (sA A)(sB/sA x) = sB b.
    if isinstance(matrix, Blocks) and (isinstance(M, Sweeps) or (isinstance(M, str) and M != "jacobi")):
        matrix = matrix.tocsr()  # what M needs
    a_shift = 0 if matrix is None else shift_of(matrix)
    b_shift = _shift(rhs)
    matrix = shifted(matrix, a_shift)
    if b_shift:
        rhs = np.ldexp(rhs, b_shift)
    precond = without_constant(preconditioner(M, matrix, n, dtype, a_shift, lean=callback is None))
    ks = kernels("solve")
    b_norm = math.sqrt(ks.dot(rhs, rhs, threads))
    x = np.zeros(n, dtype)
    if start is not None:
        np.ldexp(start, b_shift - a_shift, out=x)
    zero_start = not x.any()
    tol = max(rtol * b_norm, _ldexp(atol, b_shift))
    params: dict[str, Any] = {
        "rtol": rtol, "atol": atol, "maxiter": most, "M": precond.name, "dtype": dtype.name,
        "scaling": (a_shift, b_shift),
    }  # fmt: skip
    params.update(precond.reported)
    plan = None
    if precond.source is not None:
        if isinstance(matrix, check.Csr) and callback is None:
            plan = precond.source.eisenstat(matrix, precond.shift, threads)
        params["form"] = "textbook" if plan is None else "eisenstat"
    solving = time.perf_counter()

    def result(status: str, iterations: int, matvecs: int, norm: float, history: Any) -> SolveResult:
        out = x
        if a_shift != b_shift:
            with np.errstate(all="ignore"):
                out = np.ldexp(x, a_shift - b_shift)
                back = np.ldexp(out, b_shift - a_shift)
                if not np.isfinite(out).all():
                    status = "non_finite" if status == "converged" else status  # beyond the range of its dtype
                elif not np.array_equal(back, x):  # it underflows its dtype: judge what is returned
                    q = np.empty_like(x)
                    product_of(ks, matrix, operator, threads)(back, q)
                    np.subtract(rhs, q, out=q)
                    norm, matvecs = math.sqrt(ks.dot(q, q, threads)), matvecs + 1
                    if status == "converged" and not norm <= tol:
                        status = "stagnated"
        kept = np.ldexp(np.asarray(history, dtype=np.float64), -b_shift) if residuals else None
        return SolveResult(
            out, status, iterations, _ldexp(norm, -b_shift), kept, matvecs,
            solving - started, time.perf_counter() - solving, backend(), params,
        )  # fmt: skip

    if b_norm == 0.0:
        x[:] = 0
        return result("converged", 0, 0, 0.0, [0.0])
    history: Any
    with np.errstate(all="ignore"):
        if plan is not None and isinstance(matrix, check.Csr):
            code, iterations, matvecs, norm, history = kernels("solve_factor").eisenstat_solve(
                plan, matrix.indptr, matrix.indices, matrix.data, rhs, x, tol, min(most, 2**62), zero_start, residuals,
                threads,
            )  # fmt: skip
            params["storage"] = plan.storage
        elif matrix is not None and callback is None and (mapped := maps_of(matrix, precond)) is not None:
            product, inside = mapped
            code, iterations, matvecs, norm, history = kernels("solve_maps").cg_map(
                product, inside, precond.inverse if precond.code == JACOBI else np.empty(0, dtype), rhs, x, tol,
                min(most, 2**62), zero_start, residuals, threads,
            )  # fmt: skip
            params["storage"] = storage_name(matrix, 0)
            params["product_bytes"] = product.product_bytes
        elif isinstance(matrix, check.Csr) and callback is None and precond.native is not None:
            code, iterations, matvecs, norm, history, kept, product_bytes = run_native(
                matrix, rhs, x, precond, tol, most, zero_start, residuals, threads
            )
            params["storage"] = storage_name(matrix, kept)
            params["product_bytes"] = product_bytes
        elif isinstance(matrix, check.Csr) and callback is None and precond.apply is None:
            code, iterations, matvecs, norm, history, kept, product_bytes = run_builtin(
                ks, matrix, rhs, x, precond, tol, most, zero_start, False, residuals, threads
            )
            params["storage"] = storage_name(matrix, kept)
            params["product_bytes"] = product_bytes
        else:
            hook = None if callback is None else functools.partial(_call, callback, x, a_shift - b_shift)
            code, iterations, matvecs, norm, history = cg_driven(
                ks,
                product_of(ks, matrix, operator, threads),
                rhs,
                x,
                precond.inverse if precond.code == JACOBI else np.empty(0, dtype),
                apply_of(ks, precond, threads),
                hook,
                tol=tol,
                maxiter=most,
                zero_start=zero_start,
                scipy_rules=False,
                workers=threads,
            )
    return result(STATUS[code], iterations, matvecs, norm, history)


def _matrix(A: Any, b: object, finite: bool) -> tuple[Stored | None, Any, np.dtype[Any]]:
    """A as (checked matrix or None, operator or None, working dtype)."""
    b_dtype = check.real_dtype(np.asarray(b).dtype, "b")
    if isinstance(A, StencilOperator):
        dtype = np.result_type(check.real_dtype(A.dtype, "A"), b_dtype)
        return A.of_dtype(dtype), None, dtype
    if sps.issparse(A):
        a_dtype = check.real_dtype(A.dtype, "A")
        dtype = np.result_type(a_dtype, b_dtype)
        if is_blocks(A):
            return blocks(A, "A", finite=finite, dtype=dtype), None, dtype
        return check.csr(A, "A", square=True, finite=finite, dtype=dtype), None, dtype
    if isinstance(A, (np.ndarray, list, tuple)):
        dense = check.real_array(A, "A", ndim=2, finite=finite)
        operator = aslinearoperator(dense)
    else:
        try:
            operator = aslinearoperator(A)
        except TypeError:
            raise TypeError(
                f"A must be a sparse matrix, a dense array or a LinearOperator, not {type(A).__name__}"
            ) from None
    if len(operator.shape) != 2 or operator.shape[0] != operator.shape[1]:
        raise ValueError(f"A has shape {operator.shape}, expected a square matrix")
    a_dtype = check.real_dtype(np.dtype(operator.dtype), "A") if operator.dtype is not None else np.dtype(np.float64)
    return None, operator, np.result_type(a_dtype, b_dtype)


def _shift(values: Array) -> int:
    """The power of two that brings the largest magnitude near 1; 0 if it is not far from it or not finite."""
    if values.size == 0:
        return 0
    return exponent(float(kernels("solve").largest(np.ravel(values), 0)), values.dtype)


def _ldexp(value: float, shift: int) -> float:
    return float(np.ldexp(value, shift)) if shift else value


def _call(callback: Callback, x: Array, shift: int) -> None:
    view = np.ldexp(x, shift) if shift else x.view()
    view.flags.writeable = False
    callback(view)


def without_constant(precond: Precond) -> Precond:
    """M = c I with c > 0 changes no iterate of conjugate gradients: it is left out, and its 16 n bytes an iteration."""
    c = precond.inverse
    if precond.code != JACOBI or c.size == 0 or not 0.0 < c[0] < math.inf or c[c.size // 2] != c[0]:
        return precond
    return precond._replace(code=NONE, inverse=c[:0]) if bool((c == c[0]).all()) else precond


def preconditioner(
    M: object, matrix: Stored | None, n: int, dtype: np.dtype[Any], a_shift: int = 0, *, lean: bool = False
) -> Precond:
    """The argument `M` resolved; `a_shift` is the scaling already applied to `matrix`.

    lean: the arrays of a textbook sweep are not wanted where Eisenstat's form is ready.
    """
    none = np.empty(0, dtype)
    places = np.empty(0, matrix.indices.dtype if isinstance(matrix, check.Csr) else np.int32)
    if M is None:
        return Precond("none", NONE, none, None, places, 1.0, None)
    if isinstance(M, str):
        if M == "jacobi" and isinstance(matrix, (Blocks, Grid)):
            return Precond("jacobi", JACOBI, inverse_of(matrix.diagonal(), "A"), None, places, 1.0, None)
        M = named(M, matrix)
        a_shift = 0
    if not getattr(M, "is_linear", True):
        raise ValueError("M says that it is not linear (M.is_linear is False); cg needs a fixed linear M: use fcg")
    shape = getattr(M, "shape", None)
    if isinstance(M, (Jacobi, Sweeps)) and shape != (n, n):
        raise ValueError(f"M has shape {shape}, expected {(n, n)}")
    if type(M) is Jacobi:
        inverse = np.asarray(M.inverse, dtype)
        return Precond("jacobi", JACOBI, np.ldexp(inverse, -a_shift) if a_shift else inverse, None, places, 1.0, None)
    if isinstance(M, Sweeps) and M.swept:
        inside = M._matrix
        if lean and inside is matrix and M.ready(matrix):
            return Precond(
                type(M).__name__.lower(), SSOR_CODE, none, None, places, M.omega, None, None, M, 0, _reported(M)
            )
        data, inverse, where = np.asarray(inside.data, dtype), np.asarray(M.inverse, dtype), M._where
        if a_shift:
            data, inverse = np.ldexp(data, a_shift), np.ldexp(inverse, -a_shift)
        inside = inside._replace(data=data)
        if isinstance(matrix, check.Csr) and inside.indices.dtype != matrix.indices.dtype:
            itype = matrix.indices.dtype
            inside = inside._replace(indptr=inside.indptr.astype(itype), indices=inside.indices.astype(itype))
            where = where.astype(itype)
        return Precond(
            type(M).__name__.lower(), SSOR_CODE, inverse, inside, where, M.omega, None, None, M, a_shift, _reported(M)
        )
    try:
        operator = aslinearoperator(M)
    except TypeError:
        raise TypeError(
            f"M must be None, a name ({', '.join(BUILDERS)}), a linear operator or a matrix, not {type(M).__name__}"
        ) from None
    if operator.shape != (n, n):
        raise ValueError(f"M has shape {operator.shape}, expected {(n, n)}")
    name = type(M).__name__
    apply = functools.partial(_apply_operator, operator, n, dtype)
    native = None
    if isinstance(M, NativePreconditioner) and M.dtype == dtype and M._kernels is kernels(M._family):
        native = (M._native, M._kernels, math.ldexp(1.0, M._shift - a_shift))
    elif isinstance(M, MIC) and M.dtype == dtype:
        held = M._compiled()
        native = None if held is None else (*held, math.ldexp(1.0, -a_shift))
    source = M if isinstance(M, Sweeps) else None
    return Precond(name, NONE, none, None, places, 1.0, apply, native, source, a_shift, _reported(M))


def _reported(M: object) -> dict[str, Any]:
    options = ("omega", "relax", "shift", "drop_tol", "fill") if isinstance(M, _Preconditioner) else ()
    return {k: getattr(M, k) for k in options if hasattr(M, k)}


def _apply_operator(operator: LinearOperator, n: int, dtype: np.dtype[Any], r: Array) -> Array:
    return vector(operator.matvec(r), "M", n, dtype)


def vector(value: object, name: str, n: int, dtype: np.dtype[Any]) -> Array:
    """What an operator returned, as a contiguous vector of the working dtype."""
    out = np.asarray(value)
    if out.dtype.kind == "c":
        raise TypeError(f"{name} returned complex numbers, expected real ones")
    if out.size != n:
        raise ValueError(f"{name} returned an array of shape {out.shape}, expected ({n},)")
    return np.require(out.reshape(n), dtype, ["C", "A"])


def apply_of(ks: Any, precond: Precond, threads: int) -> Callable[[Array], Array] | None:
    """``M^-1 r`` for the driven loop, or None where the passes contain it."""
    if precond.apply is not None:
        return precond.apply
    if precond.code != SSOR_CODE:
        return None
    m = precond.matrix
    assert m is not None
    z = np.empty_like(precond.inverse)

    def apply(r: Array) -> Array:
        ks.ssor_apply(m.indptr, m.indices, m.data, precond.where, precond.inverse, precond.omega, r, z, threads)
        return z

    return apply


def maps_of(matrix: Stored, precond: Precond) -> tuple[Any, Any] | None:
    """A and M as maps for the loop over maps; None where A is CSR, or M can only be called from Python."""
    if isinstance(matrix, check.Csr):
        return None
    if precond.native is not None:
        return matrix.map(), kernels("solve_krylov").native_map(precond.native[0], precond.native[2])
    if precond.apply is not None:
        return None
    m = precond.matrix
    if precond.code != SSOR_CODE or m is None:
        return matrix.map(), None
    return matrix.map(), kernels("solve_krylov").ssor_map(
        m.indptr, m.indices, m.data, precond.where, precond.inverse, precond.omega
    )


def product_of(ks: Any, matrix: Stored | None, operator: Any, threads: int) -> Callable[[Array, Array], float]:
    """``product(p, q)``: q = A p, returning p'q."""
    if isinstance(matrix, (Blocks, Grid)):
        mapped = matrix.map()

        def by_map(p: Array, q: Array) -> float:
            mapped.apply(p, q, threads)
            return float(ks.dot(p, q, threads))

        return by_map
    if matrix is not None:

        def stored(p: Array, q: Array) -> float:
            return float(ks.csr_matvec_dot(matrix.indptr, matrix.indices, matrix.data, p, q, threads))

        return stored

    def called(p: Array, q: Array) -> float:
        q[:] = vector(operator.matvec(p), "A", p.size, p.dtype)
        return float(ks.dot(p, q, threads))

    return called


def run_builtin(
    ks: Any,
    matrix: check.Csr,
    b: Array,
    x: Array,
    precond: Precond,
    tol: float,
    maxiter: int,
    zero_start: bool,
    scipy_rules: bool,
    history: bool,
    threads: int,
) -> tuple[int, int, int, float, Array, int, int]:
    """The whole loop in one kernel call; `x` is changed in place."""
    m = precond.matrix
    empty = np.empty(0, matrix.indices.dtype)
    out: tuple[int, int, int, float, Array, int, int] = ks.cg_csr(
        matrix.indptr, matrix.indices, matrix.data, b, x, precond.code, precond.inverse,
        m.indptr if m is not None else empty, m.indices if m is not None else empty,
        m.data if m is not None else np.empty(0, b.dtype), precond.where, precond.omega,
        tol, min(maxiter, 2**62), zero_start, scipy_rules, history, threads,
    )  # fmt: skip
    return out


def run_native(
    matrix: check.Csr,
    b: Array,
    x: Array,
    precond: Precond,
    tol: float,
    maxiter: int,
    zero_start: bool,
    history: bool,
    threads: int,
) -> tuple[int, int, int, float, Array, int, int]:
    """The whole loop in one kernel call, with a preconditioner object; `x` is changed in place."""
    object_, _, scale = precond.native
    out: tuple[int, int, int, float, Array, int, int] = kernels("solve_multigrid").cg_native(
        matrix.indptr, matrix.indices, matrix.data, b, x, object_, scale, tol, min(maxiter, 2**62), zero_start, history,
        threads,
    )  # fmt: skip
    return out
