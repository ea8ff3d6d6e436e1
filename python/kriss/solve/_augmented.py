"""LGMRES and GCROT(m, k): restarted methods that carry vectors over. SciPy's iteration, or that of its mirror."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse.linalg import LinearOperator
from scipy.sparse.linalg import lgmres as _scipy_lgmres

from kriss import _validate as check
from kriss.solve._gcrot import Gcrot
from kriss.solve._result import SolveResult
from kriss.solve._system import Array, Callback, System, iterate, prepare


class _Cycles:
    """Counts the cycles of a routine that calls back at the start of each; the user is told at their end."""

    def __init__(self, system: System) -> None:
        self.begun, self._system, self._after = 0, system, system.hook()

    def __call__(self, xk: Array) -> None:
        self.begun += 1
        if self.begun > 1:
            self.end(xk)

    def end(self, xk: Array) -> None:
        if self._after is not None:
            self._system.x[:] = xk
            self._after()


def _counted(system: System, map_: Any, count: list[int]) -> LinearOperator:
    """A map of the kernels as SciPy's operator."""

    def matvec(x: Array) -> Array:
        count[0] += 1
        out = np.empty(system.n, system.dtype)
        map_.apply(np.require(np.ravel(x), system.dtype, ["C", "A"]), out, system.threads)
        return out

    return LinearOperator((system.n, system.n), matvec=matvec, dtype=system.dtype)


def _run(system: System, cycle: Callable[[int, _Cycles], tuple[bool, int]]) -> SolveResult:
    """Iterate and judge; ``cycle(maxiter, cycles)`` improves `system.x` and returns (met the tolerance, products)."""

    def loop(most: int) -> tuple[int, int, int, Array]:
        if not np.isfinite(system.b).all():
            return 6, 0, 0, np.zeros(0)
        if most == 0:
            return 2, 0, 0, np.zeros(0)
        cycles = _Cycles(system)
        met, products = cycle(most, cycles)
        done = cycles.begun - 1 if met else cycles.begun
        status = 0 if met else 2
        if not met:
            cycles.end(system.x)
            if not np.isfinite(system.x).all():
                status = 6
            elif done < most:
                norm = system.residual(np.empty_like(system.b))
                status = 3 if math.isfinite(norm) else 6
        return status, done, products, np.zeros(0)

    return iterate(system, loop)


def lgmres(
    A: object,
    b: npt.ArrayLike,
    x0: npt.ArrayLike | None = None,
    *,
    rtol: float = 1e-5,
    atol: float = 0.0,
    restart: int = 30,
    augment: int = 3,
    maxiter: int = 1000,
    M: object = None,
    callback: Callback | None = None,
    workers: int | None = None,
    check_finite: bool = True,
) -> SolveResult:
    """Solve ``A x = b`` for any nonsingular A by restarted GMRES that keeps the last corrections in its space.

    The iteration is `scipy.sparse.linalg.lgmres`; products and preconditioners are ours, and so are the checks of the
    input and of the result.

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
        Krylov steps of a cycle.
    augment : int, default 3
        Corrections of former cycles that a cycle adds to its space.
    maxiter : int, default 1000
        Most cycles.
    M : {None, "jacobi", "ssor", ...} or preconditioner, shape (n, n)
        A fixed linear approximation of the inverse of A, applied from the left.
    callback : callable, optional
        ``callback(xk)`` after each cycle, with a read-only view of the current x.
    workers : int, optional
        Threads of products and preconditioner; `kriss.get_num_threads` by default.
    check_finite : bool
        Refuse NaN and infinity in A, b and x0. Otherwise they end the iteration with status ``"non_finite"``.

    Returns
    -------
    SolveResult
        Unpacks as ``x, info``; `iterations` counts cycles. Status ``"breakdown"``: SciPy gave up within a cycle.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, shape or value, or M says that it is not linear.

    Notes
    -----
    Step j of a cycle: a product, an application of M, and 40 n j bytes and 4 n j flops for the orthogonalisation (BLAS,
    two passes for each vector). Memory: 2 (restart + augment) vectors.

    References
    ----------
    A. H. Baker, E. R. Jessup, T. Manteuffel, "A technique for accelerating the convergence of restarted GMRES", SIAM J.
    Matrix Anal. Appl. 26 (2005), figure 1.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import lgmres
    >>> from kriss.testing import poisson2d
    >>> lgmres(poisson2d(30), np.ones(900), rtol=1e-8, M="ssor").status
    'converged'
    """
    restart = check.integer(restart, "restart", low=1)
    augment = check.integer(augment, "augment", low=0)
    system = prepare(
        A, b, x0, rtol=rtol, atol=atol, maxiter=maxiter, M=M, callback=callback, residuals=False, workers=workers,
        check_finite=check_finite, method="lgmres",
    )  # fmt: skip
    system.params.update(restart=restart, augment=augment)

    def cycle(most: int, cycles: _Cycles) -> tuple[bool, int]:
        count = [0]
        M_op = None if system.M is None else _counted(system, system.M, [0])
        try:
            x, info = _scipy_lgmres(
                _counted(system, system.A, count), system.b, system.x, rtol=0.0, atol=system.tol, maxiter=most, M=M_op,
                inner_m=restart, outer_k=augment, callback=cycles,
            )  # fmt: skip
        except RuntimeError as error:
            if "Preconditioner returned a zero vector" not in str(error):
                raise
            return False, count[0]
        system.x[:] = x
        return info == 0, count[0]

    return _run(system, cycle)


def gcrotmk(
    A: object,
    b: npt.ArrayLike,
    x0: npt.ArrayLike | None = None,
    *,
    rtol: float = 1e-5,
    atol: float = 0.0,
    restart: int = 20,
    recycle: int | None = None,
    truncate: str = "oldest",
    maxiter: int = 1000,
    M: object = None,
    callback: Callback | None = None,
    workers: int | None = None,
    check_finite: bool = True,
) -> SolveResult:
    """Solve ``A x = b`` for any nonsingular A by flexible GCROT(m, k), which carries directions over its restarts.

    The iteration of `kriss.scipy.sparse.linalg.gcrotmk`.

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
    restart : int, default 20
        Steps of a cycle (m).
    recycle : int, optional
        Directions carried over (k); `restart` by default. Until there are as many, cycles are longer instead.
    truncate : {"oldest", "smallest"}
        Which direction leaves: the oldest, or the one that the last cycle leaned on least.
    maxiter : int, default 1000
        Most cycles.
    M : {None, "jacobi", "ssor", ...} or preconditioner, shape (n, n)
        Any approximation of the inverse of A; it may change from step to step.
    callback : callable, optional
        ``callback(xk)`` after each cycle, with a read-only view of the current x.
    workers : int, optional
        Threads; `kriss.get_num_threads` by default. The result does not depend on it.
    check_finite : bool
        Refuse NaN and infinity in A, b and x0. Otherwise they end the iteration with status ``"non_finite"``.

    Returns
    -------
    SolveResult
        Unpacks as ``x, info``; `iterations` counts cycles.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, shape or value.

    Notes
    -----
    A cycle of s steps with c directions: s products and applications of M, and 8 n (s (s + 2 c) + 8 s + 3 c) bytes and
    4 n s (s + 2 c) flops beside them. Memory: 2 (s + recycle) vectors.

    References
    ----------
    J. E. Hicken, D. W. Zingg, "A simplified and flexible variant of GCROT for solving nonsymmetric linear systems",
    SIAM J. Sci. Comput. 32 (2010), algorithm 3.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import gcrotmk
    >>> from kriss.testing import poisson2d
    >>> gcrotmk(poisson2d(30), np.ones(900), rtol=1e-8, M="ssor").status
    'converged'
    """
    restart = check.integer(restart, "restart", low=1)
    recycle = restart if recycle is None else check.integer(recycle, "recycle", low=1)
    check.choice(truncate, "truncate", ("oldest", "smallest"))
    system = prepare(
        A, b, x0, rtol=rtol, atol=atol, maxiter=maxiter, M=M, callback=callback, residuals=False, workers=workers,
        check_finite=check_finite, flexible=True, method="gcrotmk",
    )  # fmt: skip
    system.params.update(restart=restart, recycle=recycle, truncate=truncate)

    def cycle(most: int, cycles: _Cycles) -> tuple[bool, int]:
        run = Gcrot(system.ks, system.A, system.M, system.b, system.x, system.tol, system.eps, system.threads)
        r = system.b.copy()
        if not system.zero_start:
            run.residual(r)
        info, _ = run.run(r, [], most, restart, recycle, truncate, cycles)
        return info == 0, run.matvecs

    return _run(system, cycle)
