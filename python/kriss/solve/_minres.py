"""MINRES for symmetric indefinite systems."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _validate as check
from kriss.solve._result import SolveResult
from kriss.solve._system import Callback, iterate, prepare


def minres(
    A: object,
    b: npt.ArrayLike,
    x0: npt.ArrayLike | None = None,
    *,
    rtol: float = 1e-5,
    atol: float = 0.0,
    maxiter: int | None = None,
    M: object = None,
    shift: float = 0.0,
    nullspace: Any = None,
    callback: Callback | None = None,
    residuals: bool = False,
    workers: int | None = None,
    check_finite: bool = True,
) -> SolveResult:
    """Solve ``(A - shift I) x = b`` for a symmetric (Hermitian) A that may be indefinite, by MINRES.

    Parameters
    ----------
    A : sparse matrix or array, dense array, or LinearOperator, shape (n, n)
        Real symmetric or complex Hermitian; symmetry is not checked.
    b : array_like, shape (n,)
        Right-hand side.
    x0 : array_like, shape (n,), optional
        Where to start; zero by default. It is not modified.
    rtol, atol : float
        Stop once ``||b - (A - shift I) x|| <= max(rtol ||b||, atol)``.
    maxiter : int, optional
        Most iterations; 10 n by default.
    M : {None, "jacobi", "ssor", ...} or preconditioner, shape (n, n)
        An approximation of the inverse of A, symmetric (Hermitian) positive definite, fixed and linear.
    shift : float
        Subtracted from the diagonal of A.
    nullspace : {"constant"} or array_like, shape (n,) or (n, m), optional
        Vectors that A - shift I maps to zero. b is projected off them, so that the system is consistent, and the
        solution returned is the one orthogonal to them.
    callback : callable, optional
        ``callback(xk)`` after each iteration, with a read-only view of the current x.
    residuals : bool
        Keep the norm of the residual before the first iteration and after each.
    workers : int, optional
        Threads; `kriss.get_num_threads` by default. The result does not depend on it.
    check_finite : bool
        Refuse NaN and infinity in A, b and x0. Otherwise they end the iteration with status ``"non_finite"``.

    Returns
    -------
    SolveResult
        Unpacks as ``x, info``. Status ``"indefinite_preconditioner"``: M is not positive definite.
        ``"stagnated"``: a least-squares solution of a singular, inconsistent system, whose residual misses the
        tolerance.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, shape or value, or the index arrays of A are malformed.

    Notes
    -----
    Per iteration one product, 128 n bytes and 20 n flops; with a preconditioner its own cost and 16 n bytes more, and
    near convergence a few products with A, as the true residual is tested, not its norm in M^-1. Memory: 5 vectors
    besides x, 7 with M. SciPy's `minres` stops on ``||r|| / (||A|| ||x||)``; this one on ``||r|| / ||b||``.

    References
    ----------
    C. C. Paige, M. A. Saunders, "Solution of sparse indefinite systems of linear equations", SIAM J. Numer. Anal. 12
    (1975), section 6.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import minres
    >>> from kriss.testing import poisson2d
    >>> result = minres(poisson2d(20), np.ones(400), shift=0.5, rtol=1e-8)
    >>> result.status
    'converged'
    """
    shift = check.scalar(shift, "shift")
    system = prepare(
        A, b, x0, rtol=rtol, atol=atol, maxiter=maxiter, M=M, callback=callback, residuals=residuals, workers=workers,
        check_finite=check_finite, method="minres", nullspace=nullspace,
    )  # fmt: skip
    system.shift = float(np.ldexp(shift, system.a_shift))
    system.params["shift"] = shift
    after = system.hook()

    def loop(most: int) -> tuple[int, int, int, Any]:
        status, iterations, matvecs, history, _ = system.ks.minres(
            system.A, system.M, system.b, system.x, system.zero_start, system.shift, system.tol, 0.0, system.eps, most,
            False, after, system.threads,
        )  # fmt: skip
        return status, iterations, matvecs, history

    return iterate(system, loop)
