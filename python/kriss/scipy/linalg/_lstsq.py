"""Mirror of `scipy.linalg.lstsq`."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg as sla
import scipy.sparse as sps

from kriss import _backend
from kriss.sketch._engine import Problem, Solver, gram_solver, problem_of, refine
from kriss.sketch._input import Left, left_side, right_side
from kriss.sketch._look import glance, look
from kriss.sketch._rows import Number
from kriss.sketch._solve import GLANCE_ROWS, SMALL, is_single, singular_values
from kriss.sketch._sparse_sign import SparseSign

# SciPy's own, taken before anything can be swapped.
_scipy_lstsq = sla.lstsq

# How far, as a factor, the smallest singular value must lie above SciPy's cut for the rank to be beyond doubt.
MARGIN = 100.0
# Scaled condition number up to which the Gram matrix of A itself gives singular values to a few units of roundoff.
PLAIN = 8.0


def lstsq(
    a: Any,
    b: Any,
    cond: Any = None,
    overwrite_a: Any = False,
    overwrite_b: Any = False,
    check_finite: Any = True,
    lapack_driver: Any = None,
) -> tuple[Any, Any, int, Any]:
    """Least-squares solution of ``a @ x = b``: `scipy.linalg.lstsq`, faster for tall matrices of full rank.

    Parameters
    ----------
    a : (M, N) array_like
        Left-hand side.
    b : (M,) or (M, K) array_like
        Right-hand sides.
    cond : float, optional
        Relative cut for small singular values, as in SciPy; default eps of the working precision.
    overwrite_a, overwrite_b : bool
        Permissions that are not made use of, except by SciPy.
    check_finite : bool
        Raise ValueError for NaN and infinity.
    lapack_driver : str, optional
        ``"gelsd"``, ``"gelsy"``, ``"gelss"``: SciPy does it.

    Returns
    -------
    x : (N,) or (N, K) ndarray
        Solution.
    residues : (K,) ndarray, float, or (0,) ndarray
        Squared norms of the residuals; empty if the rank is below N or N >= M.
    rank : int
        Effective rank.
    s : (min(M, N),) ndarray
        Singular values; ``None`` with ``"gelsy"``.

    Raises
    ------
    LinAlgError, ValueError
        As SciPy does.

    See Also
    --------
    kriss.sketch.lstsq : the same with a certificate and a say in the method.

    Notes
    -----
    Taken over: real and complex matrices of single and double precision with at least 8 N rows and 100,000 entries
    whose smallest singular value lies at least a factor 100 above `cond`, and whose solution passes the backward-error
    certificate. Anything else goes to SciPy, logged under ``kriss.dispatch``. The sketch has a fixed seed: same input,
    same bits. x has a backward error below the unit roundoff, s an error of a few units of roundoff of its largest.
    About 2 M N² flops (complex: four times as many), half of that of QR, at the speed of matrix products; M N² and no
    sketch for at least 32 N rows of a condition number below 8, after scaling the columns.

    References
    ----------
    As `kriss.sketch.lstsq`.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.scipy.linalg import lstsq
    >>> A = np.vander(np.linspace(-1, 1, 50_000), 4)
    >>> x, residues, rank, s = lstsq(A, A @ [1.0, 2.0, 3.0, 4.0])
    >>> np.round(x, 12).tolist(), rank
    ([1.0, 2.0, 3.0, 4.0], 4)
    """
    done, reason = _fast(a, b, cond, check_finite, lapack_driver)
    if done is None:
        _backend.delegate("linalg.lstsq", reason)
        out: tuple[Any, Any, int, Any] = _scipy_lstsq(
            a,
            b,
            cond=cond,
            overwrite_a=overwrite_a,
            overwrite_b=overwrite_b,
            check_finite=check_finite,
            lapack_driver=lapack_driver,
        )
        return out
    return done


# SciPy's signature has no annotations; the type checker has read ours by now.
lstsq.__annotations__.clear()
# SciPy's function reads this attribute of whatever is called `lstsq` in its module.
lstsq.default_lapack_driver = "gelsd"  # type: ignore[attr-defined]


def _fast(
    a: Any, b: Any, cond: Any, check_finite: Any, lapack_driver: Any
) -> tuple[tuple[Any, Any, int, Any] | None, str]:
    """(result, "") or (None, why SciPy must do it)."""
    if lapack_driver is not None:
        return None, f"lapack_driver={lapack_driver!r} was given"
    if lstsq.default_lapack_driver != "gelsd":  # type: ignore[attr-defined]
        return None, "another default driver was set"
    for value in (a, b):
        if sps.issparse(value) or isinstance(value, np.ma.MaskedArray):
            return None, "sparse or masked input"
    try:
        left, right = np.asarray(a), np.asarray(b)
    except Exception:  # whatever it is, SciPy raises it again
        return None, "not an array"
    for array in (left, right):
        if array.dtype not in (np.float32, np.float64, np.complex64, np.complex128):
            return None, f"dtype {array.dtype}"
    if left.ndim != 2 or right.ndim not in (1, 2) or left.shape[0] != right.shape[0]:
        return None, f"shapes {left.shape} and {right.shape}"
    m, n = left.shape
    if n == 0 or right.size == 0 or m < 8 * n or m * n < SMALL:
        return None, f"shape {left.shape} is not tall or is small"
    eps = float(np.finfo(np.result_type(left, right)).eps)
    if cond is None:
        cut = eps
    elif isinstance(cond, (float, int, np.floating, np.integer)) and 0 <= cond < 1:
        cut = max(float(cond), eps)
    else:
        return None, f"cond={cond!r}"
    if not np.isfinite(right).all():
        return None, "b is not finite"
    tall = left_side(left, None, False)
    b_all, one_d, dtype, tall = right_side(right, tall)
    if m >= 32 * n:
        p, solver, first = _at_once(tall, b_all, dtype)
        if solver is not None and first is not None:
            done, _ = _finished(p, solver, first, cut, one_d)
            if done is not None:
                return done, ""
    known = look(tall.matrix, b_all, SparseSign(max(4 * n, 64), rng=0), 0.0, is_single(tall), 0)
    if known is None:
        return None, "the sketch is not finite"
    if known.keep < n:
        return None, f"scaled condition number {known.condition:.2g}"
    p = problem_of(tall.matrix, b_all, known.scale, 0.0, dtype, 0)
    solver, first, failure = gram_solver(p, known, True, is_single(tall))
    if solver is None or first is None:
        return None, f"the certificate was not reached: {failure}"
    return _finished(p, solver, first, cut, one_d)


def _at_once(tall: Left, b: Number, dtype: np.dtype[Any]) -> tuple[Problem, Solver | None, Number | None]:
    """Without a sketch, as `kriss.sketch.lstsq` does after a glance at some rows, but for condition numbers so small
    that the singular values, which this function returns, lose no digits in the Gram matrix: their relative error
    grows with the square."""
    matrix, single = tall.matrix, is_single(tall)
    known = glance(matrix, b, GLANCE_ROWS * matrix.n, 0, 0.0, single)
    scale = np.ones(matrix.n) if known is None else known.scale
    p = problem_of(matrix, b, scale, 0.0, dtype, 0)
    if known is None or not known.condition <= 4 * PLAIN:  # half of the rows of a glance are in its error
        return p, None, None
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        solver, first, _ = gram_solver(p, known, False, single)
    if solver is None or not solver.condition <= PLAIN:
        return p, None, None
    return p, solver, first


def _finished(
    p: Problem, solver: Solver, first: Number, cut: float, one_d: bool
) -> tuple[tuple[Any, Any, int, Any] | None, str]:
    """SciPy's tuple of a refined solution, if its certificate holds and no singular value is near the cut."""
    found, failure = refine(p, solver, first, None, False)
    if failure:
        return None, f"the certificate was not reached: {failure}"
    n = solver.scale.size
    s = singular_values(solver, 0.0, n)
    if not np.isfinite(s).all() or not s[-1] > MARGIN * cut * s[0]:
        return None, "a singular value is near the cut"
    work = p.real
    with np.errstate(over="ignore", under="ignore"):
        residues = (found.rr / p.bscale / p.bscale).astype(work)
    x = found.x[:, 0] if one_d else found.x
    return (x, residues[0] if one_d else residues, n, s.astype(work)), ""
