"""A linear system made ready for the Krylov loops: checked arguments, A and M as maps, data scaled by powers of two."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps
from scipy.sparse.linalg import aslinearoperator

from kriss import _validate as check
from kriss._backend import backend, kernels
from kriss._device import any_device
from kriss.solve import _cg
from kriss.solve._result import STATUS, SolveResult
from kriss.solve._stencil import StencilOperator, inverse_of
from kriss.solve._storage import Blocks, Grid, Stored, blocks, is_blocks, shift_of, shifted, storage_name

Array = npt.NDArray[Any]
Callback = Callable[[Array], object]

_COMPLEX = {np.dtype(np.complex64): np.dtype(np.complex64), np.dtype(np.complex128): np.dtype(np.complex128)}


def working_dtype(value: np.dtype[Any], name: str) -> np.dtype[Any]:
    """float32, float64, complex64 or complex128."""
    if value.kind == "c":
        native = value.newbyteorder("=")
        if native not in _COMPLEX:
            raise TypeError(f"{name} has dtype {value}, expected complex64 or complex128")
        return native
    return check.real_dtype(value, name)


def numbers(value: object, name: str, *, ndim: int | tuple[int, ...], dtype: npt.DTypeLike, finite: bool) -> Array:
    """As `check.real_array`, complex numbers allowed if `dtype` is complex."""
    kind = np.dtype(dtype).kind
    raw = value if isinstance(value, np.ndarray) else None
    if raw is None and not sps.issparse(value):
        try:
            raw = np.asarray(value)
        except ValueError as exc:
            raise ValueError(f"{name} cannot be made an array: {exc}") from None
    if kind != "c" or raw is None or raw.dtype.kind != "c":
        if kind == "c":
            return np.require(check.real_array(value, name, ndim=ndim, finite=finite), dtype, ["C", "A"])
        return check.real_array(value, name, ndim=ndim, dtype=dtype, finite=finite)
    if isinstance(raw, np.ma.MaskedArray) and np.ma.is_masked(raw):
        raise ValueError(f"{name} is a masked array with masked entries, which is not supported")
    working_dtype(raw.dtype, name)
    allowed = (ndim,) if isinstance(ndim, int) else ndim
    if raw.ndim not in allowed:
        raise ValueError(f"{name} has shape {raw.shape}, expected a {' or '.join(f'{k}-D' for k in allowed)} array")
    out = np.require(np.asarray(raw), dtype, ["C", "A"])
    if finite:
        check.check_finite(out, name)
    return out


def ldexp(values: Array, shift: int) -> Array:
    """values 2^shift as a new array."""
    if values.dtype.kind == "c":
        out = np.empty_like(values)
        np.ldexp(values.real, shift, out=out.real)
        np.ldexp(values.imag, shift, out=out.imag)
        return out
    return np.ldexp(values, shift)


def _shift(values: Array) -> int:
    if values.dtype.kind == "c":
        values = np.ascontiguousarray(values).view(values.real.dtype)
    return _cg._shift(values)


@dataclass
class System:
    """A x = b in working precision, scaled so that squares neither over- nor underflow."""

    started: float
    ks: Any
    n: int
    dtype: np.dtype[Any]
    matrix: Stored | None
    A: Any
    M: Any
    b: Array
    x: Array
    b_norm: float
    tol: float
    maxiter: int
    threads: int
    a_shift: int
    b_shift: int
    keep: bool
    callback: Callback | None
    params: dict[str, Any]
    nullspace: Array | None = None
    shift: float = 0.0
    solving: float = 0.0
    matvecs: int = 0
    iterations: int = 0
    history: list[Array] = field(default_factory=list)

    @property
    def eps(self) -> float:
        return float(np.finfo(self.dtype).eps)

    @property
    def zero_start(self) -> bool:
        return not self.x.any()

    @property
    def wide(self) -> type[Any]:
        """The dtype of coefficients and sums."""
        return np.complex128 if self.dtype.kind == "c" else np.float64

    def vectors(self, count: int) -> list[Array]:
        """`count` vectors, each between as many zeros as products with A want around their operand."""
        return padded_vectors(count, self.n, self.A.halo, self.dtype)

    def hook(self) -> Callable[[], None] | None:
        """The user's callback for a loop that keeps `x` up to date."""
        if self.callback is None:
            return None
        call, x, shift = self.callback, self.x, self.a_shift - self.b_shift

        def after() -> None:
            view = ldexp(x, shift) if shift else x.view()
            view.flags.writeable = False
            call(view)

        return after

    def fused(self, y: Array, beta: complex, v: list[Array], c: Any, w: list[Array]) -> tuple[Array, float]:
        """``y = beta y + sum c_j v_j``; ``w_j^H y`` and ``y^H y``."""
        coefficients = np.ascontiguousarray(c, dtype=self.wide).reshape(len(v))
        out: tuple[Array, float] = self.ks.fused(y, beta, v, coefficients, w, self.threads)
        return out

    def residual(self, out: Array, x: Array | None = None) -> float:
        """``out = b - (A - shift) x``; returns its norm."""
        self.matvecs += 1
        start = self.x if x is None else x
        self.A.apply(start, out, self.threads)
        return math.sqrt(self.fused(out, -1.0, [self.b, start], [1.0, self.shift], [])[1])

    def norm(self, y: Array) -> float:
        return math.sqrt(self.fused(y, 1.0, [], [], [])[1])

    def result(self, status: str, norm: float) -> SolveResult:
        """The result in the caller's scaling."""
        x, shift = self.x, self.a_shift - self.b_shift
        if self.nullspace is not None:
            project_out(x, self.nullspace)
        if shift:
            with np.errstate(all="ignore"):
                x = ldexp(self.x, shift)
                back = ldexp(x, -shift)
                if not np.isfinite(x).all():
                    status = "non_finite" if status == "converged" else status
                elif not np.array_equal(back, self.x):
                    norm = self.residual(np.empty_like(back), back)
                    if status == "converged" and not norm <= self.tol:
                        status = "stagnated"
        kept = None
        if self.keep:
            kept = np.ldexp(np.concatenate(self.history) if self.history else np.zeros(0), -self.b_shift)
        return SolveResult(
            x, status, self.iterations, _cg._ldexp(norm, -self.b_shift), kept, self.matvecs,
            self.solving - self.started, time.perf_counter() - self.solving, backend(), self.params,
        )  # fmt: skip


def prepare(
    A: Any,
    b: Any,
    x0: Any,
    *,
    rtol: object,
    atol: object,
    maxiter: object,
    M: Any,
    callback: Callback | None,
    residuals: bool,
    workers: object,
    check_finite: bool,
    flexible: bool = False,
    method: str,
    nullspace: Any = None,
) -> System:
    """Check every argument of a solver and resolve A and M.

    Parameters
    ----------
    flexible : bool
        The method allows a preconditioner that is not linear or changes.
    method : str
        For error messages.
    """
    started = time.perf_counter()
    if any_device(A=A, b=b, x0=x0, M=M):
        raise TypeError(f"{method} runs on the CPU only: pass NumPy arrays and SciPy matrices (cg runs on the GPU)")
    rtol = check.scalar(rtol, "rtol", low=0.0)
    atol = check.scalar(atol, "atol", low=0.0)
    threads = check.workers(workers)
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be callable, not {type(callback).__name__}")
    ks = kernels("solve_krylov")
    matrix, operator, dtype = resolve(A, b, check_finite)
    n = matrix.shape[0] if matrix is not None else int(operator.shape[0])
    rhs = numbers(b, "b", ndim=1, dtype=dtype, finite=check_finite)
    if rhs.shape != (n,):
        raise ValueError(f"b has shape {rhs.shape}, expected ({n},)")
    start = None if x0 is None else numbers(x0, "x0", ndim=1, dtype=dtype, finite=check_finite)
    if start is not None and start.shape != (n,):
        raise ValueError(f"x0 has shape {start.shape}, expected ({n},)")
    most = 10 * n if maxiter is None else check.integer(maxiter, "maxiter", low=0)
    space = null_space(nullspace, n, dtype)

    a_shift = 0 if matrix is None else shift_of(matrix)
    b_shift = _shift(rhs)
    matrix = shifted(matrix, a_shift)
    if b_shift:
        rhs = ldexp(rhs, b_shift)
    if space is not None:
        rhs = rhs.copy()
        project_out(rhs, space)
    params: dict[str, Any] = {
        "method": method, "rtol": rtol, "atol": atol, "maxiter": most, "dtype": dtype.name,
        "scaling": (a_shift, b_shift),
    }  # fmt: skip
    precond, name = precond_map(ks, M, matrix, n, dtype, a_shift, flexible=flexible, method=method)
    params["M"] = name
    if space is not None:
        precond = projected(ks, precond, space, n, dtype)
        params["nullspace"] = len(space)
    product = matrix_map(ks, matrix, operator, n, dtype)
    params["storage"] = storage_name(matrix, product.storage)
    x = np.zeros(n, dtype) if start is None else ldexp(start, b_shift - a_shift)
    system = System(
        started, ks, n, dtype, matrix, product, precond, rhs, x, 0.0, 0.0, min(most, 2**62), threads, a_shift, b_shift,
        bool(residuals), callback, params, space,
    )  # fmt: skip
    system.b_norm = system.norm(rhs) if n else 0.0
    system.tol = max(rtol * system.b_norm, _cg._ldexp(atol, b_shift))
    system.solving = time.perf_counter()
    return system


def resolve(A: Any, b: object, finite: bool) -> tuple[Stored | None, Any, np.dtype[Any]]:
    """A as (checked matrix or None, operator or None, working dtype)."""
    try:
        b_dtype = working_dtype(np.asarray(b).dtype, "b")
    except ValueError as exc:
        raise ValueError(f"b cannot be made an array: {exc}") from None
    if isinstance(A, StencilOperator):
        dtype = np.result_type(A.dtype, b_dtype)
        return A.of_dtype(dtype), None, dtype
    if sps.issparse(A):
        dtype = np.result_type(working_dtype(A.dtype, "A"), b_dtype)
        if is_blocks(A):
            return blocks(A, "A", finite=finite, dtype=dtype), None, dtype
        return check.csr(A, "A", square=True, finite=finite, dtype=dtype), None, dtype
    if isinstance(A, (np.ndarray, list, tuple)):
        raw = np.asarray(A)
        operator = aslinearoperator(numbers(A, "A", ndim=2, dtype=working_dtype(raw.dtype, "A"), finite=finite))
    else:
        try:
            operator = aslinearoperator(A)
        except TypeError:
            raise TypeError(
                f"A must be a sparse matrix, a dense array or a LinearOperator, not {type(A).__name__}"
            ) from None
    if len(operator.shape) != 2 or operator.shape[0] != operator.shape[1]:
        raise ValueError(f"A has shape {operator.shape}, expected a square matrix")
    a_dtype = working_dtype(np.dtype(operator.dtype), "A") if operator.dtype is not None else np.dtype(np.float64)
    return None, operator, np.result_type(a_dtype, b_dtype)


def matrix_map(ks: Any, matrix: Stored | None, operator: Any, n: int, dtype: np.dtype[Any]) -> Any:
    """A as a map of the kernels."""
    if isinstance(matrix, (Blocks, Grid)):
        return matrix.map()
    if matrix is not None:
        return ks.csr_map(matrix.indptr, matrix.indices, matrix.data, True)
    return operator_map(ks, operator, "A", n, dtype)


def padded_vectors(count: int, n: int, halo: int, dtype: np.dtype[Any]) -> list[Array]:
    """`count` vectors of one allocation, each on a cache line and between `halo` zeros; not initialised."""
    line = 64 // dtype.itemsize
    pad = -(-halo // line) * line
    step = max(-(-n // line) * line + pad, line)  # no items: vectors of no length
    page = 4096 // dtype.itemsize
    if step >= 4 * page:  # four share a page: distances that are large powers of two meet in few sets of the caches
        step += (page // 4 - step) % page
    room = np.empty(pad + step * count + line, dtype)
    first = -(room.ctypes.data // dtype.itemsize) % line
    room = room[first:]
    room[:pad] = 0
    vectors = []
    for at in range(pad, pad + step * count, step):
        room[at + n : at + step] = 0
        vectors.append(room[at : at + n])
    return vectors


def operator_map(ks: Any, operator: Any, name: str, n: int, dtype: np.dtype[Any]) -> Any:
    """A SciPy operator as a map of the kernels; it gets its own copy of each vector, which it may keep."""

    def apply(x: Array, y: Array) -> None:
        y[:] = vector(operator.matvec(x.copy()), name, n, dtype)

    return ks.hook_map(apply, np.empty(n, dtype))


def vector(value: object, name: str, n: int, dtype: np.dtype[Any]) -> Array:
    """What an operator returned, as a contiguous vector of the working dtype."""
    if dtype.kind != "c":
        return _cg.vector(value, name, n, dtype)
    out = np.asarray(value)
    if out.size != n:
        raise ValueError(f"{name} returned an array of shape {out.shape}, expected ({n},)")
    return np.require(out.reshape(n), dtype, ["C", "A"])


def precond_map(
    ks: Any,
    M: Any,
    matrix: Stored | None,
    n: int,
    dtype: np.dtype[Any],
    a_shift: int,
    *,
    flexible: bool,
    method: str,
) -> tuple[Any, str]:
    """M as a map of the kernels (None for the identity), and its name."""
    if M is None:
        return None, "none"
    if not getattr(M, "is_linear", True):
        if not flexible:
            other = "fcg" if method in ("cg", "minres", "deflated_cg") else "fgmres"
            raise ValueError(
                f"M says that it is not linear (M.is_linear is False); {method} needs a fixed linear M: use {other}"
            )
        return _as_operator(ks, M, n, dtype)
    if dtype.kind == "c":
        if isinstance(M, str):
            check.choice(M, "M", ("jacobi",))
            if matrix is None:
                raise TypeError(f"M={M!r} needs the entries of A, which is not a sparse matrix here: pass an operator")
            return ks.diagonal_map(_inverse_diagonal(matrix)), "jacobi"
        return _as_operator(ks, M, n, dtype)
    precond = _cg.preconditioner(M, matrix, n, dtype, a_shift)
    if precond.native is not None:
        return ks.native_map(precond.native[0], precond.native[2]), precond.name
    if precond.apply is not None:
        inside = precond.apply

        def apply(r: Array, z: Array) -> None:
            z[:] = inside(r.copy())

        return ks.hook_map(apply, np.empty(n, dtype)), precond.name
    if precond.code == _cg.JACOBI:
        return ks.diagonal_map(precond.inverse), precond.name
    if precond.code == _cg.SSOR_CODE:
        m = precond.matrix
        assert m is not None
        return ks.ssor_map(m.indptr, m.indices, m.data, precond.where, precond.inverse, precond.omega), precond.name
    if precond.code != _cg.NONE:
        raise TypeError(f"{method} cannot use M={precond.name}: only cg can")
    return None, precond.name


def _as_operator(ks: Any, M: Any, n: int, dtype: np.dtype[Any]) -> tuple[Any, str]:
    try:
        operator = aslinearoperator(M)
    except TypeError:
        raise TypeError(f"M must be None, a name, a linear operator or a matrix, not {type(M).__name__}") from None
    if operator.shape != (n, n):
        raise ValueError(f"M has shape {operator.shape}, expected {(n, n)}")
    return operator_map(ks, operator, "M", n, dtype), type(M).__name__


def _inverse_diagonal(matrix: Stored) -> Array:
    if isinstance(matrix, (Blocks, Grid)):
        return inverse_of(matrix.diagonal(), "A")
    csr = sps.csr_array((matrix.data, matrix.indices, matrix.indptr), shape=matrix.shape)
    return inverse_of(csr.diagonal(), "A")


def null_space(value: Any, n: int, dtype: np.dtype[Any]) -> Array | None:
    """The argument `nullspace` as orthonormal rows (m, n)."""
    if value is None:
        return None
    if isinstance(value, str):
        check.choice(value, "nullspace", ("constant",))
        return np.full((1, n), 1.0 / math.sqrt(max(n, 1)), dtype)
    raw = numbers(value, "nullspace", ndim=(1, 2), dtype=dtype, finite=True)
    if raw.shape[0] != n:
        raise ValueError(f"nullspace has shape {raw.shape}, expected ({n},) or ({n}, m)")
    columns = raw.reshape(n, -1)
    if columns.shape[1] >= n:
        raise ValueError(f"nullspace has {columns.shape[1]} columns, expected fewer than {n}")
    lengths = np.sqrt(np.sum(np.abs(columns) ** 2, axis=0))
    if not (lengths > 0).all():
        raise ValueError(f"nullspace column {int(np.argmin(lengths > 0))} is zero")
    q, r = np.linalg.qr(columns / lengths)
    if np.abs(np.diagonal(r)).min() < 1e-8:
        raise ValueError("the columns of nullspace are linearly dependent")
    return np.ascontiguousarray(q.T, dtype=dtype)


def project_out(x: Array, space: Array) -> None:
    """Remove from x, in place, its components along the orthonormal rows of `space`."""
    for _ in range(2):
        x -= (space.conj() @ x) @ space


def projected(ks: Any, precond: Any, space: Array, n: int, dtype: np.dtype[Any]) -> Any:
    """P M P with P the projection off `space`."""

    def apply(r: Array, z: Array) -> None:
        inside = r.copy()
        project_out(inside, space)
        if precond is None:
            z[:] = inside
        else:
            precond.apply(inside, z, 0)
            project_out(z, space)

    return ks.hook_map(apply, np.empty(n, dtype))


def iterate(system: System, loop: Callable[[int], tuple[int, int, int, Array]]) -> SolveResult:
    """Run a loop and judge what it says by b - A x; if that misses, once more from where it ended.

    Parameters
    ----------
    loop : callable
        ``loop(maxiter)`` improves `system.x`; returns status, iterations, matvecs and history.
    """
    if system.b_norm == 0.0:
        system.x[:] = 0
        system.history.append(np.zeros(1))
        return system.result("converged", 0.0)
    rest = system.maxiter
    room = np.empty_like(system.b)
    start = None if system.zero_start else system.x.copy()
    status, norm = 2, math.nan
    with np.errstate(all="ignore"):
        for attempt in range(2):
            status, iterations, matvecs, history = loop(rest)
            system.iterations += iterations
            system.matvecs += matvecs
            system.history.append(history if attempt == 0 else history[1:])
            if status == 6 and not np.isfinite(system.x).all():  # some step has gone into x: back to where it was sound
                system.x[:] = 0 if start is None else start
            rest -= iterations
            norm = system.residual(room)
            if norm <= system.tol and math.isfinite(norm):
                status = 0 if status in (0, 2, 3, 12) else status
                break
            if status != 0:
                status = 6 if status == 2 and not math.isfinite(norm) else status
                break
            status = 12 if math.isfinite(norm) else 6
            if status == 6:
                break
            if rest <= 0:
                status = 2
                break
    return system.result(STATUS[status], norm)
