"""GMRES and flexible GMRES: the restarts around the compiled cycle."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _validate as check
from kriss.solve._result import SolveResult
from kriss.solve._system import Array, Callback, System, iterate, prepare


def cycle(
    system: System,
    v: list[Array],
    z: list[Array],
    c: list[Array],
    beta: float,
    tol: float,
    *,
    left: bool = False,
    complete: bool = True,
    padded: bool = False,
    hook: Any = None,
) -> tuple[int, float, bool, bool, Array, Array, Array]:
    """One run of Arnoldi's process; the last of v is finished only if `complete`, `padded` if all are `system.vectors`.

    Returns steps, residual, breakdown, finite, coefficients, H (steps + 1, steps) and B (k, steps).
    """
    steps = len(v) - 1
    h = np.zeros((steps, steps + 1), system.wide)
    b = np.zeros((steps, len(c)), system.wide)
    taken, residual, breakdown, finite, y, matvecs = system.ks.arnoldi(
        system.A, system.M, left, v, z, c, h, b, beta, tol, system.eps, hook, system.threads, complete, padded
    )
    system.matvecs += matvecs
    return taken, residual, breakdown, finite, y, h[:taken, : taken + 1].T, b[:taken].T


def add_combination(system: System, vectors: list[Array], y: Array, target: Array, room: Array) -> None:
    """``target += M^-1 V y`` (``V y`` if M is None)."""
    if system.M is None:
        accumulate(system, vectors, y, target)
        return
    room[:] = 0
    accumulate(system, vectors, y, room)
    image = np.empty_like(room)
    system.M.apply(room, image, system.threads)
    system.fused(target, 1.0, [image], [1.0], [])


def accumulate(system: System, vectors: list[Array], y: Array, target: Array) -> None:
    """``target += V y``, sixty-four vectors to a pass."""
    for at in range(0, len(y), 64):
        part = y[at : at + 64]
        system.fused(target, 1.0, vectors[at : at + len(part)], part, [])


def _solve(system: System, restart: int, flexible: bool) -> SolveResult:
    size = max(1, min(restart, system.n, system.maxiter))
    system.params["restart"] = restart
    after = system.hook()
    x, room = system.x, np.empty_like(system.b)

    def loop(most: int) -> tuple[int, int, int, Array]:
        v = system.vectors(size + 1)
        z = system.vectors(size) if flexible and system.M is not None else []
        norms: list[float] = []
        done = 0
        zero_start = system.zero_start
        previous = np.inf
        before = system.matvecs
        while True:
            if norms and done >= most:
                status = 2  # unless the residual that is recomputed anyway says better
                break
            if zero_start:
                v[0][:] = system.b
                beta = system.norm(v[0])
                zero_start = False
            else:
                beta = system.residual(v[0])
            if not norms:
                norms.append(beta)
            if not np.isfinite(beta):
                status = 6
                break
            if beta <= system.tol:
                status = 0
                break
            if done >= most:
                status = 2
                break
            # A restart that gains nothing will gain nothing the next time.
            if not beta < previous * (1 - 10 * system.eps):
                status = 12
                break
            previous = beta
            system.fused(v[0], 1.0 / beta, [], [], [])
            steps = min(size, most - done)
            record = norms.append if system.keep else None
            taken, _, breakdown, finite, y, _, _ = cycle(
                system, v[: steps + 1], z[:steps], [], beta, system.tol, complete=False, padded=True, hook=record
            )
            done += taken
            if z:
                accumulate(system, z, y, x)
            else:
                add_combination(system, v, y, x, room)
            if after is not None:
                after()
            if not finite:
                status = 6
                break
            if breakdown:
                beta = system.residual(room)
                status = 0 if beta <= system.tol else 3
                break
        matvecs = system.matvecs - before
        system.matvecs = before
        return status, done, matvecs, np.array(norms)

    return iterate(system, loop)


def gmres(
    A: object,
    b: npt.ArrayLike,
    x0: npt.ArrayLike | None = None,
    *,
    rtol: float = 1e-5,
    atol: float = 0.0,
    restart: int = 30,
    maxiter: int | None = None,
    M: object = None,
    callback: Callback | None = None,
    residuals: bool = False,
    workers: int | None = None,
    check_finite: bool = True,
) -> SolveResult:
    """Solve ``A x = b`` for any nonsingular A by restarted GMRES, preconditioned on the right.

    Parameters
    ----------
    A : sparse matrix or array, dense array, or LinearOperator, shape (n, n)
        Real or complex.
    b : array_like, shape (n,)
        Right-hand side.
    x0 : array_like, shape (n,), optional
        Where to start; zero by default.
    rtol, atol : float
        Stop once ``||b - A x|| <= max(rtol ||b||, atol)``. Being preconditioned on the right, the method minimises and
        tests this norm itself, whatever M is.
    restart : int, default 30
        Steps between restarts; memory grows by one vector with each.
    maxiter : int, optional
        Most steps in all (not restarts); 10 n by default.
    M : {None, "jacobi", "ssor", ...} or preconditioner, shape (n, n)
        A fixed linear approximation of the inverse of A. One that changes belongs to `fgmres`.
    callback : callable, optional
        ``callback(xk)`` after each restart, with a read-only view of the current x.
    residuals : bool
        Keep the norm of the residual before the first step and after each.
    workers : int, optional
        Threads; `kriss.get_num_threads` by default. The result does not depend on it.
    check_finite : bool
        Refuse NaN and infinity in A, b and x0. Otherwise they end the iteration with status ``"non_finite"``.

    Returns
    -------
    SolveResult
        Unpacks as ``x, info``. Status ``"breakdown"``: the Krylov space is invariant and does not contain a solution
        (A is singular). ``"stagnated"``: a whole cycle brought no progress.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, shape or value, or M says that it is not linear.

    Notes
    -----
    Step j of a cycle: a product, an application of M, and 16 n j + 48 n bytes and 8 n j flops for the
    orthogonalisation, which is done twice, the second time together with the first of the next step; 8 n j + 64 n
    bytes where the rows of A reach at most 4096 columns from the diagonal and M is diagonal or none: the end of a step
    and the beginning of the next then share what they read. The basis is orthogonal to working precision whatever A
    is. Memory: restart + 2 vectors.

    References
    ----------
    Y. Saad, M. H. Schultz, "GMRES: a generalized minimal residual algorithm for solving nonsymmetric linear systems",
    SIAM J. Sci. Stat. Comput. 7 (1986), section 3. D. Bielich, J. Langou, S. Thomas, K. Swirydowicz, I. Yamazaki, E. G.
    Boman, "Low-synch Gram-Schmidt with delayed reorthogonalization for Krylov solvers", Parallel Comput. 112 (2022),
    algorithm 2.

    Examples
    --------
    >>> import numpy as np, scipy.sparse as sp
    >>> from kriss.solve import gmres
    >>> A = sp.diags_array([-1.3, 2.5, -0.7], offsets=[-1, 0, 1], shape=(500, 500)).tocsr()
    >>> result = gmres(A, np.ones(500), rtol=1e-8)
    >>> result.status
    'converged'
    >>> bool(np.linalg.norm(np.ones(500) - A @ result.x) <= 1e-8 * np.sqrt(500))
    True
    """
    restart = check.integer(restart, "restart", low=1)
    system = prepare(
        A, b, x0, rtol=rtol, atol=atol, maxiter=maxiter, M=M, callback=callback, residuals=residuals, workers=workers,
        check_finite=check_finite, method="gmres",
    )  # fmt: skip
    return _solve(system, restart, False)


def fgmres(
    A: object,
    b: npt.ArrayLike,
    x0: npt.ArrayLike | None = None,
    *,
    rtol: float = 1e-5,
    atol: float = 0.0,
    restart: int = 30,
    maxiter: int | None = None,
    M: object = None,
    callback: Callback | None = None,
    residuals: bool = False,
    workers: int | None = None,
    check_finite: bool = True,
) -> SolveResult:
    """Solve ``A x = b`` by flexible GMRES: the preconditioner may differ from step to step.

    As `gmres`, but M may be non-linear or changing (``M.is_linear`` False): an inner iteration, for example. The
    vectors ``M^-1 v`` are kept, so the memory is 2 restart + 2 vectors.

    Parameters
    ----------
    A : sparse matrix or array, dense array, or LinearOperator, shape (n, n)
        Real or complex.
    b : array_like, shape (n,)
        Right-hand side.
    x0 : array_like, shape (n,), optional
        Where to start; zero by default.
    rtol, atol : float
        Stop once ``||b - A x|| <= max(rtol ||b||, atol)``.
    restart : int, default 30
        Steps between restarts.
    maxiter : int, optional
        Most steps in all; 10 n by default.
    M : {None, "jacobi", "ssor", ...} or preconditioner, shape (n, n)
        Any approximation of the inverse of A.
    callback : callable, optional
        ``callback(xk)`` after each restart.
    residuals : bool
        Keep the norm of the residual before the first step and after each.
    workers : int, optional
        Threads; `kriss.get_num_threads` by default.
    check_finite : bool
        Refuse NaN and infinity in A, b and x0.

    Returns
    -------
    SolveResult
        Unpacks as ``x, info``; the statuses of `gmres`.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, shape or value.

    Notes
    -----
    The cost of `gmres`, and 8 n bytes more per step where M must be copied.

    References
    ----------
    Y. Saad, "A flexible inner-outer preconditioned GMRES algorithm", SIAM J. Sci. Comput. 14 (1993), algorithm 2.2.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse.linalg import LinearOperator
    >>> from kriss.solve import cg, fgmres
    >>> from kriss.testing import poisson2d
    >>> A = poisson2d(20)
    >>> inner = LinearOperator(A.shape, matvec=lambda r: cg(A, r, rtol=0.1).x, dtype=float)
    >>> inner.is_linear = False
    >>> fgmres(A, np.ones(400), rtol=1e-8, M=inner).status
    'converged'
    """
    restart = check.integer(restart, "restart", low=1)
    system = prepare(
        A, b, x0, rtol=rtol, atol=atol, maxiter=maxiter, M=M, callback=callback, residuals=residuals, workers=workers,
        check_finite=check_finite, flexible=True, method="fgmres",
    )  # fmt: skip
    return _solve(system, restart, True)
