"""GCRO-DR: GMRES that keeps a part of its space from cycle to cycle and from system to system."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss import _validate as check
from kriss._backend import kernels
from kriss.solve._recycled import RecycledSpace, columns, recycled
from kriss.solve._result import SolveResult
from kriss.solve._system import Array, Callback, iterate, prepare

MOST = 64  # directions kept; max_panel of cpp/include/kriss/solve/recycle.hpp


def gcrodr(
    A: object,
    b: npt.ArrayLike,
    x0: npt.ArrayLike | None = None,
    *,
    rtol: float = 1e-5,
    atol: float = 0.0,
    restart: int = 30,
    recycle: int = 10,
    space: RecycledSpace | npt.ArrayLike | None = None,
    maxiter: int | None = None,
    M: object = None,
    callback: Callback | None = None,
    residuals: bool = False,
    workers: int | None = None,
    check_finite: bool = True,
) -> SolveResult:
    """Solve ``A x = b``, one of a sequence of related systems, by GMRES that recycles its space: GCRO-DR.

    A restart of `gmres` forgets everything. This method, preconditioned on the right as well, keeps `recycle`
    directions: the harmonic Ritz vectors that belong to the eigenvalues next to zero. It minimises over them in every
    cycle and hands them to the next system: ``space=result.recycled``.

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
        Vectors of a cycle, the kept ones included: ``restart - recycle`` steps, `restart` in the first cycle if nothing
        is given.
    recycle : int, default 10
        Directions kept, below `restart` and at most 64. 0 is `gmres`.
    space : RecycledSpace or array_like, shape (n, k), optional
        Directions from a related system, or any others that are worth trying. Costs k products. Columns that are zero
        or depend on the others are left out, and those beyond `recycle`.
    maxiter : int, optional
        Most steps in all; 10 n by default. The products with `space` are not counted.
    M : {None, "jacobi", "ssor", ...} or preconditioner, shape (n, n)
        An approximation of the inverse of A; it may differ from system to system, and from step to step.
    callback : callable, optional
        ``callback(xk)`` after each cycle, with a read-only view of the current x.
    residuals : bool
        Keep the norm of the residual before the first step and after each.
    workers : int, optional
        Threads; `kriss.get_num_threads` by default. The result does not depend on it.
    check_finite : bool
        Refuse NaN and infinity in A, b, x0 and space. Otherwise they end the iteration with status ``"non_finite"``,
        and columns of `space` that hold them are left out.

    Returns
    -------
    SolveResult
        Unpacks as ``x, info``; the statuses of `gmres`. ``result.recycled`` is the `RecycledSpace` for the next system
        (`space` itself if it was not touched).

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, shape or value: `space` that does not fit A or is complex where the system is
        real, `recycle` not below `restart`.

    Notes
    -----
    Step j of a cycle: a product, an application of M, and 16 n (k + j) + 48 n bytes and 4 n (k + j) flops; half of the
    bytes where the rows of A reach at most 4096 columns from the diagonal and M is diagonal. With M, or while nothing
    is recycled, the basis is orthogonalised once, and again where a bound for the products of its vectors, which is
    carried along, passes ``sqrt(eps)``: that step then costs up to twice as much, as all do without M. A cycle of s
    steps adds about 56 n (s + 2 k) bytes and 6 n k (s + k) flops for choosing and forming new directions. One or two
    cycles go without, if the last choice has hardly changed the space and they at least halve the residual. Memory:
    restart + 3 recycle + 4 vectors, with M twice as many.

    It pays where restarted GMRES crawls, or where many related systems need many iterations each. It does not where a
    good preconditioner leaves some tens of iterations: setting up costs `recycle` products. Where convection dominates,
    spaces handed on through many systems can grow worse; compare `matvecs` with and without. For symmetric positive
    definite A, `cg` with ``M="mic"`` is nearly always better.

    References
    ----------
    M. L. Parks, E. de Sturler, G. Mackey, D. D. Johnson, S. Maiti, "Recycling Krylov subspaces for sequences of linear
    systems", SIAM J. Sci. Comput. 28 (2006), algorithm 2. L. M. Carvalho, S. Gratton, R. Lago, X. Vasseur, "A flexible
    generalized conjugate residual method with inner orthogonalization and deflated restarting", SIAM J. Matrix Anal.
    Appl. 32 (2011), section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.solve import gcrodr, gmres
    >>> from kriss.testing import helmholtz2d
    >>> b, space, products = np.ones(900), None, []
    >>> for wavenumber in (8.0, 8.2, 8.4):
    ...     A = helmholtz2d(30, wavenumber)
    ...     result = gcrodr(A, b, M="jacobi", rtol=1e-8, space=space)
    ...     space = result.recycled
    ...     products.append(result.matvecs)
    >>> plain = gmres(A, b, M="jacobi", rtol=1e-8)
    >>> result.status, products[2] < 0.7 * products[0] < 0.2 * plain.matvecs
    ('converged', True)
    """
    restart = check.integer(restart, "restart", low=1)
    recycle = check.integer(recycle, "recycle", low=0, high=MOST)
    if recycle >= restart:
        raise ValueError(f"recycle must be below restart, which is {restart}, not {recycle}")
    system = prepare(
        A, b, x0, rtol=rtol, atol=atol, maxiter=maxiter, M=M, callback=callback, residuals=residuals, workers=workers,
        check_finite=check_finite, flexible=True, method="gcrodr",
    )  # fmt: skip
    vectors, directions = columns(space, system.n, system.dtype, finite=check_finite)
    system.params |= {"restart": restart, "recycle": recycle, "space": len(vectors)}
    ks = kernels("solve_recycle")
    after = system.hook()
    given = vectors
    left: Any = space if isinstance(space, RecycledSpace) else None
    verify = False

    def loop(most: int) -> tuple[int, int, int, Array]:
        nonlocal vectors, directions, left, verify
        status, done, matvecs, norms, made, kept, images = ks.gcrodr(
            system.A, system.M, system.b, system.x, system.zero_start, restart, recycle, vectors if recycle else [],
            (directions or []) if recycle else [], system.tol, system.eps, most, verify, after, system.threads,
        )  # fmt: skip
        # Asked once more, it no longer takes its own word for the residual.
        verify = True
        if made:
            vectors, directions = kept, images or None
            left = recycled(kept, images if images else None, system.n, system.dtype)
        return int(status), int(done), int(matvecs), np.asarray(norms)

    out = iterate(system, loop)
    if left is None:
        left = recycled(given, None, system.n, system.dtype)
    return dataclasses.replace(out, recycled=left)
