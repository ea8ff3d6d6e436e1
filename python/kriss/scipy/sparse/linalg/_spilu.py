"""Mirror of `scipy.sparse.linalg.spilu`: SuperLU's factors, solved with by compiled triangular solves."""

from __future__ import annotations

import threading
import warnings
from typing import Any

import numpy as np
import scipy.sparse as sps
from scipy.sparse.linalg import SuperLU
from scipy.sparse.linalg import spilu as _scipy_spilu

from kriss._backend import delegate, kernels

ROUTINE = "sparse.linalg.spilu"
# Below this many rows a solve costs no more than the call of one.
SMALL = 500


def spilu(  # type: ignore[no-untyped-def]
    A,
    drop_tol=None,
    fill_factor=None,
    drop_rule=None,
    permc_spec=None,
    diag_pivot_thresh=None,
    relax=None,
    panel_size=None,
    options=None,
):
    """Compute an incomplete LU decomposition for a sparse, square matrix.

    The same as `scipy.sparse.linalg.spilu`, argument by argument; what it returns solves faster.

    Parameters
    ----------
    A : (N, N) array_like
        Sparse array to factorize; other formats than CSC are converted, with a warning.
    drop_tol : float, optional
        Drop tolerance; 1e-4 by default.
    fill_factor : float, optional
        Bound of the fill ratio; 10 by default.
    drop_rule : str, optional
        Comma-separated drop rules; ``basic,area`` by default.
    permc_spec, diag_pivot_thresh, relax, panel_size, options : optional
        As for `scipy.sparse.linalg.splu`.

    Returns
    -------
    invA_approx : scipy.sparse.linalg.SuperLU
        Or an object with its interface: ``solve(rhs, trans)``, ``shape``, ``nnz``, ``perm_r``, ``perm_c``, ``L``,
        ``U``, for which ``isinstance(invA_approx, SuperLU)`` holds.

    Raises
    ------
    ValueError, RuntimeError
        As SciPy's does: `A` is not square, or its factor exactly singular.

    Notes
    -----
    The factors are SuperLU's, computed by SciPy. At the first solve they are copied by rows (12 bytes per entry), and
    a solve then takes 2 nnz flops and 12 nnz bytes for each right-hand side. Complex matrices, those with fewer than
    500 rows, and factors with a zero on the diagonal of U stay with SciPy, which is logged under ``kriss.dispatch``.

    As a preconditioner for matrices that need no pivoting, `kriss.solve.ILUT` is mostly the better one: SuperLU's
    column ordering, made for complete factors, costs iterations at equal fill.

    References
    ----------
    X. S. Li, M. Shao, "A supernodal approach to incomplete LU factorization with partial pivoting", ACM Trans. Math.
    Softw. 37 (2011), 43.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csc_array
    >>> from kriss.scipy.sparse.linalg import spilu
    >>> A = csc_array([[1., 0., 0.], [5., 0., 2.], [0., -1., 0.]])
    >>> spilu(A).solve(np.array([1., 2., 3.]))
    array([ 1. , -3. , -1.5])
    """
    if sps.issparse(A) or not hasattr(A, "to_scipy_sparse"):
        if not (sps.issparse(A) and A.format == "csc"):
            A = sps.csc_array(A)
            warnings.warn("spilu converted its input to CSC format", sps.SparseEfficiencyWarning, stacklevel=2)
        reason = _reason(A)
    else:
        reason = f"A is a {type(A).__name__}"
    lu = _scipy_spilu(
        A, drop_tol=drop_tol, fill_factor=fill_factor, drop_rule=drop_rule, permc_spec=permc_spec,
        diag_pivot_thresh=diag_pivot_thresh, relax=relax, panel_size=panel_size, options=options,
    )  # fmt: skip
    if reason is not None:
        delegate(ROUTINE, reason)
        return lu
    return _Solver(lu)


def _reason(A: Any) -> str | None:
    """Why SciPy should have the solves, too."""
    if A.dtype.kind == "c":
        return f"A has dtype {A.dtype}"
    if A.shape[0] < SMALL:
        return f"A has {A.shape[0]} rows"
    return None


class _Solver:
    """What `spilu` returns: SuperLU's factors and our solves."""

    def __init__(self, lu: Any) -> None:
        self._lu = lu
        self._lock = threading.Lock()
        self._solves: dict[bool, Any] = {}

    # SciPy's own class can neither be made nor derived from, but code that asks isinstance is to be answered yes.
    @property
    def __class__(self) -> Any:
        return SuperLU

    @__class__.setter
    def __class__(self, value: Any) -> None:
        raise TypeError("the class of a factorisation cannot be assigned")

    @property
    def shape(self) -> Any:
        """Shape of the original matrix."""
        return self._lu.shape

    @property
    def nnz(self) -> Any:
        """Number of entries in the factors."""
        return self._lu.nnz

    @property
    def perm_r(self) -> Any:
        """Row permutation."""
        return self._lu.perm_r

    @property
    def perm_c(self) -> Any:
        """Column permutation."""
        return self._lu.perm_c

    @property
    def L(self) -> Any:
        """Lower triangular factor, unit diagonal, CSC."""
        return self._lu.L

    @property
    def U(self) -> Any:
        """Upper triangular factor, CSC."""
        return self._lu.U

    def solve(self, rhs: Any, trans: Any = "N") -> Any:
        """Solve with ``A`` ("N"), ``A'`` ("T") or its conjugate transpose ("H"); `rhs` is (n,) or (n, k)."""
        native = self._solver(rhs, trans)
        if native is None:
            return self._lu.solve(rhs, trans)
        dtype = self._lu.U.dtype
        b = np.require(rhs, dtype, ["C", "A"])
        x = np.empty_like(b)
        (native.apply if b.ndim == 1 else native.apply_multi)(b, x, 1.0, 0)
        return x if b.ndim == 1 else np.asfortranarray(x)

    def _solver(self, rhs: Any, trans: Any) -> Any:
        """The object that solves, or None where SuperLU's own method should answer."""
        n = self._lu.shape[0]
        if type(rhs) is not np.ndarray or rhs.ndim not in (1, 2) or rhs.shape[0] != n or trans not in ("N", "T", "H"):
            return None
        if rhs.size == 0 or not np.can_cast(rhs.dtype, self._lu.U.dtype, "safe"):
            return None
        turned = trans != "N"
        with self._lock:
            if turned not in self._solves:
                self._solves[turned] = _factors(self._lu, turned)
                if self._solves[turned] is None:
                    delegate(ROUTINE, "the diagonal of U is not finite and nonzero")
            return self._solves[turned]


def _factors(lu: Any, turned: bool) -> Any:
    """L and U, or their transposes, and the permutations as an object of the kernels; None if U is singular."""
    lower, upper = lu.L.tocsr(), lu.U.tocsr()
    diagonal = upper.diagonal()
    with np.errstate(all="ignore"):
        inverse = 1 / diagonal
    if not (np.isfinite(inverse).all() and np.isfinite(diagonal).all()):
        return None
    if turned:
        lower, upper = lower.T.tocsr(), upper.T.tocsr()
    ones = np.empty(0, inverse.dtype)
    rows = np.asarray(lu.perm_c if turned else lu.perm_r)
    columns = np.asarray(lu.perm_r if turned else lu.perm_c)
    itype = np.dtype(np.int32 if max(lower.nnz, upper.nnz) < 2**31 else np.int64)
    first, second = (
        (_strict(upper, itype), _strict(lower, itype))
        if turned
        else (
            _strict(lower, itype),
            _strict(upper, itype),
        )
    )
    return kernels("solve_fill").factors(
        *first, inverse if turned else ones, True, *second, ones if turned else inverse, False, rows.astype(itype),
        columns.astype(itype),
    )  # fmt: skip


def _strict(triangle: Any, itype: np.dtype[Any]) -> tuple[Any, Any, Any]:
    """The rows without the diagonal."""
    n = triangle.shape[0]
    rows = np.repeat(np.arange(n, dtype=triangle.indices.dtype), np.diff(triangle.indptr))
    off = rows != triangle.indices
    indptr = np.zeros(n + 1, itype)
    np.cumsum(np.bincount(rows[off], minlength=n), out=indptr[1:])
    return indptr, triangle.indices[off].astype(itype), np.ascontiguousarray(triangle.data[off])
