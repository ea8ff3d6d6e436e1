"""Flexible conjugate gradients, which serve complex Hermitian systems and null spaces too."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _validate as check
from kriss._device import any_device
from kriss.solve._result import SolveResult
from kriss.solve._system import Callback, System, iterate, prepare


def fcg(
    A: object,
    b: npt.ArrayLike,
    x0: npt.ArrayLike | None = None,
    *,
    rtol: float = 1e-5,
    atol: float = 0.0,
    maxiter: int | None = None,
    M: object = None,
    memory: int = 1,
    nullspace: Any = None,
    callback: Callback | None = None,
    residuals: bool = False,
    workers: int | None = None,
    check_finite: bool = True,
) -> SolveResult:
    """Solve ``A x = b`` for a positive definite A by flexible conjugate gradients: M may change from step to step.

    Parameters
    ----------
    A : sparse matrix or array, dense array, or LinearOperator, shape (n, n)
        Real symmetric or complex Hermitian, positive definite; symmetry is not checked. Or a real CSR matrix of
        cupyx.scipy.sparse: then b and x0 are CuPy arrays, x is one, M is None, a name that `cg` takes there, or an
        operator on the GPU, and squares of the entries of A and b lie within the range of float64.
    b : array_like, shape (n,)
        Right-hand side.
    x0 : array_like, shape (n,), optional
        Where to start; zero by default. It is not modified.
    rtol, atol : float
        Stop once ``||b - A x|| <= max(rtol ||b||, atol)``.
    maxiter : int, optional
        Most iterations; 10 n by default.
    M : {None, "jacobi", "ssor", ...} or preconditioner, shape (n, n)
        An approximation of the inverse of A; it may be non-linear or change from step to step (``M.is_linear`` False).
    memory : int, default 1
        Directions that a new one is made A-orthogonal to. 1 suits a fixed M and a mildly varying one; more help an M
        that varies a lot, such as an inner iteration.
    nullspace : {"constant"} or array_like, shape (n,) or (n, m), optional
        Vectors that A maps to zero. b is projected off them, so that the system is consistent, and the solution
        returned is the one orthogonal to them.
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
        Unpacks as ``x, info``.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, shape or value, or the index arrays of A are malformed.

    Notes
    -----
    Per iteration one product, one application of M, (104 + 16 memory) n bytes and (10 + 4 memory) n flops. Memory:
    4 + 2 memory vectors besides x.

    References
    ----------
    Y. Notay, "Flexible conjugate gradients", SIAM J. Sci. Comput. 22 (2000), equations (1) to (5).

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse.linalg import LinearOperator
    >>> from kriss.solve import cg, fcg
    >>> from kriss.testing import poisson2d
    >>> A = poisson2d(20)
    >>> inner = LinearOperator(A.shape, matvec=lambda r: cg(A, r, rtol=0.1).x, dtype=float)
    >>> inner.is_linear = False
    >>> fcg(A, np.ones(400), rtol=1e-8, M=inner, memory=5).status
    'converged'
    """
    memory = check.integer(memory, "memory", low=1, high=30)
    if any_device(A=A, b=b, x0=x0, M=M):
        from kriss.solve._cuda_fcg import fcg_cuda

        if nullspace is not None:
            raise TypeError("nullspace is for matrices in host memory")
        return fcg_cuda(
            A, b, x0, rtol=rtol, atol=atol, maxiter=maxiter, M=M, memory=memory, callback=callback,
            residuals=residuals, check_finite=check_finite,
        )  # fmt: skip
    system = prepare(
        A, b, x0, rtol=rtol, atol=atol, maxiter=maxiter, M=M, callback=callback, residuals=residuals, workers=workers,
        check_finite=check_finite, flexible=True, method="fcg", nullspace=nullspace,
    )  # fmt: skip
    system.params["memory"] = memory
    return run_fcg(system, memory)


def run_fcg(system: System, memory: int) -> SolveResult:
    """The loop without deflation on a system made ready."""
    after = system.hook()
    none = np.zeros((0, 0), system.wide)

    def loop(most: int) -> tuple[int, int, int, Any]:
        status, iterations, matvecs, history, _ = system.ks.fcg(
            system.A, system.M, system.b, system.x, system.zero_start, memory, [], [], none, [], [], system.tol, most,
            after, system.threads,
        )  # fmt: skip
        return status, iterations, matvecs, history

    return iterate(system, loop)
