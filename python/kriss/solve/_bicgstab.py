"""BiCGStab."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kriss.solve._result import SolveResult
from kriss.solve._system import Callback, iterate, prepare


def bicgstab(
    A: object,
    b: npt.ArrayLike,
    x0: npt.ArrayLike | None = None,
    *,
    rtol: float = 1e-5,
    atol: float = 0.0,
    maxiter: int | None = None,
    M: object = None,
    callback: Callback | None = None,
    residuals: bool = False,
    workers: int | None = None,
    check_finite: bool = True,
) -> SolveResult:
    """Solve ``A x = b`` for any nonsingular A by the stabilised bi-conjugate gradient method.

    Parameters
    ----------
    A : sparse matrix or array, dense array, or LinearOperator, shape (n, n)
        Real or complex.
    b : array_like, shape (n,)
        Right-hand side.
    x0 : array_like, shape (n,), optional
        Where to start; zero by default. It is not modified.
    rtol, atol : float
        Stop once ``||b - A x|| <= max(rtol ||b||, atol)``.
    maxiter : int, optional
        Most iterations; 10 n by default.
    M : {None, "jacobi", "ssor", ...} or preconditioner, shape (n, n)
        A fixed linear approximation of the inverse of A.
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
        Unpacks as ``x, info``. Status ``"breakdown"``: the recurrence broke down and beginning
        again with a new shadow residual did not help.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, shape or value, or the index arrays of A are malformed.

    Notes
    -----
    Per iteration two products, two applications of M, 184 n bytes and 26 n flops. Memory: 5 vectors besides x, 7 with
    M. The residual may rise by orders of magnitude on the way. Where ``r~'r`` becomes too small the method begins again
    from the present x, at most eight times.

    References
    ----------
    H. A. van der Vorst, "Bi-CGSTAB: a fast and smoothly converging variant of Bi-CG for the solution of nonsymmetric
    linear systems", SIAM J. Sci. Stat. Comput. 13 (1992), section 4.

    Examples
    --------
    >>> import numpy as np, scipy.sparse as sp
    >>> from kriss.solve import bicgstab
    >>> A = sp.diags_array([-1.3, 2.5, -0.7], offsets=[-1, 0, 1], shape=(500, 500)).tocsr()
    >>> bicgstab(A, np.ones(500), rtol=1e-8).status
    'converged'
    """
    system = prepare(
        A, b, x0, rtol=rtol, atol=atol, maxiter=maxiter, M=M, callback=callback, residuals=residuals, workers=workers,
        check_finite=check_finite, method="bicgstab",
    )  # fmt: skip
    after = system.hook()
    system.params["restarts"] = 0

    def loop(most: int) -> tuple[int, int, int, Any]:
        status, iterations, matvecs, history, _, restarts = system.ks.bicgstab(
            system.A, system.M, system.b, system.x, system.zero_start, system.tol, system.eps, most, False, after,
            system.threads,
        )  # fmt: skip
        system.params["restarts"] += restarts
        return status, iterations, matvecs, history

    return iterate(system, loop)
