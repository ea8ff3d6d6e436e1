"""Mirror of `scipy.sparse.linalg.cg`: SciPy's signature, returns and rules; the work in compiled kernels."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps
from scipy.sparse.linalg import LinearOperator
from scipy.sparse.linalg import cg as _scipy_cg

from kriss import _validate as check
from kriss._backend import delegate, kernels
from kriss.solve import _cg as native
from kriss.solve._driven import cg_driven


class _System(NamedTuple):
    """A call that the kernels can take."""

    matrix: check.Csr | None
    operator: Any
    b: npt.NDArray[Any]
    x: npt.NDArray[Any]
    precond: native.Precond
    maxiter: int


def cg(  # type: ignore[no-untyped-def]
    A, b, x0=None, *, rtol=1e-5, atol=0.0, maxiter=None, M=None, callback=None
):
    """Solve ``Ax = b`` with the Conjugate Gradient method, for a symmetric, positive-definite `A`.

    The same as `scipy.sparse.linalg.cg`, argument by argument and return by return; only faster. `kriss.solve.cg`
    does the same iteration but says what happened, checks its input, and stops when `A` or `M` is not positive
    definite.

    Parameters
    ----------
    A : {sparse array, ndarray, LinearOperator}
        Symmetric positive definite, shape (n, n).
    b : ndarray
        Right-hand side, shape (n,) or (n, 1).
    x0 : ndarray, optional
        Starting guess.
    rtol, atol : float
        Convergence when ``norm(b - A @ x) < max(rtol * norm(b), atol)``.
    maxiter : int, optional
        Most iterations; 10 n by default.
    M : {sparse array, ndarray, LinearOperator}, optional
        Approximation of the inverse of `A`. `kriss.solve.Jacobi` and `kriss.solve.SSOR` stay in compiled code.
    callback : callable, optional
        ``callback(xk)`` after each iteration.

    Returns
    -------
    x : ndarray
        The solution.
    info : int
        0 for success, otherwise `maxiter`.

    Raises
    ------
    ValueError
        As SciPy does: for shapes that do not fit, and for `atol` that is not a number.

    Notes
    -----
    Real sparse matrices (float32, float64, integers) and real linear operators run here. Complex systems, dense
    matrices and anything irregular are handed to SciPy, which is logged under ``kriss.dispatch``. As in SciPy, the
    test comes before an iteration, so convergence in the last iteration allowed is reported as ``info = maxiter``.
    Sums are kept in double precision for float32, and once NaN has appeared the remaining iterations, which could
    only carry it along, are not run.

    References
    ----------
    M. R. Hestenes, E. Stiefel, "Methods of conjugate gradients for solving linear systems", J. Res. NBS 49 (1952).

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.scipy.sparse.linalg import cg
    >>> from kriss.testing import poisson2d
    >>> A = poisson2d(20)
    >>> x, info = cg(A, np.ones(400), rtol=1e-8)
    >>> info
    0
    """
    system = _system(A, b, x0, rtol, atol, maxiter, M)
    if isinstance(system, str):
        delegate("sparse.linalg.cg", system)
        return _scipy_cg(A, b, x0, rtol=rtol, atol=atol, maxiter=maxiter, M=M, callback=callback)
    matrix, operator, rhs, x, precond, most = system
    norm = np.linalg.norm(rhs)
    if norm == 0:
        return rhs, 0
    tol = float(max(float(atol), float(rtol) * float(norm)))
    ks = kernels("solve")
    start = not x.any()
    rhs = np.require(rhs, requirements=["C", "A"])
    with np.errstate(all="ignore"):
        if matrix is not None and precond.apply is None and not callback:
            status, iterations, *_ = native.run_builtin(ks, matrix, rhs, x, precond, tol, most, start, True, False, 0)
            if status == 6:
                x.fill(np.nan)
        else:
            status, iterations, *_ = cg_driven(
                ks,
                native.product_of(ks, matrix, operator, 0),
                rhs,
                x,
                precond.inverse if precond.code == native.JACOBI else np.empty(0, x.dtype),
                native.apply_of(ks, precond, 0),
                functools.partial(callback, x) if callback else None,
                tol=tol,
                maxiter=most,
                zero_start=start,
                scipy_rules=True,
                workers=0,
            )
    return x, 0 if status == 0 and iterations < most else most


def _system(A: Any, b: Any, x0: Any, rtol: Any, atol: Any, maxiter: Any, M: Any) -> _System | str:
    """The call made ready for the kernels, or the reason why SciPy should have it."""
    if not (sps.issparse(A) or isinstance(A, LinearOperator)):
        return f"A is a {type(A).__name__}"
    if A.ndim != 2 or A.shape[0] != A.shape[1] or hasattr(A, "psolve"):
        return "A is not an ordinary square matrix"
    if A.dtype is None or A.dtype.kind not in "biuf" or A.dtype.char in "eg":
        return f"A has dtype {A.dtype}"
    if isinstance(A, LinearOperator) and A.dtype.char not in "fd":
        return f"A has dtype {A.dtype}"
    n = A.shape[0]
    if isinstance(b, np.ndarray) and type(b) is not np.ndarray:
        return f"b is a {type(b).__name__}"
    rhs = np.asarray(b)
    if rhs.shape not in ((n,), (n, 1)) or rhs.dtype.kind not in "biuf" or rhs.dtype.char in "eg":
        return f"b has shape {rhs.shape} and dtype {rhs.dtype}"
    dtype = np.dtype(np.float32) if A.dtype == rhs.dtype == np.float32 else np.dtype(np.float64)
    if not isinstance(rtol, (int, float)) or not isinstance(atol, (int, float)) or not atol >= 0:
        return "rtol and atol are not ordinary tolerances"
    if maxiter is None:
        maxiter = 10 * n
    if not isinstance(maxiter, (int, np.integer)) or maxiter < 0 or maxiter >= 2**62:
        return f"maxiter is {maxiter!r}"
    if isinstance(x0, str):
        return f"x0 is {x0!r}"
    x = np.zeros(n, dtype)
    if x0 is not None:
        start = np.asarray(x0)
        if start.shape not in ((n,), (n, 1)) or start.dtype.kind not in "biuf":
            return f"x0 has shape {start.shape} and dtype {start.dtype}"
        x[:] = start.reshape(n)
    if M is not None:
        kind = getattr(getattr(M, "dtype", None), "kind", "")
        if not (sps.issparse(M) or isinstance(M, LinearOperator)) or kind not in "f" or M.shape != (n, n):
            return f"M is a {type(M).__name__}"
    matrix = check.csr(A, "A", square=True, finite=False, dtype=dtype) if sps.issparse(A) else None
    precond = native.preconditioner(M, matrix, n, dtype)
    return _System(
        matrix, None if matrix is not None else A, np.asarray(rhs, dtype=dtype).ravel(), x, precond, int(maxiter)
    )
