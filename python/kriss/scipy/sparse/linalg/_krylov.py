"""Mirrors of `scipy.sparse.linalg.gmres`, `minres` and `bicgstab`: SciPy's rules, the loops in compiled kernels."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps
from scipy.sparse.linalg import LinearOperator
from scipy.sparse.linalg import bicgstab as _scipy_bicgstab
from scipy.sparse.linalg import gmres as _scipy_gmres
from scipy.sparse.linalg import minres as _scipy_minres

from kriss import _validate as check
from kriss._backend import delegate, kernels
from kriss.solve import _system

Array = npt.NDArray[Any]


class _Call(NamedTuple):
    """A call that the kernels can take."""

    ks: Any
    A: Any
    M: Any
    b: Array
    x: Array
    b_norm: float
    tol: float
    eps: float

    def apply(self, x: Array) -> Array:
        """``M^-1 x``."""
        if self.M is None:
            return x
        out = np.empty_like(x)
        self.M.apply(x, out, 0)
        return out

    def residual(self, out: Array) -> float:
        self.A.apply(self.x, out, 0)
        return self.fused(out, -1.0, [self.b], [1.0])

    @property
    def wide(self) -> type[Any]:
        """The dtype of coefficients and sums."""
        return np.complex128 if self.b.dtype.kind == "c" else np.float64

    def fused(self, y: Array, beta: float, v: list[Array], c: Any) -> float:
        """``y = beta y + sum c_j v_j``, sixty-four vectors to a pass; returns its norm."""
        square = 0.0
        for at in range(0, max(len(v), 1), 64):
            part = v[at : at + 64]
            coefficients = np.ascontiguousarray(c[at : at + 64], dtype=self.wide).reshape(len(part))
            square = self.ks.fused(y, beta if at == 0 else 1.0, part, coefficients, [], 0)[1]
        return math.sqrt(square)


def _ready(A: Any, b: Any, x0: Any, rtol: Any, atol: Any, maxiter: Any, M: Any) -> _Call | str:
    """The call made ready for the kernels, or the reason why SciPy should have it."""
    if not (sps.issparse(A) or isinstance(A, LinearOperator)):
        return f"A is a {type(A).__name__}"
    if A.ndim != 2 or A.shape[0] != A.shape[1] or A.shape[0] == 0 or hasattr(A, "psolve"):
        return "A is not an ordinary square matrix"
    if A.dtype is None or A.dtype.char not in "?bBhHiIlLqQfdFD":
        return f"A has dtype {A.dtype}"
    n = A.shape[0]
    if isinstance(b, np.ndarray) and type(b) is not np.ndarray:
        return f"b is a {type(b).__name__}"
    rhs = np.asarray(b)
    if rhs.shape not in ((n,), (n, 1)) or rhs.dtype.char not in "?bBhHiIlLqQfdFD":
        return f"b has shape {rhs.shape} and dtype {rhs.dtype}"
    work = [np.dtype(d) if d.kind in "fc" else np.dtype(np.float64) for d in (A.dtype, rhs.dtype)]
    dtype = np.result_type(*work)
    if not isinstance(rtol, (int, float)) or not isinstance(atol, (int, float)) or not atol >= 0:
        return "rtol and atol are not ordinary tolerances"
    if maxiter is not None and (not isinstance(maxiter, (int, np.integer)) or not 0 <= maxiter < 2**62):
        return f"maxiter is {maxiter!r}"
    x = np.zeros(n, dtype)
    if x0 is not None:
        if isinstance(x0, str):
            return f"x0 is {x0!r}"
        start = np.asarray(x0)
        if start.shape not in ((n,), (n, 1)) or not np.can_cast(start.dtype, dtype, "same_kind"):
            return f"x0 has shape {start.shape} and dtype {start.dtype}"
        x[:] = start.reshape(n)
    if M is not None:
        kind = getattr(getattr(M, "dtype", None), "char", "")
        if not (sps.issparse(M) or isinstance(M, LinearOperator)) or kind not in "fdFD" or M.shape != (n, n):
            return f"M is a {type(M).__name__}"
        if dtype.kind != "c" and kind in "FD":
            return "M is complex"
    ks = kernels("solve_krylov")
    matrix = check.csr(A, "A", square=True, finite=False, dtype=dtype) if sps.issparse(A) else None
    product = _system.matrix_map(ks, matrix, A, n, dtype)
    precond = _system.precond_map(ks, M, matrix, n, dtype, 0, flexible=True, method="mirror")[0]
    full = np.require(np.asarray(rhs, dtype=dtype).ravel(), requirements=["C", "A"])
    norm = float(np.linalg.norm(full))
    tol = float(max(float(atol), float(rtol) * norm))
    return _Call(ks, product, precond, full, x, norm, tol, float(np.finfo(dtype).eps))


def bicgstab(  # type: ignore[no-untyped-def]
    A, b, x0=None, *, rtol=1e-5, atol=0.0, maxiter=None, M=None, callback=None
):
    """Solve ``Ax = b`` with the BIConjugate Gradient STABilized method.

    The same as `scipy.sparse.linalg.bicgstab`, argument by argument and return by return; only faster.
    `kriss.solve.bicgstab` says what happened, and begins again where this one breaks down.

    Parameters
    ----------
    A : {sparse array, ndarray, LinearOperator}
        Real or complex, shape (n, n).
    b : ndarray
        Right-hand side, shape (n,) or (n, 1).
    x0 : ndarray, optional
        Starting guess.
    rtol, atol : float
        Convergence when ``norm(b - A @ x) < max(rtol * norm(b), atol)``.
    maxiter : int, optional
        Most iterations; 10 n by default.
    M : {sparse array, ndarray, LinearOperator}, optional
        Approximation of the inverse of `A`.
    callback : callable, optional
        ``callback(xk)`` after each iteration.

    Returns
    -------
    x : ndarray
        The solution.
    info : int
        0 for success, `maxiter` if that was not enough, -10 or -11 for a breakdown.

    Raises
    ------
    ValueError
        As SciPy does.

    Notes
    -----
    Sparse matrices and linear operators run here; dense matrices and anything irregular are handed to SciPy, which is
    logged under ``kriss.dispatch``.

    References
    ----------
    H. A. van der Vorst, "Bi-CGSTAB", SIAM J. Sci. Stat. Comput. 13 (1992).

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.scipy.sparse.linalg import bicgstab
    >>> from kriss.testing import poisson2d
    >>> x, info = bicgstab(poisson2d(20), np.ones(400), rtol=1e-8)
    >>> info
    0
    """
    s = _ready(A, b, x0, rtol, atol, maxiter, M)
    if isinstance(s, str):
        delegate("sparse.linalg.bicgstab", s)
        return _scipy_bicgstab(A, b, x0, rtol=rtol, atol=atol, maxiter=maxiter, M=M, callback=callback)
    if s.b_norm == 0:
        return s.b, 0
    most = 10 * len(s.b) if maxiter is None else int(maxiter)
    hook = functools.partial(callback, s.x) if callback else None
    with np.errstate(all="ignore"):
        status, _, _, _, info, _ = s.ks.bicgstab(s.A, s.M, s.b, s.x, not s.x.any(), s.tol, s.eps, most, True, hook, 0)
    if status == 6:
        s.x.fill(np.nan)
    return s.x, 0 if status == 0 else info if status == 3 else most


def minres(  # type: ignore[no-untyped-def]
    A, b, x0=None, *, rtol=1e-5, shift=0.0, maxiter=None, M=None, callback=None, show=False, check=False
):
    """Solve ``Ax = b`` with the MINimum RESidual method, for a symmetric `A`.

    The same as `scipy.sparse.linalg.minres`, argument by argument and return by return; only faster. It stops on
    ``norm(r) / (norm(A) norm(x))``; `kriss.solve.minres` stops on ``norm(r) / norm(b)`` and says what happened.

    Parameters
    ----------
    A : {sparse array, ndarray, LinearOperator}
        Symmetric, shape (n, n).
    b : ndarray
        Right-hand side, shape (n,) or (n, 1).
    x0 : ndarray, optional
        Starting guess.
    rtol : float
        Tolerance.
    shift : float
        Solves ``(A - shift * I)x = b``.
    maxiter : int, optional
        Most iterations; 5 n by default.
    M : {sparse array, ndarray, LinearOperator}, optional
        Approximation of the inverse of `A`, positive definite.
    callback : callable, optional
        ``callback(xk)`` after each iteration.
    show, check : bool
        Print a summary; test symmetry. SciPy does both.

    Returns
    -------
    x : ndarray
        The solution.
    info : int
        0 for success, `maxiter` otherwise.

    Raises
    ------
    ValueError
        As SciPy does.

    Notes
    -----
    Real sparse matrices and linear operators in float64 run here; anything else is handed to SciPy, which is logged
    under ``kriss.dispatch``.

    References
    ----------
    C. C. Paige, M. A. Saunders, "Solution of sparse indefinite systems of linear equations", SIAM J. Numer. Anal. 12
    (1975).

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.scipy.sparse.linalg import minres
    >>> from kriss.testing import poisson2d
    >>> x, info = minres(poisson2d(20), np.ones(400), rtol=1e-8)
    >>> info
    0
    """
    s: _Call | str = "show or check was asked for"
    if not show and not check:
        s = _ready(A, b, x0, rtol, 0.0, maxiter, M)
    if not isinstance(s, str):
        if not isinstance(shift, (int, float)) or (shift != 0 and x0 is not None):
            s = "a shift with x0, or one that is not a real number"
        elif s.b.dtype != np.float64 or s.b_norm == 0:
            s = f"the system is {s.b.dtype}, not float64, or b is zero"
    start = None if isinstance(s, str) else s.x.copy()
    if not isinstance(s, str):
        most = 5 * len(s.b) if maxiter is None else int(maxiter)
        x = s.x
        hook = (lambda: callback(x.copy())) if callback is not None else None
        with np.errstate(all="ignore"):
            status, iterations, _, _, istop = s.ks.minres(
                s.A, s.M, s.b, x, not x.any(), float(shift), 0.0, float(rtol), s.eps, most, True, hook, 0
            )
        if status == 5 and iterations > 0:
            raise ValueError("non-symmetric matrix")
        if status != 5:
            if status == 6:
                x.fill(np.nan)
            return x, most if istop == 6 or status == 6 else 0
        x[:] = start
        s = "M is not positive definite"
    delegate("sparse.linalg.minres", s)
    return _scipy_minres(
        A, b, x0, rtol=rtol, shift=shift, maxiter=maxiter, M=M, callback=callback, show=show, check=check
    )


def gmres(  # type: ignore[no-untyped-def]
    A, b, x0=None, *, rtol=1e-5, atol=0.0, restart=None, maxiter=None, M=None, callback=None, callback_type=None
):
    """Solve ``Ax = b`` with the Generalized Minimal RESidual method.

    The same as `scipy.sparse.linalg.gmres`, argument by argument and return by return; only faster. It is
    preconditioned on the left; `kriss.solve.gmres` on the right, so that it minimises the true residual.

    Parameters
    ----------
    A : {sparse array, ndarray, LinearOperator}
        Real or complex, shape (n, n).
    b : ndarray
        Right-hand side, shape (n,) or (n, 1).
    x0 : ndarray, optional
        Starting guess.
    rtol, atol : float
        Convergence when ``norm(b - A @ x) <= max(rtol * norm(b), atol)``.
    restart : int, optional
        Steps between restarts; the smaller of 20 and n by default.
    maxiter : int, optional
        Most restarts; 10 n by default.
    M : {sparse array, ndarray, LinearOperator}, optional
        Approximation of the inverse of `A`.
    callback : callable, optional
        Called as `callback_type` says.
    callback_type : {'x', 'pr_norm', 'legacy'}, optional
        ``callback(xk)`` after each restart, or ``callback(pr_norm)`` after each step; with 'legacy' `maxiter` counts
        steps.

    Returns
    -------
    x : ndarray
        The solution.
    info : int
        0 for success, `maxiter` otherwise.

    Raises
    ------
    ValueError
        As SciPy does.

    Notes
    -----
    Sparse matrices and linear operators run here; dense matrices and anything irregular are handed to SciPy, which is
    logged under ``kriss.dispatch``. The basis is made orthogonal by classical Gram-Schmidt, always twice, in two passes
    over memory for each step where SciPy makes three for each vector; rounding differs.

    References
    ----------
    Y. Saad, M. H. Schultz, "GMRES", SIAM J. Sci. Stat. Comput. 7 (1986).

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.scipy.sparse.linalg import gmres
    >>> from kriss.testing import poisson2d
    >>> x, info = gmres(poisson2d(20), np.ones(400), rtol=1e-8)
    >>> info
    0
    """
    s = _ready(A, b, x0, rtol, atol, maxiter, M)
    if not isinstance(s, str) and restart is not None and (not isinstance(restart, (int, np.integer)) or restart < 1):
        s = f"restart is {restart!r}"
    if isinstance(s, str) or callback_type not in (None, "x", "pr_norm", "legacy"):
        delegate("sparse.linalg.gmres", s if isinstance(s, str) else f"callback_type is {callback_type!r}")
        if callback is not None and callback_type is None:
            _warn_callback_type()
            callback_type = "legacy"
        return _scipy_gmres(
            A, b, x0, rtol=rtol, atol=atol, restart=restart, maxiter=maxiter, M=M, callback=callback,
            callback_type=callback_type,
        )  # fmt: skip
    if callback is not None and callback_type is None:
        _warn_callback_type()
        callback_type = "legacy"
    if s.b_norm == 0:
        return s.b, 0
    most = 10 * len(s.b) if maxiter is None else int(maxiter)
    with np.errstate(all="ignore"):
        return _gmres(s, min(20 if restart is None else int(restart), len(s.b)), most, callback, callback_type)


def _warn_callback_type() -> None:
    warnings.warn(
        "scipy.sparse.linalg.gmres called without specifying `callback_type`. The default value will be changed in"
        " a future release. For compatibility, specify a value for `callback_type` explicitly, e.g., "
        "``gmres(..., callback_type='pr_norm')``, or to retain the old behavior ``gmres(..., "
        "callback_type='legacy')``",
        category=DeprecationWarning,
        stacklevel=4,  # as far up as SciPy's own
    )


def _gmres(s: _Call, restart: int, most: int, callback: Callable[[Any], Any] | None, kind: str | None) -> Any:
    """SciPy's outer loop: its tolerances for the preconditioned residual, its exits."""
    kind = None if callback is None else kind
    v = _system.padded_vectors(restart + 1, len(s.b), s.A.halo, s.b.dtype)
    wide = s.wide
    r = s.b.copy()
    norm = s.residual(r) if s.x.any() else s.b_norm
    if most > 0 and norm < s.tol:
        return s.x, 0
    factor, inner = 1.0, 0
    inside = float(np.linalg.norm(s.apply(s.b))) * min(1.0, s.tol / s.b_norm)
    hook: Any = None
    if callback is not None and kind in ("legacy", "pr_norm"):
        real = s.x.real.dtype.type

        def hook(presid: float) -> None:
            callback(real(presid / s.b_norm))

    for _ in range(most):
        v[0][:] = s.apply(r)
        beta = s.fused(v[0], 1.0, [], [])
        s.fused(v[0], 1.0 / beta, [], [])
        steps = min(restart, most - inner) if kind == "legacy" else restart
        h, none = np.zeros((steps, steps + 1), wide), np.zeros((steps, 0), wide)
        taken, presid, breakdown, finite, y, _ = s.ks.arnoldi(
            s.A, s.M, True, v[: steps + 1], [], [], h, none, beta, inside, s.eps, hook, 0, False, True
        )
        inner += taken
        if not finite:
            s.x.fill(np.nan)
            return s.x, most
        s.fused(s.x, 1.0, v[:taken], y)
        norm = s.residual(r)
        if kind == "legacy" and inner == most:
            return s.x, 0 if norm <= s.tol else most
        if kind == "x" and callback is not None:
            callback(s.x)
        if norm <= s.tol or breakdown:
            break
        factor = max(s.eps, 0.25 * factor) if presid <= inside else min(1.0, 1.5 * factor)
        inside = presid * min(factor, s.tol / norm)
    return s.x, 0 if norm <= s.tol else most
