"""Backward-error ratios: how far a computed solution is from solving a nearby problem, in units of rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sps


def residual_ratio(A: Any, x: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """``||b - A x|| / (||A|| ||x|| eps)``, LAPACK's test ratio for a solver, in the 1-norm.

    Parameters
    ----------
    A : ndarray or sparse matrix, shape (m, n)
        The matrix.
    x : array_like, shape (n,) or (n, k)
        The computed solution.
    b : array_like, shape (m,) or (m, k)
        The right-hand side.

    Returns
    -------
    float
        The largest ratio over the columns; LAPACK accepts a direct solver below 30. 0 if b = A x exactly, infinity
        if x is zero or not finite while b is not solved.

    Notes
    -----
    eps is that of the dtype of `x`; the residual is computed in extended precision where NumPy has it.

    References
    ----------
    E. Anderson et al., "LAPACK Users' Guide", 3rd ed., SIAM 1999; testing routines xGET02.

    Examples
    --------
    >>> import numpy as np
    >>> from kriss.testing import residual_ratio
    >>> A = np.array([[2.0, 1.0], [1.0, 3.0]])
    >>> b = np.array([1.0, 2.0])
    >>> residual_ratio(A, np.linalg.solve(A, b), b) < 30
    True
    """
    xs = np.asarray(x)
    bs = np.asarray(b)
    eps = float(np.finfo(xs.dtype if xs.dtype.kind in "fc" else np.float64).eps)
    xs = xs.reshape(xs.shape[0], -1)
    bs = bs.reshape(bs.shape[0], -1)
    if xs.size == 0 and bs.size == 0:
        return 0.0
    if sps.issparse(A):
        norm_a = float(abs(A).sum(axis=0).max()) if A.nnz else 0.0
        coo = A.tocoo()
        product = np.zeros((A.shape[0], xs.shape[1]), np.longdouble)
        np.add.at(product, coo.coords[0], coo.data[:, None].astype(np.longdouble) * xs[coo.coords[1]])
    else:
        dense = np.asarray(A)
        norm_a = float(np.abs(dense).sum(axis=0).max()) if dense.size else 0.0
        product = dense.astype(np.longdouble) @ xs.astype(np.longdouble)
    residual = np.abs(bs - product).sum(axis=0)
    scale = norm_a * np.abs(xs).sum(axis=0).astype(np.longdouble) * eps
    ratio = np.where(residual == 0, 0.0, residual / np.where(scale > 0, scale, np.nan))
    ratio = np.where((residual != 0) & ~(ratio >= 0), np.inf, ratio)
    return float(ratio.max())
