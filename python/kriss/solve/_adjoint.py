"""Gradients through the solution of a linear system by the implicit-function rule."""

from __future__ import annotations

import dataclasses
import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from kriss import _validate as check
from kriss.solve._names import BUILDERS
from kriss.solve._recycled import RecycledSpace
from kriss.solve._result import SolveResult

Array = npt.NDArray[Any]

SYMMETRIC = ("cg", "fcg", "deflated_cg", "minres")
SOLVERS = (*SYMMETRIC, "gmres", "fgmres", "gcrodr", "gcrotmk", "lgmres", "bicgstab")
RECYCLING = ("deflated_cg", "gcrodr")


@dataclass(frozen=True, eq=False)
class SolveGradient:
    """What a function of ``x = A^-1 b`` has as gradients in A and b: the result of `solve_vjp`.

    Attributes
    ----------
    A : ndarray or None
        For a sparse A of shape (nnz,): the gradient of each stored entry, in the order of ``A.data``. For a dense A of
        shape (n, n). None for an operator.
    b : ndarray, shape (n,) or (n, k)
        The gradient in the right-hand side, which is the adjoint solution.
    results : tuple of SolveResult
        The adjoint solves, one for each column.
    converged : bool
        Whether all of them met the tolerance; if not, the gradients are as wrong as their residuals say.
    recycled : RecycledSpace or None
        What the last of them leaves to the next adjoint solve.
    """

    A: Array | None
    b: Array
    results: tuple[SolveResult, ...]

    @property
    def converged(self) -> bool:
        """Whether all adjoint solves met the tolerance."""
        return all(result.converged for result in self.results)

    @property
    def recycled(self) -> RecycledSpace | None:
        """What the last adjoint solve leaves to the next."""
        return self.results[-1].recycled if self.results else None


def solve_vjp(
    A: Any,
    x: npt.ArrayLike,
    cotangent: npt.ArrayLike,
    method: str = "gmres",
    *,
    M: Any = None,
    adjoint_M: Any = None,
    space: Any = None,
    rtol: float = 1e-8,
    **options: Any,
) -> SolveGradient:
    """Gradients in A and b of a function of the solution x of ``A x = b``, for one more solve, with the adjoint of A.

    Parameters
    ----------
    A : sparse matrix or array, dense array, or LinearOperator, shape (n, n)
        The matrix of the system; real or complex. An operator needs ``rmatvec`` unless the method is symmetric.
    x : array_like, shape (n,) or (n, k)
        The solution, of which the accuracy of the gradient in A depends as much as on `rtol`.
    cotangent : array_like, of the shape of x
        Gradient of the function in x: its change is ``Re(sum(conj(cotangent) * dx))``.
    method : str
        Solver of `kriss.solve` for the adjoint system. ``"cg"``, ``"fcg"``, ``"deflated_cg"`` and ``"minres"`` take A
        as symmetric (Hermitian) and need no transpose; ``"gmres"``, ``"fgmres"``, ``"gcrodr"``, ``"gcrotmk"``,
        ``"lgmres"`` and ``"bicgstab"`` do not.
    M : None, name or preconditioner, shape (n, n)
        That of the forward solve. An operator is used as it is if the method is symmetric, else its adjoint.
    adjoint_M : preconditioner, shape (n, n), optional
        In the place of the adjoint of M.
    space : RecycledSpace, optional
        For ``"gcrodr"`` and ``"deflated_cg"``: `SolveGradient.recycled` of the adjoint solve before; for
        ``"deflated_cg"`` also that of the forward solve.
    rtol : float, default 1e-8
        Of the adjoint solve.
    **options
        Further ones of the solver: ``restart``, ``maxiter``, ``workers`` and so on.

    Returns
    -------
    SolveGradient
        ``A`` on the pattern of A, ``b``, and the adjoint solves with their status.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type or shape, or M has no adjoint.

    Notes
    -----
    With ``A^H l = cotangent``: the gradient in b is l, that in the entry (i, j) is ``-l_i conj(x_j)``, summed over
    columns. Where A is symmetric and given by both triangles, the two entries of a pair get a gradient each. Cost: the
    adjoint solve, for a method that is not symmetric the transpose of A (about two products), and 2 nnz k flops and
    (24 + 16 k) nnz bytes.

    References
    ----------
    M. Blondel, Q. Berthet, M. Cuturi, R. Frostig, S. Hoyer, F. Llinares-Lopez, F. Pedregosa, J.-P. Vert, "Efficient and
    modular implicit differentiation", NeurIPS 2022, section 2.1. M. B. Giles, "Collected matrix derivative results for
    forward and reverse mode algorithmic differentiation", 2008, section 2.3.1.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import cg, solve_vjp
    >>> from kriss.testing import poisson2d
    >>> A, b = poisson2d(20), np.ones(400)
    >>> x = cg(A, b, rtol=1e-12).x
    >>> gradient = solve_vjp(A, x, x, "cg", rtol=1e-12)  # of x'x / 2
    >>> A.data[7] += 1e-6
    >>> moved = cg(A, b, rtol=1e-12).x
    >>> bool(abs((moved @ moved - x @ x) / 2e-6 / gradient.A[7] - 1) < 1e-4)
    True
    """
    check.choice(method, "method", SOLVERS)
    x, bar = _pair(x, cotangent)
    matrix = A if sps.issparse(A) else None
    dense = None
    if matrix is None and isinstance(A, (np.ndarray, list, tuple)):
        dense = np.asarray(A)
    if matrix is not None:
        adjoint: Any = matrix if method in SYMMETRIC else matrix.conj().T.tocsr()
    elif dense is not None:
        adjoint = dense if method in SYMMETRIC else np.ascontiguousarray(dense.conj().T)
    else:
        operator = aslinearoperator(A)
        adjoint = operator if method in SYMMETRIC else operator.H
    if tuple(adjoint.shape) != (len(x), len(x)):
        raise ValueError(f"A has shape {tuple(adjoint.shape)}, expected {(len(x), len(x))} as x has {len(x)} rows")
    results = solved(adjoint, bar, method, adjoint_of(M, method, adjoint_M), space, rtol=rtol, **options)
    lam = np.stack([result.x for result in results], axis=-1).reshape(bar.shape)
    gradient = None
    if matrix is not None:
        gradient = entries_gradient(*entries(matrix), lam, x, real=matrix.dtype.kind != "c")
    elif dense is not None:
        gradient = -(lam.reshape(len(x), -1) @ x.reshape(len(x), -1).conj().T)
        gradient = gradient if dense.dtype.kind == "c" else np.ascontiguousarray(gradient.real)
    return SolveGradient(gradient, lam, tuple(results))


def _pair(x: Any, cotangent: Any) -> tuple[Array, Array]:
    x, bar = np.asarray(x), np.asarray(cotangent)
    if x.ndim not in (1, 2):
        raise ValueError(f"x has shape {x.shape}, expected (n,) or (n, k)")
    if bar.shape != x.shape:
        raise ValueError(f"cotangent has shape {bar.shape}, expected {x.shape} as x")
    for value, name in ((x, "x"), (bar, "cotangent")):
        if value.dtype.kind not in "biufc":
            raise TypeError(f"{name} has dtype {value.dtype}, expected numbers")
        check.check_finite(value, name)
    return x, bar


def adjoint_of(M: Any, method: str, adjoint_M: Any = None) -> Any:
    """What preconditions the adjoint system."""
    if adjoint_M is not None or M is None or isinstance(M, str) or method in SYMMETRIC:
        return M if adjoint_M is None else adjoint_M
    operator = M if isinstance(M, LinearOperator) else aslinearoperator(M)
    adjoint = operator.H
    try:
        adjoint.matvec(np.zeros(operator.shape[0], operator.dtype))
    except (NotImplementedError, AttributeError, TypeError) as exc:
        raise TypeError(f"M of type {type(M).__name__} has no adjoint: pass adjoint_M, or give it rmatvec") from exc
    return adjoint


def solved(A: Any, b: Array, method: str, M: Any, space: Any, **options: Any) -> list[SolveResult]:
    """One result for each column of b, the space handed on."""
    solver = getattr(importlib.import_module("kriss.solve"), method)
    out = []
    for column in b.reshape(len(b), -1).T:
        if method in RECYCLING:
            options["space"] = space
        out.append(solver(A, np.ascontiguousarray(column), M=M, **options))
        space = out[-1].recycled
    return out


def entries(matrix: Any) -> tuple[Array, Array]:
    """Rows and columns of the stored entries, in the order of ``matrix.data``."""
    kind = matrix.format
    if kind == "coo":
        rows, cols = matrix.coords
        return rows, cols
    if kind in ("csr", "csc"):
        lines = np.repeat(np.arange(len(matrix.indptr) - 1), np.diff(matrix.indptr))
        return (lines, matrix.indices) if kind == "csr" else (matrix.indices, lines)
    raise TypeError(f"A has format {kind!r}, expected 'csr', 'csc' or 'coo', whose entries have one place each")


def entries_gradient(rows: Array, cols: Array, lam: Array, x: Array, *, real: bool, conj: bool = True) -> Array:
    """-sum over columns of ``lam_i conj(x_j)`` for every entry (i, j)."""
    n = len(x)
    out: Any = 0.0
    for left, right in zip(lam.reshape(n, -1).T, x.reshape(n, -1).T, strict=True):
        product = left[rows] * (right.conj() if conj else right)[cols]
        out = out - (product.real if real else product)
    return np.asarray(out) if np.ndim(out) else np.zeros(len(rows))


class DifferentiableSolver:
    """Solves and their gradients for matrices of one pattern, keeping preconditioner and spaces from call to call.

    What `kriss.interop.torch.solve` and `kriss.interop.jax.solve` run on.

    Parameters
    ----------
    pattern : sparse matrix or array, shape (n, n), in CSR, CSC or COO format
        Where the entries are; values are not used. The order of values given to the methods is that of
        ``pattern.data``; entries in the same place add up.
    method : str, default "gmres"
        As in `solve_vjp`.
    M : None, name, preconditioner, or callable
        A callable, such as ``kriss.solve.ILU0``, makes the preconditioner from the matrix; so does a name. What it
        returns serves the forward and the adjoint solve, and later values through its ``update``, if it has that.
    rtol : float, default 1e-8
        Of the forward solves.
    adjoint_rtol : float, optional
        Of the adjoint solves; `rtol` by default.
    **options
        Further ones of the solver.

    Attributes
    ----------
    pattern : csr_array
        The pattern without duplicates, values 1.
    method, M, rtol, adjoint_rtol, options
        As given.
    space, adjoint_space : RecycledSpace or None
        Kept for the next solves by the methods ``"gcrodr"`` and ``"deflated_cg"``.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type or value.

    Notes
    -----
    Cost of a solve: that of the method. Memory beside it: the pattern and its transpose, 24 nnz bytes.

    References
    ----------
    As `solve_vjp`.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import ILU0, DifferentiableSolver
    >>> from kriss.testing import convection_diffusion2d
    >>> A = convection_diffusion2d(20, 0.05)
    >>> solver = DifferentiableSolver(A, "gcrodr", M=ILU0, rtol=1e-10)
    >>> forward = solver.solve(A.data, np.ones(400))
    >>> backward = solver.vjp(A.data, forward.x, forward.x)
    >>> backward.converged, backward.A.shape == A.data.shape
    (True, True)
    """

    _jax_pair: Any = None  # made by kriss.interop.jax

    def __init__(
        self,
        pattern: Any,
        method: str = "gmres",
        *,
        M: Any = None,
        rtol: float = 1e-8,
        adjoint_rtol: float | None = None,
        **options: Any,
    ) -> None:
        self.method = check.choice(method, "method", SOLVERS)
        self.rtol = check.scalar(rtol, "rtol", low=0.0)
        self.adjoint_rtol = self.rtol if adjoint_rtol is None else check.scalar(adjoint_rtol, "adjoint_rtol", low=0.0)
        self.M, self.options = M, options
        if isinstance(M, str):
            check.choice(M, "M", tuple(BUILDERS))
        if not sps.issparse(pattern):
            raise TypeError(f"pattern must be a sparse matrix, not {type(pattern).__name__}")
        n, m = pattern.shape
        if n != m:
            raise ValueError(f"pattern has shape {pattern.shape}, expected a square matrix")
        self.rows, self.cols = (np.array(part, np.int64) for part in entries(pattern))
        key = self.rows * n + self.cols
        places, self._where = np.unique(key, return_inverse=True)
        self._plain = len(places) == len(key) and bool((np.diff(key) > 0).all())
        indptr = np.searchsorted(places, np.arange(n + 1) * n)
        kind = np.int32 if max(len(places), n) < 2**31 else np.int64
        self.pattern = sps.csr_array(
            (np.ones(len(places)), (places % n).astype(kind), indptr.astype(kind)), shape=(n, n)
        )
        turned = np.argsort((places % n) * n + places // n, kind="stable")
        self._turn = turned
        self._turned = sps.csr_array(
            (self.pattern.data, (places // n)[turned].astype(kind),
             np.searchsorted((places % n)[turned], np.arange(n + 1)).astype(kind)), shape=(n, n),
        )  # fmt: skip
        self.space: RecycledSpace | None = None
        self.adjoint_space: RecycledSpace | None = None
        self._built: tuple[Array, Any] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_jax_pair"}

    def matrix(self, values: npt.ArrayLike) -> sps.csr_array:
        """The matrix with these values, shape (nnz,), in canonical CSR format."""
        return sps.csr_array(
            (self._values(values), self.pattern.indices, self.pattern.indptr), shape=self.pattern.shape
        )

    def solve(self, values: npt.ArrayLike, b: npt.ArrayLike) -> SolveResult:
        """Solve for b of shape (n,); see `solve_columns` for several right-hand sides."""
        return self.solve_columns(values, np.asarray(b).reshape(-1))[0]

    def solve_columns(
        self, values: npt.ArrayLike, b: npt.ArrayLike, *, adjoint: bool = False, transposed: bool = False
    ) -> list[SolveResult]:
        """One result for each column of b, with A, its adjoint, or its transpose."""
        b = np.asarray(b)
        if b.ndim not in (1, 2) or len(b) != self.pattern.shape[0]:
            n = self.pattern.shape[0]
            raise ValueError(f"b has shape {b.shape}, expected ({n},) or ({n}, k)")
        A = self.matrix(values)
        M = self._preconditioner(A)
        other = adjoint or transposed
        conj = A.data.dtype.kind == "c" and transposed
        symmetric = self.method in SYMMETRIC
        if conj:  # A^T y = b is A^H conj(y) = conj(b)
            b = b.conj()
        if other and not symmetric:
            data = A.data[self._turn]
            A = sps.csr_array((data.conj(), self._turned.indices, self._turned.indptr), shape=A.shape)
            M = adjoint_of(M, self.method)
        name = "adjoint_space" if other and not symmetric else "space"
        rtol = self.adjoint_rtol if other else self.rtol
        results = solved(A, b, self.method, M, self._kept(name, A, b), rtol=rtol, **self.options)
        if self.method in RECYCLING and results and all(result.converged for result in results):
            setattr(self, name, results[-1].recycled)
        if conj:
            results = [dataclasses.replace(result, x=result.x.conj()) for result in results]
        return results

    def vjp(
        self, values: npt.ArrayLike, x: npt.ArrayLike, cotangent: npt.ArrayLike, *, conj: bool = True
    ) -> SolveGradient:
        """Gradients in values and b, as `solve_vjp`; with `conj` off those of a bilinear pairing, ``sum(bar * dx)``."""
        x, bar = _pair(x, cotangent)
        results = self.solve_columns(values, bar, adjoint=conj, transposed=not conj)
        lam = np.stack([result.x for result in results], axis=-1).reshape(bar.shape)
        real = np.asarray(values).dtype.kind != "c"
        return SolveGradient(
            entries_gradient(self.rows, self.cols, lam, x, real=real, conj=conj), lam, tuple(results)
        )  # fmt: skip

    def _values(self, values: npt.ArrayLike) -> Array:
        given = np.asarray(values)
        if given.shape != self.rows.shape:
            raise ValueError(f"values has shape {given.shape}, expected {self.rows.shape}, one number for each entry")
        if self._plain:
            return given
        size = self.pattern.nnz
        if given.dtype.kind == "c":
            parts = (np.bincount(self._where, part, size) for part in (given.real, given.imag))
            real, imag = parts
            return np.asarray(real + 1j * imag, given.dtype)
        return np.bincount(self._where, given, size).astype(np.result_type(given.dtype, np.float32), copy=False)

    def _preconditioner(self, A: sps.csr_array) -> Any:
        """Made from the matrix, or kept if it was made from the same."""
        made_here = isinstance(self.M, (str, type)) or (callable(self.M) and not hasattr(self.M, "matvec"))
        if not made_here or (isinstance(self.M, str) and A.dtype.kind == "c"):
            return self.M
        if self._built is not None and np.array_equal(self._built[0], A.data) and self._built[0].dtype == A.dtype:
            return self._built[1]
        old = self._built
        self._built = None
        if old is not None and old[0].dtype == A.dtype and callable(getattr(old[1], "update", None)):
            made = old[1]
            made.update(A)
        else:
            made = BUILDERS[self.M](check.csr(A, "A", square=True)) if isinstance(self.M, str) else self.M(A)
        self._built = (A.data.copy(), made)
        return made

    def _kept(self, name: str, A: Any, b: Array) -> RecycledSpace | None:
        space: RecycledSpace | None = getattr(self, name)
        if space is not None and space.dtype.kind == "c" and np.result_type(A.dtype, b.dtype).kind != "c":
            return None
        return space
