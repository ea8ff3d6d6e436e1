"""Mirror of `scipy.sparse.linalg.gcrotmk`: SciPy's rules, the vectors in compiled passes."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse.linalg import gcrotmk as _scipy_gcrotmk

from kriss._backend import delegate
from kriss.scipy.sparse.linalg._krylov import _Call, _ready
from kriss.solve._gcrot import Gcrot


def gcrotmk(  # type: ignore[no-untyped-def]
    A, b, x0=None, *, rtol=1e-5, atol=0.0, maxiter=1000, M=None, callback=None, m=20, k=None, CU=None,
    discard_C=False, truncate="oldest",
):  # fmt: skip
    """Solve ``Ax = b`` with the flexible GCROT(m,k) algorithm.

    The same as `scipy.sparse.linalg.gcrotmk`, argument by argument and return by return; only faster.
    `kriss.solve.gcrotmk` says what happened.

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
    maxiter : int
        Most outer iterations.
    M : {sparse array, ndarray, LinearOperator}, optional
        Approximation of the inverse of `A`; it may change from one application to the next.
    callback : callable, optional
        ``callback(xk)`` before each outer iteration.
    m : int
        Inner steps of each outer iteration.
    k : int, optional
        Vectors carried from one outer iteration to the next; `m` by default.
    CU : list of tuples, optional
        Pairs ``(c, u)`` of a former call to start from; c may be None. The list is changed in place.
    discard_C : bool
        Take only u from `CU`, and leave only u in it: for the next matrix.
    truncate : {'oldest', 'smallest'}
        Which vectors leave.

    Returns
    -------
    x : ndarray
        The solution.
    info : int
        0 for success, otherwise the number of outer iterations.

    Raises
    ------
    ValueError
        As SciPy does.

    Notes
    -----
    Sparse matrices and linear operators run here; dense matrices and anything irregular are handed to SciPy, which is
    logged under ``kriss.dispatch``. An outer iteration of s steps with c carried vectors moves
    ``8 n (s (s + 2 c) + 8 s + 3 c)`` bytes in float64 beside the products; the basis is made orthogonal by classical
    Gram-Schmidt, twice, in two passes a step.

    References
    ----------
    J. E. Hicken, D. W. Zingg, "A simplified and flexible variant of GCROT for solving nonsymmetric linear systems",
    SIAM J. Sci. Comput. 32 (2010), algorithm 3. E. de Sturler, "Truncation strategies for optimal Krylov subspace
    methods", SIAM J. Numer. Anal. 36 (1999).

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.scipy.sparse.linalg import gcrotmk
    >>> from kriss.testing import poisson2d
    >>> x, info = gcrotmk(poisson2d(20), np.ones(400), rtol=1e-8)
    >>> info
    0
    """
    s = _ready(A, b, x0, rtol, atol, maxiter, M)
    if not isinstance(s, str):
        reason = _irregular(s, maxiter, m, k, CU, truncate)
        s = reason if reason is not None else s
    if isinstance(s, str):
        delegate("sparse.linalg.gcrotmk", s)
        return _scipy_gcrotmk(
            A, b, x0, rtol=rtol, atol=atol, maxiter=maxiter, M=M, callback=callback, m=m, k=k, CU=CU,
            discard_C=discard_C, truncate=truncate,
        )  # fmt: skip
    if s.b_norm == 0:
        return s.b, 0
    pairs = [] if CU is None else CU
    run = Gcrot(s.ks, s.A, s.M, s.b, s.x, s.tol, s.eps)
    with np.errstate(all="ignore"):
        if discard_C:
            pairs[:] = [(None, u) for _, u in pairs]
        r = s.b.copy()
        if x0 is not None:
            run.residual(r)
        run.start(r, pairs)
        info, _ = run.run(r, pairs, int(maxiter), int(m), int(m if k is None else k), truncate, callback)
    pairs.append((None, s.x.copy()))
    if discard_C:
        pairs[:] = [(None, u) for _, u in pairs]
    return s.x, info


def _irregular(s: _Call, maxiter: Any, m: Any, k: Any, CU: Any, truncate: Any) -> str | None:
    """Why SciPy should have the call, if it should."""
    if not np.isfinite(s.b).all() or truncate not in ("oldest", "smallest"):
        return f"b is not finite, or truncate is {truncate!r}"
    counts = (maxiter, m, *(() if k is None else (k,)))
    if any(not isinstance(c, (int, np.integer)) or c < 1 for c in counts):
        return f"maxiter, m and k are {maxiter!r}, {m!r} and {k!r}"
    if CU is not None:
        if not isinstance(CU, list):
            return f"CU is a {type(CU).__name__}"
        for pair in CU:
            for v in pair:
                if v is not None and not (isinstance(v, np.ndarray) and v.shape == s.b.shape and v.dtype == s.b.dtype):
                    return "CU holds other vectors than such as b"
    return None
